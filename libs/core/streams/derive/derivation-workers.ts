import type { Clock } from '#libs/core/kernel';
import type { TopicDirectories, TopicDirectory, TopicNames } from '#libs/core/log';
import type { Supervisor, SupervisedStatus } from '#libs/core/operations';
import type { RecordDecoder } from '../record-decoder.js';
import { SourceReader } from '../source-reader.js';
import type { DerivationDefinition, StoredDerivation } from './derivation.js';
import type { DerivationStore } from './derivation-store.js';
import { deadLettersOf, lateRecordsOf } from './derivation-topics.js';
import { DerivationWorker } from './derivation-worker.js';
import type { ValueMerging } from './value-merging.js';
import type { ValueRewriting } from './value-rewriting.js';

export interface DerivationWorkersOptions {
  readonly store: DerivationStore;
  readonly directories: TopicDirectories;
  readonly names: TopicNames;
  readonly decoder: RecordDecoder;
  readonly merging: ValueMerging;
  readonly rewriting: ValueRewriting;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  readonly failPoint?: (name: string) => void;
  readonly onStep?: (derivation: string, records: number) => void;
}

interface Running {
  readonly definition: DerivationDefinition;
  readonly generation: number;
  readonly worker: DerivationWorker;
}

/** The derivations that this instance keeps going; of several instances the one that holds the lease of a derivation works on it. */
export class DerivationWorkers {
  readonly #running = new Map<string, Running>();

  constructor(private readonly options: DerivationWorkersOptions) {}

  find({ id }: DerivationDefinition): DerivationWorker | undefined {
    return this.#running.get(id)?.worker;
  }

  status(definition: DerivationDefinition): SupervisedStatus | undefined {
    return this.options.supervisor.status(workOf(definition));
  }

  /** A worker that computes a generation of a derivation; it does nothing by itself. */
  worker(directory: TopicDirectory, definition: DerivationDefinition, generation: number): DerivationWorker {
    const { names, decoder, merging, rewriting, clock, failPoint, onStep } = this.options;
    return new DerivationWorker({
      definition,
      generation,
      engine: directory.engine,
      source: new SourceReader(directory, names, definition.source),
      deadLetters: deadLettersOf(definition),
      lateRecords: lateRecordsOf(definition),
      resolve: (topic) => directory.resolve(topic),
      decoder,
      merging,
      rewriting,
      clock,
      failPoint,
      onStep: (records) => onStep?.(definition.name, records),
    });
  }

  /** Keeps a derivation going, on the generation its name stands for. May be repeated. */
  async run(directory: TopicDirectory, { definition }: StoredDerivation): Promise<void> {
    const generation = await directory.generation(definition.name);
    if (this.#running.has(definition.id)) return;
    const worker = this.worker(directory, definition, generation);
    this.#running.set(definition.id, { definition, generation, worker });
    this.options.supervisor.run(workOf(definition), (signal, run) => worker.run(signal, run));
  }

  async stop(definition: DerivationDefinition): Promise<void> {
    await this.options.supervisor.forget(workOf(definition));
    this.#running.delete(definition.id);
  }

  /** Begins and ends what another instance was asked for, and goes to the generation that a name stands for now. */
  async reconcile(): Promise<void> {
    const { store, directories } = this.options;
    for (const cluster of directories.clusters.present()) {
      const directory = directories.of(cluster);
      const { logId } = directory.engine;
      const stored = await store.list(logId);
      const wanted = new Map(stored.filter(({ state }) => state === 'RUNNING').map((one) => [one.definition.id, one]));
      for (const { definition, generation } of [...this.#running.values()]) {
        if (definition.logId !== logId) continue;
        const isWanted = wanted.has(definition.id);
        if (isWanted && (await directory.generation(definition.name)) === generation) continue;
        await this.stop(definition);
      }
      for (const one of wanted.values()) await this.run(directory, one);
    }
  }
}

/** Under which name a derivation is supervised, and leased. */
const workOf = ({ id }: DerivationDefinition): string => `derivation-${id}`;
