import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import {
  encodeBatch,
  type LogEngine,
  type LogRecord,
  partitionerOf,
  type PartitionerSpec,
  StickyPartitions,
  TopicDirectories,
  type TopicDirectory,
  TopicProducer,
} from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import {
  drive,
  expectPlaced,
  newOperation,
  readTopic,
  runOf,
  type StoredOperation,
  textOf,
} from '#libs/core/streams/testing';

const clock = new WallClock();
const KEYS = 200;

/** Per key, the numbers of its records in the order they lie in. */
function numbersByKey(partitions: Awaited<ReturnType<typeof readTopic>>): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const record of partitions.flat()) {
    const key = textOf(record.key);
    const numbers = found.get(key) ?? [];
    numbers.push(Number(textOf(record.value)));
    found.set(key, numbers);
  }
  return found;
}

describe('repartitioning on the embedded log', () => {
  let directory: string;
  let log: LogEngine;
  let topics: TopicDirectory;
  let handler: RepartitionHandler;
  const names = new MemoryTopicNames();

  async function open(): Promise<void> {
    log = await openEmbeddedLog({ directory, clock });
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    const tuning = { tailWaitMs: 10, stragglerMs: 10, stepBytes: 64 * 1024 };
    handler = new RepartitionHandler({ directories, names, decoder: new JsonRecordDecoder(), clock, tuning });
  }

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weir-repartition-'));
    await open();
  });

  afterEach(async () => {
    await log.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const record = (n: number): LogRecord => ({
    key: Buffer.from(`key-${n % KEYS}`),
    value: Buffer.from(String(n)),
    headers: [],
    timestamp: 1_700_000_000_000 + n,
  });

  async function fill(topic: string, partitions: number, records: number): Promise<void> {
    await log.createTopic({ name: topic, partitions });
    const partitionOf = partitionerOf();
    const batches: LogRecord[][] = Array.from({ length: partitions }, () => []);
    for (let n = 0; n < records; n++) batches[partitionOf(record(n).key, partitions)!]!.push(record(n));
    for (const [partition, list] of batches.entries()) {
      for (let at = 0; at < list.length; at += 500) {
        await log.append({ topic, partition }, encodeBatch(list.slice(at, at + 500)));
      }
    }
  }

  /** Goes on writing numbered records until stopped; answers how many were acknowledged. */
  function startWriter(topic: string, from: number) {
    const producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
    let going = true;
    let next = from;
    const writing = (async () => {
      while (going) {
        const some = Array.from({ length: 20 }, (_, i) => record(next + i));
        const { outcomes } = await producer.produce(topic, some, { maxHoldMs: 10_000 });
        for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
        next += some.length;
        await clock.sleep(1);
      }
    })();
    return async (): Promise<number> => {
      going = false;
      await writing;
      return next;
    };
  }

  async function expectAll(topic: string, records: number): Promise<void> {
    const partitions = await readTopic(log, (await topics.resolve(topic)).physical);
    expectPlaced(partitions);
    const found = numbersByKey(partitions);
    expect([...found.values()].reduce((sum, list) => sum + list.length, 0)).toBe(records);
    for (const list of found.values()) expect(list).toEqual([...list].sort((a, b) => a - b));
    expect(new Set([...found.values()].flat()).size).toBe(records);
  }

  const planned = async (partitions: number, id: string): Promise<StoredOperation> =>
    newOperation(id, await handler.plan({ topic: 'flights', target: { partitions }, verification: 'full' }));

  it('goes from 6 partitions to 24 and back to 6 under a writer, losing, repeating and reordering nothing', async () => {
    await fill('flights', 6, 20_000);
    let written = 20_000;
    for (const partitions of [24, 6]) {
      const stop = startWriter('flights', written);
      const operation = await planned(partitions, `op-${partitions}`);
      await drive(handler, operation, { until: 'SWITCHED' });
      expect(operation.notes['verification']).toMatchObject({ state: 'passed', level: 'full' });
      const current = new AbortController();
      const switched = handler.phases.SWITCHED!(runOf(operation, { signal: current.signal })).catch(() => undefined);
      await clock.sleep(50);
      written = await stop();
      current.abort(new Error('finish'));
      await switched;
      await handler.finish(runOf(operation));
      await expectAll('flights', written);
    }
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['flights--g3']);
  });

  it('deals salted keys out while they are written, over a restart, and puts them together again on the way back', async () => {
    const keys = ['key-0', 'key-7'];
    const salted: PartitionerSpec = { kind: 'salted', base: 'murmur2', keys, salts: 3 };
    await fill('flights', 4, 8_000);
    const stop = startWriter('flights', 8_000);
    const target = { partitions: 9, partitioner: { kind: 'salted', base: 'murmur2', keys, salts: 3 } };
    const operation = newOperation('op-1', await handler.plan({ topic: 'flights', target, verification: 'full' }));
    await drive(handler, operation, { until: 'SWITCHED' });
    const written = await stop();
    await log.close();
    await open();
    const there = await readTopic(log, (await topics.resolve('flights')).physical);
    expectPlaced(there, salted);
    for (const key of keys) expect(there.filter((part) => part.some((one) => textOf(one.key) === key))).toHaveLength(3);
    const found = numbersByKey(there);
    expect(new Set([...found.values()].flat()).size).toBe(written);
    expect([...found.values()].flat()).toHaveLength(written);
    for (const [key, list] of found) if (!keys.includes(key)) expect(list).toEqual([...list].sort((a, b) => a - b));
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    const back = await readTopic(log, 'flights');
    expectPlaced(back);
    expect(back.flat()).toHaveLength(written);
  });

  it('merges partitions by time, cut short by closing the log again and again', async () => {
    await fill('flights', 6, 12_000);
    const request = { topic: 'flights', target: { partitions: 4 }, orderMerge: 'timestamp', verification: 'full' };
    const operation = newOperation('op-1', await handler.plan(request));
    for (let round = 0; round < 4; round++) {
      const stop = new AbortController();
      const cut = drive(handler, operation, { until: 'VERIFYING', requested: false, signal: stop.signal });
      await clock.sleep(3 + 5 * round);
      stop.abort(new Error('restart'));
      await expect(cut).rejects.toThrow('restart');
      await log.close();
      await open();
    }
    await drive(handler, operation, { until: 'SWITCHED' });
    await expectAll('flights', 12_000);
    for (const partition of await readTopic(log, (await topics.resolve('flights')).physical)) {
      const numbers = partition.map((one) => Number(textOf(one.value)));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    expect(operation.notes['errors']).toMatchObject({ late: 0 });
  });

  it('goes on after the log was closed and opened again in the middle, and rolls back with what was written since', async () => {
    await fill('flights', 6, 20_000);
    const operation = await planned(4, 'op-1');
    for (let round = 0; round < 6; round++) {
      const stop = new AbortController();
      const cut = drive(handler, operation, { until: 'VERIFYING', requested: false, signal: stop.signal });
      await clock.sleep(3 + 5 * round);
      stop.abort(new Error('restart'));
      await expect(cut).rejects.toThrow('restart');
      await log.close();
      await open();
    }
    await drive(handler, operation, { until: 'SWITCHED' });
    await expectAll('flights', 20_000);
    const stop = startWriter('flights', 20_000);
    const current = new AbortController();
    const switched = handler.phases.SWITCHED!(runOf(operation, { signal: current.signal })).catch(() => undefined);
    await clock.sleep(50);
    current.abort(new Error('roll back'));
    await switched;
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    const written = await stop();
    expect(await topics.resolve('flights')).toMatchObject({ generation: 1, physical: 'flights' });
    await expectAll('flights', written);
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['flights']);
  });
});
