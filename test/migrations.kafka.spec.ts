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
import { envelope } from '#libs/core/schema';
import {
  type IdSpace,
  JsonRecordValues,
  MigrationHandler,
  type NamedBy,
  SchemaIds,
  type Translated,
  type TranslatedSchema,
  TransformError,
} from '#libs/core/streams';
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

/** What has an id here has one that is larger by 40 there; the last of them only once it is registered. */
class LargerIds extends SchemaIds {
  readonly #registered = new Set<number>();

  async translate(_: IdSpace, to: string, name: NamedBy): Promise<Translated> {
    const id = 'id' in name ? name.id : 0;
    const wanted = to === '.old' ? id - 40 : id + 40;
    if (wanted === 43 && !this.#registered.has(id)) return { kind: 'unknown-there', subject: 'subject-3' };
    return { kind: 'known', schemaId: wanted, guid: guidOf(wanted) };
  }

  async register(_: IdSpace, __: string, name: NamedBy): Promise<TranslatedSchema> {
    const id = 'id' in name ? name.id : 0;
    this.#registered.add(id);
    return { schemaId: id + 40, guid: guidOf(id + 40) };
  }
}

const guidOf = (id: number): string => `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;

describe('migrating on Apache Kafka', () => {
  let topic = '';
  const names = new MemoryTopicNames();
  let log: LogEngine;
  let topics: TopicDirectory;
  let handler: MigrationHandler;

  async function open(): Promise<void> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    log = await openKafkaLog({ name: 'test', bootstrapServers, clock });
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    const tools = { transforms, values: new JsonRecordValues(), schemaIds: new LargerIds() };
    handler = new MigrationHandler({ ...tools, directories, names, clock });
  }

  beforeEach(async () => {
    topic = `payments-${randomBytes(4).toString('hex')}`;
    await open();
  });
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

  const partitionOf = partitionerOf();
  const placed = (records: readonly LogRecord[], partitions: number): LogRecord[][] =>
    Array.from({ length: partitions }, (_, at) =>
      records.filter(({ key }) => (partitionOf(key, partitions) ?? 0) === at),
    );
  async function fill(records: readonly LogRecord[], partitions: number): Promise<void> {
    await log.createTopic({ name: topic, partitions });
    for (const [partition, list] of placed(records, partitions).entries()) {
      if (list.length > 0) await log.append({ topic, partition }, encodeBatch(list));
    }
  }
  const present = async (): Promise<LogRecord[][]> => readTopic(log, (await topics.resolve(topic)).physical);

  it('rewrites ids of schemas in keys and values, registers what is missing, and has each record lie where its new key belongs, over a restart', async () => {
    const schema = (id: number, n: number): Uint8Array => Buffer.from(envelope(id, Buffer.from([n % 30])));
    const made = (n: number, more: number): LogRecord => ({
      key: schema(1 + more, n),
      value: n % 7 === 3 ? null : schema((n % 2 === 0 ? 2 : 3) + more, n),
      headers: [],
      timestamp: 1_700_000_000_000 + n,
    });
    const numbers = Array.from({ length: 600 }, (_, n) => n);
    await fill(
      numbers.map((n) => made(n, 0)),
      3,
    );
    const plan = await handler.plan({
      topic,
      schemaIds: { from: { context: '.old' }, to: { context: '.new' }, keys: true, register: true },
    });
    expect(plan.blockers).toEqual([]);
    const operation = newOperation(`${topic}-op`, plan);
    await drive(handler, operation, { until: 'CATCHING_UP' });
    await log.close();
    await open();
    await drive(handler, operation, { until: 'SWITCHED' });
    const bytes = (records: readonly LogRecord[][]) =>
      records.map((list) =>
        list.map(({ key, value, timestamp }) => [Buffer.from(key!), value && Buffer.from(value), timestamp]),
      );
    // Keys of one kind came from several partitions, so that what one partition has is in their order key by key.
    const byTime = (records: LogRecord[][]) =>
      records.map((list) => [...list].sort((a, b) => a.timestamp - b.timestamp));
    const expected = placed(
      numbers.map((n) => made(n, 40)),
      3,
    );
    const found = await present();
    expect(bytes(byTime(found))).toEqual(bytes(expected));
    const last = new Map<string, number>();
    for (const { key, timestamp } of found.flat()) {
      expect(timestamp).toBeGreaterThan(last.get(textOf(key)) ?? 0);
      last.set(textOf(key), timestamp);
    }
    await handler.finish(runOf(operation));
    await topics.delete(topic);
  });

  it('gives keys another format, and says how long there is a way back: until something is written, which is counted then and holds nobody up', async () => {
    const named = (n: number): LogRecord => ({
      ...recordOf(n),
      key: Buffer.from(n % 2 === 0 ? `"key-${n % 9}"` : `key-${n % 9}`),
    });
    await fill(
      Array.from({ length: 300 }, (_, n) => named(n)),
      3,
    );
    const key = { source: { type: 'raw', encoding: 'text' }, format: { type: 'json' } };
    const plan = await handler.plan({ topic, key, groups: { mode: 'duplicates' } });
    expect(plan.blockers).toEqual([]);
    expect(plan.impact).toMatchObject({ rollback: expect.stringContaining('nothing was written to the new side') });
    expect(plan.risks).toContainEqual(expect.stringContaining('only writers of this service are held back'));
    const expected = placed(
      Array.from({ length: 300 }, (_, n) => ({ ...named(n), key: Buffer.from(JSON.stringify(textOf(named(n).key))) })),
      3,
    );
    const operation = newOperation(`${topic}-op`, plan);
    await drive(handler, operation, { until: 'SWITCHED' });
    const counted = (records: readonly LogRecord[][]) =>
      records.map((list) => list.map((one) => textOf(one.key)).sort());
    expect(counted(await present())).toEqual(counted(expected));

    const { physical } = await topics.resolve(topic);
    const writer = await log.openWriter(`${topic}-writer`);
    const since = { ...recordOf(0), key: Buffer.from('"since"') };
    // In transactions, which take offsets of their own.
    for (let n = 0; n < 3; n++) {
      await writer.commit({
        appends: [{ topic: physical, partition: n, batch: encodeBatch([since, since]) }],
      });
    }
    await writer.close();
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.reason).toMatch(
      /6 records were written to .*--g2 since the switch .*plan the way back as an operation/,
    );
    expect((await log.describeTopic(physical)).state).toBe('ACTIVE');
    expect((await topics.resolve(topic)).physical).toBe(physical);
    await handler.finish(runOf(operation));

    // Where nothing was written the way back is the same as everywhere.
    const again = newOperation(
      `${topic}-back`,
      await handler.plan({ topic, key: { format: key.source }, groups: { mode: 'duplicates' } }),
    );
    await drive(handler, again, { until: 'SWITCHED' });
    const before = counted(await readTopic(log, physical));
    again.phase = 'ROLLING_BACK';
    await drive(handler, again, { until: 'ROLLED_BACK' });
    expect((await topics.resolve(topic)).physical).toBe(physical);
    expect(counted(await present())).toEqual(before);
    await topics.delete(topic);
  });
});
