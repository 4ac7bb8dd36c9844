import { AppError, isAppError, stableJson, type JsonObject } from '#libs/core/kernel';
import { isSameTopic } from '#libs/core/log';
import type { SupervisedStatus } from '#libs/core/operations';
import { readerGeneration } from '../reader-place.js';
import type { SourcePosition } from '../source-reader.js';
import { parseDeclaration } from './declaration.js';
import type { DeclarationChange } from './declaration-changes.js';
import type { FieldTypes } from './declaration-form.js';
import type { EvolutionPlan } from './evolution.js';
import { sourcesOf, UNCHANGED, type ViewDefinition } from './view-definition.js';
import { ViewEvolutions } from './view-evolutions.js';
import { type ReadAtLeast, type SourceToken, tokenNotOfView, untilReflected } from './read-at-least.js';
import { parseRowQuery, parseViewQuery, WHOLE, type ViewQuery } from './view-query.js';
import type { SqlAnswer, SqlRequest } from './view-sql.js';
import { type StoredView, type ViewState, viewExists, viewNotFound } from './view-store.js';
import type { ViewPositions, ViewRows, ViewStream, ViewTables } from './view-tables.js';
import { type NewVersion, ViewVersions } from './view-versions.js';
import type { Redriven } from './view-worker.js';
import { ViewWorkers, type ViewWorkersOptions } from './view-workers.js';

/** How often a change in place is planned anew when others were quicker. */
const TRIES = 20;
/** How soon an instance does what another was asked for. */
const RECONCILE_MS = 1_000;

export interface ViewsOptions extends ViewWorkersOptions {
  readonly types: FieldTypes;
  /** A fresh id, never used before: 1 to 40 characters of a-z, 0-9. */
  readonly newId: () => string;
}

/** A view with how it fares. */
export interface ViewStatus {
  readonly stored: StoredView;
  readonly definition: ViewDefinition;
  readonly positions: ViewPositions | undefined;
  /** Records behind its sources; null where that cannot be told. */
  readonly lag: number | null;
  /** Milliseconds since it last had read everything; of a view that is written elsewhere, or not at all, since the oldest record it has not read. Null when unknown. */
  readonly staleMs: number | null;
  readonly worker: SupervisedStatus['state'] | 'absent';
  readonly problem: string | null;
}

/** What becomes, or became, of a view by a declaration. */
export interface DeclarationOutcome {
  /** `created`: there was none. `unchanged`: it is what the declaration says. `in-place`: the running view has it. `new-version`: another version is built beside it. */
  readonly outcome: 'created' | EvolutionPlan['outcome'];
  /** What the declaration, or the schemas by now, say otherwise than the view; nothing for one that is created. */
  readonly changes: readonly DeclarationChange[];
}

/** A declared view with how it fares; with `new-version` the version that is built. */
export type DeclaredStatus = ViewStatus & DeclarationOutcome;

/** An answer with the state of the view it came from. */
export interface Answered<T> {
  readonly status: ViewStatus;
  readonly answer: T;
}

/** A view that is asked, as it is stored. */
interface AskedView {
  readonly view: StoredView;
  readonly definition: ViewDefinition;
}

/** All views of this service: declares, keeps current, asks and removes them. */
export class Views {
  /** Versions of views beside those that are asked. */
  readonly versions: ViewVersions;
  readonly workers: ViewWorkers;
  readonly #evolutions: ViewEvolutions;

  constructor(private readonly options: ViewsOptions) {
    this.#evolutions = new ViewEvolutions(options);
    this.workers = new ViewWorkers(options, this.#evolutions);
    this.versions = new ViewVersions(options, {
      build: (view) => this.#build(view),
      status: (view) => this.#status(view),
      definition: (view) => this.workers.definition(view),
      stands: (view) => this.#stands(view),
      remove: (view) => this.remove(view),
    });
  }

  /** Starts the workers of all declared views, and finishes deletions that were cut short. Call once, at the start. */
  async start(): Promise<void> {
    for (const view of await this.options.store.list()) {
      // One whose database is away is removed at the next start.
      if (view.state === 'DELETING') await orAway(this.remove(view));
      else if (view.state === 'RUNNING') await this.workers.run(view);
    }
  }

  /** Keeps this instance at what is wanted, whichever instance was asked for it, until the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.workers.reconcile();
      await this.options.clock.sleep(RECONCILE_MS, signal);
    }
  }

  /**
   * Declares a view and starts to build it. Another declaration of a view that is there changes it in place where it only adds what is known for the rows that are there, and is a version beside it, a draft,
   * otherwise. The same declaration again gives it the columns that its schemas have more, where it flattens objects by them, and changes nothing else.
   * @throws `invalid-view`, `topic-not-found` for a source; `view-exists` in another cluster; `view-draft-exists`; `view-evolved` when others keep changing it.
   */
  async declare(name: string, cluster: string | undefined, declaration: JsonObject): Promise<DeclaredStatus> {
    const clusterName = cluster ?? this.options.directories.clusters.defaultName;
    for (let attempt = 1; ; attempt++) {
      const known = await this.#declared(name, clusterName);
      if (known === undefined) {
        const view = { name, cluster: clusterName, version: 1, declaration, role: 'ACTIVE', state: 'RUNNING' } as const;
        return { ...(await this.#build(view)), outcome: 'created', changes: [] };
      }
      const { inPlace, ...said } = await this.#plan(known, declaration);
      if (said.outcome === 'new-version') return { ...(await this.versions.draft(name, declaration)), ...said };
      if (inPlace === undefined) return { ...(await this.#status(known)), ...said };
      try {
        return { ...(await this.#status(await this.#evolutions.carryOut(known, inPlace))), ...said };
      } catch (error) {
        if (!isAppError(error, 'view-evolved') || attempt === TRIES) throw error;
      }
    }
  }

  /** What {@link declare} would do. Changes nothing. @throws what it throws before anything is changed. */
  async plan(name: string, cluster: string | undefined, declaration: JsonObject): Promise<DeclarationOutcome> {
    const clusterName = cluster ?? this.options.directories.clusters.defaultName;
    const known = await this.#declared(name, clusterName);
    if (known !== undefined) {
      const { outcome, changes } = await this.#plan(known, declaration);
      return { outcome, changes };
    }
    const { definition } = await parseDeclaration(name, clusterName, declaration, this.options);
    for (const topic of sourcesOf(definition)) await this.options.directories.of(clusterName).wherever(topic);
    return { outcome: 'created', changes: [] };
  }

  /** The active version of a view, as its tables are. @throws `view-exists` in another cluster. */
  async #declared(name: string, cluster: string): Promise<StoredView | undefined> {
    const known = await this.options.store.find(name);
    if (known !== undefined && known.cluster !== cluster) throw viewExists(name);
    return known && ((await orAway(this.#evolutions.settled(known))) ?? known);
  }

  /** The same declaration is no other version, whatever the schemas say by now; nor is one that is built already changed in place. */
  async #plan(known: StoredView, declaration: JsonObject): Promise<EvolutionPlan> {
    const isSame = stableJson(known.declaration) === stableJson(declaration);
    let plan: EvolutionPlan;
    try {
      plan = await this.#evolutions.plan(known, declaration);
    } catch (error) {
      if (!isSame || !isAppError(error, 'invalid-view')) throw error;
      const changes = error.items.map(({ path, message }): DeclarationChange => {
        return { what: path, change: 'changed', inPlace: false, reason: message };
      });
      return { outcome: 'unchanged', changes };
    }
    const { outcome, changes } = plan;
    if (isSame) return outcome === 'new-version' ? { outcome: 'unchanged', changes } : plan;
    const draft = (await this.options.store.list()).find((one) => one.name === known.name && one.role === 'DRAFT');
    const isBuilt = draft !== undefined && stableJson(draft.declaration) === stableJson(declaration);
    return isBuilt ? { outcome: 'new-version', changes } : plan;
  }

  async #build(given: NewVersion): Promise<ViewStatus> {
    const { store, directories, tables, clock } = this.options;
    const { name, cluster, declaration } = given;
    const directory = directories.of(cluster);
    const { definition, types } = await parseDeclaration(name, cluster, declaration, this.options);
    for (const topic of sourcesOf(definition)) await directory.wherever(topic);
    const { logId } = directory.engine;
    const own = { logId, id: this.options.newId(), types, evolution: UNCHANGED, createdAtMs: clock.now() };
    const view: StoredView = { ...given, ...own };
    // Tables first: a crash in between leaves tables nobody refers to, never a view without tables.
    await tables.create(view.id, definition);
    try {
      await store.create(view);
    } catch (error) {
      await tables.drop(view.id, definition);
      throw error;
    }
    await this.workers.run(view);
    return this.#status(view);
  }

  /** @throws `view-not-found`. */
  async describe(name: string): Promise<ViewStatus> {
    return this.#status(await this.#find(name));
  }

  async list(): Promise<readonly ViewStatus[]> {
    const all = await this.options.store.list();
    const views = all.filter((view) => view.state !== 'DELETING' && view.role === 'ACTIVE');
    return Promise.all(views.map((view) => this.#status(view)));
  }

  /** @throws `view-not-found`. Harmless to repeat. */
  async setState(name: string, state: Exclude<ViewState, 'DELETING'>): Promise<ViewStatus> {
    const view = await this.#find(name);
    if (!(await this.options.store.setState(view.id, state))) throw viewNotFound(name);
    if (state === 'PAUSED') await this.workers.stop(view.id);
    else await this.workers.run({ ...view, state });
    return this.#status({ ...view, state });
  }

  /** Removes the view with its rows. Its topics are untouched. @throws `view-not-found`. */
  async delete(name: string): Promise<void> {
    await this.#find(name);
    const all = (await this.options.store.list()).filter((view) => view.name === name);
    // The active one last: as long as it is there, so is the view.
    all.sort((a, b) => Number(a.role === 'ACTIVE') - Number(b.role === 'ACTIVE'));
    for (const view of all) await this.options.store.setState(view.id, 'DELETING');
    for (const view of all) await this.remove(view);
  }

  /**
   * A page of rows, with the position they reflect.
   * @throws `view-not-found`, `invalid-query`; `view-behind` when it does not reflect the tokens in time; `token-not-of-view` for a token of another topic.
   */
  async query(
    name: string,
    parameters: ReadonlyMap<string, readonly string[]>,
    atLeast: ReadAtLeast | undefined,
    signal?: AbortSignal,
  ): Promise<Answered<ViewRows>> {
    const parse = ({ view, definition }: AskedView): ViewQuery => parseViewQuery(definition, view, parameters);
    const { view, definition, query } = await this.#answering(name, parse, atLeast, signal);
    const answer = await this.options.tables.query(view.id, definition, query);
    return { status: await this.#status(view, answer.positions), answer };
  }

  /** All rows of a query on one snapshot. @throws as {@link query}, and `view-streams-busy`. */
  async stream(
    name: string,
    parameters: ReadonlyMap<string, readonly string[]>,
    atLeast: ReadAtLeast | undefined,
    signal?: AbortSignal,
  ): Promise<Answered<ViewStream & { readonly query: ViewQuery }>> {
    const parse = ({ view, definition }: AskedView): ViewQuery => parseViewQuery(definition, view, parameters, WHOLE);
    const { view, definition, query } = await this.#answering(name, parse, atLeast, signal);
    const status = await this.#status(view);
    const stream = await this.options.tables.stream(view.id, definition, query, signal);
    return { status, answer: { ...stream, query } };
  }

  /** The row with this key. @throws as {@link query}; `invalid-row-key`, `row-not-found`, `row-key-not-unique`. */
  async row(
    name: string,
    key: string,
    select: string | undefined,
    atLeast: ReadAtLeast | undefined,
    signal?: AbortSignal,
  ): Promise<Answered<ViewRows>> {
    const parse = ({ view, definition }: AskedView): ViewQuery => parseRowQuery(definition, view, key, select);
    const { view, definition, query } = await this.#answering(name, parse, atLeast, signal);
    const answer = await this.options.tables.query(view.id, definition, query);
    if (answer.rows.length === 0) throw rowNotFound(name, key);
    if (answer.rows.length > 1) throw rowKeyNotUnique(name, definition.key);
    return { status: await this.#status(view, answer.positions), answer };
  }

  /** A statement over all views of a target. @throws what {@link ViewTables.sql} throws. */
  async sql(target: string, request: Omit<SqlRequest, 'views'>, signal?: AbortSignal): Promise<SqlAnswer> {
    return this.options.tables.sql(target, { ...request, views: await this.#viewsIn(target) }, signal);
  }

  /** Names of the views that are kept in a target. */
  async namesIn(target: string): Promise<readonly string[]> {
    return (await this.#viewsIn(target)).map(({ view }) => view.name);
  }

  async #viewsIn(target: string): Promise<{ id: string; view: ViewDefinition }[]> {
    const all = await this.options.store.list();
    const stored = all.filter((view) => view.state !== 'DELETING' && view.role === 'ACTIVE');
    const views = await Promise.all(
      stored.map(async (one) => ({ id: one.id, view: await this.workers.definition(one) })),
    );
    return views.filter(({ view }) => view.target === target);
  }

  /**
   * Takes in the oldest records that were set aside, `limit` at most, as far as they can be by now; whichever instance writes the view.
   * @throws `view-not-found`.
   */
  async redrive(name: string, limit: number): Promise<Redriven> {
    const { view, definition } = await this.#asked(name);
    const places = await this.options.tables.refused(view.id, definition, limit);
    const running = this.workers.find(view.id);
    // One that does not write may know the view as it was.
    const worker = running?.positions === undefined ? this.workers.worker(view, definition) : running;
    return worker.redrive(places);
  }

  /** Records set aside by a view, oldest first. @throws `view-not-found`. */
  async refused(name: string, limit: number): ReturnType<ViewTables['refused']> {
    const { view, definition } = await this.#asked(name);
    return this.options.tables.refused(view.id, definition, limit);
  }

  /** The views that stand in a generation of a topic, which must not be deleted under them; also those of clusters that the topic was in when they were made. */
  async readersOn(
    cluster: string,
    topic: string,
    generation: number,
  ): Promise<readonly { readonly name: string; readonly next: readonly number[] }[]> {
    const readers: { name: string; next: readonly number[] }[] = [];
    const directory = this.options.directories.of(cluster);
    const { logId } = directory.engine;
    const names = await directory.namesOf(topic);
    for (const view of await this.options.store.list()) {
      if (view.state === 'DELETING') continue;
      const definition = await this.workers.definition(view);
      if (!(await this.#isOf(view, definition, cluster, topic))) continue;
      const positions = await this.options.tables.positions(view.id, definition);
      sourcesOf(definition).forEach((source, index) => {
        const at = positions.sources[index];
        if (source !== topic && !(view.cluster === cluster && names.has(source))) return;
        const kept = readerGeneration({ logId: view.logId, topic: source }, { logId, topic }, generation);
        if (at?.generation === kept) readers.push({ name: `view ${view.name}`, next: at.next });
      });
    }
    return readers;
  }

  /** Names of the views that read the logical topic. */
  async over(cluster: string, topic: string): Promise<readonly string[]> {
    const found = new Set<string>();
    const names = await this.options.directories.of(cluster).namesOf(topic);
    for (const view of await this.options.store.list()) {
      if (view.state === 'DELETING') continue;
      const definition = await this.workers.definition(view);
      const isOver = (source: string): boolean => source === topic || (view.cluster === cluster && names.has(source));
      if (sourcesOf(definition).some(isOver) && (await this.#isOf(view, definition, cluster, topic)))
        found.add(view.name);
    }
    return [...found];
  }

  /**
   * Whether a topic of a cluster may be one of the view's: it is in its cluster, or has moved from or to there, under the name that the view has for it.
   * @throws `cluster-unavailable` where that cannot be told, since the view's cluster is away.
   */
  async #isOf(view: StoredView, definition: ViewDefinition, cluster: string, topic: string): Promise<boolean> {
    const { directories } = this.options;
    if (view.cluster === cluster) return true;
    if (!directories.clusters.names().includes(view.cluster) || !sourcesOf(definition).includes(topic)) return false;
    if (!(await directories.of(cluster).mayBeElsewhere(topic))) return false;
    return await isSameTopic(directories.of(cluster), directories.of(view.cluster), topic);
  }

  /** What answers a query: a read that waits asks the view as it is then, which may have got columns meanwhile, or be another version. */
  async #answering(
    name: string,
    parse: (asked: AskedView) => ViewQuery,
    atLeast: ReadAtLeast | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AskedView & { readonly query: ViewQuery }> {
    let asked = await this.#asked(name);
    const query = parse(asked);
    if (atLeast === undefined) return { ...asked, query };
    for (let waited: AskedView | undefined; waited?.view.id !== asked.view.id;) {
      waited = asked;
      await this.#reflects(asked.view, asked.definition, atLeast, signal);
      asked = await this.#asked(name);
    }
    return { ...asked, query: parse(asked) };
  }

  async #asked(name: string): Promise<AskedView> {
    const view = await this.#find(name);
    return { view, definition: await this.workers.definition(view) };
  }

  async #find(name: string): Promise<StoredView> {
    const view = await this.options.store.find(name);
    if (view === undefined || view.state === 'DELETING') throw viewNotFound(name);
    return view;
  }

  /** Removes a version with its rows, wherever that was cut short. */
  async remove(view: StoredView): Promise<void> {
    await this.workers.stop(view.id);
    await this.options.tables.drop(view.id, await this.workers.definition(view));
    await this.options.store.remove(view.id);
  }

  /** Where a version stands in its topics, as it is stored. */
  async #stands(view: StoredView): Promise<readonly SourcePosition[]> {
    const definition = await this.workers.definition(view);
    const { sources } = await this.options.tables.positions(view.id, definition);
    const readers = this.workers.readers(view, definition);
    return Promise.all(readers.map(async (reader, source) => sources[source] ?? (await reader.begin())));
  }

  /** Waits until the view reflects what a read asks for. */
  async #reflects(
    view: StoredView,
    definition: ViewDefinition,
    atLeast: ReadAtLeast,
    signal?: AbortSignal,
  ): Promise<void> {
    const { tables, clock, directories } = this.options;
    for (const { logId, topic } of atLeast.tokens) {
      if (logId === view.logId) continue;
      const cluster = directories.clusterOf(logId);
      if (cluster === undefined || !(await this.#isOf(view, definition, cluster, topic)))
        throw tokenNotOfView(view.name, topic);
    }
    const worker = this.workers.find(view.id);
    const sources = sourcesOf(definition);
    const tokens: SourceToken[] = [];
    for (const token of atLeast.tokens) {
      // The view may have been declared by an old name of the topic that was written.
      const names =
        token.logId === view.logId && !sources.includes(token.topic)
          ? await directories.of(view.cluster).namesOf(token.topic)
          : new Set([token.topic]);
      // A topic may be read several times, as two tables that are joined, each at its own pace.
      const read = sources.flatMap((topic, source) => (names.has(topic) ? [{ source, token }] : []));
      if (read.length === 0) throw tokenNotOfView(view.name, token.topic);
      tokens.push(...read);
    }
    await untilReflected({ view, definition, tables, clock, worker }, { ...atLeast, tokens }, signal);
  }

  /** @param known where it stands, when that has just been read: a query asks no log how far it is behind. */
  async #status(stored: StoredView, known?: ViewPositions): Promise<ViewStatus> {
    const definition = await this.workers.definition(stored);
    const supervised = this.workers.status(stored);
    const worker = this.workers.find(stored.id);
    const freshness = worker?.positions === undefined ? undefined : worker.freshness();
    const positions = known ?? (await orAway(this.options.tables.positions(stored.id, definition)));
    const behind =
      freshness === undefined && known === undefined ? await this.#behind(stored, definition, positions) : null;
    const lag = freshness?.lag ?? behind?.lag ?? null;
    const { clock } = this.options;
    const seenMs = freshness?.currentAtMs;
    const sinceMs = behind?.oldest === undefined ? null : Math.max(0, clock.now() - behind.oldest);
    return {
      stored,
      definition,
      positions,
      lag: lag === null || !Number.isFinite(lag) ? null : lag,
      staleMs: seenMs !== undefined ? Math.max(0, clock.monotonic() - seenMs) : lag === 0 ? 0 : sinceMs,
      worker: supervised?.state ?? 'absent',
      problem: supervised?.state === 'failing' ? (supervised.lastError?.message ?? null) : null,
    };
  }

  /** Records between where a view stands and the ends of its topics, whoever writes it, and the time of the oldest of them; null where that cannot be told. */
  async #behind(
    stored: StoredView,
    definition: ViewDefinition,
    positions: ViewPositions | undefined,
  ): Promise<{ readonly lag: number; readonly oldest: number | undefined } | null> {
    const { clusters } = this.options.directories;
    if (positions === undefined || !clusters.standsFor(stored.cluster, stored.logId)) return null;
    try {
      const sources = this.workers.readers(stored, definition).map(async (reader, source) => {
        const at = positions.sources[source] ?? (await reader.begin());
        const lag = await reader.lag(at);
        return { lag, oldest: lag === 0 ? undefined : await reader.nextTime(at) };
      });
      const all = await Promise.all(sources);
      const times = all.flatMap(({ oldest }) => (oldest === undefined ? [] : [oldest]));
      return {
        lag: all.reduce((sum, { lag }) => sum + lag, 0),
        oldest: times.length === 0 ? undefined : Math.min(...times),
      };
    } catch (error) {
      if (isAppError(error)) return null;
      throw error;
    }
  }
}

/** Nothing when the database of the view is away: what is known of the view can be told all the same. */
async function orAway<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAppError(error, 'views-unavailable')) return undefined;
    throw error;
  }
}

function rowNotFound(name: string, key: string): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'row-not-found',
    message: `View '${name}' has no row with this key.`,
    details: { view: name, key },
  });
}

function rowKeyNotUnique(name: string, key: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'row-key-not-unique',
    message: `Several rows of view '${name}' have the same ${key.join(', ')}.`,
    hint: `Ask for all of them by filters: …/rows?${key[0]}=eq.…`,
    details: { view: name, key },
  });
}
