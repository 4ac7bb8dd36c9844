import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch } from './batch-encoder.js';
import { topicFenced } from './errors.js';
import { MemoryLogEngine, MemoryTopicNames } from './testing/index.js';
import { TopicDirectory } from './topic-directory.js';

const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 0 }]);

function setUp(): { engine: MemoryLogEngine; names: MemoryTopicNames; clock: ManualClock; directory: TopicDirectory } {
  const [engine, names, clock] = [new MemoryLogEngine(), new MemoryTopicNames(), new ManualClock()];
  return { engine, names, clock, directory: new TopicDirectory(engine, names, clock) };
}

/** Lets everything that is ready run, so that the next thing to happen is up to the clock. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe('topic directory', () => {
  it('a name stands for its own topic until it is moved, then for the generation it was moved to', async () => {
    const { engine, names, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1 });
    expect(await directory.resolve('orders')).toMatchObject({ generation: 1, physical: 'orders' });
    await engine.createTopic({ name: 'orders--g2', partitions: 4 });
    expect((await directory.resolve('orders')).description.partitions).toHaveLength(1);
    await names.compareAndSet(engine.logId, 'orders', 0, 2);
    const moved = await directory.resolve('orders');
    expect(moved).toMatchObject({ logical: 'orders', generation: 2, physical: 'orders--g2' });
    expect(moved.description.partitions).toHaveLength(4);
  });

  it('physical names are internal, and a missing topic is named as it was asked for', async () => {
    const { engine, names, directory } = setUp();
    await engine.createTopic({ name: 'orders--g2', partitions: 1 });
    await expect(directory.resolve('orders--g2')).rejects.toMatchObject({ code: 'topic-not-found' });
    await names.compareAndSet(engine.logId, 'gone', 0, 3);
    await expect(directory.resolve('gone')).rejects.toMatchObject({
      code: 'topic-not-found',
      details: { topic: 'gone' },
    });
  });

  it('lists each logical topic once, by name, and nothing internal', async () => {
    const { engine, names, directory } = setUp();
    for (const name of ['b', 'a', 'a--g2', '__positions']) await engine.createTopic({ name, partitions: 1 });
    await names.compareAndSet(engine.logId, 'a', 0, 2);
    expect((await directory.list()).map((one) => [one.logical, one.physical])).toEqual([
      ['a', 'a--g2'],
      ['b', 'b'],
    ]);
  });

  it('names of another log do not matter', async () => {
    const { engine, names, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1 });
    await names.compareAndSet('another log', 'orders', 0, 2);
    expect((await directory.resolve('orders')).generation).toBe(1);
  });

  it('creates only names a user may give, and knows one that lives on in a later generation', async () => {
    const { engine, names, directory } = setUp();
    for (const name of ['x--g2', '__x']) {
      await expect(directory.create({ name, partitions: 1 })).rejects.toMatchObject({ code: 'invalid-topic-name' });
    }
    await engine.createTopic({ name: 'orders--g2', partitions: 1 });
    await names.compareAndSet(engine.logId, 'orders', 0, 2);
    await expect(directory.create({ name: 'orders', partitions: 1 })).rejects.toMatchObject({ code: 'topic-exists' });
  });

  it('deletes all generations, and the name can be given again', async () => {
    const { engine, names, directory } = setUp();
    for (const name of ['orders', 'orders--g2', 'orders-more']) await engine.createTopic({ name, partitions: 1 });
    await names.compareAndSet(engine.logId, 'orders', 0, 2);
    await directory.delete('orders');
    expect((await engine.listTopics()).map((one) => one.name)).toEqual(['orders-more']);
    expect(await directory.create({ name: 'orders', partitions: 2 })).toMatchObject({ generation: 1 });
  });

  it('a write during a cutover waits and then goes to the new generation', async () => {
    const { engine, names, clock, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1, state: 'FENCED' });
    await engine.createTopic({ name: 'orders--g2', partitions: 1 });
    const written = directory.write('orders', { maxHoldMs: 1_000 }, ({ physical }) =>
      engine.append({ topic: physical, partition: 0 }, batch),
    );
    await settle();
    await names.compareAndSet(engine.logId, 'orders', 0, 2);
    clock.advance(60);
    expect(await written).toMatchObject({ topic: 'orders--g2', baseOffset: 0 });
    expect((await engine.describeTopic('orders')).partitions[0]!.endOffset).toBe(0);
  });

  it('tells how long a write took, without what a fence held it, and nothing of one that failed', async () => {
    const { engine, names, clock } = setUp();
    const told: [string, number][] = [];
    const directory = new TopicDirectory(engine, names, clock, undefined, (log, ms) => void told.push([log, ms]));
    await engine.createTopic({ name: 'orders', partitions: 1, state: 'FENCED' });
    const written = directory.write('orders', { maxHoldMs: 1_000 }, async ({ physical }) => {
      const appended = await engine.append({ topic: physical, partition: 0 }, batch);
      await clock.sleep(7);
      return appended;
    });
    await settle();
    await engine.setTopicState('orders', 'ACTIVE');
    clock.advance(60);
    await settle();
    clock.advance(7);
    await written;
    expect(told).toEqual([[engine.logId, 7]]);
    await expect(
      directory.write('orders', { maxHoldMs: 1_000 }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow();
    expect(told).toHaveLength(1);
  });

  it('a write that found its topic deleted by a cutover looks again', async () => {
    const { engine, names, clock, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1 });
    await engine.createTopic({ name: 'orders--g2', partitions: 1 });
    let calls = 0;
    const written = directory.write('orders', { maxHoldMs: 1_000 }, async ({ physical }) => {
      if (calls++ === 0) {
        await names.compareAndSet(engine.logId, 'orders', 0, 2);
        await engine.deleteTopic('orders');
      }
      return engine.append({ topic: physical, partition: 0 }, batch);
    });
    for (let i = 0; i < 5; i++) {
      await settle();
      clock.advance(60);
    }
    expect(await written).toMatchObject({ topic: 'orders--g2' });
  });

  it('a hold ends at its limit and says that nothing was written', async () => {
    const { engine, clock, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1, state: 'FENCED' });
    let tries = 0;
    const written = directory
      .write('orders', { maxHoldMs: 200 }, () => {
        tries++;
        return Promise.reject(topicFenced('orders', 'FENCED'));
      })
      .catch((error: unknown) => error);
    for (let i = 0; i < 20; i++) {
      await settle();
      clock.advance(50);
    }
    expect(await written).toMatchObject({
      code: 'topic-fenced',
      retryable: true,
      details: { topic: 'orders', maxHoldMs: 200 },
    });
    expect(tries).toBeGreaterThan(3);
  });

  it('a hold ends when its caller gives up', async () => {
    const { engine, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1, state: 'FENCED' });
    const caller = new AbortController();
    const hold = { maxHoldMs: 60_000, signal: caller.signal };
    const written = directory.write('orders', hold, () => engine.append({ topic: 'orders', partition: 0 }, batch));
    await settle();
    caller.abort(new Error('the client went away'));
    await expect(written).rejects.toThrow('the client went away');
  });

  it('any other failure is passed on at once, as is a topic that is really missing', async () => {
    const { engine, directory } = setUp();
    await engine.createTopic({ name: 'orders', partitions: 1 });
    const failing = (): Promise<never> => Promise.reject(new Error('disk on fire'));
    await expect(directory.write('orders', { maxHoldMs: 1_000 }, failing)).rejects.toThrow('disk on fire');
    const missing = directory.write('missing', { maxHoldMs: 1_000 }, failing);
    await expect(missing).rejects.toMatchObject({ code: 'topic-not-found' });
  });
});
