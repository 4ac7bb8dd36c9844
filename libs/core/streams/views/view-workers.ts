import { isAppError, type Clock } from '#libs/core/kernel';
import type { TopicDirectories, TopicNames } from '#libs/core/log';
import type { SupervisedStatus, Supervisor } from '#libs/core/operations';
import type { Transforms } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import { SourceReader } from '../source-reader.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import { definitionOf, type ViewEvolutions } from './view-evolutions.js';
import type { StoredView, ViewStore } from './view-store.js';
import type { ViewTables } from './view-tables.js';
import { ViewWorker } from './view-worker.js';

export interface ViewWorkersOptions {
  readonly store: ViewStore;
  readonly tables: ViewTables;
  readonly directories: TopicDirectories;
  readonly names: TopicNames;
  readonly decoder: RecordDecoder;
  /** Expressions of views. */
  readonly transforms: Transforms;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  readonly failPoint?: (name: string) => void;
  readonly onStep?: (view: string, records: number) => void;
  /** See {@link ViewWorkerOptions}. */
  readonly mostShares?: number;
}

/** A view and its worker, which is another one after a change in place. */
interface Running {
  view: StoredView;
  worker: ViewWorker;
  definition: ViewDefinition;
}

/** The views that this instance keeps current; of several instances the one that holds the lease of a view works on it. */
export class ViewWorkers {
  readonly #running = new Map<string, Running>();

  constructor(
    private readonly options: ViewWorkersOptions,
    private readonly evolutions: ViewEvolutions,
  ) {}

  /** The worker of a view that is kept current here, if this instance holds its lease. */
  find(id: string): ViewWorker | undefined {
    return this.#running.get(id)?.worker;
  }

  status(view: StoredView): SupervisedStatus | undefined {
    return this.options.supervisor.status(workOf(view.id));
  }

  /** The declaration read with the types it had when it was made. */
  async definition(view: StoredView): Promise<ViewDefinition> {
    const running = this.#running.get(view.id);
    if (running?.view.evolution.revision === view.evolution.revision) return running.definition;
    return definitionOf(view);
  }

  /** A worker that computes a version; it does nothing by itself. @param evolve see {@link ViewWorkerOptions} */
  worker(view: StoredView, definition: ViewDefinition, evolve?: () => Promise<boolean>): ViewWorker {
    const { tables, decoder, transforms, clock, failPoint, onStep, mostShares } = this.options;
    return new ViewWorker({
      id: view.id,
      view: definition,
      tables,
      readers: this.readers(view, definition),
      tools: { decoder, transforms },
      clock,
      failPoint,
      mostShares,
      onStep: (records) => onStep?.(view.name, records),
      ...(evolve === undefined ? {} : { evolve }),
    });
  }

  /** Readers of its topics, by place of the source. */
  readers({ cluster }: StoredView, definition: ViewDefinition): readonly SourceReader[] {
    const { directories, names } = this.options;
    const directory = directories.of(cluster);
    return sourcesOf(definition).map((topic) => new SourceReader(directory, names, topic));
  }

  /** Keeps a view current from now on. May be repeated. One of a log that is not here is left alone. */
  async run(view: StoredView): Promise<void> {
    const { directories, supervisor } = this.options;
    // One that ended by itself saw a state that was over before it began.
    if (this.status(view)?.state === 'ended') await this.stop(view.id);
    if (this.#running.has(view.id) || !directories.clusters.standsFor(view.cluster, view.logId)) return;
    const definition = await this.definition(view);
    if (this.#running.has(view.id)) return;
    const running: Running = { view, worker: this.worker(view, definition), definition };
    this.#running.set(view.id, running);
    supervisor.run(workOf(view.id), async (signal, run) => {
      while (await this.#prepared(running)) {
        try {
          return await running.worker.run(signal, run);
        } catch (error) {
          if (signal.aborted || !(await this.#hasEvolved(running.view, error))) throw error;
        }
      }
    });
  }

  /** Makes what a view is at present ready to be written. False when it is not to run any more. */
  async #prepared(running: Running): Promise<boolean> {
    const { store, tables } = this.options;
    const { id } = running.view;
    const stored = (await store.list()).find((one) => one.id === id);
    // Another instance may have been asked to end it: its tables are not to come back.
    if (stored?.state !== 'RUNNING') return false;
    const view = await this.#settled(stored);
    running.definition = await definitionOf(view);
    running.view = view;
    const { definition } = running;
    const bySchema = definition.flattened.some((object) => object.bySchema);
    running.worker = this.worker(view, definition, bySchema ? () => this.#evolve(view) : undefined);
    await tables.create(id, definition);
    // A change of versions may have been cut short before SQL clients saw it.
    if (view.role === 'ACTIVE') await tables.publish(id, definition);
    return true;
  }

  /** The view as its tables are, where there are any. */
  async #settled(view: StoredView): Promise<StoredView> {
    try {
      return await this.evolutions.settled(view);
    } catch (error) {
      if (isAppError(error, 'view-not-found')) return view;
      throw error;
    }
  }

  /** Whether a worker ended because its view was changed in place, here or elsewhere. */
  async #hasEvolved(view: StoredView, error: unknown): Promise<boolean> {
    if (isAppError(error, 'view-evolved')) return true;
    if (!isAppError(error, 'view-writer-fenced')) return false;
    return (await this.#settled(view)).evolution.revision !== view.evolution.revision;
  }

  /** Gives a view the columns that its schemas have more, where that can be done in place. */
  async #evolve(view: StoredView): Promise<boolean> {
    const { inPlace } = await this.evolutions.plan(view, view.declaration).catch((error: unknown) => {
      // The schemas are such that nothing like it could be declared now: it goes on as it is.
      if (isAppError(error, 'invalid-view')) return { inPlace: undefined };
      throw error;
    });
    if (inPlace === undefined) return false;
    await this.evolutions.carryOut(view, inPlace);
    return true;
  }

  async stop(id: string): Promise<void> {
    await this.options.supervisor.forget(workOf(id));
    this.#running.delete(id);
  }

  /** Begins and ends what another instance was asked for, and begins what waited for its cluster. Harmless to repeat. */
  async reconcile(): Promise<void> {
    const wanted = new Map(
      (await this.options.store.list()).filter(({ state }) => state === 'RUNNING').map((view) => [view.id, view]),
    );
    for (const id of [...this.#running.keys()]) if (!wanted.has(id)) await this.stop(id);
    for (const view of wanted.values()) await this.run(view);
  }
}

/** Under which name a version of a view is supervised, and leased. */
const workOf = (id: string): string => `view-${id}`;
