import { BoundedCache, bytesInMemory, isAppError } from '#libs/core/kernel';
import type { SchemaReference, SchemaSource } from '#libs/core/schema';
import type { Scopes } from './config.js';
import type { LoadedVersion } from './content.js';
import { stateMoved } from './errors.js';
import type { SchemaEntry, StoredSchema, SubjectState, VersionRow } from './model.js';
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
/** Attempts at a read whose state moves under it. */
const MAX_READS = 10;

/**
 * The registry's state as read: what was read before is served from memory as long as the store's revision says that nothing about it changed.
 * Every reading operation begins with {@link refresh}; then everything acknowledged by any instance before is seen.
 */
export class RegistryView {
  readonly #subjects: BoundedCache<SubjectState>;
  readonly #entries: BoundedCache<SchemaEntry>;
  /** Everything up to this revision has been taken out of the caches. */
  #seen = 0;
  #catchingUp: Promise<void> | undefined;

  constructor(
    private readonly store: RegistryStore,
    options: RegistryViewOptions = {},
  ) {
    this.#subjects = new BoundedCache(options.subjectBytes ?? 32 * MIB);
    this.#entries = new BoundedCache(options.schemaBytes ?? 32 * MIB);
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
    const empty = this.#subjects.size === 0 && this.#entries.size === 0;
    const touched = await this.store.touchedSince(this.#seen, empty ? 0 : MAX_CATCH_UP);
    if (touched.complete) {
      for (const subject of touched.subjects) this.#subjects.delete(subjectText(subject));
      for (const { context, id } of touched.schemas) this.#entries.delete(`${context}/${id}`);
    } else {
      this.#subjects.clear();
      this.#entries.clear();
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
    return this.#entries.get(`${context}/${id}`);
  }

  async entry(context: string, id: number): Promise<SchemaEntry | undefined> {
    return (await this.entries(context, [id])).get(id);
  }

  async entries(context: string, ids: Iterable<number>): Promise<ReadonlyMap<number, SchemaEntry>> {
    const found = new Map<number, SchemaEntry>();
    const missing: number[] = [];
    for (const id of new Set(ids)) {
      const entry = this.#entries.get(`${context}/${id}`);
      if (entry === undefined) missing.push(id);
      else found.set(id, entry);
    }
    if (missing.length === 0) return found;
    const { revision, entries } = await this.store.schemas(context, missing);
    for (const [id, entry] of entries) {
      found.set(id, entry);
      if (revision >= this.#seen) this.#entries.set(`${context}/${id}`, entry, weightOfEntry(entry));
    }
    return found;
  }

  /** The schema of a version. @throws `registry-state-moved` when it has been removed since the version was read. */
  async schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema> {
    const entry = await this.entry(subject.context, row.schemaId);
    if (entry === undefined) throw stateMoved(`Version ${row.version} of subject '${subjectText(subject)}'`);
    return entry.schema;
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
      const entries = await this.entries(
        subject.context,
        page.map((row) => row.schemaId),
      );
      for (const row of page) {
        yield { row, schema: entries.get(row.schemaId)?.schema ?? (await this.schemaOf(subject, row)) };
      }
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

function weightOfEntry({ schema, usages }: SchemaEntry): number {
  return 500 + bytesInMemory(schema.text) + schema.references.length * 300 + usages.length * 160;
}
