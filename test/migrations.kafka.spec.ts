import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import type { JsonObject } from '#libs/core/kernel';
import {
  encodeBatch,
  type LogEngine,
  type LogRecord,
  partitionerOf,
  TopicDirectories,
  type TopicDirectory,
} from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { JsonRecordValues, MigrationHandler, NoSchemaIds, TransformError } from '#libs/core/streams';
import { drive, newOperation, readTopic, runOf, ScriptedTransforms, textOf } from '#libs/core/streams/testing';

const clock = new WallClock();
const KEYS = 40;
const RECORDS = 1_200;

interface Value {
  readonly n: number;
  readonly cents?: number;
}

/** Every fiftieth record has no amount where the first transform looks for it. */
const recordOf = (n: number): LogRecord => ({
  key: Buffer.from(`key-${n % KEYS}`),
  value: Buffer.from(JSON.stringify(n % 50 === 7 ? { n } : { n, cents: n })),
  headers: [],
  timestamp: 1_700_000_000_000 + n,
});

const transforms = new ScriptedTransforms({
  twice: ({ value }) => {
    const { cents } = value as Value;
    if (cents === undefined) throw new TransformError('transform-failed', 'there is no amount');
    return cents * 2;
  },
  corrected: ({ value }) => ((value as Value).cents ?? (value as Value).n) * 2,
});

describe('migrating on Apache Kafka', () => {
  const topic = `payments-${randomBytes(4).toString('hex')}`;
  const names = new MemoryTopicNames();
  let log: LogEngine;
  let topics: TopicDirectory;
  let handler: MigrationHandler;

  async function open(): Promise<void> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    log = await openKafkaLog({ name: 'test', bootstrapServers, clock });
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    const tools = { transforms, values: new JsonRecordValues(), schemaIds: new NoSchemaIds() };
    handler = new MigrationHandler({ ...tools, directories, names, clock });
  }

  beforeEach(open);
  afterEach(() => log.close());

  it('parks what fails with its keys, redrives it over a restart, and brings every record once and in the order of its key', async () => {
    await log.createTopic({ name: topic, partitions: 3 });
    const partitionOf = partitionerOf();
    const batches: LogRecord[][] = [[], [], []];
    for (let n = 0; n < RECORDS; n++) batches[partitionOf(recordOf(n).key, 3)!]!.push(recordOf(n));
    for (const [partition, list] of batches.entries()) {
      for (let at = 0; at < list.length; at += 100) {
        await log.append({ topic, partition }, encodeBatch(list.slice(at, at + 100)));
      }
    }
    const plan = await handler.plan({
      topic,
      transform: { up: [{ set: 'value.twice', cel: 'twice' }] },
      poison: { policy: 'park-by-key' },
    });
    expect(plan.blockers).toEqual([]);
    const operation = newOperation(`${topic}-op`, plan);
    await drive(handler, operation, { until: 'READY' });
    const before = operation.notes['errors'] as { read: number; written: number; parked: number; parkedKeys: number };
    expect(before.written + before.parked).toBe(RECORDS);
    expect(before.read).toBe(RECORDS);
    // 7, 57, 107, … are of keys 7, 17, 27 and 37.
    expect(before.parkedKeys).toBe(4);

    await log.close();
    await open();
    const corrected: JsonObject = { transform: { up: [{ set: 'value.twice', cel: 'corrected' }] } };
    const notes = await handler.redrive!(plan.parameters, operation.notes, corrected);
    operation.notes = { ...operation.notes, ...notes };
    operation.phase = 'CATCHING_UP';
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['errors']).toMatchObject({ written: RECORDS, parked: 0, redriven: before.parked });
    expect(operation.notes['verification']).toMatchObject({ level: 'full', state: 'passed', checked: RECORDS });
    await handler.finish(runOf(operation));

    const found = new Map<string, number[]>();
    for (const one of (await readTopic(log, (await topics.resolve(topic)).physical)).flat()) {
      const { n, twice } = JSON.parse(textOf(one.value)) as { n: number; twice: number };
      expect(twice).toBe(n * 2);
      found.set(textOf(one.key), [...(found.get(textOf(one.key)) ?? []), n]);
    }
    expect(found.size).toBe(KEYS);
    for (const [key, list] of found) {
      const first = Number(key.slice('key-'.length));
      expect(list, key).toEqual(Array.from({ length: RECORDS / KEYS }, (_, i) => first + i * KEYS));
    }
    expect((await log.listTopics()).map((one) => one.name).filter((name) => name.includes(topic))).toHaveLength(1);
    await topics.delete(topic);
  });
});
