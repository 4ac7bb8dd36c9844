import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import {
  encodeBatch,
  type LogEngine,
  type LogRecord,
  partitionerOf,
  StickyPartitions,
  TopicDirectories,
  type TopicDirectory,
  TopicProducer,
} from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { drive, expectPlaced, newOperation, readTopic, runOf, textOf } from '#libs/core/streams/testing';

const clock = new WallClock();
const KEYS = 60;

const record = (n: number): LogRecord => ({
  key: Buffer.from(`key-${n % KEYS}`),
  value: Buffer.from(String(n)),
  headers: [],
  timestamp: 1_700_000_000_000 + n,
});

describe('repartitioning on Apache Kafka', () => {
  const topic = `flights-${randomBytes(4).toString('hex')}`;
  let log: LogEngine;
  let topics: TopicDirectory;
  let handler: RepartitionHandler;
  const names = new MemoryTopicNames();

  async function open(): Promise<void> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    log = await openKafkaLog({ name: 'test', bootstrapServers, clock });
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    handler = new RepartitionHandler({ directories, names, decoder: new JsonRecordDecoder(), clock });
  }

  beforeEach(open);
  afterEach(() => log.close());

  async function expectAll(records: number): Promise<void> {
    const partitions = await readTopic(log, (await topics.resolve(topic)).physical);
    expectPlaced(partitions);
    const found = new Map<string, number[]>();
    for (const one of partitions.flat()) {
      const key = textOf(one.key);
      found.set(key, [...(found.get(key) ?? []), Number(textOf(one.value))]);
    }
    for (const list of found.values()) expect(list).toEqual([...list].sort((a, b) => a - b));
    expect([...found.values()].flat()).toHaveLength(records);
    expect(new Set([...found.values()].flat()).size).toBe(records);
  }

  it('goes to more and to fewer partitions under a writer, over a restart, losing, repeating and reordering nothing', async () => {
    await log.createTopic({ name: topic, partitions: 3 });
    const partitionOf = partitionerOf();
    const batches: LogRecord[][] = [[], [], []];
    let written = 3_000;
    for (let n = 0; n < written; n++) batches[partitionOf(record(n).key, 3)!]!.push(record(n));
    for (const [partition, list] of batches.entries()) {
      for (let at = 0; at < list.length; at += 200) {
        await log.append({ topic, partition }, encodeBatch(list.slice(at, at + 200)));
      }
    }
    await log.commitPositions('readers', [{ topic, partition: 0, offset: 10 }]);
    for (const partitions of [6, 4]) {
      const producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
      let going = true;
      const writing = (async () => {
        while (going) {
          const some = Array.from({ length: 10 }, (_, i) => record(written + i));
          const { outcomes } = await producer.produce(topic, some, { maxHoldMs: 20_000 });
          for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
          written += some.length;
          await clock.sleep(5);
        }
      })();
      const request = {
        topic,
        target: { partitions },
        groups: { mode: 'duplicates' },
        cutover: { maxPauseMs: 30_000 },
      };
      const operation = newOperation(`${topic}-${partitions}`, await handler.plan(request));
      expect(operation.plan.blockers).toEqual([]);
      if (partitions === 4) {
        await drive(handler, operation, { until: 'READY' });
        going = false;
        await writing;
        await log.close();
        await open();
      }
      await drive(handler, operation, { until: 'SWITCHED' });
      expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
      going = false;
      await writing;
      await handler.finish(runOf(operation));
      await expectAll(written);
    }
    // A cutover that was undone and made again takes a new number: rising is what counts.
    const { generation, physical } = await topics.resolve(topic);
    expect(generation).toBeGreaterThanOrEqual(3);
    const { positions } = await log.describeGroup('readers');
    expect(positions.filter((one) => one.topic === physical)).toHaveLength(4);
    await topics.delete(topic);
  });
});
