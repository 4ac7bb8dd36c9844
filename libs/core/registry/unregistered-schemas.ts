import { AppError } from '#libs/core/kernel';
import { fingerprint, type SchemaReading } from '#libs/core/schema';
import type { StoredSchema, SubjectState, VersionRow } from './model.js';
import type { ReferenceSource } from './references.js';
import type { SentSchema } from './sent-schema.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** A schema that another refers to and that nobody has registered yet. */
export interface SentReferenced extends SentSchema {
  readonly subject: SubjectName;
  readonly version: number;
}

/**
 * Schemas sent along with a question, standing before the registry where references are looked up: so a set of schemas that refer to one another can be checked before
 * any of them is registered. A subject that was sent along hides the registered one of that name.
 */
export class UnregisteredSchemas implements ReferenceSource {
  readonly #subjects = new Map<string, Map<number, StoredSchema>>();
  #count = 0;

  constructor(private readonly registry: ReferenceSource) {}

  /** @param reading the schema, its own references already looked up here. @throws `reference-sent-twice` */
  add(
    { subject, version, ...sent }: SentReferenced,
    reading: SchemaReading,
    references: StoredSchema['references'],
  ): void {
    const name = subjectText(subject);
    const versions = this.#subjects.get(name) ?? new Map<number, StoredSchema>();
    if (versions.has(version)) throw sentTwice(name, version);
    const text = reading.canonical;
    const metadata = sent.metadata ?? null;
    const ruleSet = sent.ruleSet ?? null;
    versions.set(version, {
      context: subject.context,
      // Ids of the registry are positive.
      id: -++this.#count,
      guid: fingerprint({ text, references, metadata, ruleSet }).guid,
      schemaType: reading.type,
      text,
      references,
      metadata,
      ruleSet,
    });
    this.#subjects.set(name, versions);
  }

  async subject(name: SubjectName): Promise<SubjectState> {
    const versions = this.#subjects.get(subjectText(name));
    if (versions === undefined) return this.registry.subject(name);
    const rows = [...versions].map(([version, { id, guid }]) => {
      return { version, schemaId: id, guid, deleted: false, registeredAt: 0 };
    });
    rows.sort((a, b) => a.version - b.version);
    return { subject: name, revision: 0, config: null, mode: null, registration: null, versions: rows };
  }

  async schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema> {
    const sent = this.#subjects.get(subjectText(subject))?.get(row.version);
    return sent ?? this.registry.schemaOf(subject, row);
  }
}

function sentTwice(subject: string, version: number): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'reference-sent-twice',
    message: `Version ${version} of subject '${subject}' was sent along twice.`,
    details: { subject, version },
  });
}
