import {
  ASSOCIATION_TYPES,
  type Association,
  type RegistrationPolicy,
  type RegistryConfig,
  type RegistryMode,
  type SubjectName,
} from '#libs/core/registry';
import type { SchemaMetadata, SchemaReference, SchemaRuleSet, SchemaType } from '#libs/core/schema';

/** The content of a version as its registry tells it: not read by us yet, so it need not be a schema. */
export interface MovedContent {
  readonly schemaType: SchemaType;
  readonly text: string;
  readonly references: readonly SchemaReference[];
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: SchemaRuleSet | null;
}

export interface MovedVersion {
  readonly kind: 'version';
  readonly subject: SubjectName;
  readonly version: number;
  readonly id: number;
  readonly content: MovedContent;
  /** As its registry tells it; null where it does not. */
  readonly guid: string | null;
  /** Softly deleted. */
  readonly deleted: boolean;
  /** Epoch ms; null where its registry does not tell. */
  readonly registeredAt: number | null;
  /** The context knows the content under another id. */
  readonly secondary: boolean;
}

/** Settings of a subject, of a context (empty name) or of all contexts. */
export interface MovedConfig {
  readonly kind: 'config';
  readonly scope: SubjectName;
  readonly config: RegistryConfig;
}
export interface MovedMode {
  readonly kind: 'mode';
  readonly scope: SubjectName;
  readonly mode: RegistryMode;
}
export interface MovedRegistration {
  readonly kind: 'registration';
  readonly scope: SubjectName;
  readonly policy: RegistrationPolicy;
}

/** A resource that is tied to a subject. */
export interface MovedAssociation {
  readonly kind: 'association';
  readonly association: Association;
}

/** What is brought in after versions, since it is about what they are under. */
export type Attachment = MovedAssociation | MovedConfig | MovedRegistration | MovedMode;

/** A context with its ids. */
export interface MovedContext {
  readonly kind: 'context';
  readonly context: string;
  /** The highest id given out. */
  readonly lastId: number;
  readonly listed: boolean;
}

/** An id whose schema is purged. */
export interface RetiredId {
  readonly kind: 'retired';
  readonly context: string;
  readonly id: number;
  readonly guid: string;
  readonly schemaType: SchemaType;
}

/** One thing of a registry on the move, under the names of the place it comes from. */
export type MovedEntry = MovedContext | RetiredId | MovedVersion | Attachment;
export type MovedKind = MovedEntry['kind'];

/** In the order in which they are brought in: settings last, so that none of them keeps anything out. */
export const MOVED_KINDS = [
  'context',
  'retired',
  'version',
  'association',
  'config',
  'registration',
  'mode',
] as const satisfies readonly MovedKind[];

export const ATTACHMENT_KINDS = [
  'association',
  'config',
  'registration',
  'mode',
] as const satisfies readonly MovedKind[];

/** What identifies an entry within its registry: of several with one key, the last counts. */
export interface EntryKey {
  readonly kind: MovedKind;
  readonly context: string;
  /** Name of the subject; empty for a context; the id of the resource for an association. */
  readonly name: string;
  /** Version, the id of a retired one, or the place of an association's type among the types; 0 for everything else. */
  readonly number: number;
}

export function keyOf(entry: MovedEntry): EntryKey {
  switch (entry.kind) {
    case 'context':
      return { kind: entry.kind, context: entry.context, name: '', number: 0 };
    case 'retired':
      return { kind: entry.kind, context: entry.context, name: '', number: entry.id };
    case 'version':
      return { kind: entry.kind, context: entry.subject.context, name: entry.subject.name, number: entry.version };
    case 'association': {
      const { subject, resourceId, associationType } = entry.association;
      const number = ASSOCIATION_TYPES.indexOf(associationType);
      return { kind: entry.kind, context: subject.context, name: resourceId, number };
    }
    default:
      return { kind: entry.kind, context: entry.scope.context, name: entry.scope.name, number: 0 };
  }
}
