import { BoundedCache, bytesInMemory, isAppError } from '#libs/core/kernel';
import type { SchemaReference, SchemaSource } from '#libs/core/schema';
import type { Scopes } from './config.js';
import type { LoadedVersion } from './content.js';
import { stateMoved } from './errors.js';
import type { SchemaEntry, SchemaUsage, StoredSchema, SubjectState, VersionRow } from './model.js';
import { NO_REFERENCES, ReferenceWalk, type ReferenceChain } from './references.js';
import type { RegistryStore } from './store.js';
import { contextScope, DEFAULT_SCOPE, GLOBAL_SCOPE, subjectText, type SubjectName } from './subject-name.js';

/** How much of what was read is kept in memory. */
export interface RegistryViewOptions {
  /** Bounds of what is kept in memory, each in bytes as estimated. */
  readonly subjectBytes?: number;
  readonly schemaBytes?: number;
}

const MIB = 1024 * 1024;
/** Changes looked at one by one to bring caches up to date; after more, everything is forgotten. */
const MAX_CATCH_UP = 5_000;
/** Schemas read from the store in one go; each may be as long as a text may. */
const LOADED_AT_ONCE = 50;
/** What part of the memory for schemas is for their uses. */
const USAGES_PART = 4;
/** Attempts at a read whose state moves under it. */
const MAX_READS = 10;

/**
 * The registry's state as read: what was read before is served from memory as long as the store's revision says that nothing about it changed.
 * Every reading operation begins with {@link refresh}; then everything acknowledged by any instance before is seen.
 */
export class RegistryView {
  readonly #subjects: BoundedCache<SubjectState>;
  readonly #schemas: BoundedCache<StoredSchema>;
  /** Apart from the schemas: a schema that many subjects share is used anew all the time, and stays what it is. */
  readonly #usages: BoundedCache<readonly SchemaUsage[]>;
  /** Everything up to this revision has been taken out of the caches. */
  #seen = 0;
  #catchingUp: Promise<void> | undefined;

  constructor(
    private readonly store: RegistryStore,
    options: RegistryViewOptions = {},
  ) {
    this.#subjects = new BoundedCache(options.subjectBytes ?? 32 * MIB);
    const schemaBytes = options.schemaBytes ?? 32 * MIB;
    this.#schemas = new BoundedCache(schemaBytes - schemaBytes / USAGES_PART);
    this.#usages = new BoundedCache(schemaBytes / USAGES_PART);
  }

  /** Forgets what changed since the last time, whoever changed it. @returns the revision that is now covered. */
  async refresh(): Promise<number> {
    const current = await this.store.revision();
    while (current > this.#seen) {
      this.#catchingUp ??= this.#catchUp().finally(() => (this.#catchingUp = undefined));
      await this.#catchingUp;
    }
    return this.#seen;
  }

  /** Whether {@link refresh} would find nothing to forget, as far as that can be told at once. */
  get isFresh(): boolean {
    const current = this.store.revisionAtHand();
    return current !== undefined && current <= this.#seen;
  }

  /**
   * Runs a read on refreshed caches, and once more when it met a state that was changed under it: a version whose schema has just been removed.
   * @param task reads only; may run several times.
   */
  async consistent<T>(task: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await this.refresh();
      try {
        return await task();
      } catch (error) {
        if (attempt >= MAX_READS || !isAppError(error, 'registry-state-moved')) throw error;
      }
    }
  }

  async #catchUp(): Promise<void> {
    // A process that has read nothing yet has nothing to forget.
    const empty = this.#subjects.size === 0 && this.#schemas.size === 0 && this.#usages.size === 0;
    const touched = await this.store.touchedSince(this.#seen, empty ? 0 : MAX_CATCH_UP);
    if (touched.complete) {
      for (const subject of touched.subjects) this.#subjects.delete(subjectText(subject));
      for (const { context, id, purged } of touched.schemas) {
        this.#usages.delete(`${context}/${id}`);
        if (purged) this.#schemas.delete(`${context}/${id}`);
      }
    } else {
      this.#subjects.clear();
      this.#schemas.clear();
      this.#usages.clear();
    }
    this.#seen = Math.max(this.#seen, touched.revision);
  }

  async subject(name: SubjectName): Promise<SubjectState> {
    return (await this.subjects([name]))[0]!;
  }

  /** One state per name, in their order. */
  async subjects(names: readonly SubjectName[]): Promise<readonly SubjectState[]> {
    const cached = names.map((name) => this.#subjects.get(subjectText(name)));
    const missing = names.filter((_, i) => cached[i] === undefined);
    if (missing.length === 0) return cached as SubjectState[];
    const { revision, states } = await this.store.subjects(missing);
    // A read that began before a change was noticed must not bring the old state back.
    if (revision >= this.#seen) {
      for (const state of states) this.#subjects.set(subjectText(state.subject), state, weightOf(state));
    }
    let next = 0;
    return cached.map((state) => state ?? states[next++]!);
  }

  /** The subject with the scopes that decide its settings. */
  async scopes(subject: SubjectName): Promise<Scopes> {
    const [own, context, defaultContext, allContexts] = await this.subjects([
      subject,
      contextScope(subject.context),
      DEFAULT_SCOPE,
      GLOBAL_SCOPE,
    ]);
    return { subject: own!, context: context!, defaultContext: defaultContext!, allContexts: allContexts! };
  }

  /** Whether these are still the states in memory, so that what followed from them follows still. Only to be believed while the view {@link isFresh}. */
  holds(scopes: Scopes): boolean {
    return [scopes.subject, scopes.context, scopes.defaultContext, scopes.allContexts].every(
      (state) => this.#subjects.get(subjectText(state.subject)) === state,
    );
  }

  /** The entry, if it is in memory. Only to be believed while the view {@link isFresh}. */
  entryAtHand(context: string, id: number): SchemaEntry | undefined {
    const schema = this.#schemas.get(`${context}/${id}`);
    const usages = schema && this.#usages.get(`${context}/${id}`);
    return usages && { schema, usages };
  }

  /** A schema with every version that carries it, of which there is one at least. */
  async entry(context: string, id: number): Promise<SchemaEntry | undefined> {
    const [schema, usages] = await Promise.all([this.schema(context, id), this.#usagesOf(context, id)]);
    return schema && usages && { schema, usages };
  }

  async schema(context: string, id: number): Promise<StoredSchema | undefined> {
    return (await this.stored(context, [id])).get(id);
  }

  /** Schemas by id; unknown and purged ones are left out. */
  async stored(context: string, ids: Iterable<number>): Promise<ReadonlyMap<number, StoredSchema>> {
    const found = new Map<number, StoredSchema>();
    const missing: number[] = [];
    for (const id of new Set(ids)) {
      const schema = this.#schemas.get(`${context}/${id}`);
      if (schema === undefined) missing.push(id);
      else found.set(id, schema);
    }
    if (missing.length === 0) return found;
    const { revision, schemas } = await this.store.schemas(context, missing);
    for (const [id, schema] of schemas) {
      found.set(id, schema);
      if (revision >= this.#seen) this.#schemas.set(`${context}/${id}`, schema, weightOfSchema(schema));
    }
    return found;
  }

  async #usagesOf(context: string, id: number): Promise<readonly SchemaUsage[] | undefined> {
    const known = this.#usages.get(`${context}/${id}`);
    if (known !== undefined) return known;
    const { revision, usages } = await this.store.usages(context, [id]);
    const found = usages.get(id);
    if (found !== undefined && revision >= this.#seen) {
      this.#usages.set(`${context}/${id}`, found, 100 + found.length * 160);
    }
    return found;
  }

  /** The schema of a version. @throws `registry-state-moved` when it has been removed since the version was read. */
  async schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema> {
    const schema = await this.schema(subject.context, row.schemaId);
    if (schema === undefined) throw stateMoved(`Version ${row.version} of subject '${subjectText(subject)}'`);
    return schema;
  }

  /** Versions with their schemas and what those refer to, in the order given, read from the store a page at a time. */
  async *load(subject: SubjectName, rows: readonly VersionRow[]): AsyncGenerator<LoadedVersion> {
    for await (const one of this.schemas(subject, rows)) yield { ...one, source: await this.source(one.schema) };
  }

  /** Versions with their schemas, as {@link load}. */
  async *schemas(
    subject: SubjectName,
    rows: readonly VersionRow[],
  ): AsyncGenerator<Pick<LoadedVersion, 'row' | 'schema'>> {
    for (let at = 0; at < rows.length; at += LOADED_AT_ONCE) {
      const page = rows.slice(at, at + LOADED_AT_ONCE);
      const stored = await this.stored(
        subject.context,
        page.map((row) => row.schemaId),
      );
      for (const row of page) yield { row, schema: stored.get(row.schemaId) ?? (await this.schemaOf(subject, row)) };
    }
  }

  /** The text of a stored schema with everything it refers to. */
  async source(schema: StoredSchema): Promise<SchemaSource> {
    const { schemaType, text, references } = schema;
    const chain = references.length === 0 ? NO_REFERENCES : await this.chain(schema.context, references);
    return {
      schemaType,
      text,
      references: chain.resolved,
      referencesKey: chain.key,
      // What is only drafted has an id below zero, which means something else in every draft.
      ...(schema.id < 0 ? {} : { storedAs: `${schema.context}/${schema.id}` }),
    };
  }

  /** Everything that the references of a stored schema stand for, deleted versions included. */
  chain(context: string, references: readonly SchemaReference[]): Promise<ReferenceChain> {
    return new ReferenceWalk(this, 'stored').resolve(context, references);
  }
}

function weightOf(state: SubjectState): number {
  const settings = state.config === null ? 0 : JSON.stringify(state.config).length * 2;
  return 400 + subjectText(state.subject).length * 2 + settings + state.versions.length * 160;
}

function weightOfSchema({ text, references }: StoredSchema): number {
  return 400 + bytesInMemory(text) + references.length * 300;
}
