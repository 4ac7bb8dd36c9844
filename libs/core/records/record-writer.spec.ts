import { describe, expect, it } from 'vitest';
import {
  Clusters,
  encodeBatch,
  physicalName,
  recordsFrom,
  TopicDirectories,
  UNKNOWN_OPENING,
  type LogEngine,
} from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import type { Derivations } from '#libs/core/streams';
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

/** A writer over clusters `a` and `b`; topic `orders` is in the first, until {@link move} is called. */
async function twoClusters() {
  const logs = { a: new MemoryLogEngine(), b: new MemoryLogEngine() };
  class Two extends Clusters {
    readonly defaultName = 'a';
    get(name: string): LogEngine {
      return name === 'b' ? logs.b : logs.a;
    }
    names(): readonly string[] {
      return ['a', 'b'];
    }
  }
  const names = new MemoryTopicNames();
  const clock = new WallClock();
  const directories = new TopicDirectories(new Two(), names, clock);
  const derivations = { writes: async () => false } as unknown as Derivations;
  const limits = { idempotencyWindowMs: 86_400_000, idempotencyKeys: 1_000 };
  const decoder = undefined as never;
  const writer = new RecordWriter({ directories, clock, random: () => 0.5, decoder, derivations, ...limits });
  for (const log of [logs.a, logs.b]) await log.createTopic({ name: 'orders', partitions: 2 });
  const move = async (): Promise<void> => {
    const { partitions } = await logs.a.setTopicState('orders', 'FENCED');
    const closedAt = partitions.map((one) => one.endOffset);
    // What was there lies below its opening in the other log.
    const place = { kind: 'moved', logId: logs.b.logId, closedAt, opensAt: [5, 7] } as const;
    await names.compareAndSet(logs.a.logId, 'orders', 0, 1, UNKNOWN_OPENING, place);
  };
  const record = (partition: number, value: string) => {
    return { partition, key: null, value: Buffer.from(value), headers: [], timestamp: 0 };
  };
  const valuesOf = async (log: LogEngine): Promise<string[]> => {
    const positions = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 0 }));
    const parts = await log.fetch({ positions, maxBytes: 1e6 });
    return parts.flatMap((part) => [...recordsFrom(part, 0)].map(({ value }) => Buffer.from(value!).toString()));
  };
  return { ...logs, writer, move, record, valuesOf };
}

describe('a request that names no cluster', () => {
  it('is written where the topic went, once, also when that happens half way through', async () => {
    const { a, b, writer, move, record, valuesOf } = await twoClusters();
    const append = a.append.bind(a);
    a.append = async (...given) => {
      if (given[0].partition === 1) await move();
      return await append(...given);
    };
    const { outcomes, token } = await writer.write(undefined, 'orders', [record(0, 'here'), record(1, 'there')]);
    expect(outcomes).toMatchObject([
      { partition: 0, offset: 0 },
      { partition: 1, offset: 0 },
    ]);
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([['here'], ['there']]);
    // Whoever has read so far in the other log has seen both.
    expect(token).toMatchObject({
      logId: b.logId,
      positions: new Map([
        [1, 1],
        [0, 5],
      ]),
    });
  });

  it('with a key is answered as before when it was written before the topic moved', async () => {
    const { a, b, writer, move, record, valuesOf } = await twoClusters();
    const idempotency = { key: 'k', requestHash: 'h' };
    const write = (hash = 'h') =>
      writer.write(undefined, 'orders', [record(0, 'once')], { idempotency: { ...idempotency, requestHash: hash } });
    const first = await write();
    await move();
    expect(await write()).toMatchObject({ outcomes: first.outcomes, token: first.token, repeated: true });
    await expect(write('another')).rejects.toMatchObject({ code: 'idempotency-key-reused' });
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([['once'], []]);
    const { repeated } = await writer.write(undefined, 'orders', [record(0, 'two')], {
      idempotency: { key: 'k2', requestHash: 'h' },
    });
    expect(repeated).toBe(false);
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([['once'], ['two']]);
  });

  it('takes batches along, but none of a producer, whose number means another one there', async () => {
    const { a, b, writer, move, record, valuesOf } = await twoClusters();
    const { producerId: id, epoch } = await a.openProducer();
    await move();
    await writer.appendBatches(undefined, 'orders', 0, encodeBatch([record(0, 'plain')]));
    const produced = encodeBatch([record(0, 'produced')], { producer: { id, epoch, baseSequence: 0 } });
    await expect(writer.appendBatches(undefined, 'orders', 0, produced)).rejects.toMatchObject({
      code: 'topic-moved',
      details: { cluster: 'b' },
    });
    expect([await valuesOf(a), await valuesOf(b)]).toEqual([[], ['plain']]);
  });
});

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
