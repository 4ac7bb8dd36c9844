import { BoundedCache } from '#libs/core/kernel';
import type { Scopes } from './config.js';
import type { RegisteredVersion, SentRegistration } from './registering.js';
import type { RegistryView } from './registry-view.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** What is asked about a schema, as far as it changes the answer. */
export type SchemaInquiry =
  | { readonly kind: 'register'; readonly normalize: boolean }
  | { readonly kind: 'lookup'; readonly normalize: boolean; readonly deleted: boolean };

const ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Versions found for texts lately. Serializers send the same schema at every start, and with every record where they keep nothing: the same text, asked in
 * the same way while the subject and the settings above it are as they were, is the same version. An answer is given only while the view is known to be
 * fresh without asking, and only to what carries nothing but a text.
 */
export class KnownAnswers {
  readonly #answers = new BoundedCache<{ readonly scopes: Scopes; readonly found: RegisteredVersion }>(ANSWER_BYTES);

  constructor(private readonly view: RegistryView) {}

  /** The version found before; undefined where it has to be looked for. */
  get(subject: SubjectName, sent: SentRegistration, inquiry: SchemaInquiry): RegisteredVersion | undefined {
    if (!this.view.isFresh) return undefined;
    const key = keyOf(subject, sent, inquiry);
    const known = key === undefined ? undefined : this.#answers.get(key);
    return known !== undefined && this.view.holds(known.scopes) ? known.found : undefined;
  }

  /** Remembers what was found in the subject itself as these scopes were. */
  keep(scopes: Scopes, sent: SentRegistration, inquiry: SchemaInquiry, found: RegisteredVersion): void {
    const key = keyOf(scopes.subject.subject, sent, inquiry);
    if (key !== undefined) this.#answers.set(key, { scopes, found }, 300 + key.length * 2);
  }
}

function keyOf(subject: SubjectName, sent: SentRegistration, inquiry: SchemaInquiry): string | undefined {
  const { schema, schemaType, references, metadata, ruleSet, version, id, tags = [], propagateTags = false } = sent;
  const carriesMore =
    propagateTags ||
    tags.length > 0 ||
    (references?.length ?? 0) > 0 ||
    (metadata ?? ruleSet ?? version ?? id ?? undefined) !== undefined;
  if (carriesMore || !schema) return undefined;
  const deleted = inquiry.kind === 'lookup' && inquiry.deleted;
  return `${inquiry.kind}\n${inquiry.normalize}\n${deleted}\n${schemaType ?? ''}\n${subjectText(subject)}\n${schema}`;
}
