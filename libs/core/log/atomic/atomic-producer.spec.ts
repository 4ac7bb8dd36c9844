import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch } from '../batch-encoder.js';
import { recordsFrom } from '../batch-decoder.js';
import { physicalName } from '../generation.js';
import type { ProducedRecord } from '../partition-groups.js';
import { RoundRobinPartitions } from '../partitioner.js';
import { TopicDirectory } from '../topic-directory.js';
import { UNGUARDED } from '../topic-guard.js';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, WallClock } from '../testing/index.js';
import { AtomicProducer, type AtomicRequest } from './atomic-producer.js';

const DAY = 86_400_000;
const record = (key: string | null, value = 'v', partition?: number): ProducedRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(value),
  headers: [],
  timestamp: 1,
  partition,
});

/** Two instances over one stored log, as on Kafka. */
async function setUp({
  partitions = 3,
  maxKeys = 1_000,
  denseOffsets = true,
  clock = undefined as ManualClock | undefined,
} = {}) {
  const storage = new MemoryLogStorage();
  const names = new MemoryTopicNames();
  const instances = [0, 1].map(() => {
    const engine = new MemoryLogEngine({ storage, denseOffsets, ...(clock && { clock }) });
    const directory = new TopicDirectory(engine, names, clock ?? new WallClock());
    const parts = { directory, clock: clock ?? new WallClock(), random: () => 0.01, windowMs: DAY, maxKeys };
    return { engine, directory, start: () => new AtomicProducer(parts), producer: new AtomicProducer(parts) };
  });
  await instances[0]!.directory.create({ name: 't', partitions });
  return { names, engine: instances[0]!.engine, instances: instances as [Instance, Instance] };
}
interface Instance {
  readonly engine: MemoryLogEngine;
  readonly directory: TopicDirectory;
  readonly producer: AtomicProducer;
  /** The same instance after a restart. */
  start(): AtomicProducer;
}

const request = (key?: string, requestHash = 'h'): AtomicRequest => ({
  maxHoldMs: 5_000,
  keyless: new RoundRobinPartitions(() => 0),
  ...(key === undefined ? {} : { idempotency: { key, requestHash } }),
});

/** The values of a physical topic, whatever their partition. */
async function valuesOf(engine: MemoryLogEngine, topic: string): Promise<string[]> {
  const { partitions } = await engine.describeTopic(topic);
  const positions = partitions.map(({ partition }) => ({ topic, partition, offset: 0 }));
  const fetched = await engine.fetch({ positions, maxBytes: 1 << 30 });
  return fetched.flatMap((part) => [...recordsFrom(part, 0)].map(({ value }) => String(value)));
}

describe('a request that is written in one commit', () => {
  it('puts every record where its key belongs, and answers their places in the order given', async () => {
    const { instances } = await setUp({ partitions: 6 });
    const { outcomes, repeated, durability, token } = await instances[0].producer.produce(
      't',
      [record('abc'), record('foobar'), record('abc')],
      request(),
    );
    expect([outcomes, repeated, durability, [...token!.positions]]).toEqual([
      [
        { partition: 3, offset: 0 },
        { partition: 0, offset: 0 },
        { partition: 3, offset: 1 },
      ],
      false,
      'durable',
      [
        [3, 2],
        [0, 1],
      ],
    ]);
  });

  it('leaves nothing in any partition when one refuses', async () => {
    const { engine, instances } = await setUp();
    const records = [record('a', 'v', 0), record('b', 'v', 7)];
    await expect(instances[0].producer.produce('t', records, request())).rejects.toMatchObject({
      code: 'partition-not-found',
    });
    engine.faults.once('commit', {
      kind: 'refuse',
      error: new AppError({ kind: 'unavailable', code: 'partition-degraded', message: 'damaged' }),
    });
    const spread = [record('a', 'v', 0), record('b', 'v', 1)];
    await expect(instances[0].producer.produce('t', spread, request())).rejects.toMatchObject({
      code: 'partition-degraded',
    });
    expect(await valuesOf(engine, 't')).toEqual([]);
  });

  it('says so when it cannot be known whether it took place', async () => {
    const { engine, instances } = await setUp();
    engine.faults.once('commit', { kind: 'lost-acknowledgement' });
    await expect(instances[0].producer.produce('t', [record('a')], request())).rejects.toMatchObject({
      code: 'outcome-unknown',
    });
    expect(await valuesOf(engine, 't')).toHaveLength(1);
  });

  it('negative control: sent again without a key after a lost acknowledgement it is there twice', async () => {
    const { engine, instances } = await setUp();
    engine.faults.once('commit', { kind: 'lost-acknowledgement' });
    for (let i = 0; i < 2; i++)
      await instances[0].producer.produce('t', [record('a')], request()).catch(() => undefined);
    expect(await valuesOf(engine, 't')).toHaveLength(2);
  });
});

describe('a request with an idempotency key', () => {
  it('is written once, and its repetitions get the first answer', async () => {
    const { engine, instances } = await setUp();
    const send = (producer: AtomicProducer) => producer.produce('t', [record('a'), record('b')], request('k1'));
    const first = await send(instances[0].producer);
    expect(first.repeated).toBe(false);
    // Later keys move the result from the checkpoint into the topic.
    for (let i = 0; i < 20; i++) await instances[0].producer.produce('t', [record('x', 'later')], request(`other${i}`));
    const again = [
      await send(instances[0].producer),
      await send(instances[1].producer),
      await send(instances[0].start()),
      await send(instances[1].start()),
    ];
    for (const one of again) expect(one).toEqual({ ...first, repeated: true });
    expect((await valuesOf(engine, 't')).filter((value) => value === 'v')).toHaveLength(2);
  });

  it('is written once when its repetitions come at the same time, at two instances', async () => {
    const { engine, instances } = await setUp();
    const sent = Array.from({ length: 20 }, (_, i) =>
      instances[(i % 2) as 0 | 1].producer.produce('t', [record('a')], request('k1')),
    );
    const answers = await Promise.all(sent);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(answers.map(({ outcomes }) => JSON.stringify(outcomes))).size).toBe(1);
    expect(await valuesOf(engine, 't')).toHaveLength(1);
  });

  it('is refused when the key was used for another request, and nothing is written', async () => {
    const { engine, instances } = await setUp();
    await instances[0].producer.produce('t', [record('a')], request('k1', 'one'));
    await expect(instances[1].producer.produce('t', [record('b')], request('k1', 'two'))).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect(await valuesOf(engine, 't')).toHaveLength(1);
  });

  it('may use a key of another topic', async () => {
    const { instances } = await setUp();
    await instances[0].directory.create({ name: 'u', partitions: 1 });
    await instances[0].producer.produce('t', [record('a')], request('k1', 'one'));
    const other = await instances[0].producer.produce('u', [record('b')], request('k1', 'two'));
    expect(other.repeated).toBe(false);
  });

  it('is written when the attempt before was refused', async () => {
    const { engine, instances } = await setUp();
    await expect(instances[0].producer.produce('t', [record('a', 'v', 9)], request('k1'))).rejects.toThrow();
    await instances[0].producer.produce('t', [record('a', 'v', 1)], request('k1'));
    expect(await valuesOf(engine, 't')).toHaveLength(1);
  });

  it('is answered with its first places when the topic was repartitioned since, and held while that goes on', async () => {
    const { engine, names, instances } = await setUp({ partitions: 1 });
    const first = await instances[0].producer.produce('t', [record('a')], request('before'));
    await engine.setTopicState('t', 'FENCED');
    const held = instances[0].producer.produce('t', [record('b')], request('during'));
    const repeated = await instances[1].producer.produce('t', [record('a')], request('before'));
    await engine.createTopic({ name: physicalName('t', 2), partitions: 2 });
    await engine.append({ topic: physicalName('t', 2), partition: 0 }, encodeBatch([record('a', 'copied')]));
    await names.compareAndSet(engine.logId, 't', 0, 2);
    expect((await held).repeated).toBe(false);
    expect(repeated).toEqual({ ...first, repeated: true });
    expect(await instances[1].start().produce('t', [record('a')], request('before'))).toEqual(repeated);
    expect((await instances[1].start().produce('t', [record('b')], request('during'))).repeated).toBe(true);
    expect((await valuesOf(engine, physicalName('t', 2))).sort()).toEqual(['copied', 'v']);
  });

  it('is answered with its first places when the topic was frozen since, by whichever instance, and a new one is refused', async () => {
    const { engine, names, instances } = await setUp();
    // The second instance has a session of every line, which the first one takes over.
    for (let i = 0; i < 40; i++) await instances[1].producer.produce('t', [record('x', 'other')], request(`other${i}`));
    const first = await instances[0].producer.produce('t', [record('a')], request('k1'));
    await names.setGuard(engine.logId, 't', 0, { ...UNGUARDED, frozen: true });
    await engine.setTopicState('t', 'FENCED');
    for (const producer of [instances[0].producer, instances[1].producer, instances[1].start()]) {
      expect(await producer.produce('t', [record('a')], request('k1'))).toEqual({ ...first, repeated: true });
      await expect(producer.produce('t', [record('a')], request('new'))).rejects.toMatchObject({
        code: 'topic-frozen',
      });
      await expect(producer.produce('t', [record('a')], request())).rejects.toMatchObject({ code: 'topic-frozen' });
      await expect(producer.produce('t', [record('b')], request('k1', 'two'))).rejects.toMatchObject({
        code: 'idempotency-key-reused',
      });
    }
    expect((await valuesOf(engine, 't')).filter((value) => value === 'v')).toHaveLength(1);
  });

  it('is another request when the topic was deleted and made anew', async () => {
    const { engine, instances } = await setUp();
    await instances[0].producer.produce('t', [record('a')], request('k1'));
    await instances[0].directory.delete('t');
    await instances[0].directory.create({ name: 't', partitions: 1 });
    expect((await instances[0].producer.produce('t', [record('a')], request('k1'))).repeated).toBe(false);
    expect(await valuesOf(engine, 't')).toHaveLength(1);
  });

  it('is forgotten after the window, and so are keys that count towards the limit', async () => {
    const clock = new ManualClock();
    const { engine, instances } = await setUp({ maxKeys: 3, clock });
    const { producer } = instances[0];
    for (const key of ['k1', 'k2', 'k3']) await producer.produce('t', [record('a')], request(key));
    await expect(producer.produce('t', [record('a')], request('k4'))).rejects.toMatchObject({
      code: 'too-many-idempotency-keys',
      retryAfterMs: DAY,
      details: { limit: 'records.idempotencyKeys', value: 3, measured: 3 },
    });
    expect((await producer.produce('t', [record('a')], request('k1'))).repeated).toBe(true);
    clock.advance(DAY + 1);
    expect((await producer.produce('t', [record('a')], request('k1'))).repeated).toBe(false);
    expect((await producer.produce('t', [record('a')], request('k4'))).repeated).toBe(false);
    expect(await valuesOf(engine, 't')).toHaveLength(5);
  });

  it('is there once and whole, whatever acknowledgements are lost, whoever takes the session over, whatever restarts', async () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 4 }),
      instance: fc.constantFrom(0 as const, 1 as const),
      fault: fc.constantFrom('none', 'lost-acknowledgement', 'lost-request', 'fence', 'fence') as fc.Arbitrary<
        'none' | 'lost-acknowledgement' | 'lost-request' | 'fence'
      >,
      restart: fc.boolean(),
      denseOffsets: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, denseOffsets) => {
        const { engine, instances } = await setUp({ denseOffsets });
        const producers = instances.map(({ producer }) => producer);
        const answers = new Map<number, string>();
        for (const { key, instance, fault, restart } of steps) {
          if (restart) producers[instance] = instances[instance].start();
          if (fault !== 'none') instances[instance].engine.faults.once('commit', { kind: fault });
          const records = [record('a', `${key}/0`, 0), record('b', `${key}/1`, 1), record('c', `${key}/2`, 0)];
          const { outcomes } = await producers[instance]!.produce('t', records, request(`k${key}`, `h${key}`));
          const places = JSON.stringify(outcomes);
          expect(answers.get(key) ?? places).toBe(places);
          answers.set(key, places);
          instances[instance].engine.faults.clear();
        }
        const expected = [...answers.keys()].flatMap((key) => [0, 1, 2].map((part) => `${key}/${part}`));
        expect((await valuesOf(engine, 't')).sort()).toEqual(expected.sort());
      }),
      { numRuns: 150 },
    );
  });
});
