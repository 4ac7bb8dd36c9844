import type { Clock } from '#libs/core/kernel';
import type { TopicDirectories, TopicNames } from '#libs/core/log';
import type { SupervisedStatus, Supervisor } from '#libs/core/operations';
import type { Transforms } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import { SourceReader } from '../source-reader.js';
import { knownDeclaration } from './declaration.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
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
}

interface Running {
  readonly view: StoredView;
  readonly worker: ViewWorker;
  readonly definition: ViewDefinition;
}

/** The views that this instance keeps current; of several instances the one that holds the lease of a view works on it. */
export class ViewWorkers {
  readonly #running = new Map<string, Running>();

  constructor(private readonly options: ViewWorkersOptions) {}

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
    if (running !== undefined) return running.definition;
    return knownDeclaration(view.name, view.cluster, view.declaration, view.types);
  }

  /** A worker that computes a version; it does nothing by itself. */
  worker(view: StoredView, definition: ViewDefinition): ViewWorker {
    const { tables, decoder, transforms, clock, failPoint, onStep } = this.options;
    return new ViewWorker({
      id: view.id,
      view: definition,
      tables,
      readers: this.readers(view, definition),
      tools: { decoder, transforms },
      clock,
      failPoint,
      onStep: (records) => onStep?.(view.name, records),
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
    const { tables, directories, store, supervisor } = this.options;
    // One that ended by itself saw a state that was over before it began.
    if (this.status(view)?.state === 'ended') await this.stop(view.id);
    if (this.#running.has(view.id) || !directories.clusters.names().includes(view.cluster)) return;
    if (directories.of(view.cluster).engine.logId !== view.logId) return;
    const definition = await this.definition(view);
    if (this.#running.has(view.id)) return;
    const worker = this.worker(view, definition);
    this.#running.set(view.id, { view, worker, definition });
    supervisor.run(workOf(view.id), async (signal, run) => {
      const present = (await store.list()).find((one) => one.id === view.id);
      // Another instance may have been asked to end it: its tables are not to come back.
      if (present?.state !== 'RUNNING') return;
      await tables.create(view.id, definition);
      // A change of versions may have been cut short before SQL clients saw it.
      if (present.role === 'ACTIVE') await tables.publish(view.id, definition);
      await worker.run(signal, run);
    });
  }

  async stop(id: string): Promise<void> {
    await this.options.supervisor.forget(workOf(id));
    this.#running.delete(id);
  }

  /** Begins and ends what another instance was asked for. */
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
