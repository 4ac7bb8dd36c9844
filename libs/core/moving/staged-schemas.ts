import { BoundedCache } from '#libs/core/kernel';
import {
  subjectText,
  type ReferenceSource,
  type StoredSchema,
  type SubjectName,
  type SubjectState,
  type VersionRow,
} from '#libs/core/registry';
import { fingerprint } from '#libs/core/schema';
import type { MovedVersion } from './entry.js';
import type { Renaming } from './selection.js';
import type { ImportStaging } from './staging.js';

const CACHE_BYTES = 32 * 1024 * 1024;

/** What the staged versions of a subject are to others that refer to them. */
interface StagedSubject {
  readonly rows: readonly VersionRow[];
  readonly schemas: ReadonlyMap<number, StoredSchema>;
}

/** Where references of staged versions are looked up: among what is staged, then in the registry. */
export class StagedSchemas implements ReferenceSource {
  readonly #subjects = new BoundedCache<StagedSubject>(CACHE_BYTES);
  /** Ids of the registry are positive, so that a staged schema is never taken for one of its. */
  #count = 0;

  constructor(
    private readonly staging: ImportStaging,
    private readonly stagingId: string,
    private readonly renaming: Renaming,
    private readonly registry: ReferenceSource,
  ) {}

  async subject(name: SubjectName): Promise<SubjectState> {
    const [registered, { rows }] = [await this.registry.subject(name), await this.#staged(name)];
    if (rows.length === 0) return registered;
    const versions = new Map([...registered.versions, ...rows].map((row) => [row.version, row]));
    return { ...registered, versions: [...versions.values()].sort((a, b) => a.version - b.version) };
  }

  async schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema> {
    const staged = row.schemaId < 0 ? (await this.#staged(subject)).schemas.get(row.version) : undefined;
    return staged ?? this.registry.schemaOf(subject, row);
  }

  async #staged(name: SubjectName): Promise<StagedSubject> {
    const origin = this.renaming.origin(name);
    if (origin === undefined) return NOTHING;
    const key = subjectText(name);
    const known = this.#subjects.get(key);
    if (known !== undefined) return known;
    const entries = (await this.staging.versionsOf(this.stagingId, origin)).flatMap(
      (entry) => this.renaming.entry(entry) ?? [],
    );
    const made = this.#made(entries);
    const characters = entries.reduce((sum, { content }) => sum + content.text.length, 0);
    this.#subjects.set(key, made, 500 + entries.length * 400 + characters * 2);
    return made;
  }

  #made(entries: readonly MovedVersion[]): StagedSubject {
    const rows: VersionRow[] = [];
    const schemas = new Map<number, StoredSchema>();
    for (const { subject, version, content, deleted } of entries) {
      const id = -++this.#count;
      const { guid } = fingerprint(content);
      schemas.set(version, { context: subject.context, id, guid, ...content });
      rows.push({ version, schemaId: id, guid, deleted, registeredAt: 0 });
    }
    return { rows, schemas };
  }
}

const NOTHING: StagedSubject = { rows: [], schemas: new Map() };
