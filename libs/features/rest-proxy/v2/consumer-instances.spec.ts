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

  it('answers what it took where the next partition cannot be read, and says so when nothing else is left', async () => {
    const error = logErrors.partitionDegraded('t', 1, 0);
    engine.fetch = async (request) =>
      (await fetch(request)).map((one) => (one.partition === 1 ? { ...one, batches: [], error } : one));
    expect(await read()).toEqual([0]);
    await expect(read()).rejects.toMatchObject({ code: 'partition-degraded' });
    engine.fetch = fetch;
    expect(await read()).toEqual([1]);
  });

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
