import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import {
  encodeBatch,
  type LogEngine,
  type LogRecord,
  StickyPartitions,
  TopicDirectories,
  TopicProducer,
  UNKNOWN_OPENING,
} from '#libs/core/log';
import { MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { Derivations, JsonRecordDecoder, JsonValueMerging, MoveHandler, NoValueRewriting } from '#libs/core/streams';
import {
  drive,
  fingerprint,
  MemoryDerivationStore,
  newOperation,
  readTopic,
  runOf,
  TwoClusters,
  VERSIONED,
} from '#libs/core/streams/testing';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { beside } from './beside.js';

const clock = new WallClock();
const PARTITIONS = 3;

describe('graduation of a topic from the embedded log to Apache Kafka', () => {
  let directory: TemporaryDirectory;
  let local: LogEngine;
  let kafka: LogEngine;
  let topic: string;
  let names: MemoryTopicNames;
  let directories: TopicDirectories;
  let handler: MoveHandler;

  async function openKafka(): Promise<void> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    kafka = await openKafkaLog({ name: 'test', bootstrapServers, clock });
    directories = new TopicDirectories(new TwoClusters({ local, kafka }), names, clock);
    handler = new MoveHandler({ directories, names, clock });
  }

  beforeEach(async () => {
    topic = `flights-${randomBytes(4).toString('hex')}`;
    names = new MemoryTopicNames();
    directory = await temporaryDirectory();
    local = await openEmbeddedLog({ directory: directory.path, clock });
    await openKafka();
  });
  afterEach(async () => {
    await kafka.close();
    await local.close();
    await directory.remove();
  });

  /** Records of all sorts: tombstones, empty and missing keys and values, repeated headers, no timestamps; some batches compressed. */
  async function fill(): Promise<void> {
    await local.createTopic({ name: topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } });
    for (let n = 0; n < 300; n++) {
      const record: LogRecord = {
        key: n % 10 === 7 ? null : Buffer.from(n % 10 === 8 ? '' : `k${n % 10}`),
        value: n % 9 === 4 ? null : Buffer.from(n % 9 === 5 ? '' : `v${n}`),
        headers:
          n % 4 === 0 ? [] : ['h', 'h', 'g'].map((key, i) => ({ key, value: i === 1 ? null : Buffer.from([n]) })),
        timestamp: n % 11 === 3 ? -1 : 1_000_000_000_000 + n,
      };
      const second = { ...record, value: Buffer.from('x'.repeat(n)) };
      const compression = (['none', 'gzip', 'zstd', 'lz4', 'snappy'] as const)[n % 5]!;
      await local.append({ topic, partition: n % PARTITIONS }, encodeBatch([record, second], { compression }));
    }
  }

  const texts = async (log: LogEngine): Promise<string[][]> =>
    (await readTopic(log, topic)).map((records) => records.map(fingerprint));

  async function home(): Promise<string> {
    return await directories.following(undefined, async (at) => {
      await directories.of(at).resolve(topic);
      return at;
    });
  }

  /** What a group has not read where the topic is. */
  async function unread(group: string): Promise<string[][]> {
    const { engine } = directories.of(await home());
    const { physical } = await directories.of(await home()).resolve(topic);
    const { positions } = await engine.describeGroup(group);
    const at = new Map(positions.filter((one) => one.topic === physical).map((one) => [one.partition, one.offset]));
    return (await readTopic(engine, physical)).map((records, partition) =>
      records.filter((record) => record.offset >= (at.get(partition) ?? 0)).map(fingerprint),
    );
  }

  async function write(values: readonly string[]): Promise<void> {
    await directories.following(undefined, async (at) => {
      const producer = new TopicProducer(directories.of(at), new StickyPartitions(() => 0.5));
      const records = values.map((value) => {
        return { key: Buffer.from(value), value: Buffer.from(value), headers: [], timestamp: clock.now() };
      });
      const { outcomes } = await producer.produce(topic, records, { maxHoldMs: 20_000 });
      for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
    });
  }

  it('takes records, bytes, batches and exact positions along under a writer, over a restart, and all of it back with 1,000 new records', async () => {
    await fill();
    await local.commitPositions(
      `${topic}-readers`,
      [20, 0, 200].map((offset, partition) => ({ topic, partition, offset })),
    );
    const left = await unread(`${topic}-readers`);
    const request = { topic, to: 'kafka', cutover: { maxPauseMs: 30_000 } };
    const operation = newOperation(`move-${topic}`, await handler.plan(request));
    expect(operation.plan.blockers).toEqual([]);
    let going = true;
    let written = 0;
    const writing = (async () => {
      for (; going; written++) {
        await write([`w${written}`]);
        await clock.sleep(5);
      }
    })();
    await beside(
      [writing],
      () => (going = false),
      async () => {
        await drive(handler, operation, { until: 'READY' });
        await drive(handler, operation, { until: 'SWITCHED' });
      },
    );
    expect(await home()).toBe('kafka');
    expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
    const acknowledged = (await readTopic(kafka, topic))
      .flat()
      .map(({ value }) => value && Buffer.from(value).toString());
    for (let n = 0; n < written; n++) expect(acknowledged.filter((value) => value === `w${n}`)).toHaveLength(1);
    // What was there at the switch, record by record; the writer went on in the other cluster.
    const [there, here] = [await texts(kafka), await texts(local)];
    for (const [partition, records] of here.entries())
      expect(there[partition]!.slice(0, records.length)).toEqual(records);
    const now = await unread(`${topic}-readers`);
    for (const [partition, records] of left.entries())
      expect(now[partition]!.slice(0, records.length)).toEqual(records);
    const { config } = await kafka.describeTopic(topic);
    expect(config).toMatchObject({ 'retention.ms': '-1' });

    // Another process goes on from here.
    await kafka.close();
    await openKafka();
    await write(Array.from({ length: 1_000 }, (_, n) => `new${n}`));
    await kafka.commitPositions(`${topic}-readers`, [{ topic, partition: 1, offset: 50 }]);
    const beforeBack = await unread(`${topic}-readers`);
    const content = await texts(kafka);
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    expect(await home()).toBe('local');
    expect(await texts(local)).toEqual(content);
    expect(await unread(`${topic}-readers`)).toEqual(beforeBack);
    expect((await kafka.listTopics()).map((one) => one.name)).not.toContain(topic);
    await write(['after']);
  });

  it('gives a topic another name on Kafka, where clients of the broker find it, and leads on from the old one', async () => {
    await kafka.createTopic({ name: topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } });
    const writeTo = async (name: string, values: readonly string[]): Promise<void> => {
      const producer = new TopicProducer(directories.of('kafka'), new StickyPartitions(() => 0.5));
      const records = values.map((value) => {
        return { key: Buffer.from(value), value: Buffer.from(value), headers: [], timestamp: clock.now() };
      });
      const { outcomes } = await producer.produce(name, records, { maxHoldMs: 20_000 });
      for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
    };
    await writeTo(
      topic,
      Array.from({ length: 60 }, (_, n) => `v${n}`),
    );
    await kafka.commitPositions(`${topic}-readers`, [{ topic, partition: 1, offset: 5 }]);
    const name = `${topic}-renamed`;
    const request = { cluster: 'kafka', topic, name, cutover: { maxPauseMs: 30_000 } };
    const operation = newOperation(`rename-${topic}`, await handler.plan(request));
    expect(operation.plan.blockers).toEqual([]);
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: 60 });
    const directory = directories.of('kafka');
    expect(await directory.resolve(topic)).toMatchObject({ logical: name, physical: name });
    await writeTo(topic, ['by the old name']);
    await writeTo(name, ['by the new name']);
    const read = async (): Promise<string[]> =>
      (await readTopic(kafka, name)).flat().map(({ value }) => Buffer.from(value!).toString());
    expect((await read()).sort()).toEqual(
      [...Array.from({ length: 60 }, (_, n) => `v${n}`), 'by the new name', 'by the old name'].sort(),
    );
    expect((await kafka.describeGroup(`${topic}-readers`)).positions).toContainEqual(
      expect.objectContaining({ topic: name, partition: 1, offset: 5 }),
    );
    await handler.finish(runOf(operation));
    const left = (await kafka.listTopics()).map((one) => one.name).filter((one) => one.startsWith(topic));
    expect(left).toEqual([name]);
    await writeTo(topic, ['by the old name still']);
    expect(await read()).toHaveLength(63);
    await kafka.deleteTopic(name);
  });

  it('takes a topic from Kafka to the embedded log and back, with its readers: a group, and a derived stream that stays where it was made', async () => {
    await kafka.createTopic({ name: topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } });
    const supervisor = new Supervisor({ clock, owner: 'test', backoffMs: 10 });
    const store = new MemoryDerivationStore();
    const derivations = new Derivations({
      ...{ store, directories, names, supervisor, clock },
      ...{ decoder: new JsonRecordDecoder(), merging: new JsonValueMerging(), rewriting: new NoValueRewriting() },
      ...{ newId: () => topic },
    });
    const movesWithReaders = new MoveHandler({
      ...{ directories, names, clock },
      readersOn: (...where) => derivations.readersOn(...where),
    });
    /** Every key with its values in their order, as the derived stream has them. */
    const derived = async (): Promise<Record<string, string[]>> => {
      const found: Record<string, string[]> = {};
      for (const { key, value } of (await readTopic(kafka, `${topic}-versions`)).flat())
        (found[String(key)] ??= []).push(value === null ? 'ended' : Buffer.from(value).toString());
      return found;
    };
    const expected: Record<string, string[]> = {};
    const writeKeys = async (from: number, count: number): Promise<void> => {
      const records = Array.from({ length: count }, (_, i): LogRecord => {
        const value = (from + i) % 9 === 8 ? null : Buffer.from(`v${from + i}`);
        return { key: Buffer.from(`k${(from + i) % 5}`), value, headers: [], timestamp: clock.now() };
      });
      for (const { key, value } of records)
        (expected[String(key)] ??= []).push(value === null ? 'ended' : Buffer.from(value).toString());
      await directories.following(undefined, async (at) => {
        const producer = new TopicProducer(directories.of(at), new StickyPartitions(() => 0.5));
        const { outcomes } = await producer.produce(topic, records, { maxHoldMs: 20_000 });
        for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
      });
    };
    const SOON = { timeout: 60_000, interval: 50 };
    try {
      // The topic is known to the default cluster by having come from there.
      await names.compareAndSet(local.logId, topic, 0, 1, UNKNOWN_OPENING, {
        kind: 'moved',
        logId: kafka.logId,
        closedAt: [],
        opensAt: [],
      });
      await derivations.create('kafka', { ...VERSIONED, source: topic, name: `${topic}-versions` }, 'test');
      await writeKeys(0, 100);
      await kafka.commitPositions(`${topic}-readers`, [{ topic, partition: 0, offset: 7 }]);
      await expect.poll(derived, SOON).toEqual(expected);
      for (const [round, [cluster, to]] of [
        ['kafka', 'local'],
        ['local', 'kafka'],
      ].entries()) {
        const plan = await movesWithReaders.plan({
          cluster: cluster!,
          topic,
          to: to!,
          cutover: { maxPauseMs: 30_000 },
        });
        expect(plan).toMatchObject({ blockers: [], impact: { readers: [`derivation ${topic}-versions`] } });
        const operation = newOperation(`round-${round}-${topic}`, plan);
        const before = await unread(`${topic}-readers`);
        await drive(movesWithReaders, operation, { until: 'SWITCHED' });
        expect(await home()).toBe(to);
        expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
        expect(await unread(`${topic}-readers`)).toEqual(before);
        await writeKeys(100 + round * 50, 50);
        await expect.poll(derived, SOON).toEqual(expected);
        const finished = (): Promise<string> =>
          movesWithReaders.finish(runOf(operation)).then(
            () => 'done',
            (error: { code?: string }) => error.code ?? String(error),
          );
        await expect.poll(finished, SOON).toBe('done');
      }
      await writeKeys(200, 20);
      await expect.poll(derived, SOON).toEqual(expected);
    } finally {
      await derivations.delete('kafka', `${topic}-versions`);
      await supervisor.close();
    }
    await directories.of('kafka').delete(topic);
  });

  it('is over when it is finished: the topic is in Kafka alone, under its own name', async () => {
    await fill();
    const before = await texts(local);
    const operation = newOperation(`done-${topic}`, await handler.plan({ topic, to: 'kafka', verification: 'full' }));
    await drive(handler, operation, { until: 'SWITCHED' });
    await handler.finish(runOf(operation));
    expect(await texts(kafka)).toEqual(before);
    expect((await local.listTopics()).map((one) => one.name)).toEqual([]);
    expect(await local.listRetentionHolds()).toEqual([]);
    await directories.of('kafka').delete(topic);
  });

  it('never writes over the positions of a group that has members there: the cutover is undone, naming it, and made again when they have left', async () => {
    await fill();
    const group = `${topic}-busy`;
    await local.commitPositions(group, [{ topic, partition: 1, offset: 30 }]);
    const left = await unread(group);
    const other = `${topic}-other`;
    await kafka.createTopic({ name: other, partitions: 1 });
    const member = await kafka.joinGroup(group, {
      topics: [other],
      strategies: ['range'],
      clientId: 'busy',
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(500)).assignment.length, { timeout: 30_000 }).toBe(1);
    const plan = await handler.plan({ topic, to: 'kafka', cutover: { maxPauseMs: 30_000 } });
    expect(plan.risks).toContainEqual(expect.stringContaining(`group '${group}' has 1 live members`));
    const operation = newOperation(`busy-${topic}`, plan);
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain(group);
    expect(await home()).toBe('local');
    await write(['written while it is undone']);
    await member.leave();
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(await home()).toBe('kafka');
    const now = await unread(group);
    expect(now[1]!.slice(0, left[1]!.length)).toEqual(left[1]);
    await handler.finish(runOf(operation));
    await directories.of('kafka').delete(topic);
    await kafka.deleteTopic(other);
  });

  it('says in the plan what Kafka does not know and what it would let go', async () => {
    await local.createTopic({ name: topic, partitions: 1, config: { 'weir.durability': 'buffered' } });
    const old = { key: null, value: Buffer.from('v'), headers: [], timestamp: 1_000_000_000_000 };
    await local.append({ topic, partition: 0 }, encodeBatch([old]));
    const { risks, blockers } = await handler.plan({ topic, to: 'kafka' });
    expect(blockers).toEqual([]);
    expect(risks).toEqual([
      expect.stringContaining('setting weir.durability'),
      expect.stringContaining('retention: cluster'),
      expect.stringContaining('fence: cluster'),
    ]);
  });
});
