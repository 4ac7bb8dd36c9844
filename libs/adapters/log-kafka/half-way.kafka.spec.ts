import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch, type LogEngine, recordsFrom } from '#libs/core/log';
import { ContractContext, WallClock } from '#libs/core/log/testing';
import { CheckpointStore } from './checkpoint-store.js';
import * as api from './client.js';
import { CODE } from './error-codes.js';
import type { BrokerAddress, KafkaLogSettings } from './index.js';
import { CHECKPOINTS_TOPIC } from './internal-topics.js';
import { KafkaCluster } from './kafka-cluster.js';
import { BrokerProxy, openTestEngine, openTestLog, testServers } from './testing/index.js';
import { TransactionalProducer } from './transactional-producer.js';
import { fetchApi } from './wire-fetch.js';
import { produceApi } from './wire-produce.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const batchOf = (...values: string[]): Buffer =>
  encodeBatch(values.map((value) => ({ key: null, value: bytes(value), headers: [], timestamp: 1_700_000_000_000 })));
const textOf = (value: Uint8Array | null | undefined): string => Buffer.from(value ?? []).toString();
const LONG = { forMs: 15_000 };

describe('the Kafka engine when things go wrong half way', () => {
  let context: ContractContext;
  let cluster: KafkaCluster;
  const cleanUp: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    context = new ContractContext(await openTestLog(), openTestLog);
    cluster = await KafkaCluster.connect({ name: 'raw', bootstrapServers: testServers(), clock: new WallClock() });
  });
  afterAll(async () => {
    for (const one of cleanUp.reverse()) await one();
    cluster?.close();
    await context?.dispose();
  });

  async function anotherEngine(settings: Partial<KafkaLogSettings> = {}): Promise<LogEngine> {
    const engine = await openTestEngine({ settings });
    cleanUp.push(() => engine.close());
    return engine;
  }

  /** A proxy before the (single) test broker and an engine that knows only the proxy. */
  async function behindProxy(
    settings: Partial<KafkaLogSettings> = {},
  ): Promise<{ proxy: BrokerProxy; engine: LogEngine }> {
    const [host, port] = testServers()[0]!.split(':');
    const proxy = await BrokerProxy.start({ host: host!, port: Number(port) });
    cleanUp.push(() => proxy.stop());
    const addressOf = (): BrokerAddress => proxy.address;
    const engine = await openTestEngine({ addressOf, settings });
    cleanUp.push(() => engine.close());
    return { proxy, engine };
  }

  it.each(['agreed', 'first'] as const)(
    'a commit after one that failed is stored, though a batch of the failed one was stored without an answer (%s protocol)',
    async (transactionProtocol) => {
      // Each batch in a request of its own: the first is refused, the second stored and not heard of.
      const { proxy, engine } = await behindProxy({ produceBytes: 1, transactionProtocol });
      const small = await context.topic(1, { config: { 'max.message.bytes': '200' } });
      const ref = { topic: await context.topic(1), partition: 0 };
      const writer = await engine.openWriter(context.name('writer'));
      let produced = 0;
      proxy.loseAnswers = (apiKey) => apiKey === produceApi.key && ++produced === 2;
      const appends = [
        { topic: small, partition: 0, batch: batchOf('x'.repeat(500)) },
        { ...ref, batch: batchOf('never') },
      ];
      await expect(writer.commit({ appends })).rejects.toMatchObject({ code: 'batch-too-large' });
      expect(produced, 'both batches were sent').toBe(2);
      proxy.loseAnswers = undefined;
      const [appended] = await writer.commit({ appends: [{ ...ref, batch: batchOf('good') }] });
      const read = await context.read(ref, 1);
      expect(read.map((one) => [one.offset, textOf(one.value)])).toEqual([[appended!.baseOffset, 'good']]);
      expect(appended!.baseOffset, 'the unheard batch has a place, so the check can fail').toBeGreaterThan(0);
    },
  );

  it('an append that is stored and cannot be confirmed is unknown, never retryable', async () => {
    // Without a lease every acknowledgement takes a look at the states after the write.
    const { proxy, engine } = await behindProxy({ stateLeaseMs: 0, retryForMs: 400 });
    const ref = { topic: await context.topic(1), partition: 0 };
    await engine.append(ref, batchOf('first'));
    proxy.loseAnswers = (apiKey) =>
      (proxy.seen.get(produceApi.key) ?? 0) > sent && (apiKey === fetchApi.key || apiKey === api.listOffsets.key);
    const sent = proxy.seen.get(produceApi.key)!;
    await expect(engine.append(ref, batchOf('second'))).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: false,
    });
    expect(await context.values(ref, 2)).toEqual(['first', 'second']);
  });

  it('a commit that took place and cannot be confirmed is unknown, and ends its session', async () => {
    const { proxy, engine } = await behindProxy({ stateLeaseMs: 0, retryForMs: 400 });
    const ref = { topic: await context.topic(1), partition: 0 };
    const id = context.name('writer');
    const writer = await engine.openWriter(id);
    proxy.loseAnswers = (apiKey) =>
      (proxy.seen.get(api.endTxn.key) ?? 0) > 0 && (apiKey === fetchApi.key || apiKey === api.listOffsets.key);
    const commit = { appends: [{ ...ref, batch: batchOf('one') }], checkpoints: [{ key: 'n', value: bytes('1') }] };
    await expect(writer.commit(commit)).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(writer.commit(commit)).rejects.toMatchObject({ code: 'writer-closed' });
    expect(textOf((await context.engine.openWriter(id)).checkpoint('n'))).toBe('1');
    expect(await context.values(ref, 1)).toEqual(['one']);
  });

  it('a session forgets no checkpoint when a leader shows less than was committed', async () => {
    const { proxy, engine } = await behindProxy();
    const id = context.name('writer');
    await (await engine.openWriter(id)).commit({ checkpoints: [{ key: 'n', value: bytes('1') }] });
    const { topic, partition } = new CheckpointStore(cluster).placeOf(id);
    // Writers of other tests share the partition. A read that begins at its end finds nothing there only while nobody writes: what one of them overtook is done again.
    for (let overtaken = true; overtaken;) {
      // A commit is answered before its marker is written; the next session begins only after it, so the end below is the last one.
      await (await context.engine.openWriter(id)).close();
      const [end] = (await context.engine.describeTopic(topic)).partitions
        .filter((one) => one.partition === partition)
        .map((one) => BigInt(one.endOffset));
      // A leader just elected may know a lower high watermark: it refuses to list offsets, and answers fetches with nothing.
      let [refused, empty, answered] = [0, 0, 0];
      overtaken = false;
      proxy.rewrite = (apiKey, frame, kind) => {
        const name = frame.indexOf(CHECKPOINTS_TOPIC);
        if (name < 0) return;
        const partitionAt = name + CHECKPOINTS_TOPIC.length + 1;
        if (apiKey === api.listOffsets.key && kind === 'answer' && refused++ < 2) {
          frame.writeInt16BE(CODE.OFFSET_NOT_AVAILABLE, partitionAt + 4);
        }
        if (apiKey !== fetchApi.key) return;
        if (kind === 'request' && empty++ < 2) frame.writeBigInt64BE(end!, partitionAt + 8);
        // The high watermark comes behind the partition and the error.
        if (kind === 'answer' && answered++ < 2) overtaken ||= frame.readBigInt64BE(partitionAt + 6) !== end;
      };
      const checkpoint = textOf((await engine.openWriter(id)).checkpoint('n'));
      if (overtaken) continue;
      expect(checkpoint).toBe('1');
      expect([refused > 2, empty > 2], 'both were met').toEqual([true, true]);
    }
  });

  it('a fence says so when somebody keeps a transaction open, and the topic stays fenced', async () => {
    const engine = await anotherEngine({ stateLeaseMs: 20, transactionTimeoutMs: 700 });
    const ref = { topic: await context.topic(1), partition: 0 };
    const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'stubborn');
    await producer.addPartitions([ref], LONG);
    await producer.produce([{ ...ref, batch: batchOf('stubborn') }], LONG);
    await expect(engine.setTopicState(ref.topic, 'FENCED')).rejects.toMatchObject({
      code: 'cluster-unavailable',
      retryable: true,
    });
    expect((await context.engine.describeTopic(ref.topic)).state).toBe('FENCED');
    expect(await producer.end(false, LONG)).toBe('done');
    await engine.setTopicState(ref.topic, 'FENCED');
  });

  it('of two creations of one name the winner decides over the state', async () => {
    const other = await anotherEngine();
    for (let i = 0; i < 8; i++) {
      const topic = context.name('race');
      const outcomes = await Promise.allSettled([
        context.engine.createTopic({ name: topic, partitions: 1, state: 'FENCED' }),
        other.createTopic({ name: topic, partitions: 2 }),
      ]);
      expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const { state } = await other.describeTopic(topic);
      expect(state).toBe(outcomes[0].status === 'fulfilled' ? 'FENCED' : 'ACTIVE');
    }
  });

  it('settings that the brokers write in their own way are taken, and no change is none', async () => {
    const topic = await context.topic(1);
    const { config } = await context.engine.alterTopicConfig(topic, {
      'min.cleanable.dirty.ratio': '0.50',
      'cleanup.policy': 'compact, delete',
      'retention.ms': '007',
    });
    expect(Object.keys(config).sort()).toEqual(['cleanup.policy', 'min.cleanable.dirty.ratio', 'retention.ms']);
    expect((await context.engine.alterTopicConfig(topic, {})).config).toEqual(config);
  });

  it('one partition asked for at two offsets is answered for each', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    for (const value of ['a', 'b', 'c']) await context.append(ref, value);
    await context.read(ref, 3);
    const offsets = [2, 0, 3, 1];
    const answers = await context.engine.fetch({
      positions: offsets.map((offset) => ({ ...ref, offset })),
      maxBytes: 1 << 20,
    });
    const values = answers.map((one, i) => [...recordsFrom(one, offsets[i]!)].map((record) => textOf(record.value)));
    expect(values).toEqual([['c'], ['a', 'b', 'c'], [], ['b', 'c']]);
    expect(answers.map((one) => one.nextOffset)).toEqual([3, 3, 3, 3]);
  });

  it('a time in a partition that cannot be read is a failure, not "none"', async () => {
    const { proxy, engine } = await behindProxy();
    const ref = { topic: await context.topic(1), partition: 0 };
    await engine.append(ref, batchOf('fragile cargo'));
    await context.read(ref, 1);
    proxy.damage('fragile cargo', 'fragile c@rgo');
    await expect(engine.offsetForTimestamp(ref, 5)).rejects.toMatchObject({ code: 'partition-degraded' });
    proxy.damage();
    expect(await engine.offsetForTimestamp(ref, 5)).toBe(0);
    expect(await engine.offsetForTimestamp(ref, 1_699_999_999_999.5)).toBe(0);
  });

  it('a read that waits ends when it is asked to, in whatever moment that is', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    await context.append(ref, 'a');
    await context.read(ref, 1);
    for (let turns = 0; turns < 12; turns++) {
      const stop = new AbortController();
      const reading = context.engine.fetch({
        positions: [{ ...ref, offset: 1 }],
        maxBytes: 1,
        // Far beyond the test: a read that misses its end is never over.
        maxWaitMs: 600_000,
        signal: stop.signal,
      });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      stop.abort(new Error('asked to end'));
      await expect(reading).rejects.toThrow('asked to end');
    }
  }, 20_000);
});
