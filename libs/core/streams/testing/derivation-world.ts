import { expect } from 'vitest';
import {
  encodeBatch,
  type LogEngine,
  NO_TIMESTAMP,
  type RecordHeader,
  recordsFrom,
  type StoredRecord,
  TopicDirectories,
} from '#libs/core/log';
import { LogFaults, MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { Derivations, type DerivationRequest, type DerivationStatus } from '../derive/derivations.js';
import { JsonValueMerging } from '../derive/value-merging.js';
import { NoValueRewriting, type ValueRewriting } from '../derive/value-rewriting.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { MemoryDerivationStore } from './memory-derivation-store.js';

/** A record as a test writes it: values are JSON, undefined is a tombstone. */
export interface Change {
  readonly key: string | null;
  readonly value: unknown;
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longest wait for work that goes on beside the test. */
export const SOON = { timeout: 10_000, interval: 5 };

/** A latest stream of topic `t` with everything as it is unless told otherwise. */
export const LATEST: DerivationRequest = {
  kind: 'latest',
  name: 'latest',
  source: 't',
  orderBy: { by: 'offset' },
  nullKeys: 'drop',
  onConflict: 'last',
};

/** The versioned stream of topic `t`. */
export const VERSIONED: DerivationRequest = { ...LATEST, kind: 'versioned', name: 'versions' };

/** What a world does in its own way. */
export interface DerivationWorldOptions {
  /** Called between the steps of a derivation; an error it throws ends the worker there, which begins again. */
  readonly failPoint?: (name: string) => void;
  /** What derivations write through, where it is not the engine as it is. */
  readonly through?: (engine: MemoryLogEngine) => LogEngine;
  /** Where topics and derivations are, instead of in {@link DerivationWorld.engine}: a log that is opened, and closed, by the test. There is no topic `t` then. */
  readonly log?: LogEngine;
  /** How values are written anew with a schema; there is no registry unless given. */
  readonly rewriting?: ValueRewriting;
}

/** Derivations on an engine in memory, with a topic `t` of one partition. */
export class DerivationWorld {
  readonly clock = new WallClock();
  readonly faults = new LogFaults();
  readonly engine = new MemoryLogEngine({ faults: this.faults });
  /** What topics are in: the engine in memory unless the test gives another. */
  readonly log: LogEngine;
  readonly names = new MemoryTopicNames();
  readonly store = new MemoryDerivationStore();
  directories!: TopicDirectories;
  derivations!: Derivations;
  #supervisor!: Supervisor;
  #number = 0;

  private constructor(private readonly options: DerivationWorldOptions) {
    this.log = options.log ?? this.engine;
  }

  static async open(options: DerivationWorldOptions = {}): Promise<DerivationWorld> {
    const world = new DerivationWorld(options);
    world.#start();
    if (options.log === undefined) await world.engine.createTopic({ name: 't', partitions: 1 });
    return world;
  }

  /** A number no test of this world had before. */
  fresh(): number {
    return this.#number++;
  }

  /** Ends the process that derives, as a stop does; what it kept in memory is gone. */
  async stop(): Promise<void> {
    await this.#supervisor.close();
  }

  /** Begins another. */
  async restart(): Promise<void> {
    this.#start();
    await this.derivations.start();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.engine.close();
  }

  async write(topic: string, ...changes: readonly Change[]): Promise<void> {
    const records = changes.map(({ key, value, timestamp = NO_TIMESTAMP, headers = {} }) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === undefined ? null : Buffer.from(JSON.stringify(value)),
      headers: Object.entries(headers).map(([name, text]): RecordHeader => ({ key: name, value: Buffer.from(text) })),
      timestamp,
    }));
    if (records.length > 0) await this.log.append({ topic, partition: 0 }, encodeBatch(records));
  }

  describe(name: string): Promise<DerivationStatus> {
    return this.derivations.describe(undefined, name);
  }

  /** Resolves when the derivation has read so many records, and everything there is. */
  async settle(name: string, records?: number): Promise<void> {
    await expect.poll(async () => (await this.describe(name)).lag, SOON).toBe(0);
    if (records === undefined) return;
    await expect.poll(async () => (await this.describe(name)).progress?.counts.read, SOON).toBe(records);
  }

  /** The latest state as a lookup shows it, once the derivation has read everything. */
  async settled(name = 'latest', records?: number): Promise<Record<string, unknown>> {
    await this.settle(name, records);
    const table = await this.derivations.lookups.latest(undefined, name);
    return Object.fromEntries(
      table.page('', undefined, 1_000).map(([key, row]) => [key, JSON.parse(Buffer.from(row.value).toString())]),
    );
  }

  /** Every record of a topic, partition by partition. */
  async recordsOf(topic: string): Promise<readonly StoredRecord[]> {
    const { partitions } = await this.log.describeTopic(topic);
    const records: StoredRecord[] = [];
    for (const { partition, startOffset } of partitions) {
      for (let offset = startOffset; ;) {
        const [part] = await this.log.fetch({ positions: [{ topic, partition, offset }], maxBytes: 1_000_000 });
        if (part === undefined || part.nextOffset <= offset) break;
        records.push(...recordsFrom(part, offset));
        offset = part.nextOffset;
      }
    }
    return records;
  }

  #start(): void {
    this.#supervisor = new Supervisor({ clock: this.clock, owner: `test-${this.fresh()}`, backoffMs: 1 });
    this.directories = new TopicDirectories(
      new OneCluster(this.options.through?.(this.engine) ?? this.log),
      this.names,
      this.clock,
    );
    this.derivations = new Derivations({
      store: this.store,
      directories: this.directories,
      names: this.names,
      decoder: new JsonRecordDecoder(),
      merging: new JsonValueMerging(),
      rewriting: this.options.rewriting ?? new NoValueRewriting(),
      supervisor: this.#supervisor,
      clock: this.clock,
      newId: () => `d${this.fresh()}`,
      failPoint: this.options.failPoint,
    });
  }
}
