import { BoundedCache } from '#libs/core/kernel';
import type { Scopes } from './config.js';
import type { RegisteredVersion } from './registering.js';
import type { SentRegistration } from './sent-schema.js';
import type { RegistryView } from './registry-view.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** What is asked about a schema, as far as it changes the answer. */
export type SchemaInquiry =
  | { readonly kind: 'register'; readonly normalize: boolean }
  | { readonly kind: 'lookup'; readonly normalize: boolean; readonly deleted: boolean };

const ANSWER_BYTES = 32 * 1024 * 1024;
/** Subjects and ways of asking that are known of one text at most. */
const MOST_OF_A_TEXT = 256;
/** What an answer weighs in bytes beside the text it is kept under. */
const ANSWER_WEIGHT = 300;

interface KnownAnswer {
  readonly scopes: Scopes;
  readonly found: RegisteredVersion;
}

/**
 * Versions found for texts lately. Serializers send the same schema at every start, and with every record where they keep nothing: the same text, asked in
 * the same way while the subject and the settings above it are as they were, is the same version. An answer is given only while the view is known to be
 * fresh without asking, and only to what carries nothing but a text.
 */
export class KnownAnswers {
  /** By text first: where the caller keeps what was sent, the text is the same string again, and is found without being read. */
  readonly #byText = new BoundedCache<Map<string, KnownAnswer>>(ANSWER_BYTES);

  constructor(private readonly view: RegistryView) {}

  /** The version found before; undefined where it has to be looked for. */
  get(subject: SubjectName, sent: SentRegistration, inquiry: SchemaInquiry): RegisteredVersion | undefined {
    if (!this.view.isFresh || !isPlainText(sent)) return undefined;
    const known = this.#byText.get(sent.schema)?.get(keyOf(subject, sent, inquiry));
    return known !== undefined && this.view.holds(known.scopes) ? known.found : undefined;
  }

  /** Remembers what was found in the subject itself as these scopes were. */
  keep(scopes: Scopes, sent: SentRegistration, inquiry: SchemaInquiry, found: RegisteredVersion): void {
    if (!isPlainText(sent)) return;
    const answers = this.#byText.get(sent.schema) ?? new Map<string, KnownAnswer>();
    const key = keyOf(scopes.subject.subject, sent, inquiry);
    answers.delete(key);
    if (answers.size >= MOST_OF_A_TEXT) answers.delete(answers.keys().next().value!);
    answers.set(key, { scopes, found });
    this.#byText.set(sent.schema, answers, sent.schema.length * 2 + answers.size * ANSWER_WEIGHT);
  }
}

/** Whether a schema carries nothing that could change the answer but its text. */
function isPlainText(sent: SentRegistration): sent is SentRegistration & { readonly schema: string } {
  const { schema, references, metadata, ruleSet, version, id, tags, propagateTags = false } = sent;
  return (
    Boolean(schema) &&
    !propagateTags &&
    (tags?.length ?? 0) === 0 &&
    (references?.length ?? 0) === 0 &&
    (metadata ?? ruleSet ?? version ?? id ?? undefined) === undefined
  );
}

function keyOf(subject: SubjectName, { schemaType }: SentRegistration, inquiry: SchemaInquiry): string {
  const deleted = inquiry.kind === 'lookup' && inquiry.deleted;
  return `${inquiry.kind}\n${inquiry.normalize}\n${deleted}\n${schemaType ?? ''}\n${subjectText(subject)}`;
}
