import type { JsonObject } from '#libs/core/kernel';
import {
  Clusters,
  type LogEngine,
  type LogRecord,
  logErrors,
  StickyPartitions,
  type StoredRecord,
  TopicDirectories,
  TopicProducer,
} from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { MoveHandler } from '../move/handler.js';
import type { ReadersOn } from '../readers-gone.js';
import { MortalLogEngine, Mortality, MortalTopicNames } from './mortal-log.js';
import { newOperation, type StoredOperation } from './operation-driver.js';
import { readTopic } from './records.js';

const clock = new WallClock();

/** How a process of a {@link MoveWorld} is unlike others. */
export interface MovingProcess {
  readonly mortality?: Mortality;
  readonly readyRecords?: number;
  readonly failPoint?: (name: string) => void | Promise<void>;
  /** Readers of ours; nobody unless given. */
  readonly readersOn?: ReadersOn;
}

/** Two clusters by name, the first of which is the default one. */
export class TwoClusters extends Clusters {
  readonly defaultName: string;

  constructor(private readonly engines: Readonly<Record<string, LogEngine>>) {
    super();
    this.defaultName = this.names()[0]!;
  }

  get(name: string): LogEngine {
    return this.engines[name] ?? this.#unknown(name);
  }

  names(): readonly string[] {
    return Object.keys(this.engines);
  }

  #unknown(name: string): never {
    throw logErrors.clusterNotFound(name, this.names());
  }
}

/** Two logs `a` and `b`, the names of both, and processes that move topics between them one after another. */
export class MoveWorld {
  readonly tableOfNames = new MemoryTopicNames();
  readonly storages = { a: new MemoryLogStorage(), b: new MemoryLogStorage() };
  /** How the test itself looks at the logs and writes to them. */
  readonly a: LogEngine;
  readonly b: LogEngine;
  readonly directories: TopicDirectories;

  /** @param dense whether offsets of each log are consecutive. @param logs instead of logs in memory, which no process shares with another then. */
  constructor(
    private readonly dense = { a: true, b: true },
    private readonly logs?: { readonly a: LogEngine; readonly b: LogEngine },
  ) {
    this.a = logs?.a ?? new MemoryLogEngine({ storage: this.storages.a, denseOffsets: dense.a });
    this.b = logs?.b ?? new MemoryLogEngine({ storage: this.storages.b, denseOffsets: dense.b });
    this.directories = new TopicDirectories(new TwoClusters({ a: this.a, b: this.b }), this.tableOfNames, clock);
  }

  process({
    mortality = new Mortality(),
    readyRecords = 5_000,
    failPoint,
    readersOn,
  }: MovingProcess = {}): MoveHandler {
    const [a, b] = (['a', 'b'] as const).map((name) => {
      const given = { storage: this.storages[name], denseOffsets: this.dense[name] };
      return this.logs?.[name] ?? new MortalLogEngine(mortality, given);
    }) as [LogEngine, LogEngine];
    const names = new MortalTopicNames(mortality, this.tableOfNames);
    return new MoveHandler({
      directories: new TopicDirectories(new TwoClusters({ a, b }), names, clock),
      names,
      clock,
      tuning: { tailWaitMs: 2, stragglerMs: 2, stepBytes: 300, readersMs: 0, readyRecords },
      failPoint,
      ...(readersOn && { readersOn }),
    });
  }

  async planned(more: JsonObject = {}, id = 'op-1'): Promise<StoredOperation> {
    return newOperation(id, await this.process().plan({ topic: 'orders', to: 'b', ...more }));
  }

  /** Where a request that names no cluster finds the topic. */
  home(topic = 'orders'): Promise<string> {
    return this.directories.following(undefined, async (cluster) => {
      await this.directories.of(cluster).resolve(topic);
      return cluster;
    });
  }

  /** Writes a record as a client does that names no cluster. */
  async write(key: string | null, value: string | null, topic = 'orders'): Promise<void> {
    const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
    const record: LogRecord = { key: bytes(key), value: bytes(value), headers: [], timestamp: -1 };
    await this.directories.following(undefined, async (cluster) => {
      const producer = new TopicProducer(this.directories.of(cluster), new StickyPartitions(() => 0.5));
      const { outcomes } = await producer.produce(topic, [record], { maxHoldMs: 10_000 });
      for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
    });
  }

  /** What the topic holds, wherever it is. */
  async read(topic = 'orders'): Promise<StoredRecord[][]> {
    const { engine } = this.directories.of(await this.home(topic));
    return await readTopic(engine, (await this.directories.of(await this.home(topic)).resolve(topic)).physical);
  }

  async topics(): Promise<{ readonly a: string[]; readonly b: string[] }> {
    const of = async (log: LogEngine): Promise<string[]> =>
      (await log.listTopics()).map((one) => `${one.name}:${one.state}`);
    return { a: await of(this.a), b: await of(this.b) };
  }

  /** Values of the topic that a group has not read, per partition, by where it stands in the cluster the topic is in. */
  async unread(group: string, topic = 'orders'): Promise<(string | null)[][]> {
    const { engine } = this.directories.of(await this.home(topic));
    const { physical } = await this.directories.of(await this.home(topic)).resolve(topic);
    const { positions } = await engine.describeGroup(group);
    const at = new Map(positions.filter((one) => one.topic === physical).map((one) => [one.partition, one.offset]));
    return (await this.read(topic)).map((records, partition) =>
      records
        .filter((record) => record.offset >= (at.get(partition) ?? 0))
        .map(({ value }) => (value === null ? null : Buffer.from(value).toString())),
    );
  }
}
