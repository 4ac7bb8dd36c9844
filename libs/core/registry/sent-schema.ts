import type { SchemaMetadata, SchemaRuleSet, SchemaType, TagEdit } from '#libs/core/schema';
import { emptySchema } from './errors.js';
import type { StoredSchema } from './model.js';
import type { SentReference } from './references.js';

/** A schema as clients send it; absent and null mean the same. */
export interface SentSchema {
  /** Text; a blank one takes over the latest version's (on registration). */
  readonly schema?: string | null;
  /** `AVRO` when absent. */
  readonly schemaType?: string | null;
  readonly references?: readonly SentReference[] | null;
  readonly metadata?: SchemaMetadata | null;
  readonly ruleSet?: SchemaRuleSet | null;
}

export interface SentRegistration extends SentSchema {
  /** 0 or absent: as it comes; negative: must become the latest; otherwise this number. */
  readonly version?: number | null;
  /** Only while importing; negative counts as absent. */
  readonly id?: number | null;
  /** Written into the text, or taken out of it. */
  readonly tags?: readonly TagEdit[];
  /** Write the tags of the latest version into the text as well, where it has the same parts. */
  readonly propagateTags?: boolean;
}

/** Schema text with its language, as parsing needs it. */
export interface SentText {
  readonly text: string;
  readonly schemaType: string;
  readonly references: readonly SentReference[];
}

/** Whether a text was sent: blanks alone count as none, in every language. */
export function hasText(sent: SentSchema): sent is SentSchema & { readonly schema: string } {
  return (sent.schema ?? '').trim() !== '';
}

/** What was sent, or the schema given beside where the text is missing. @throws `schema-empty` where there is neither. */
export function requireText(sent: SentSchema, otherwise?: StoredSchema): SentText {
  if (hasText(sent)) {
    return {
      text: sent.schema,
      schemaType: sent.schemaType ?? ('AVRO' satisfies SchemaType),
      references: sent.references ?? [],
    };
  }
  if (otherwise === undefined) throw emptySchema();
  return { text: otherwise.text, schemaType: otherwise.schemaType, references: otherwise.references };
}
