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
import { JsonRecordDecoder, RepartitionHandler, TogetherHandler } from '#libs/core/streams';
import {
  appendRows,
  drive,
  expectPlaced,
  newOperation,
  readTopic,
  rekeyed,
  type RowChange,
  runOf,
  tableOf,
  textOf,
} from '#libs/core/streams/testing';
import { beside } from './beside.js';

const clock = new WallClock();
const KEYS = 60;

const record = (n: number): LogRecord => ({
  key: Buffer.from(`key-${n % KEYS}`),
  value: Buffer.from(String(n)),
  headers: [],
  timestamp: 1_700_000_000_000 + n,
});

describe('repartitioning on Apache Kafka', () => {
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

  async function expectAll(topic: string, records: number): Promise<void> {
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
    const [topic, group] = ['flights', 'readers'].map((name) => `${name}-${randomBytes(4).toString('hex')}`) as [
      string,
      string,
    ];
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
    await log.commitPositions(group, [{ topic, partition: 0, offset: 10 }]);
    for (const partitions of [6, 4]) {
      const request = {
        topic,
        target: { partitions },
        groups: { mode: 'duplicates' },
        cutover: { maxPauseMs: 30_000 },
      };
      const operation = newOperation(`${topic}-${partitions}`, await handler.plan(request));
      expect(operation.plan.blockers).toEqual([]);
      const producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
      let going = true;
      const ends = (): void => void (going = false);
      const writing = (async () => {
        while (going) {
          const some = Array.from({ length: 10 }, (_, i) => record(written + i));
          const { outcomes } = await producer.produce(topic, some, { maxHoldMs: 20_000 });
          for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
          written += some.length;
          await clock.sleep(5);
        }
      })();
      await beside([writing], ends, async () => {
        if (partitions === 4) {
          await drive(handler, operation, { until: 'READY' });
          ends();
          await writing;
          await log.close();
          await open();
        }
        await drive(handler, operation, { until: 'SWITCHED' });
        expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
      });
      await handler.finish(runOf(operation));
      await expectAll(topic, written);
    }
    // A cutover that was undone and made again takes a new number: rising is what counts.
    const { generation, physical } = await topics.resolve(topic);
    expect(generation).toBeGreaterThanOrEqual(3);
    const { positions } = await log.describeGroup(group);
    expect(positions.filter((one) => one.topic === physical)).toHaveLength(4);
    await topics.delete(topic);
  });

  it('is undone while a group with positions in the topic has live members, who notice nothing, and is done when they have left', async () => {
    const [read, group] = ['read', 'members'].map((name) => `${name}-${randomBytes(4).toString('hex')}`) as [
      string,
      string,
    ];
    await log.createTopic({ name: read, partitions: 2 });
    for (const partition of [0, 1]) {
      const records = Array.from({ length: 100 }, (_, n) => record(n)).filter(
        ({ key }) => partitionerOf()(key, 2) === partition,
      );
      await log.append({ topic: read, partition }, encodeBatch(records));
    }
    const member = await log.joinGroup(group, {
      topics: [read],
      strategies: ['range'],
      clientId: 'native',
      startAt: 'earliest',
    });
    while (member.assignment.length < 2) await member.poll(1_000);
    const commit = (offset: number) => member.commit([0, 1].map((partition) => ({ topic: read, partition, offset })));
    await commit(7);
    const request = {
      topic: read,
      target: { partitions: 4 },
      groups: { mode: 'duplicates' },
      cutover: { maxPauseMs: 30_000 },
    };
    const operation = newOperation(read, await handler.plan(request));
    await drive(handler, operation, { until: 'READY' });
    const tried = drive(handler, operation, { until: 'SWITCHED', maxPhases: 3 });
    await expect(tried).rejects.toThrow(new RegExp(`${group}.*members`));
    // Everything is as it was before it was tried.
    expect((await topics.resolve(read)).physical).toBe(read);
    expect((await log.describeTopic(read)).state).toBe('ACTIVE');
    await member.poll();
    await commit(9);
    const { members, positions } = await log.describeGroup(group);
    expect(members).toHaveLength(1);
    expect(positions.map(({ topic, offset }) => [topic, offset])).toEqual([
      [read, 9],
      [read, 9],
    ]);
    await member.leave();
    await drive(handler, operation, { until: 'SWITCHED' });
    const { physical } = await topics.resolve(read);
    const moved = (await log.describeGroup(group)).positions.filter(({ topic }) => topic === physical);
    expect(moved).toHaveLength(4);
    // What was not committed is read from there.
    const partitions = await readTopic(log, physical);
    const left = partitions.flatMap((all, partition) => {
      const from = moved.find((one) => one.partition === partition)!.offset;
      return all.filter(({ offset }) => offset >= from).map(({ value }) => textOf(value));
    });
    const uncommitted = [0, 1].flatMap((partition) =>
      Array.from({ length: 100 }, (_, n) => record(n))
        .filter(({ key }) => partitionerOf()(key, 2) === partition)
        .slice(9)
        .map(({ value }) => textOf(value)),
    );
    expect(uncommitted.filter((value) => !left.includes(value))).toEqual([]);
    await handler.finish(runOf(operation));
    await topics.delete(read);
  });

  it('narrows: is undone by name while a group has not read everything, writers going on, and then carries it to exactly where it was', async () => {
    const [narrow, group] = ['narrow', 'drained'].map((name) => `${name}-${randomBytes(4).toString('hex')}`) as [
      string,
      string,
    ];
    await log.createTopic({ name: narrow, partitions: 4 });
    const producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
    let written = 0;
    const write = async (count: number): Promise<void> => {
      const some = Array.from({ length: count }, () => record(written++));
      const { outcomes } = await producer.produce(narrow, some, { maxHoldMs: 60_000 });
      for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
    };
    await write(200);
    const commit = async (behind: number): Promise<void> => {
      const { partitions } = await log.describeTopic(narrow);
      const positions = partitions.map(({ partition, endOffset }) => ({
        ...{ topic: narrow, partition },
        offset: endOffset - behind,
      }));
      await log.commitPositions(group, positions);
    };
    await commit(5);
    const request = {
      topic: narrow,
      target: { partitions: 2 },
      groups: { mode: 'drain' },
      cutover: { maxPauseMs: 6_000 },
    };
    const operation = newOperation(narrow, await handler.plan(request));
    expect(operation.plan.blockers).toEqual([]);
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain(`group '${group}'`);
    expect((await topics.resolve(narrow)).physical).toBe(narrow);
    await write(20);
    await commit(0);
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['groups']).toMatchObject([{ group, translation: 'exact', duplicatesExpected: 0 }]);
    await write(10);
    const { physical } = await topics.resolve(narrow);
    const there = await readTopic(log, physical);
    expectPlaced(there);
    expect(there).toHaveLength(2);
    const all = there.flat().map(({ value }) => Number(textOf(value)));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, n) => n));
    const at = new Map(
      (await log.describeGroup(group)).positions
        .filter((one) => one.topic === physical)
        .map((one) => [one.partition, one.offset]),
    );
    const unread = there.flatMap((list, partition) => list.filter(({ offset }) => offset >= at.get(partition)!));
    expect(unread.map(({ value }) => Number(textOf(value))).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 10 }, (_, n) => written - 10 + n),
    );
    await handler.finish(runOf(operation));
    await topics.delete(narrow);
  });

  it('gives a table a new key, over a restart: tombstones under the keys that rows leave, and the table computed anew', async () => {
    const people = `people-${randomBytes(4).toString('hex')}`;
    await log.createTopic({ name: people, partitions: 3, config: { 'cleanup.policy': 'compact' } });
    const change = (n: number): RowChange => {
      const id = `p${n % 9}`;
      return { key: id, value: n % 7 === 6 ? null : { id, town: `${id}-${Math.floor(n / 9) % 3}`, n } };
    };
    const changes = (from: number, count: number): RowChange[] =>
      Array.from({ length: count }, (_, i) => change(from + i));
    await appendRows(log, people, changes(0, 40));
    const key = { expr: 'value.town', semantics: 'table' };
    const request = { topic: people, target: { partitions: 4, key }, cutover: { maxPauseMs: 60_000 } };
    const operation = newOperation(people, await handler.plan(request));
    expect(operation.plan.blockers).toEqual([]);
    await drive(handler, operation, { until: 'READY' });
    await log.close();
    await open();
    await appendRows(log, people, changes(40, 30), 1_700_000_100_000);
    const before = (await readTopic(log, people)).flat();
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatches: [] });
    const after = await readTopic(log, (await topics.resolve(people)).physical);
    expect(tableOf(after)).toEqual(rekeyed(before, (value) => value['town']));
    expectPlaced(after);
    await handler.finish(runOf(operation));
    expect((await log.listTopics()).map((one) => one.name).filter((name) => name.includes(people))).toHaveLength(1);
    await topics.delete(people);
  });

  it('switches two topics in one step under a writer who finds none of them here and the other there', async () => {
    const both = ['orders', 'payments'].map((name) => `${name}-${randomBytes(4).toString('hex')}`);
    for (const name of both) await log.createTopic({ name, partitions: 2 });
    const producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
    const together = new TogetherHandler(handler);
    const request = { topics: both, target: { partitions: 4 }, cutover: { maxPauseMs: 60_000 } };
    const operation = newOperation(both[0]!, await together.plan(request));
    expect(operation.plan.blockers).toEqual([]);
    const generations: number[] = [];
    let going = true;
    const ends = (): void => void (going = false);
    let turns = 0;
    const writing = (async () => {
      for (; going; turns++) {
        for (const name of both) {
          const { outcomes, token } = await producer.produce(name, [record(turns)], { maxHoldMs: 60_000 });
          for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
          generations.push(token!.generation);
        }
        await clock.sleep(5);
      }
    })();
    await beside([writing], ends, async () => {
      await drive(together, operation, { until: 'SWITCHED' });
      const switched = generations.length;
      while (generations.length < switched + 4) await clock.sleep(5);
    });
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
    expect(new Set(generations).size).toBe(2);
    expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
    await together.finish(runOf(operation));
    for (const name of both) {
      const partitions = await readTopic(log, (await topics.resolve(name)).physical);
      expectPlaced(partitions);
      const values = partitions.flat().map((one) => Number(textOf(one.value)));
      expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: turns }, (_, n) => n));
      await topics.delete(name);
    }
  });
});
