import { BoundedCache, Breath, type Clock } from '#libs/core/kernel';
import {
  DIGESTED_LENGTH,
  storedSketch,
  VersionDigests,
  type SchemaDigest,
  type SchemaFormats,
  type SchemaType,
} from '#libs/core/schema';
import type { LoadedVersion } from './content.js';
import type { VersionRow } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { KeptDigests, RegistryStore } from './store.js';
import { subjectText, type SubjectName } from './subject-name.js';

const DIGEST_BYTES = 64 * 1024 * 1024;
/** Schemas that are read again after a start rather than kept in the store, at least and in proportion to those kept. */
const UNKEPT_SCHEMAS = 8;
const UNKEPT_PART = 1 / 16;
/** Heavier ones are not kept in the store. */
const MAX_KEPT_WEIGHT = 1024 * 1024;

/** What is stored of one subject's versions. */
export interface StoredVersions {
  /** Versions with their schemas, in the order of the rows, loaded as they are asked for. */
  load(rows: readonly VersionRow[]): AsyncIterable<LoadedVersion>;
  /** What is remembered of the subject's versions, all of these among them but for what is only drafted. Reads what it lacks. */
  digests(rows: readonly VersionRow[]): Promise<VersionDigests>;
}

interface Remembered {
  readonly digests: VersionDigests;
  /** Schemas that the store has kept. */
  kept: number;
}

/**
 * The digests of subjects' versions, in memory and in the store. An id stands for one schema for good, so nothing kept is ever wrong: what it lacks is read and added, whoever
 * registered it, and what is no longer there does no harm.
 */
export class SubjectDigests {
  readonly #remembered = new BoundedCache<Remembered>(DIGEST_BYTES);

  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly formats: SchemaFormats,
    private readonly clock: Clock,
  ) {}

  versions(subject: SubjectName): StoredVersions {
    return {
      load: (rows) => this.view.load(subject, rows),
      digests: async (rows) => (await this.#covering(subject, rows)).digests,
    };
  }

  /**
   * What a change that adds a version to the subject should have the store keep; undefined while that is little.
   * @param rows the subject's versions.
   */
  async toKeep(subject: SubjectName, rows: readonly VersionRow[]): Promise<KeptDigests | undefined> {
    if (rows.length < UNKEPT_SCHEMAS) return undefined;
    const remembered = await this.#covering(subject, rows);
    const { digests, kept } = remembered;
    const unkept = digests.size - kept;
    if (unkept < Math.max(UNKEPT_SCHEMAS, digests.size * UNKEPT_PART) || digests.weight > MAX_KEPT_WEIGHT) {
      return undefined;
    }
    remembered.kept = digests.size;
    return { subject, text: digests.toText() };
  }

  async #covering(subject: SubjectName, rows: readonly VersionRow[]): Promise<Remembered> {
    const key = subjectText(subject);
    let remembered = this.#remembered.get(key);
    // Ids that are gone for good would pile up.
    if (remembered === undefined || remembered.digests.size > 2 * rows.length + UNKEPT_SCHEMAS) {
      remembered = await this.#kept(subject, rows);
    }
    const { digests } = remembered;
    const missing = rows.filter((row) => row.schemaId >= 0 && !digests.has(row.schemaId));
    const breath = new Breath(this.clock);
    for await (const { schema } of this.view.schemas(subject, missing)) {
      const plain = schema.references.length === 0;
      const sketch = plain ? storedSketch(schema.schemaType, schema.text) : undefined;
      digests.add(schema.id, sketch ?? null, digestOf(this.formats, schema.schemaType, schema.text, schema.references));
      await breath.take();
    }
    this.#remembered.set(key, remembered, digests.weight);
    return remembered;
  }

  async #kept(subject: SubjectName, rows: readonly VersionRow[]): Promise<Remembered> {
    const text = rows.length < UNKEPT_SCHEMAS ? undefined : await this.store.digests(subject);
    const kept = text === undefined ? undefined : VersionDigests.parse(text);
    const usable = kept !== undefined && kept.size <= 2 * rows.length + UNKEPT_SCHEMAS;
    return usable ? { digests: kept, kept: kept.size } : { digests: new VersionDigests(), kept: 0 };
  }
}

/** The digest of a schema by its canonical text; undefined for one that has to be compared. */
export function digestOf(
  formats: SchemaFormats,
  schemaType: SchemaType,
  canonical: string,
  references: readonly unknown[],
): SchemaDigest | undefined {
  if (references.length > 0 || canonical.length > DIGESTED_LENGTH) return undefined;
  return formats.get(schemaType).digest(canonical);
}
