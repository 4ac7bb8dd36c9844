import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch } from './batch-encoder.js';
import { Clusters, type LogEngine } from './engine.js';
import { clusterNotFound } from './errors.js';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames } from './testing/index.js';
import { TopicDirectories } from './topic-directories.js';
import { UNKNOWN_OPENING } from './topic-names.js';
import { homeOf, type TopicPlace } from './topic-place.js';
import { TopicReader } from './topic-reader.js';

const record = (value: string) => ({ key: null, value: Buffer.from(value), headers: [], timestamp: 0 });
const batch = (value: string): Buffer => Buffer.from(encodeBatch([record(value)]));

/** Clusters `a`, the default one, and `b`; a third log knows the same names and is no cluster. */
function setUp() {
  const names = new MemoryTopicNames();
  const logs: Record<string, LogEngine> = {
    a: new MemoryLogEngine({ storage: new MemoryLogStorage() }),
    b: new MemoryLogEngine({ storage: new MemoryLogStorage() }),
  };
  class Two extends Clusters {
    readonly defaultName = 'a';
    get(name: string): LogEngine {
      if (logs[name] === undefined) throw clusterNotFound(name, this.names());
      return logs[name];
    }
    names(): readonly string[] {
      return Object.keys(logs);
    }
  }
  const clock = new ManualClock();
  const directories = new TopicDirectories(new Two(), names, clock);
  const [a, b] = [logs['a']!, logs['b']!];
  const place = async (log: LogEngine, at: TopicPlace | null): Promise<void> => {
    const row = await names.find(log.logId, 'orders');
    const { revision, generation, ...opening } = row ?? { revision: 0, generation: 1, ...UNKNOWN_OPENING };
    expect(await names.compareAndSet(log.logId, 'orders', revision, generation, opening, at)).toBeDefined();
  };
  const moved = (logId: string, closedAt: number[] = [], opensAt: number[] = []): TopicPlace => {
    return { kind: 'moved', logId, closedAt, opensAt };
  };
  return { names, clock, directories, a, b, place, moved };
}

describe('the place of a topic', () => {
  it('is the log that was asked until it moves, then the one it moved to; one row decides', async () => {
    const { names, a, b, place, moved } = setUp();
    const homes = async () => [
      (await homeOf(names, a.logId, 'orders')).logId,
      (await homeOf(names, b.logId, 'orders')).logId,
    ];
    expect(await homes()).toEqual([a.logId, b.logId]);
    await place(b, { kind: 'arriving', logId: a.logId });
    expect(await homes()).toEqual([a.logId, a.logId]);
    await place(a, moved(b.logId));
    expect(await homes()).toEqual([b.logId, b.logId]);
    // The way back.
    await place(a, null);
    expect(await homes()).toEqual([a.logId, a.logId]);
    await place(a, moved(b.logId));
    await place(b, null);
    expect(await homes()).toEqual([b.logId, b.logId]);
  });

  it('is refused where rows point in a circle', async () => {
    const { names, a, b, place, moved } = setUp();
    await place(a, moved(b.logId));
    await place(b, moved(a.logId));
    await expect(homeOf(names, a.logId, 'orders')).rejects.toMatchObject({ code: 'impossible-state' });
  });

  it('is told to whoever names another cluster, and followed for whoever names none', async () => {
    const { directories, a, b, place, moved } = setUp();
    await a.createTopic({ name: 'orders', partitions: 1 });
    await b.createTopic({ name: 'orders', partitions: 2 });
    await place(b, { kind: 'arriving', logId: a.logId });
    const find = (cluster?: string): Promise<[string, number]> =>
      directories.following(cluster, async (at) => {
        return [at, (await directories.of(at).resolve('orders')).description.partitions.length];
      });
    expect(await find()).toEqual(['a', 1]);
    await expect(find('b')).rejects.toMatchObject({ code: 'topic-moved', details: { cluster: 'a' } });
    expect(await directories.of('b').list()).toEqual([]);
    await place(a, moved(b.logId));
    expect(await find()).toEqual(['b', 2]);
    expect(await find('b')).toEqual(['b', 2]);
    await expect(find('a')).rejects.toMatchObject({ code: 'topic-moved', details: { cluster: 'b' } });
    expect(await directories.of('a').list()).toEqual([]);
    expect((await directories.of('b').list()).map((one) => one.logical)).toEqual(['orders']);
    expect(await directories.operatedIn('b', 'orders')).toEqual(['b', 'a']);
    expect(await directories.operatedIn('a', 'orders')).toEqual(['a']);
  });

  it('may be a log that is no cluster here: nobody can follow', async () => {
    const { directories, a, place, moved } = setUp();
    await place(a, moved('elsewhere'));
    const found = directories.following(undefined, (at) => directories.of(at).resolve('orders'));
    await expect(found).rejects.toMatchObject({ code: 'topic-moved', details: { logId: 'elsewhere' } });
    await expect(directories.of('a').create({ name: 'orders', partitions: 1 })).rejects.toMatchObject({
      code: 'topic-moved',
    });
  });

  it('keeps the name taken where the topic left, until it is deleted where it is', async () => {
    const { directories, a, b, place, moved } = setUp();
    await b.createTopic({ name: 'orders', partitions: 2 });
    await place(a, moved(b.logId));
    const create = () => directories.of('a').create({ name: 'orders', partitions: 1 });
    await expect(create()).rejects.toMatchObject({ code: 'topic-moved' });
    await directories.of('b').delete('orders');
    expect(await create()).toMatchObject({ logical: 'orders', generation: 1 });
    expect((await directories.of('a').resolve('orders')).description.partitions).toHaveLength(1);
  });

  it('a write that was held goes on where the topic went', async () => {
    const { directories, clock, a, b, place, moved } = setUp();
    await a.createTopic({ name: 'orders', partitions: 1, state: 'FENCED' });
    await b.createTopic({ name: 'orders', partitions: 1 });
    const written = directories.following(undefined, (at) => {
      const directory = directories.of(at);
      return directory.write('orders', { maxHoldMs: 10_000 }, (topic) =>
        directory.engine.append({ topic: topic.physical, partition: 0 }, batch('v')),
      );
    });
    await place(a, moved(b.logId));
    for (let n = 0; n < 100; n++) {
      clock.advance(5);
      await Promise.resolve();
    }
    expect(await written).toMatchObject({ baseOffset: 0 });
    expect((await b.describeTopic('orders')).partitions[0]).toMatchObject({ endOffset: 1 });
    expect((await a.describeTopic('orders')).partitions[0]).toMatchObject({ endOffset: 0 });
  });

  it('a reader reads what was left to where it was closed, then goes on where it opened there', async () => {
    const { directories, a, b, place, moved } = setUp();
    for (const log of [a, b]) await log.createTopic({ name: 'orders', partitions: 1 });
    for (const value of ['1', '2', 'copied back']) await a.append({ topic: 'orders', partition: 0 }, batch(value));
    for (const value of ['1', '2', '3']) await b.append({ topic: 'orders', partition: 0 }, batch(value));
    const limits = { records: 10, maxBytes: 1_000, waitMs: 0 };
    const vector = await new TopicReader(directories.of('a')).start('orders', 0, { kind: 'start' });
    await place(a, moved(b.logId, [2], [2]));
    const left = await new TopicReader(directories.of('a')).read('orders', vector, limits);
    expect(left.records.map((one) => Buffer.from(one.value!).toString())).toEqual(['1', '2']);
    const over = await new TopicReader(directories.of('a')).read('orders', left.next, limits);
    expect(over).toMatchObject({ records: [], atEnd: false, movedTo: b.logId });
    const there = await new TopicReader(directories.of('b')).read('orders', over.next, limits);
    expect(there.records.map((one) => Buffer.from(one.value!).toString())).toEqual(['3']);
    expect(await directories.clusterOfPosition(undefined, a.logId, 'orders')).toBe('a');
    expect(await directories.clusterOfPosition(undefined, b.logId, 'orders')).toBe('b');
    expect(await directories.clusterOfPosition('a', b.logId, 'orders')).toBeUndefined();
    // Where it went on is not known.
    await place(a, moved(b.logId));
    await expect(new TopicReader(directories.of('a')).read('orders', vector, limits)).rejects.toMatchObject({
      code: 'topic-moved',
    });
  });

  it('a reader of a generation before the one that was left reads both, then goes on there; once the one that was left is gone it is told where the topic is', async () => {
    const { names, directories, a, b, moved } = setUp();
    await a.createTopic({ name: 'orders', partitions: 1 });
    for (const value of ['1', '2']) await a.append({ topic: 'orders', partition: 0 }, batch(value));
    const reader = new TopicReader(directories.of('a'));
    const vector = await reader.start('orders', undefined, { kind: 'start' });
    await a.createTopic({ name: 'orders--g2', partitions: 2 });
    await a.append({ topic: 'orders--g2', partition: 0 }, batch('1'));
    await a.append({ topic: 'orders--g2', partition: 1 }, batch('2'));
    await names.compareAndSet(a.logId, 'orders', 0, 2, { ...UNKNOWN_OPENING, closedAt: [2], opensAt: [1, 1] });
    await a.append({ topic: 'orders--g2', partition: 1 }, batch('3'));
    await b.createTopic({ name: 'orders', partitions: 2 });
    const row = (await names.find(a.logId, 'orders'))!;
    await names.compareAndSet(a.logId, 'orders', row.revision, 2, row, moved(b.logId, [1, 2], [0, 0]));
    for (const value of ['4', '5']) await b.append({ topic: 'orders', partition: 0 }, batch(value));
    const limits = { records: 10, maxBytes: 1_000, waitMs: 0 };
    const read: string[] = [];
    let [at, next] = [reader, vector];
    for (let page = 0; page < 8 && read.length < 5; page++) {
      const got = await at.read('orders', next, limits);
      read.push(...got.records.map((one) => Buffer.from(one.value!).toString()));
      next = got.next;
      if (got.movedTo === b.logId) at = new TopicReader(directories.of('b'));
    }
    expect(read).toEqual(['1', '2', '3', '4', '5']);
    await a.deleteTopic('orders--g2');
    await expect(reader.read('orders', vector, limits)).rejects.toMatchObject({ code: 'topic-moved' });
  });
});
