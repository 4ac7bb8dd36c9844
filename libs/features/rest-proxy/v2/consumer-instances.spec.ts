import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, logErrors, TopicDirectories, type LogEngine } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { MessageCodec } from '#libs/core/registry';
import { ClusterIds } from '../cluster-ids.js';
import type { ConsumerInstance } from './consumer-instance.js';
import { ConsumerInstances } from './consumer-instances.js';
import { consumerOptions } from './consumer-requests.js';

const MINUTE = 60_000;

describe('a read of a consumer instance', () => {
  let engine: LogEngine;
  let fetch: LogEngine['fetch'];
  let instance: ConsumerInstance;
  beforeEach(async () => {
    const clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    fetch = engine.fetch.bind(engine);
    const clusters = new OneCluster(engine);
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), clock);
    const instances = new ConsumerInstances(new ClusterIds(clusters, directories), {} as MessageCodec, clock);
    await engine.createTopic({ name: 't', partitions: 2 });
    for (const partition of [0, 1]) {
      const record = { key: null, value: Buffer.from(String(partition)), headers: [], timestamp: 1 };
      await engine.append({ topic: 't', partition }, encodeBatch([record]));
    }
    const given = { name: 'i', format: 'json', 'auto.offset.reset': 'earliest', 'auto.commit.enable': 'true' };
    await instances.create('g', consumerOptions({ ...given, 'fetch.min.bytes': 100 }));
    instance = instances.get('g', 'i');
    await instance.assign([0, 1].map((partition) => ({ topic: 't', partition })));
  });

  async function read(waitMs = 0, signal = new AbortController().signal): Promise<readonly number[]> {
    const text = await instance.read({ waitMs, maxBytes: 1_000, mayRead: () => true, signal });
    return (JSON.parse(text) as { value: number }[]).map(({ value }) => value);
  }

  for (const damaged of [0, 1]) {
    it(`answers what it took where another partition (${damaged}) cannot be read, and says so when nothing else is left`, async () => {
      const error = logErrors.partitionDegraded('t', damaged, 0);
      engine.fetch = async (request) =>
        (await fetch(request)).map((one) => (one.partition === damaged ? { ...one, batches: [], error } : one));
      expect(await read()).toEqual([1 - damaged]);
      await expect(read()).rejects.toMatchObject({ code: 'partition-degraded' });
      engine.fetch = fetch;
      expect(await read()).toEqual([damaged]);
    });
  }

  it('is done again for a client that left before it was answered', async () => {
    const client = new AbortController();
    engine.fetch = async (request) => {
      const found = await fetch(request);
      client.abort();
      return found;
    };
    await expect(read(1_000, client.signal)).rejects.toMatchObject({ name: 'AbortError' });
    engine.fetch = fetch;
    expect(await read()).toEqual([0, 1]);
  });
});

describe('a read in the middle of which the group is to agree anew', () => {
  let engine: LogEngine;
  let names: MemoryTopicNames;
  let instances: ConsumerInstances;
  let clock: ManualClock;
  beforeEach(async () => {
    clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    names = new MemoryTopicNames();
    const clusters = new OneCluster(engine);
    const directories = new TopicDirectories(clusters, names, clock);
    instances = new ConsumerInstances(new ClusterIds(clusters, directories), {} as MessageCodec, clock);
    await engine.createTopic({ name: 't', partitions: 1 });
    for (const value of [0, 1, 2]) await append('t', value);
  });

  const append = (topic: string, value: number) =>
    engine.append(
      { topic, partition: 0 },
      encodeBatch([{ key: null, value: Buffer.from(String(value)), headers: [], timestamp: 1 }]),
    );

  async function member(name: string, minBytes: number): Promise<ConsumerInstance> {
    const waits = { 'fetch.min.bytes': minBytes, 'consumer.request.timeout.ms': 30_000 };
    const given = { name, format: 'json', 'auto.offset.reset': 'earliest', 'auto.commit.enable': 'true', ...waits };
    await instances.create('g', consumerOptions(given));
    const made = instances.get('g', name);
    await made.subscribe({ topics: ['t'] });
    return made;
  }

  async function read(from: ConsumerInstance, waitMs = 0, signal = new AbortController().signal): Promise<number[]> {
    const text = await from.read({ waitMs, maxBytes: 1_000, mayRead: () => true, signal });
    return (JSON.parse(text) as { value: number }[]).map(({ value }) => value);
  }

  /** Does something once, right after the first records were fetched: they are in no answer yet. */
  function afterTheFirstFetch(what: () => Promise<unknown>): void {
    const fetch = engine.fetch.bind(engine);
    engine.fetch = async (request) => {
      const found = await fetch(request);
      engine.fetch = fetch;
      await what();
      return found;
    };
  }

  const another = async (): Promise<void> => {
    const joining = await engine.joinGroup('g', {
      topics: ['t'],
      strategies: ['range', 'cooperative-sticky'],
      clientId: 'another',
      startAt: 'none',
    });
    void joining.poll(60_000);
    // As far as that comes before the first one is asked.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const repartitioned = async (): Promise<void> => {
    await engine.createTopic({ name: 't--g2', partitions: 1 });
    for (const value of [0, 1, 2]) await append('t--g2', value);
    const opening = { opensAt: [3], closedAt: [3], keyExpression: null, partitioner: null };
    await names.compareAndSet(engine.logId, 't', 0, 2, opening);
  };
  const stored = async (topic = 't'): Promise<number> => {
    const { positions } = await engine.describeGroup('g');
    return positions.find((one) => one.topic === topic)?.offset ?? 0;
  };

  for (const [what, happens] of [
    ['a member joins', another],
    ['the topic is repartitioned', repartitioned],
  ] as const) {
    it(`answers what it holds before anything is stored behind it: ${what}`, async () => {
      const one = await member('one', 100);
      afterTheFirstFetch(happens);
      const reading = read(one, 30_000);
      // Nothing here waits for time: it has gone as far as it goes by itself.
      for (let round = 0; round < 100; round++) await new Promise((resolve) => setImmediate(resolve));
      expect(await stored()).toBe(0);
      expect(await reading).toEqual([0, 1, 2]);
      expect(await stored()).toBe(0);
      await Promise.all([instances.sweep(), read(one)]);
      expect(await stored()).toBe(3);
    });
  }
});

describe('consumer instances', () => {
  let clock: ManualClock;
  let engine: LogEngine;
  let instances: ConsumerInstances;
  beforeEach(() => {
    clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    const clusters = new OneCluster(engine);
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), clock);
    instances = new ConsumerInstances(new ClusterIds(clusters, directories), {} as MessageCodec, clock);
  });

  it('are gone when nobody has asked them anything for five minutes, and not before', async () => {
    await instances.create('g', consumerOptions({ name: 'used' }));
    await instances.create('g', consumerOptions({ name: 'idle' }));
    clock.advance(4 * MINUTE);
    await instances.get('g', 'used').assignment();
    await instances.sweep();
    expect(() => instances.get('g', 'idle')).not.toThrow();
    clock.advance(2 * MINUTE);
    await instances.sweep();
    expect(() => instances.get('g', 'idle')).toThrow('Consumer instance not found.');
    expect(() => instances.get('g', 'used')).not.toThrow();
  });

  it('are one for each name in a group, and their number has an end', async () => {
    await instances.create('g', consumerOptions({ name: 'i' }));
    await expect(instances.create('g', consumerOptions({ name: 'i' }))).rejects.toThrow('already exists');
    await instances.create('h', consumerOptions({ name: 'i' }));
    for (let made = 2; made < 1_000; made++) await instances.create('g', consumerOptions({}));
    await expect(instances.create('g', consumerOptions({}))).rejects.toThrow('1000 consumer instances');
  });
});
