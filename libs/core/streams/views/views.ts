import { AppError, isAppError, stableJson, type Clock, type JsonObject } from '#libs/core/kernel';
import { TopicDirectories, type TopicNames } from '#libs/core/log';
import type { Supervisor } from '#libs/core/operations';
import type { Transforms } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import { SourceReader } from '../source-reader.js';
import { knownDeclaration, parseDeclaration } from './declaration.js';
import type { FieldTypes } from './declaration-form.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import { type ReadAtLeast, untilReflected } from './read-at-least.js';
import { parseRowQuery, parseViewQuery, WHOLE, type ViewQuery } from './view-query.js';
import type { SqlAnswer, SqlRequest } from './view-sql.js';
import { type StoredView, type ViewState, type ViewStore, viewExists, viewNotFound } from './view-store.js';
import type { ViewPositions, ViewRows, ViewStream, ViewTables } from './view-tables.js';
import { ViewVersions } from './view-versions.js';
import { notRunningHere, ViewWorker, type Redriven } from './view-worker.js';

export interface ViewsOptions {
  readonly store: ViewStore;
  readonly tables: ViewTables;
  readonly directories: TopicDirectories;
  readonly names: TopicNames;
  readonly decoder: RecordDecoder;
  readonly types: FieldTypes;
  /** Expressions of views. */
  readonly transforms: Transforms;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  /** A fresh id, never used before: 1 to 40 characters of a-z, 0-9. */
  readonly newId: () => string;
  readonly failPoint?: (name: string) => void;
  readonly onStep?: (view: string, records: number) => void;
}

/** A view with how it fares. */
export interface ViewStatus {
  readonly stored: StoredView;
  readonly definition: ViewDefinition;
  readonly positions: ViewPositions | undefined;
  /** Records behind its sources; null when it is not running here. */
  readonly lag: number | null;
  /** Milliseconds since it last had read everything; null when unknown. */
  readonly staleMs: number | null;
  readonly worker: 'waiting' | 'running' | 'failing' | 'ended' | 'stopped' | 'absent';
  readonly problem: string | null;
}

/** An answer with the state of the view it came from. */
export interface Answered<T> {
  readonly status: ViewStatus;
  readonly answer: T;
}

interface Running {
  readonly worker: ViewWorker;
  readonly definition: ViewDefinition;
}

/** All views of this service: declares, keeps current, asks and removes them. */
export class Views {
  /** Versions of views beside those that are asked. */
  readonly versions: ViewVersions;
  readonly #running = new Map<string, Running>();

  constructor(private readonly options: ViewsOptions) {
    this.versions = new ViewVersions(options, {
      build: (view) => this.#build(view),
      status: (view) => this.#status(view),
      definition: (view) => this.#definition(view),
      remove: (view) => this.#remove(view),
    });
  }

  /** Starts the workers of all declared views, and finishes deletions that were cut short. Call once, at the start. */
  async start(): Promise<void> {
    for (const view of await this.options.store.list()) {
      // One whose database is away is removed at the next start.
      if (view.state === 'DELETING') await orAway(this.#remove(view));
      else if (view.state === 'RUNNING') await this.#run(view);
    }
  }

  /**
   * Declares a view and starts to build it; another declaration of a view that is there as a version beside it, a draft. The same declaration again changes nothing.
   * @throws `invalid-view`, `topic-not-found` for a source; `view-exists` in another cluster; `view-draft-exists`.
   */
  async declare(name: string, cluster: string | undefined, declaration: JsonObject): Promise<ViewStatus> {
    const clusterName = cluster ?? this.options.directories.clusters.defaultName;
    const known = await this.options.store.find(name);
    if (known === undefined)
      return this.#build({ name, cluster: clusterName, version: 1, declaration, role: 'ACTIVE', state: 'RUNNING' });
    if (known.cluster !== clusterName) throw viewExists(name);
    if (stableJson(known.declaration) === stableJson(declaration)) return this.#status(known);
    return this.versions.draft(name, declaration);
  }

  async #build(given: Omit<StoredView, 'id' | 'types' | 'createdAtMs' | 'logId'>): Promise<ViewStatus> {
    const { store, directories, tables, clock } = this.options;
    const { name, cluster, declaration } = given;
    const directory = directories.of(cluster);
    const { definition, types } = await parseDeclaration(name, cluster, declaration, this.options);
    for (const topic of sourcesOf(definition)) await directory.resolve(topic);
    const { logId } = directory.engine;
    const view: StoredView = { ...given, logId, id: this.options.newId(), types, createdAtMs: clock.now() };
    // Tables first: a crash in between leaves tables nobody refers to, never a view without tables.
    await tables.create(view.id, definition);
    try {
      await store.create(view);
    } catch (error) {
      await tables.drop(view.id, definition);
      throw error;
    }
    await this.#run(view);
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
    if (state === 'PAUSED') await this.#stop(view);
    else if (!this.#running.has(view.id)) await this.#run({ ...view, state });
    return this.#status({ ...view, state });
  }

  /** Removes the view with its rows. Its topics are untouched. @throws `view-not-found`. */
  async delete(name: string): Promise<void> {
    await this.#find(name);
    const all = (await this.options.store.list()).filter((view) => view.name === name);
    // The active one last: as long as it is there, so is the view.
    all.sort((a, b) => Number(a.role === 'ACTIVE') - Number(b.role === 'ACTIVE'));
    for (const view of all) await this.options.store.setState(view.id, 'DELETING');
    for (const view of all) await this.#remove(view);
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
    const { view, definition } = await this.#asked(name);
    const query = parseViewQuery(definition, view, parameters);
    if (atLeast !== undefined) await this.#reflects(view, definition, atLeast, signal);
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
    const { view, definition } = await this.#asked(name);
    const query = parseViewQuery(definition, view, parameters, WHOLE);
    if (atLeast !== undefined) await this.#reflects(view, definition, atLeast, signal);
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
    const { view, definition } = await this.#asked(name);
    const query = parseRowQuery(definition, view, key, select);
    if (atLeast !== undefined) await this.#reflects(view, definition, atLeast, signal);
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
    const views = await Promise.all(stored.map(async (one) => ({ id: one.id, view: await this.#definition(one) })));
    return views.filter(({ view }) => view.target === target);
  }

  /**
   * Takes in the oldest records that were set aside, `limit` at most, as far as they can be by now.
   * @throws `view-not-found`; `view-not-running-here`.
   */
  async redrive(name: string, limit: number): Promise<Redriven> {
    const { view, definition } = await this.#asked(name);
    const worker = this.#running.get(view.id)?.worker;
    const places = await this.options.tables.refused(view.id, definition, limit);
    if (worker === undefined) throw notRunningHere(name);
    return worker.redrive(places);
  }

  /** Records set aside by a view, oldest first. @throws `view-not-found`. */
  async refused(name: string, limit: number): ReturnType<ViewTables['refused']> {
    const { view, definition } = await this.#asked(name);
    return this.options.tables.refused(view.id, definition, limit);
  }

  /** The views that stand in a generation of a topic, which must not be deleted under them. */
  async readersOn(
    cluster: string,
    topic: string,
    generation: number,
  ): Promise<readonly { readonly name: string; readonly next: readonly number[] }[]> {
    const readers: { name: string; next: readonly number[] }[] = [];
    for (const view of await this.options.store.list()) {
      if (view.state === 'DELETING' || view.cluster !== cluster) continue;
      const definition = await this.#definition(view);
      const positions = await this.options.tables.positions(view.id, definition);
      sourcesOf(definition).forEach((source, index) => {
        const at = positions.sources[index];
        if (source === topic && at?.generation === generation)
          readers.push({ name: `view ${view.name}`, next: at.next });
      });
    }
    return readers;
  }

  /** Names of the views that read the logical topic. */
  async over(cluster: string, topic: string): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const view of await this.options.store.list()) {
      if (view.state === 'DELETING' || view.cluster !== cluster) continue;
      if (sourcesOf(await this.#definition(view)).includes(topic)) names.add(view.name);
    }
    return [...names];
  }

  async #asked(name: string): Promise<{ view: StoredView; definition: ViewDefinition }> {
    const view = await this.#find(name);
    return { view, definition: await this.#definition(view) };
  }

  async #find(name: string): Promise<StoredView> {
    const view = await this.options.store.find(name);
    if (view === undefined || view.state === 'DELETING') throw viewNotFound(name);
    return view;
  }

  /** The declaration read with the types it had when it was made. */
  async #definition(view: StoredView): Promise<ViewDefinition> {
    const running = this.#running.get(view.id);
    if (running !== undefined) return running.definition;
    return knownDeclaration(view.name, view.cluster, view.declaration, view.types);
  }

  async #run(view: StoredView): Promise<void> {
    const { tables, directories, names, decoder, transforms, clock, supervisor, failPoint, onStep } = this.options;
    const definition = await this.#definition(view);
    const directory = directories.of(view.cluster);
    if (directory.engine.logId !== view.logId) return;
    const readers = sourcesOf(definition).map((topic) => new SourceReader(directory, names, topic));
    const worker = new ViewWorker({
      id: view.id,
      view: definition,
      tables,
      readers,
      tools: { decoder, transforms },
      clock,
      failPoint,
      onStep: (records) => onStep?.(view.name, records),
    });
    this.#running.set(view.id, { worker, definition });
    supervisor.run(workName(view), async (signal, run) => {
      await tables.create(view.id, definition);
      // A change of versions may have been cut short before SQL clients saw it.
      if ((await this.options.store.find(view.name))?.id === view.id) await tables.publish(view.id, definition);
      await worker.run(signal, run);
    });
  }

  async #stop(view: StoredView): Promise<void> {
    await this.options.supervisor.forget(workName(view));
    this.#running.delete(view.id);
  }

  async #remove(view: StoredView): Promise<void> {
    await this.#stop(view);
    await this.options.tables.drop(view.id, await this.#definition(view));
    await this.options.store.remove(view.id);
  }

  /** Waits until the view reflects what a read asks for. */
  #reflects(view: StoredView, definition: ViewDefinition, atLeast: ReadAtLeast, signal?: AbortSignal): Promise<void> {
    const { tables, clock } = this.options;
    const worker = this.#running.get(view.id)?.worker;
    return untilReflected({ view, definition, tables, clock, worker }, atLeast, signal);
  }

  /** @param known where it stands, when that has just been read. */
  async #status(stored: StoredView, known?: ViewPositions): Promise<ViewStatus> {
    const running = this.#running.get(stored.id);
    const definition = await this.#definition(stored);
    const supervised = this.options.supervisor.status(workName(stored));
    const freshness = running?.worker.freshness();
    const positions = known ?? (await orAway(this.options.tables.positions(stored.id, definition)));
    return {
      stored,
      definition,
      positions,
      lag: freshness === undefined || !Number.isFinite(freshness.lag) ? null : freshness.lag,
      staleMs:
        freshness?.currentAtMs === undefined
          ? null
          : Math.max(0, this.options.clock.monotonic() - freshness.currentAtMs),
      worker: supervised?.state ?? 'absent',
      problem: supervised?.state === 'failing' ? (supervised.lastError?.message ?? null) : null,
    };
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

const workName = (view: StoredView): string => `view-${view.id}`;

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
