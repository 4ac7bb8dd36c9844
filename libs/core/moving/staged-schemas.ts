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

const ROWS_BYTES = 8 * 1024 * 1024;
const SCHEMAS_BYTES = 24 * 1024 * 1024;
/** Versions read at a time. */
const PAGE = 100;

/** Where references of staged versions are looked up: among what is staged, then in the registry. */
export class StagedSchemas implements ReferenceSource {
  readonly #rows = new BoundedCache<readonly VersionRow[]>(ROWS_BYTES);
  /** By id. */
  readonly #schemas = new BoundedCache<StoredSchema>(SCHEMAS_BYTES);
  /** Ids of the registry are positive, so that a staged schema is never taken for one of its. */
  #count = 0;

  constructor(
    private readonly staging: ImportStaging,
    private readonly stagingId: string,
    private readonly renaming: Renaming,
    private readonly registry: ReferenceSource,
  ) {}

  async subject(name: SubjectName): Promise<SubjectState> {
    const [registered, rows] = [await this.registry.subject(name), await this.#staged(name)];
    if (rows.length === 0) return registered;
    const versions = new Map([...registered.versions, ...rows].map((row) => [row.version, row]));
    return { ...registered, versions: [...versions.values()].sort((a, b) => a.version - b.version) };
  }

  async schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema> {
    if (row.schemaId >= 0) return this.registry.schemaOf(subject, row);
    const known = this.#schemas.get(String(row.schemaId));
    if (known !== undefined) return known;
    const origin = this.renaming.origin(subject);
    const [staged] =
      origin === undefined ? [] : await this.staging.versionsOf(this.stagingId, origin, row.version - 1, 1);
    const entry = staged?.version === row.version ? this.renaming.entry(staged) : undefined;
    return entry === undefined ? this.registry.schemaOf(subject, row) : this.#keep(entry, row);
  }

  /** The rows of what is staged of a subject; what its versions hold is looked at a page at a time and kept only as far as there is room. */
  async #staged(name: SubjectName): Promise<readonly VersionRow[]> {
    const origin = this.renaming.origin(name);
    if (origin === undefined) return [];
    const key = subjectText(name);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const rows: VersionRow[] = [];
    for (let after = 0; ;) {
      const page = await this.staging.versionsOf(this.stagingId, origin, after, PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const entry of page.flatMap((one) => this.renaming.entry(one) ?? [])) {
        const { version, deleted, content } = entry;
        const row = { version, schemaId: -++this.#count, guid: fingerprint(content).guid, deleted, registeredAt: 0 };
        rows.push(row);
        this.#keep(entry, row);
      }
      after = last.version;
    }
    this.#rows.set(key, rows, 500 + rows.length * 200);
    return rows;
  }

  #keep({ subject, content }: MovedVersion, { schemaId: id, guid }: VersionRow): StoredSchema {
    const schema = { context: subject.context, id, guid, ...content };
    this.#schemas.set(String(id), schema, 500 + content.text.length * 2);
    return schema;
  }
}
