import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, type LogEngine, physicalName, TopicDirectories, UNKNOWN_OPENING } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { MessageCodec } from '#libs/core/registry';
import { ClusterIds } from '../cluster-ids.js';
import type { ConsumerInstance } from './consumer-instance.js';
import { ConsumerInstances } from './consumer-instances.js';
import { consumerOptions } from './consumer-requests.js';

interface Read {
  readonly partition: number;
  readonly offset: number;
  readonly value: number;
}

describe('a consumer instance over a cutover of its topic', () => {
  let clock: ManualClock;
  let engine: LogEngine;
  let names: MemoryTopicNames;
  let instances: ConsumerInstances;
  let written: number;
  beforeEach(async () => {
    clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    names = new MemoryTopicNames();
    const clusters = new OneCluster(engine);
    const directories = new TopicDirectories(clusters, names, clock);
    instances = new ConsumerInstances(new ClusterIds(clusters, directories), {} as MessageCodec, clock);
    await engine.createTopic({ name: 't', partitions: 2 });
    written = 0;
  });

  const append = (topic: string, partition: number, values: readonly number[]) =>
    engine.append(
      { topic, partition },
      encodeBatch(
        values.map((value) => ({ key: null, value: Buffer.from(String(value)), headers: [], timestamp: 1_000 })),
      ),
    );

  /** So many more numbers, in turns over the partitions of a generation. */
  async function write(generation: number, partitions: number, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await append(physicalName('t', generation), written % partitions, [written++]);
  }

  /** Everything that was written is copied to another number of partitions, as a repartition does; what comes later is copied back. */
  async function cutOver(from: number, to: number): Promise<void> {
    const [old, next] = [physicalName('t', from), physicalName('t', from + 1)];
    await engine.createTopic({ name: next, partitions: to });
    for (let n = 0; n < written; n++) await append(next, n % to, [n]);
    const ends = async (topic: string) => (await engine.describeTopic(topic)).partitions.map((one) => one.endOffset);
    const row = await names.find(engine.logId, 't');
    await names.compareAndSet(engine.logId, 't', row?.revision ?? 0, from + 1, {
      opensAt: await ends(next),
      closedAt: await ends(old),
      keyExpression: null,
      partitioner: null,
    });
    await append(old, 0, [-1]);
  }

  async function instance(name: string, options: object = {}): Promise<ConsumerInstance> {
    const given = { name, format: 'json', 'auto.offset.reset': 'earliest', 'fetch.min.bytes': 1, ...options };
    await instances.create('g', consumerOptions(given));
    const made = instances.get('g', name);
    await made.subscribe({ topics: ['t'] });
    return made;
  }

  async function read(from: ConsumerInstance, maxBytes = 1 << 20): Promise<Read[]> {
    const { signal } = new AbortController();
    return JSON.parse(await from.read({ waitMs: 0, maxBytes, mayRead: () => true, signal })) as Read[];
  }

  /** Numbers in the order they were delivered, until nothing more comes for a while. */
  async function readOut(...from: readonly ConsumerInstance[]): Promise<number[]> {
    const seen: number[] = [];
    for (let quiet = 0; quiet < 6;) {
      const found = (await Promise.all(from.map((one) => read(one)))).flat();
      quiet = found.length === 0 ? quiet + 1 : 0;
      seen.push(...found.map(({ value }) => value));
    }
    return seen;
  }

  const all = () => Array.from({ length: written }, (_, n) => n);
  const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

  for (const commit of ['true', 'false']) {
    it(`gets every record once and in its order (auto.commit.enable ${commit}), nothing that was copied back`, async () => {
      await write(1, 2, 20);
      const one = await instance('one', { 'auto.commit.enable': commit });
      const first = (await read(one, 5)).map(({ value }) => value);
      expect(first.length).toBeLessThan(20);
      await cutOver(1, 3);
      await write(2, 3, 9);
      const seen = [...first, ...(await readOut(one))];
      expect(sorted(seen)).toEqual(all());
      for (const [from, to, partitions] of [
        [0, 20, 2],
        [20, 29, 3],
      ] as const) {
        for (let partition = 0; partition < partitions; partition++) {
          const own = seen.filter((n) => n >= from && n < to && n % partitions === partition);
          expect(own).toEqual(sorted(own));
        }
      }
      await cutOver(2, 1);
      await write(3, 1, 3);
      expect(await readOut(one)).toEqual([29, 30, 31]);
    });
  }

  for (const finished of [false, true])
    it(`and of a topic that got another name, which it is subscribed to by the old one${finished ? ', by its stored positions once that is finished' : ''}`, async () => {
      await write(1, 2, 20);
      const one = await instance('one');
      const first = (await read(one, 5)).map(({ value }) => value);
      const { logId } = engine;
      await names.compareAndSet(logId, 'u', 0, 1, UNKNOWN_OPENING, { kind: 'arriving', logId, topic: 't' });
      await engine.createTopic({ name: 'u', partitions: 2 });
      for (let n = 0; n < written; n++) await append('u', n % 2, [n]);
      const ends = (await engine.describeTopic('t')).partitions.map(({ endOffset }) => endOffset);
      const place = { kind: 'moved', logId, topic: 'u', closedAt: ends, opensAt: ends } as const;
      await names.compareAndSet(logId, 't', 0, 1, UNKNOWN_OPENING, place);
      await append('t', 0, [-1]);
      for (let n = 0; n < 9; n++) await append('u', written % 2, [written++]);
      const seen = [...first, ...(await readOut(one))];
      expect(sorted(seen)).toEqual(all());
      if (!finished) return;
      await instances.delete('g', 'one');
      await names.compareAndSet(logId, 'u', 1, 1, UNKNOWN_OPENING, null);
      await append('u', 0, [written++]);
      expect(await readOut(await instance('later'))).toEqual([written - 1]);
    });

  it('and beside another: each reads its part out, and none begins the next generation before', async () => {
    await write(1, 2, 20);
    const both = [await instance('one'), await instance('two')];
    const seen: number[] = [];
    for (let turns = 0; turns < 6; turns++) {
      seen.push(...(await Promise.all(both.map((one) => read(one, 2)))).flat().map(({ value }) => value));
    }
    await cutOver(1, 3);
    await write(2, 3, 9);
    seen.push(...(await readOut(...both)));
    expect(sorted(seen)).toEqual(all());
  });

  it('control: one that begins the next generation at its start sees everything a second time', async () => {
    await write(1, 2, 20);
    const one = await instance('one', { 'auto.commit.enable': 'false' });
    const seen = await readOut(one);
    await cutOver(1, 3);
    await instances.delete('g', 'one');
    seen.push(...(await readOut(await instance('again', { 'auto.commit.enable': 'false' }))));
    expect(seen.length).toBe(40);
  });

  it('is told when partitions it was assigned by hand are of a generation that is over, and goes on when it assigns anew', async () => {
    await write(1, 2, 6);
    await instances.create('g', consumerOptions({ name: 'hand', format: 'json', 'auto.offset.reset': 'earliest' }));
    const hand = instances.get('g', 'hand');
    await hand.assign([0, 1].map((partition) => ({ topic: 't', partition })));
    const seen = (await read(hand)).map(({ value }) => value);
    await cutOver(1, 1);
    await write(2, 1, 2);
    await expect(read(hand)).rejects.toThrow('was repartitioned');
    await hand.assign([{ topic: 't', partition: 0 }]);
    seen.push(...(await readOut(hand)));
    expect(sorted(seen)).toEqual(all());
  });
});
