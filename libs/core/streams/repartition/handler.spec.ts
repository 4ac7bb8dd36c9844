import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import {
  Clusters,
  encodeBatch,
  type LogEngine,
  partitionerOf,
  type StoredRecord,
  StickyPartitions,
  TopicDirectories,
  TopicDirectory,
  TopicProducer,
} from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { JsonRecordDecoder } from '../record-decoder.js';
import {
  anyContent,
  appendContent,
  drive,
  fingerprint,
  Killed,
  MortalLogEngine,
  Mortality,
  MortalTopicNames,
  newOperation,
  readTopic,
  runOf,
  type StoredOperation,
} from '../testing/index.js';
import { RepartitionHandler } from './handler.js';
import { keylessTarget } from './routers.js';

class OneCluster extends Clusters {
  readonly defaultName = 'local';
  constructor(private readonly engine: LogEngine) {
    super();
  }
  get(): LogEngine {
    return this.engine;
  }
  names(): readonly string[] {
    return ['local'];
  }
}

const clock = new WallClock();

/** A log, its names, and processes that work on them one after another. */
class World {
  readonly storage = new MemoryLogStorage();
  readonly tableOfNames = new MemoryTopicNames();
  /** How the test itself looks at the log and writes to it. */
  readonly engine: MemoryLogEngine;
  readonly directory: TopicDirectory;
  readonly producer: TopicProducer;

  constructor(private readonly dense = true) {
    this.engine = new MemoryLogEngine({ storage: this.storage, denseOffsets: dense });
    this.directory = new TopicDirectory(this.engine, this.tableOfNames, clock);
    this.producer = new TopicProducer(this.directory, new StickyPartitions(() => 0.5));
  }

  process(mortality = new Mortality(), readyRecords = 5_000): RepartitionHandler {
    const engine = new MortalLogEngine(mortality, { storage: this.storage, denseOffsets: this.dense });
    const names = new MortalTopicNames(mortality, this.tableOfNames);
    return new RepartitionHandler({
      directories: new TopicDirectories(new OneCluster(engine), names, clock),
      names,
      decoder: new JsonRecordDecoder(),
      clock,
      tuning: { tailWaitMs: 2, stragglerMs: 2, stepBytes: 300, readyRecords },
    });
  }

  async planned(request: JsonObject, id = 'op-1'): Promise<StoredOperation> {
    return newOperation(id, await this.process().plan(request));
  }

  async write(topic: string, key: string | null, value: string): Promise<void> {
    const record = {
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers: [],
      timestamp: -1,
    };
    const { outcomes } = await this.producer.produce(topic, [record], { maxHoldMs: 10_000 });
    for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
  }

  async read(topic: string): Promise<StoredRecord[][]> {
    return await readTopic(this.engine, (await this.directory.resolve(topic)).physical);
  }

  async topics(): Promise<string[]> {
    return (await this.engine.listTopics()).map((one) => `${one.name}:${one.state}`);
  }
}

const text = (bytes: Uint8Array | null): string => (bytes === null ? '(null)' : Buffer.from(bytes).toString());

/** Values per key, in the order they lie in. A key that lies in two partitions shows up twice. */
function valuesByKey(partitions: readonly (readonly StoredRecord[])[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  partitions.forEach((records, partition) => {
    for (const record of records) {
      const name = record.key === null ? `null/${partition}` : text(record.key);
      found.set(name, [...(found.get(name) ?? []), text(record.value)]);
    }
  });
  return found;
}

function expectPlaced(partitions: readonly (readonly StoredRecord[])[]): void {
  const partitionOf = partitionerOf('murmur2');
  partitions.forEach((records, partition) => {
    for (const { key } of records) if (key !== null) expect(partitionOf(key, partitions.length)).toBe(partition);
  });
}

/** What the new generation must hold, by pair of source and target partition. */
function pairsOf(source: readonly StoredRecord[][], targets: number): Map<string, string[]> {
  const partitionOf = partitionerOf('murmur2');
  const pairs = new Map<string, string[]>();
  source.forEach((records, s) => {
    for (const record of records) {
      const t = partitionOf(record.key, targets) ?? keylessTarget(s, record.offset, source.length, targets);
      const pair = `${s}>${t}`;
      pairs.set(pair, [...(pairs.get(pair) ?? []), fingerprint(record)]);
    }
  });
  return pairs;
}

/** Writes numbered values of a few keys until told to stop; answers what was acknowledged per key, in order. */
function startWriter(world: World, topic: string, name: string, keys = 7) {
  let going = true;
  const acknowledged = new Map<string, string[]>();
  const writing = (async () => {
    for (let n = 0; going; n++) {
      const key = `${name}-${n % keys}`;
      await world.write(topic, key, `${key}:${n}`);
      acknowledged.set(key, [...(acknowledged.get(key) ?? []), `${key}:${n}`]);
      if (n % 5 === 0) await clock.sleep(0);
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      going = false;
      await writing;
    },
  };
}

const counts = fc.record({ sources: fc.integer({ min: 1, max: 12 }), targets: fc.integer({ min: 1, max: 12 }) });

describe('repartitioning', () => {
  it('moves any topic to any partition count byte for byte, in order, every record where its key belongs', async () => {
    const scenario = counts.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        content: anyContent(shape.sources, { maxBatches: 3, maxRecords: 8 }),
        dense: fc.boolean(),
        verification: fc.constantFrom('readback', 'full'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ({ shape, content, dense, verification }) => {
        const world = new World(dense);
        await world.engine.createTopic({ name: 'orders', partitions: shape.sources });
        await appendContent(world.engine, 'orders', content);
        const before = await world.read('orders');
        const operation = await world.planned({
          topic: 'orders',
          target: { partitions: shape.targets },
          verification,
          reverseTail: false,
        });
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const topic = await world.directory.resolve('orders');
        expect(topic).toMatchObject({ generation: 2, physical: 'orders--g2', description: { state: 'ACTIVE' } });
        expect(topic.description.partitions).toHaveLength(shape.targets);
        const after = await world.read('orders');
        expectPlaced(after);
        const expected = [...pairsOf(before, shape.targets)];
        after.forEach((records, t) => {
          const there = expected.filter(([pair]) => pair.endsWith(`>${t}`)).flatMap(([, list]) => list);
          expect(records.map(fingerprint).sort()).toEqual(there.sort());
        });
        expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: before.flat().length });
        await world.process().finish(runOf(operation));
        expect(await world.topics()).toEqual(['orders--g2:ACTIVE']);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps what writers of the topic were acknowledged, once and in order, while it copies and cuts over', async () => {
    await fc.assert(
      fc.asyncProperty(counts, fc.boolean(), async ({ sources, targets }, dense) => {
        const world = new World(dense);
        await world.engine.createTopic({ name: 'orders', partitions: sources });
        const writers = ['a', 'b'].map((name) => startWriter(world, 'orders', name));
        await clock.sleep(2);
        const operation = await world.planned({
          topic: 'orders',
          target: { partitions: targets === sources ? 13 : targets },
        });
        await drive(world.process(new Mortality(), 20), operation, { until: 'SWITCHED' });
        await clock.sleep(2);
        for (const writer of writers) await writer.stop();
        const after = await world.read('orders');
        expectPlaced(after);
        const found = valuesByKey(after);
        const expected = new Map(writers.flatMap((writer) => [...writer.acknowledged]));
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
        expect((await world.directory.resolve('orders')).generation).toBe(2);
      }),
      { numRuns: 25 },
    );
  });

  it('restores the sequence of every key when it goes there and back again', async () => {
    await fc.assert(
      fc.asyncProperty(counts, async ({ sources, targets }) => {
        const world = new World();
        await world.engine.createTopic({ name: 'orders', partitions: sources });
        for (let n = 0; n < 60; n++) await world.write('orders', `k${n % 9}`, `v${n}`);
        const before = valuesByKey(await world.read('orders'));
        const there = targets === sources ? sources + 1 : targets;
        for (const [i, partitions] of [there, sources].entries()) {
          const operation = await world.planned({ topic: 'orders', target: { partitions } }, `op-${i}`);
          await drive(world.process(), operation, { until: 'SWITCHED' });
          await world.process().finish(runOf(operation));
        }
        const topic = await world.directory.resolve('orders');
        expect(topic).toMatchObject({ generation: 3, physical: 'orders--g3' });
        expect(topic.description.partitions).toHaveLength(sources);
        expect(valuesByKey(await world.read('orders'))).toEqual(before);
        expect(await world.topics()).toEqual(['orders--g3:ACTIVE']);
      }),
      { numRuns: 25 },
    );
  });

  it('gives records a new key and tells where keys of new records come from', async () => {
    const world = new World();
    await world.engine.createTopic({ name: 'flights', partitions: 3 });
    for (let n = 0; n < 40; n++) {
      await world.write('flights', `flight-${n}`, JSON.stringify({ n, origin: ['JFK', 'LAX', 'SFO'][n % 3] }));
    }
    const tombstone = { key: Buffer.from('flight-1'), value: null, headers: [], timestamp: 5 };
    await world.producer.produce('flights', [tombstone], { maxHoldMs: 10 });
    const operation = await world.planned({
      topic: 'flights',
      target: { partitions: 5, key: { expr: 'value.origin' } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const topic = await world.directory.resolve('flights');
    expect(topic.keyExpression).toBe('value.origin');
    const after = await world.read('flights');
    expectPlaced(after);
    const byKey = valuesByKey(after);
    expect([...byKey.keys()].sort()).toEqual(['JFK', 'LAX', 'SFO', 'flight-1']);
    expect(byKey.get('flight-1')).toEqual(['(null)']);
    expect(byKey.get('LAX')!.map((value) => (JSON.parse(value) as { origin: string }).origin)).toEqual(
      Array.from({ length: 13 }, () => 'LAX'),
    );
  });

  it('leaves records out by rule, counts them, and keeps them in the dead letter topic with where they were', async () => {
    const world = new World();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    await world.write('orders', 'a', '{"zip":"1"}');
    await world.write('orders', 'b', 'not json');
    await world.write('orders', 'c', '{}');
    const operation = await world.planned({
      topic: 'orders',
      target: { partitions: 3, key: { expr: 'value.zip', onMissing: 'dlq' } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.read('orders')).flat().map((record) => text(record.key))).toEqual(['1']);
    expect(operation.notes['errors']).toMatchObject({
      poison: 2,
      dlq: 2,
      byClass: { 'key-undecodable': 1, 'key-missing-field': 1 },
    });
    const letters = (await world.read('orders.dlq')).flat();
    expect(letters.map((record) => text(record.value)).sort()).toEqual(['not json', '{}']);
    expect(letters[0]!.headers.map((one) => one.key)).toEqual([
      'weir.source.partition',
      'weir.source.offset',
      'weir.rule',
    ]);
  });

  it('waits in READY until the cutover is asked for, following the writers', async () => {
    const world = new World();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    const operation = await world.planned({ topic: 'orders', target: { partitions: 4 } });
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    const abort = new AbortController();
    const waiting = drive(handler, operation, { until: 'VERIFYING', requested: false, signal: abort.signal });
    for (let n = 0; n < 20; n++) await world.write('orders', `k${n}`, `v${n}`);
    await expect
      .poll(async () => (await readTopic(world.engine, 'orders--g2')).flat().length, { interval: 2 })
      .toBe(20);
    expect((await world.directory.resolve('orders')).generation).toBe(1);
    abort.abort(new Error('pause'));
    await expect(waiting).rejects.toThrow('pause');
    expect(operation.phase).toBe('READY');
    await drive(handler, operation, { until: 'SWITCHED' });
    expect((await world.read('orders')).flat()).toHaveLength(20);
  });
});

describe('killed anywhere', () => {
  const record = (key: string, value: string) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: [],
    timestamp: 1,
  });

  async function prepared(): Promise<World> {
    const world = new World();
    await world.engine.createTopic({ name: 'orders', partitions: 2, config: { 'cleanup.policy': 'compact' } });
    for (let n = 0; n < 8; n++) {
      await world.engine.append(
        { topic: 'orders', partition: n % 2 },
        encodeBatch([record(`k${n % 2}${n % 3}`, `v${n}`)]),
      );
    }
    await world.engine.commitPositions('readers', [
      { topic: 'orders', partition: 0, offset: 4 },
      { topic: 'orders', partition: 1, offset: 4 },
    ]);
    return world;
  }

  const written = new WeakSet<World>();

  /** Works on the operation, process after process, the first of which dies at an effect. */
  async function work(world: World, operation: StoredOperation, mortality: Mortality, last: 'finish' | 'rollback') {
    let handler = world.process(mortality);
    const going = async (mortal: Mortality): Promise<void> => {
      const effect = <T>(name: string, perform: () => T) => mortal.effect(name, perform);
      await drive(handler, operation, { until: 'SWITCHED', effect });
      // Written to the new side: the way back has to bring it along.
      if (!written.has(world)) {
        written.add(world);
        for (const n of [1, 2, 3]) await world.write('orders', `k0${n}`, `late-${n}`);
      }
      const stop = new AbortController();
      const current = handler.phases.SWITCHED!(runOf(operation, { effect, signal: stop.signal }));
      await Promise.race([current.catch(() => undefined), clock.sleep(5)]);
      stop.abort(new Error('next'));
      await current.catch((error: unknown) => {
        if (mortal.dead) throw error;
      });
      if (last === 'finish') await handler.finish(runOf(operation, { effect }));
      else {
        operation.phase = 'ROLLING_BACK';
        await drive(handler, operation, { until: 'ROLLED_BACK', effect });
      }
    };
    try {
      await going(mortality);
      return false;
    } catch (error) {
      if (!mortality.dead) throw error;
    }
    handler = world.process();
    if (operation.phase === 'ROLLING_BACK') await drive(handler, operation, { until: 'ROLLED_BACK' });
    else if (operation.phase === 'ROLLED_BACK') return true;
    else await going(new Mortality());
    return true;
  }

  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened (${last}), before and after each effect`, async () => {
      const clean = await prepared();
      const uninterrupted = await clean.planned({ topic: 'orders', target: { partitions: 3 } });
      const calm = new Mortality();
      await work(clean, uninterrupted, calm, last);
      const expected = valuesByKey(await clean.read('orders'));
      const topics = await clean.topics();
      expect(calm.effects).toBeGreaterThan(25);
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const operation = await world.planned({ topic: 'orders', target: { partitions: 3 } });
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          expect(await work(world, operation, new Mortality(at, after), last), name).toBe(true);
          expect(valuesByKey(await world.read('orders')), name).toEqual(expected);
          expect(await world.topics(), name).toEqual(topics);
          expect(world.storage.writers.get('op-1-0')?.checkpoints.size ?? 0, name).toBe(0);
          // Writers can go on.
          await world.write('orders', 'later', name);
          const { positions } = await world.engine.describeGroup('readers');
          const { physical, description } = await world.directory.resolve('orders');
          const here = positions.filter((one) => one.topic === physical).map((one) => one.offset);
          const ends = description.partitions.map((one) => one.endOffset);
          // Everything from before the switch is read, the three records of after it and the one just now are not.
          expect(here.reduce((sum, one) => sum + one, 0) + 4, name).toBe(ends.reduce((sum, one) => sum + one, 0));
        }
      }
    });
  }

  it('leaves no trace when it is cancelled, wherever it was', async () => {
    const clean = await prepared();
    const operation = await clean.planned({ topic: 'orders', target: { partitions: 3 } });
    const calm = new Mortality();
    await drive(clean.process(calm), operation, { until: 'SWITCHED' });
    for (let at = 1; at <= calm.effects; at++) {
      const world = await prepared();
      const cut = await world.planned({ topic: 'orders', target: { partitions: 3 } });
      const mortality = new Mortality(at);
      await drive(world.process(mortality), cut, { until: 'SWITCHED' }).catch((error: unknown) => {
        if (!mortality.dead) throw error;
      });
      if ((await world.directory.generation('orders')) !== 1) continue;
      const dying = new Mortality(1 + (at % 5));
      await world
        .process(dying)
        .cancel(runOf(cut))
        .catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      await world.process().cancel(runOf(cut));
      expect(await world.topics(), calm.names[at - 1]).toEqual(['orders:ACTIVE']);
      await world.write('orders', 'later', 'x');
    }
  });
});
