import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeTransactionsV0 } from '@platformatic/kafka';
import { batchesIn, detachBatch, encodeBatch, type LogEngine, readBatchHeader } from '#libs/core/log';
import { ContractContext, WallClock } from '#libs/core/log/testing';
import * as api from './client.js';
import { type BrokerAddress, KAFKA_LOG_SETTINGS, type KafkaLogSettings } from './index.js';
import { KafkaCluster } from './kafka-cluster.js';
import { BrokerProxy, openTestEngine, openTestLog, testServers } from './testing/index.js';
import { TransactionalProducer } from './transactional-producer.js';
import { produceApi } from './wire-produce.js';

const batchOf = (...values: string[]): Buffer =>
  encodeBatch(
    values.map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestamp: 1_700_000_000_000 })),
  );
const LONG = { forMs: 15_000 };
/** Where an API key stands in a request frame, and its version. */
const VERSION_AT = 6;

/** Real time that notes the pauses asked for. */
class NotingClock extends WallClock {
  readonly pausesMs: number[] = [];
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.pausesMs.push(ms);
    await super.sleep(ms, signal);
  }
}

describe('transactions on a real broker', () => {
  let context: ContractContext;
  let cluster: KafkaCluster;
  let proxy: BrokerProxy;
  const engines: LogEngine[] = [];

  beforeAll(async () => {
    context = new ContractContext(await openTestLog(), openTestLog);
    cluster = await KafkaCluster.connect({ name: 'raw', bootstrapServers: testServers(), clock: new WallClock() });
    const [host, port] = testServers()[0]!.split(':');
    proxy = await BrokerProxy.start({ host: host!, port: Number(port) });
  });
  afterAll(async () => {
    for (const engine of engines) await engine.close();
    await proxy?.stop();
    cluster?.close();
    await context?.dispose();
  });

  const throughProxy = async (settings: Partial<KafkaLogSettings> = {}): Promise<LogEngine> => {
    const engine = await openTestEngine({ addressOf: (): BrokerAddress => proxy.address, settings });
    engines.push(engine);
    return engine;
  };

  /** The requests of a commit to eight partitions, repetitions of what ran into the markers of the transaction before left out. */
  async function stepsOfCommit(settings: Partial<KafkaLogSettings>) {
    const engine = await throughProxy(settings);
    const topic = await context.topic(8);
    const writer = await engine.openWriter(context.name('writer'));
    const steps: { readonly key: number; readonly version: number }[] = [];
    proxy.rewrite = (key, frame, kind) => {
      const ofTransaction = [api.addPartitionsToTxn, api.addOffsetsToTxn, produceApi, api.txnOffsetCommit, api.endTxn];
      if (kind === 'request' && ofTransaction.some((one) => one.key === key))
        steps.push({ key, version: frame.readInt16BE(VERSION_AT) });
    };
    const partitions = [0, 1, 2, 3, 4, 5, 6, 7];
    await writer.commit({
      appends: partitions.map((partition) => ({ topic, partition, batch: batchOf(`p${partition}`) })),
      positions: [{ group: context.name('group'), topic, partition: 0, offset: 0 }],
      checkpoints: [{ key: 'k', value: Buffer.from('v') }],
    });
    proxy.rewrite = undefined;
    for (const partition of partitions)
      expect(await context.values({ topic, partition }, 1)).toEqual([`p${partition}`]);
    return steps.filter((one, i) => one.key !== steps[i - 1]?.key);
  }

  it('of the first protocol take all their partitions in before anything is sent to one, and keep to the version for ordinary principals', async () => {
    expect(await stepsOfCommit({ transactionProtocol: 'first' })).toEqual([
      { key: api.addPartitionsToTxn.key, version: 3 },
      { key: produceApi.key, version: 9 },
      { key: api.addOffsetsToTxn.key, version: 3 },
      { key: api.txnOffsetCommit.key, version: 3 },
      { key: api.endTxn.key, version: 3 },
    ]);
  });

  it('are of the second protocol where the brokers have agreed on it, without requests that only announce', async () => {
    const steps = await stepsOfCommit({});
    if (cluster.transactionVersion < 2) return expect(steps.at(-1)).toEqual({ key: api.endTxn.key, version: 3 });
    expect(steps).toEqual([
      { key: produceApi.key, version: 12 },
      { key: api.txnOffsetCommit.key, version: 5 },
      { key: api.endTxn.key, version: 5 },
    ]);
  });

  it('raise the epoch of their producer with each end where they are of the second protocol', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'epochs');
    const epochs = [producer.epoch];
    for (const commit of [true, false, true]) {
      await producer.addPartitions([ref], LONG);
      await producer.produce([{ ...ref, batch: batchOf(String(commit)) }], LONG);
      expect(await producer.end(commit, LONG)).toBe('done');
      epochs.push(producer.epoch);
    }
    const [first] = epochs as [number];
    expect(epochs).toEqual([0, 1, 2, 3].map((raised) => first + (producer.endsEpochs ? raised : 0)));
    expect(await context.values(ref, 2)).toEqual(['true', 'true']);
  });

  it('live a minute at the coordinator, so that a long step does not lose them', async () => {
    const id = context.name('txn');
    const ref = { topic: await context.topic(1), partition: 0 };
    const producer = await TransactionalProducer.open(cluster, id, 'long');
    await producer.addPartitions([ref], LONG);
    await producer.produce([{ ...ref, batch: batchOf('soon') }], LONG);
    const described = async () => {
      const answer = await cluster.withCoordinator('transaction', id, (node) =>
        cluster.call(node, 'control', 'DescribeTransactions', describeTransactionsV0.api, [id]),
      );
      return answer.transactionStates[0]!;
    };
    expect(await described()).toMatchObject({
      transactionState: 'Ongoing',
      transactionTimeoutMs: KAFKA_LOG_SETTINGS.transactionTimeoutMs,
    });
    expect(KAFKA_LOG_SETTINGS.transactionTimeoutMs).toBe(60_000);
    expect(KAFKA_LOG_SETTINGS.commitForMs).toBeLessThanOrEqual(15_000);
    await producer.produce([{ ...ref, batch: batchOf('late') }], LONG);
    expect(await producer.end(true, LONG)).toBe('done');
    await context.eventually(async () => expect((await described()).transactionState).toBe('CompleteCommit'));
  });

  it('follow each other with pauses of milliseconds, though markers of the one before are still being written', async () => {
    const clock = new NotingClock();
    const engine = await openTestEngine({ clock, settings: { transactionProtocol: 'first' } });
    engines.push(engine);
    const ref = { topic: await context.topic(1), partition: 0 };
    const writer = await engine.openWriter(context.name('writer'));
    for (let i = 0; i < 20; i++) await writer.commit({ appends: [{ ...ref, batch: batchOf(String(i)) }] });
    // The client library would wait a second each time. That there are pauses at all shows that markers were met.
    expect(clock.pausesMs.length).toBeGreaterThan(0);
    expect(Math.max(...clock.pausesMs)).toBeLessThanOrEqual(200);
  });

  it('carry copied batches with their records as they are, byte for byte, and store a repeated one once', async () => {
    const engine = await throughProxy();
    const from = { topic: await context.topic(1), partition: 0 };
    const to = { topic: await context.topic(1), partition: 0 };
    const headers = [
      { key: 'h', value: Buffer.from([0, 255]) },
      { key: 'h', value: null },
    ];
    const records = Array.from({ length: 50 }, (_, i) => ({
      key: i % 3 === 0 ? null : Buffer.from(`k${i}`),
      value: i % 7 === 0 ? null : Buffer.from('x'.repeat(i)),
      headers,
      timestamp: 1_700_000_000_000 - i,
    }));
    await engine.append(from, encodeBatch(records, { compression: 'gzip' }));
    const read = async (ref: typeof from): Promise<Uint8Array> => {
      const [fetched] = await engine.fetch({
        positions: [{ ...ref, offset: 0 }],
        maxBytes: 1 << 20,
        maxWaitMs: 10_000,
      });
      return fetched!.batches[0]!;
    };
    const source = await read(from);
    const writer = await engine.openWriter(context.name('writer'));
    proxy.cutNext(produceApi.key, 'answer');
    await writer.commit({ appends: [{ ...to, batch: detachBatch(source) }] });
    const stored = await read(to);
    const recordBytes = (batch: Uint8Array): string => Buffer.from(batch).subarray(61).toString('hex');
    expect(recordBytes(stored)).toBe(recordBytes(source));
    const [a, b] = [readBatchHeader(source), readBatchHeader(stored)];
    expect([b.compression, b.recordCount, b.baseTimestamp, b.maxTimestamp]).toEqual([
      a.compression,
      a.recordCount,
      a.baseTimestamp,
      a.maxTimestamp,
    ]);
    expect([a.transactional, b.transactional]).toEqual([false, true]);
    expect(await context.read(to, 50)).toHaveLength(50);
    expect([...batchesIn(Buffer.from(stored))]).toHaveLength(1);
  });

  it('are described by their protocol beside what the brokers have agreed on', async () => {
    const { exactlyOnce } = await context.engine.administration.describeCluster();
    // Brokers with the epoch-bumping protocol offer EndTxn 5.
    const second = cluster.supports({ key: api.endTxn.key, version: 5 });
    expect(exactlyOnce.transactionVersion! >= 2).toBe(second);
    expect(exactlyOnce.basis).toBe(second ? 'epoch-ended-with-each' : 'epoch-ended-when-unknown');
    const engine = await openTestEngine({ settings: { transactionProtocol: 'first' } });
    engines.push(engine);
    const { basis } = (await engine.administration.describeCluster()).exactlyOnce;
    expect(basis).toBe('epoch-ended-when-unknown');
  });

  it('are not begun on brokers that lack the version for them: opening says what is missing', async () => {
    proxy.rewrite = (apiKey, frame, kind) => {
      if (apiKey !== api.apiVersions.key || kind !== 'answer') return;
      // Size, correlation id, error code and the length of the list; then key, lowest and highest version, no tags.
      for (let at = 11; at + 7 <= frame.length; at += 7) {
        if (frame.readInt16BE(at) === api.addPartitionsToTxn.key) return void frame.writeInt16BE(2, at + 4);
      }
    };
    try {
      const bootstrapServers = [`${proxy.address.host}:${proxy.address.port}`];
      await expect(openTestEngine({ bootstrapServers })).rejects.toMatchObject({
        code: 'cluster-unsupported',
        message: expect.stringContaining(`${api.addPartitionsToTxn.key} version 3`) as unknown,
      });
    } finally {
      proxy.rewrite = undefined;
    }
    await (await openTestEngine()).close();
  });
});
