import {
  GLOBAL_CONTEXT,
  parseSubject,
  type ContextState,
  type RegistrySnapshot,
  type SubjectName,
  type SubjectState,
  type VersionRow,
} from '#libs/core/registry';
import type { MovedEntry, MovedKind, MovedVersion } from './entry.js';

/** What of the registry is exported. */
export interface ExportFilter {
  /** One context; all of them unless given. */
  readonly context?: string;
  /** Subjects whose name begins with this; what they refer to comes along. */
  readonly prefix?: string;
  /** Softly deleted versions too, and purged ids. */
  readonly deleted: boolean;
}

/** Names read from the store at a time. */
const PAGE = 100;
/** Purged ids read at a time. */
const RETIRED_PAGE = 1_000;
/** Schemas read at a time; each may be as long as a text may. */
const SCHEMAS = 50;

/** A registry as of one revision, entry by entry: contexts, purged ids, versions, settings, each in the order of their names and numbers. */
export class RegistryExport {
  readonly #chosen: Chosen;

  private constructor(
    private readonly snapshot: RegistrySnapshot,
    private readonly filter: ExportFilter,
    private readonly contexts: readonly ContextState[],
    chosen: Chosen,
    readonly counts: Readonly<Record<MovedKind, number>>,
  ) {
    this.#chosen = chosen;
  }

  /** Looks over everything once, so that what follows can be counted before it is read. */
  static async of(snapshot: RegistrySnapshot, filter: ExportFilter): Promise<RegistryExport> {
    const all = await snapshot.contexts();
    const chosen = new Chosen(filter);
    if (chosen.isPart) await chosen.follow(snapshot, all);
    const contexts = all.filter(({ name }) => chosen.hasContext(name));
    const draft = new RegistryExport(snapshot, filter, contexts, chosen, NOTHING);
    return new RegistryExport(snapshot, filter, contexts, chosen, await draft.#count());
  }

  async *entries(): AsyncGenerator<MovedEntry> {
    for (const { name, lastId, listed } of this.#spaces()) yield { kind: 'context', context: name, lastId, listed };
    yield* this.#retired();
    for await (const state of this.#states()) yield* this.#versions(state);
    yield* this.#associations();
    for await (const { subject: scope, config } of this.#states()) {
      if (config !== null) yield { kind: 'config', scope, config };
    }
    for await (const { subject: scope, registration: policy } of this.#states()) {
      if (policy !== null) yield { kind: 'registration', scope, policy };
    }
    for await (const { subject: scope, mode } of this.#states()) {
      if (mode !== null) yield { kind: 'mode', scope, mode };
    }
  }

  /** What {@link entries} will give, without reading any text. */
  async #count(): Promise<Record<MovedKind, number>> {
    const counts = { ...NOTHING, context: this.#spaces().length };
    for await (const { kind } of this.#retired()) counts[kind]++;
    for await (const { kind } of this.#associations()) counts[kind]++;
    for await (const state of this.#states()) {
      counts.version += this.#rows(state).length;
      if (state.config !== null) counts.config++;
      if (state.registration !== null) counts.registration++;
      if (state.mode !== null) counts.mode++;
    }
    return counts;
  }

  /** Contexts that have ids; those with settings only need no line of their own. */
  #spaces(): readonly ContextState[] {
    const { context } = this.filter;
    return this.contexts.filter(({ name, lastId, listed }) => {
      return name !== GLOBAL_CONTEXT && (lastId > 0 || listed) && (context === undefined || name === context);
    });
  }

  async *#retired(): AsyncGenerator<MovedEntry> {
    if (!this.filter.deleted || this.filter.prefix !== undefined) return;
    for (const { name: context } of this.#spaces()) {
      for (let after = 0; ;) {
        const page = await this.snapshot.retired(context, after, RETIRED_PAGE);
        for (const { id, guid, schemaType } of page) yield { kind: 'retired', context, id, guid, schemaType };
        if (page.length < RETIRED_PAGE) break;
        after = page.at(-1)!.id;
      }
    }
  }

  /** Names with what is stored under them, those chosen only. */
  async *#states(): AsyncGenerator<SubjectState> {
    for await (const state of statesOf(this.snapshot, this.contexts)) {
      if (this.#chosen.has(state.subject)) yield state;
    }
  }

  /** Of subjects with versions in the file: an association needs a version that is not deleted. */
  async *#associations(): AsyncGenerator<MovedEntry> {
    let subjects: SubjectName[] = [];
    const found = async () =>
      (await this.snapshot.associations(subjects)).map((association): MovedEntry => ({
        kind: 'association',
        association,
      }));
    for await (const state of this.#states()) {
      if (!this.#rows(state).some((row) => !row.deleted)) continue;
      subjects.push(state.subject);
      if (subjects.length < PAGE) continue;
      yield* await found();
      subjects = [];
    }
    if (subjects.length > 0) yield* await found();
  }

  #rows(state: SubjectState): readonly VersionRow[] {
    return state.versions.filter((row) => this.#chosen.hasVersion(state.subject, row));
  }

  async *#versions(state: SubjectState): AsyncGenerator<MovedVersion> {
    const rows = this.#rows(state);
    for (let at = 0; at < rows.length; at += SCHEMAS) {
      const page = rows.slice(at, at + SCHEMAS);
      const { context } = state.subject;
      const schemas = await this.snapshot.schemas(
        context,
        page.map((row) => row.schemaId),
      );
      for (const { version, schemaId: id, guid, deleted, registeredAt } of page) {
        const { schema, primary } = schemas.get(id)!;
        const { schemaType, text, references, metadata, ruleSet } = schema;
        const content = { schemaType, text, references, metadata, ruleSet };
        const secondary = !primary;
        yield { kind: 'version', subject: state.subject, version, id, content, guid, deleted, registeredAt, secondary };
      }
    }
  }
}

const NOTHING: Record<MovedKind, number> = {
  context: 0,
  retired: 0,
  version: 0,
  association: 0,
  config: 0,
  registration: 0,
  mode: 0,
};

async function* statesOf(snapshot: RegistrySnapshot, contexts: readonly ContextState[]): AsyncGenerator<SubjectState> {
  for (const { name: context } of contexts) {
    for (let after: string | undefined; ;) {
      const page = await snapshot.subjects(context, after, PAGE);
      yield* page;
      if (page.length < PAGE) break;
      after = page.at(-1)!.subject.name;
    }
  }
}

/** Which subjects and versions a filter means. */
class Chosen {
  /** Versions beyond the filter that those within refer to, by context and name. */
  readonly #referenced = new Map<string, Map<string, Set<number>>>();

  constructor(private readonly filter: ExportFilter) {}

  get isPart(): boolean {
    return this.filter.context !== undefined || this.filter.prefix !== undefined;
  }

  hasContext(context: string): boolean {
    return this.#isWithin(context) || this.#referenced.has(context);
  }

  has(subject: SubjectName): boolean {
    return this.#isNamed(subject) || this.#referenced.get(subject.context)?.has(subject.name) === true;
  }

  hasVersion(subject: SubjectName, { version, deleted }: VersionRow): boolean {
    // What another version refers to comes along even where it is deleted itself.
    if (this.#referenced.get(subject.context)?.get(subject.name)?.has(version) === true) return true;
    return this.#isNamed(subject) && (this.filter.deleted || !deleted);
  }

  #isWithin(context: string): boolean {
    return this.filter.context === undefined || context === this.filter.context;
  }

  #isNamed({ context, name }: SubjectName): boolean {
    const { prefix } = this.filter;
    return this.#isWithin(context) && (prefix === undefined || (name !== '' && name.startsWith(prefix)));
  }

  /** Finds what the chosen versions refer to, and so on. */
  async follow(snapshot: RegistrySnapshot, contexts: readonly ContextState[]): Promise<void> {
    const within = contexts.filter(({ name }) => this.#isWithin(name));
    for await (const { subject, versions } of statesOf(snapshot, within)) {
      if (!this.#isNamed(subject)) continue;
      let wave = versions
        .filter((row) => this.hasVersion(subject, row))
        .map((row) => ({ ...subject, id: row.schemaId }));
      while (wave.length > 0) wave = await this.#referredTo(snapshot, wave);
    }
  }

  /** Schemas that these refer to and that were not met before. */
  async #referredTo(
    snapshot: RegistrySnapshot,
    schemas: readonly { readonly context: string; readonly id: number }[],
  ): Promise<{ context: string; name: string; id: number }[]> {
    const next: { context: string; name: string; id: number }[] = [];
    for (const { context, id } of schemas) {
      const kept = (await snapshot.schemas(context, [id])).get(id);
      for (const { subject, version } of kept?.schema.references ?? []) {
        const target = parseSubject(subject, context);
        if (!this.#take(target, version)) continue;
        const [state] = await snapshot.states([target]);
        const row = state!.versions.find((one) => one.version === version);
        if (row !== undefined) next.push({ ...target, id: row.schemaId });
      }
    }
    return next;
  }

  /** @returns whether it is new. */
  #take({ context, name }: SubjectName, version: number): boolean {
    const names = this.#referenced.get(context) ?? new Map<string, Set<number>>();
    this.#referenced.set(context, names);
    const versions = names.get(name) ?? new Set<number>();
    names.set(name, versions);
    if (versions.has(version)) return false;
    versions.add(version);
    return true;
  }
}
