import { describe, expect, it } from 'vitest';
import { Clusters, encodeBatch, physicalName, recordsFrom, TopicDirectories, type LogEngine } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { RecordWriter } from './record-writer.js';

class OneCluster extends Clusters {
  readonly defaultName = 'local';

  constructor(private readonly log: LogEngine) {
    super();
  }

  get(): LogEngine {
    return this.log;
  }

  names(): readonly string[] {
    return ['local'];
  }
}

/** A writer over a log in memory, and a producer of that log. */
async function setUp() {
  const engine = new MemoryLogEngine();
  const names = new MemoryTopicNames();
  const clock = new WallClock();
  await engine.createTopic({ name: 'orders', partitions: 1 });
  const directories = new TopicDirectories(new OneCluster(engine), names, clock);
  // Batches go past decoder and derivations.
  const beside = { decoder: undefined as never, derivations: undefined as never };
  const limits = { idempotencyWindowMs: 86_400_000, idempotencyKeys: 1_000 };
  const writer = new RecordWriter({ directories, clock, random: Math.random, ...beside, ...limits });
  const { producerId: id, epoch } = await engine.openProducer();
  const send = async (baseSequence: number) => {
    const record = { key: null, value: Buffer.from(`${baseSequence}`), headers: [], timestamp: 0 };
    const batch = encodeBatch([record], { producer: { id, epoch, baseSequence } });
    const { token, outcomes } = await writer.appendBatches(undefined, 'orders', 0, batch);
    return [token?.generation, outcomes];
  };
  const to = physicalName('orders', 2);
  const handOver = async (from: string, to: string): Promise<void> => {
    const session = await engine.openWriter('switch');
    await session.commit({ handOver: { from, to, groups: [] } });
  };
  const cutOver = async (carrying = true): Promise<void> => {
    await engine.setTopicState('orders', 'FENCED');
    await engine.createTopic({ name: to, partitions: 1 });
    if (carrying) await handOver('orders', to);
    await names.compareAndSet(engine.logId, 'orders', 0, 2);
  };
  const rollBack = async (): Promise<void> => {
    await engine.setTopicState(to, 'FENCED');
    await handOver(to, 'orders');
    await names.compareAndSet(engine.logId, 'orders', 1, 1);
    await engine.setTopicState('orders', 'ACTIVE');
  };
  const valuesOf = async (topic: string): Promise<string[]> => {
    const [part] = await engine.fetch({ positions: [{ topic, partition: 0, offset: 0 }], maxBytes: 1e6 });
    return [...recordsFrom(part!, 0)].map(({ value }) => Buffer.from(value!).toString());
  };
  return { send, cutOver, rollBack, valuesOf };
}

describe('a batch of a producer', () => {
  it('is stored once within a generation', async () => {
    const { send, cutOver, valuesOf } = await setUp();
    expect(await send(0)).toEqual(await send(0));
    await cutOver();
    expect(await send(1)).toEqual([2, [{ partition: 0, offset: 0 }]]);
    expect(await send(1)).toEqual([2, [{ partition: 0, offset: 0 }]]);
    await expect(send(3)).rejects.toMatchObject({ code: 'out-of-order-sequence' });
    expect(await valuesOf(physicalName('orders', 2))).toEqual(['1']);
  });

  it('that was acknowledged before a cutover and is repeated after it is written once, and answered with its place of then; so is one of after it when the topic is rolled back', async () => {
    const { send, cutOver, rollBack, valuesOf } = await setUp();
    const first = await send(0);
    expect(first).toEqual([1, [{ partition: 0, offset: 0 }]]);
    await cutOver();
    expect(await send(0)).toEqual(first);
    const second = await send(1);
    expect(second).toEqual([2, [{ partition: 0, offset: 0 }]]);
    await rollBack();
    expect(await send(0)).toEqual(first);
    expect(await send(1)).toEqual(second);
    expect(await send(2)).toEqual([1, [{ partition: 0, offset: 1 }]]);
    expect([await valuesOf('orders'), await valuesOf(physicalName('orders', 2))]).toEqual([['0', '2'], ['1']]);
  });

  it('control: where the generations are not handed over, as on Kafka, it is there twice', async () => {
    const { send, cutOver, valuesOf } = await setUp();
    await send(0);
    await cutOver(false);
    expect(await send(0)).toEqual([2, [{ partition: 0, offset: 0 }]]);
    expect([await valuesOf('orders'), await valuesOf(physicalName('orders', 2))]).toEqual([['0'], ['0']]);
  });
});
