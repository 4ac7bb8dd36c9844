import { expect } from 'vitest';
import type { Clock, JsonObject } from '#libs/core/kernel';
import {
  KeyPlacement,
  partitionerOf,
  type PartitionerSpec,
  StickyPartitions,
  type StoredRecord,
  TopicDirectories,
  TopicDirectory,
  TopicProducer,
} from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import type { GenerationHandler, GenerationOptions } from '../generations/handler.js';
import { RepartitionHandler } from '../repartition/handler.js';
import { keylessTarget } from '../repartition/routers.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { MortalLogEngine, Mortality, MortalTopicNames } from './mortal-log.js';
import { newOperation, type StoredOperation } from './operation-driver.js';
import { fingerprint, readTopic } from './records.js';

const clock = new WallClock();

/** How a process of a {@link GenerationWorld} is unlike others. */
export interface ProcessOptions {
  readonly mortality?: Mortality;
  readonly readyRecords?: number;
  readonly failPoint?: (name: string) => void | Promise<void>;
  /** That of the machine unless given. */
  readonly clock?: Clock;
}

/** A log, its names, and processes that work on them one after another. */
export abstract class GenerationWorld {
  readonly storage = new MemoryLogStorage();
  readonly tableOfNames = new MemoryTopicNames();
  /** How the test itself looks at the log and writes to it. */
  readonly engine: MemoryLogEngine;
  readonly directory: TopicDirectory;
  readonly producer: TopicProducer;

  constructor(private readonly dense = true) {
    this.engine = new MemoryLogEngine({ storage: this.storage, denseOffsets: dense });
    this.directory = new TopicDirectory(this.engine, this.tableOfNames, clock);
    this.producer = new TopicProducer(this.directory, new StickyPartitions(() => 0.5));
  }

  protected abstract handler(options: GenerationOptions): GenerationHandler;

  process(options: ProcessOptions = {}): GenerationHandler {
    const { mortality = new Mortality(), readyRecords = 5_000, failPoint, clock: itsClock = clock } = options;
    const engine = new MortalLogEngine(mortality, { storage: this.storage, denseOffsets: this.dense });
    const names = new MortalTopicNames(mortality, this.tableOfNames);
    return this.handler({
      directories: new TopicDirectories(new OneCluster(engine), names, itsClock),
      names,
      clock: itsClock,
      tuning: { tailWaitMs: 2, stragglerMs: 2, stepBytes: 300, readersMs: 0, readyRecords },
      failPoint,
    });
  }

  async planned(request: JsonObject, id = 'op-1'): Promise<StoredOperation> {
    return newOperation(id, await this.process().plan(request));
  }

  async write(topic: string, key: string | null, value: string): Promise<void> {
    const record = {
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers: [],
      timestamp: -1,
    };
    const { outcomes } = await this.producer.produce(topic, [record], { maxHoldMs: 10_000 });
    for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
  }

  async read(topic: string): Promise<StoredRecord[][]> {
    return await readTopic(this.engine, (await this.directory.resolve(topic)).physical);
  }

  async topics(): Promise<string[]> {
    return (await this.engine.listTopics()).map((one) => `${one.name}:${one.state}`);
  }
}

/** A world in which topics are repartitioned. */
export class RepartitionWorld extends GenerationWorld {
  protected handler(options: GenerationOptions): GenerationHandler {
    return new RepartitionHandler({ ...options, decoder: new JsonRecordDecoder() });
  }
}

/** The text of a key or value. */
export const textOf = (bytes: Uint8Array | null): string => (bytes === null ? '(null)' : Buffer.from(bytes).toString());

/** Values per key, in the order they lie in. A key that lies in two partitions shows up twice. */
export function valuesByKey(partitions: readonly (readonly StoredRecord[])[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  partitions.forEach((records, partition) => {
    for (const record of records) {
      const name = record.key === null ? `null/${partition}` : textOf(record.key);
      found.set(name, [...(found.get(name) ?? []), textOf(record.value)]);
    }
  });
  return found;
}

/** Every record with a key lies where a partitioner puts it, murmur2 unless told otherwise. */
export function expectPlaced(partitions: readonly (readonly StoredRecord[])[], spec?: PartitionerSpec): void {
  const placement = new KeyPlacement(spec ?? null, partitions.length);
  partitions.forEach((records, partition) => {
    for (const { key } of records) if (key !== null) expect(placement.among(key)).toContain(partition);
  });
}

/** What the new generation must hold, by pair of source and target partition. */
export function pairsOf(source: readonly StoredRecord[][], targets: number): Map<string, string[]> {
  const partitionOf = partitionerOf('murmur2');
  const pairs = new Map<string, string[]>();
  source.forEach((records, s) => {
    for (const record of records) {
      const t = partitionOf(record.key, targets) ?? keylessTarget(s, record.offset, source.length, targets);
      const pair = `${s}>${t}`;
      pairs.set(pair, [...(pairs.get(pair) ?? []), fingerprint(record)]);
    }
  });
  return pairs;
}

/** Writes numbered values of a few keys until told to stop; answers what was acknowledged per key, in order. */
export function startWriter(world: GenerationWorld, topic: string, name: string, keys = 7) {
  let going = true;
  const acknowledged = new Map<string, string[]>();
  const writing = (async () => {
    for (let n = 0; going; n++) {
      const key = `${name}-${n % keys}`;
      await world.write(topic, key, `${key}:${n}`);
      acknowledged.set(key, [...(acknowledged.get(key) ?? []), `${key}:${n}`]);
      if (n % 5 === 0) await clock.sleep(0);
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      going = false;
      await writing;
    },
  };
}
