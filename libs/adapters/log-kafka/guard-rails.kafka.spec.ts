import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import {
  detachBatch,
  encodeBatch,
  type LogEngine,
  type PartitionRef,
  recordsFrom,
  type StoredRecord,
} from '#libs/core/log';
import { ContractContext, WallClock } from '#libs/core/log/testing';
import { CheckpointStore } from './checkpoint-store.js';
import { CODE } from './error-codes.js';
import { KafkaCluster } from './kafka-cluster.js';
import type { BrokerAddress, KafkaLogSettings } from './index.js';
import { fetchUncommitted } from './raw-reader.js';
import { BrokerProxy, openTestEngine, openTestLog, testServers } from './testing/index.js';
import { TransactionalProducer } from './transactional-producer.js';
import * as api from './client.js';
import { enlistingProduceApi, produceApi } from './wire-produce.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const record = (value: string) => ({ key: null, value: bytes(value), headers: [], timestamp: 1_700_000_000_000 });
const batchOf = (...values: string[]): Buffer => encodeBatch(values.map(record));
const textOf = (value: Uint8Array | null | undefined): string => Buffer.from(value ?? []).toString();
const LONG = { forMs: 15_000 };
/** As the brokers have agreed on, and the first one on all brokers; alike on brokers that have no other. */
const PROTOCOLS = ['agreed', 'first'] as const;

describe('guard rails of the Kafka engine', () => {
  let context: ContractContext;
  let cluster: KafkaCluster;
  const cleanUp: (() => Promise<void> | void)[] = [];

  beforeAll(async () => {
    context = new ContractContext(await openTestLog(), openTestLog);
    cluster = await KafkaCluster.connect({ name: 'raw', bootstrapServers: testServers(), clock: new WallClock() });
  });
  afterAll(async () => {
    for (const one of cleanUp) await one();
    cluster?.close();
    await context?.dispose();
  });

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

  /** The test cluster with settings of its own. */
  async function clusterWith(settings: Partial<KafkaLogSettings>): Promise<KafkaCluster> {
    const one = await KafkaCluster.connect({
      name: 'raw',
      bootstrapServers: testServers(),
      clock: new WallClock(),
      settings,
    });
    cleanUp.push(() => one.close());
    return one;
  }

  async function readWith(engine: LogEngine, ref: PartitionRef, maxBytes: number): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    for (let offset = 0; ;) {
      const [fetched] = await engine.fetch({ positions: [{ ...ref, offset }], maxBytes });
      records.push(...recordsFrom(fetched!, offset));
      if (fetched!.nextOffset >= fetched!.endOffset) return records;
      expect(fetched!.nextOffset).toBeGreaterThan(offset);
      offset = fetched!.nextOffset;
    }
  }

  it('aborted records stay invisible at every fetch size, also with several aborts of one producer', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'aborts');
    const other = await TransactionalProducer.open(cluster, context.name('txn'), 'other');
    const committed: string[] = [];
    const write = async (by: TransactionalProducer, outcome: boolean, size: number, n: number): Promise<void> => {
      const values = Array.from({ length: 3 }, (_, i) => `${outcome ? 'kept' : 'gone'}:${n}:${i}:`.padEnd(size, 'x'));
      await by.addPartitions([ref], LONG);
      await by.produce(
        values.map((value) => ({ ...ref, batch: batchOf(value) })),
        LONG,
      );
      expect(await by.end(outcome, LONG)).toBe('done');
      if (outcome) committed.push(...values);
    };
    // Broker answers are 64 KiB at least: with batches of 30 KB their ends, and the markers, fall everywhere.
    for (const [n, outcome] of [false, false, true, false, true, false, false].entries()) {
      await write(n % 3 === 2 ? other : producer, outcome, n % 2 === 0 ? 30_000 : 500, n);
    }
    const tail = await context.engine.append(ref, batchOf('tail'));
    committed.push('tail');
    for (const maxBytes of [1, 700, 40_000, 70_000, 150_000, 1 << 20]) {
      const read = await readWith(context.engine, ref, maxBytes);
      expect(
        read.map((one) => textOf(one.value)),
        `fetches of ${maxBytes} bytes`,
      ).toEqual(committed);
    }
    const raw = await fetchUncommitted(cluster, 'control', ref, 0);
    expect(
      Buffer.from(raw.records.whole()).includes('gone:0:'),
      'the aborted records are in the log, so the check can fail',
    ).toBe(true);
    expect(tail.baseOffset).toBeGreaterThan(committed.length);
  });

  it('an open transaction hides what is behind it, and nothing before it', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    await context.append(ref, 'before');
    const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'open');
    await producer.addPartitions([ref], LONG);
    const [at] = await producer.produce([{ ...ref, batch: batchOf('inside') }], LONG);
    await context.append(ref, 'behind');
    expect(await context.values(ref)).toEqual(['before']);
    expect(await context.endsOf(ref.topic)).toEqual([at]);
    expect((await context.fetch(ref, at! + 1)).error).toBeUndefined();
    expect(await producer.end(true, LONG)).toBe('done');
    expect(await context.values(ref, 3)).toEqual(['before', 'inside', 'behind']);
  });

  it('sessions of one id follow each other without being fenced by themselves', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    const id = context.name('writer');
    for (let session = 0; session < 5; session++) {
      const writer = await context.engine.openWriter(id);
      for (const n of [1, 2]) {
        await writer.commit({
          appends: [{ ...ref, batch: batchOf(`${session}:${n}`) }],
          checkpoints: [{ key: 'at', value: bytes(`${session}:${n}`) }],
        });
      }
      await writer.close();
      if (session % 2 === 1) await context.reopen();
    }
    expect(await context.values(ref, 10)).toHaveLength(10);
    expect(textOf((await context.engine.openWriter(id)).checkpoint('at'))).toBe('4:2');
  });

  it.each(PROTOCOLS)(
    'a zombie in the middle of a transaction is refused at its end, and what it wrote is never seen (%s protocol)',
    async (transactionProtocol) => {
      const cluster = await clusterWith({ transactionProtocol });
      const ref = { topic: await context.topic(1), partition: 0 };
      const id = context.name('txn');
      const zombie = await TransactionalProducer.open(cluster, id, 'zombie');
      await zombie.addPartitions([ref], LONG);
      await zombie.produce([{ ...ref, batch: batchOf('undead') }], LONG);
      const successor = await TransactionalProducer.open(cluster, id, 'successor');
      expect(successor.epoch).toBeGreaterThan(zombie.epoch);
      expect(await zombie.end(true, LONG)).toBe('fenced');
      await successor.addPartitions([ref], LONG);
      await successor.produce([{ ...ref, batch: batchOf('alive') }], LONG);
      expect(await successor.end(true, LONG)).toBe('done');
      expect(await context.values(ref, 1)).toEqual(['alive']);
      await expect(zombie.bumpEpoch(LONG)).rejects.toMatchObject({ fenced: true });
    },
  );

  it.each(PROTOCOLS)(
    'a batch that comes late tears the next transaction by the first protocol alone (%s)',
    async (transactionProtocol) => {
      const cluster = await clusterWith({ transactionProtocol });
      const ref = { topic: await context.topic(1), partition: 0 };
      const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'late');
      const former = { id: Math.floor(producer.epoch / 32_768), epoch: producer.epoch % 32_768 };
      const write = async (value: string): Promise<void> => {
        await producer.addPartitions([ref], LONG);
        await producer.produce([{ ...ref, batch: batchOf(value) }], LONG);
      };
      await write('one');
      expect(await producer.end(true, LONG)).toBe('done');
      await write('two');
      // Sent within the first transaction, and held up on the way until now.
      const baseSequence = producer.endsEpochs ? 1 : 2;
      const batch = detachBatch(batchOf('late'), { ...former, baseSequence, transactional: true });
      const request = producer.endsEpochs ? enlistingProduceApi : produceApi;
      const ask = { transactionalId: producer.transactionalId, timeoutMs: 5_000, batches: [{ ...ref, batch }] };
      const [answer] = await cluster.call(await cluster.leaderOf(ref), 'control', 'Produce', request, ask);
      expect(await producer.end(true, LONG)).toBe('done');
      if (producer.endsEpochs) {
        expect(answer!.errorCode).toBe(CODE.INVALID_PRODUCER_EPOCH);
        expect(await context.values(ref, 2)).toEqual(['one', 'two']);
      } else {
        // Which is why an epoch of that protocol is ended before anybody builds on what is not known.
        expect(answer!.errorCode).toBe(0);
        expect(await context.values(ref, 3)).toEqual(['one', 'two', 'late']);
      }
    },
  );

  it.each(PROTOCOLS)(
    'a transaction that nothing was sent of ends either way, and its producer goes on (%s)',
    async (transactionProtocol) => {
      const cluster = await clusterWith({ transactionProtocol });
      const ref = { topic: await context.topic(1), partition: 0 };
      const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'empty');
      for (const commit of [true, false, true]) {
        await producer.addPartitions([ref], LONG);
        expect(await producer.end(commit, LONG)).toBe('done');
      }
      await producer.addPartitions([ref], LONG);
      await producer.produce([{ ...ref, batch: batchOf('some') }], LONG);
      expect(await producer.end(true, LONG)).toBe('done');
      expect(await context.values(ref, 1)).toEqual(['some']);
    },
  );

  it('parallel appends are stored once each at distinct rising offsets, answers lost or not', async () => {
    const { proxy, engine } = await behindProxy();
    const topic = await context.topic(4);
    let requests = 0;
    proxy.loseAnswers = (apiKey) => apiKey === produceApi.key && ++requests % 5 === 0;
    const appended = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const ref = { topic, partition: i % 4 };
        const { baseOffset } = await engine.append(ref, batchOf(`v${i}`));
        return { ...ref, offset: baseOffset, value: `v${i}` };
      }),
    );
    expect(requests, 'answers were lost').toBeGreaterThan(20);
    for (let partition = 0; partition < 4; partition++) {
      const mine = appended.filter((one) => one.partition === partition);
      const read = await context.read({ topic, partition }, mine.length);
      expect(read.map((one) => [one.offset, textOf(one.value)])).toEqual(mine.map((one) => [one.offset, one.value]));
    }
  });

  it('without a sequence the same loss stores a batch twice: the check above can fail', async () => {
    const ref = { topic: await context.topic(1), partition: 0 };
    for (let i = 0; i < 2; i++) {
      const leader = await cluster.leaderOf(ref);
      const ask = { transactionalId: null, timeoutMs: 5_000, batches: [{ ...ref, batch: batchOf('again') }] };
      await cluster.call(leader, 'control', 'Produce', produceApi, ask);
    }
    expect(await context.values(ref, 2)).toEqual(['again', 'again']);
  });

  it.each(PROTOCOLS)(
    'commits go through when answers are lost at any step, each once (%s protocol)',
    async (transactionProtocol) => {
      const { proxy, engine } = await behindProxy({ transactionProtocol });
      const ref = { topic: await context.topic(1), partition: 0 };
      const [id, group] = [context.name('writer'), context.name('group')];
      const writer = await engine.openWriter(id);
      const { endsEpochs } = await clusterWith({ transactionProtocol });
      const steps = [
        ...(endsEpochs ? [] : [api.addPartitionsToTxn.key, api.addOffsetsToTxn.key]),
        produceApi.key,
        api.txnOffsetCommit.key,
        api.endTxn.key,
      ];
      for (const cut of ['request', 'answer'] as const) {
        for (const apiKey of steps) {
          const before = Number(textOf(writer.checkpoint('count')) || '0');
          proxy.cutNext(apiKey, cut);
          await writer.commit({
            appends: [{ ...ref, batch: batchOf(`c${before + 1}`) }],
            positions: [{ group, ...ref, offset: before + 1 }],
            checkpoints: [{ key: 'count', value: bytes(String(before + 1)) }],
          });
        }
      }
      const count = 2 * steps.length;
      expect(await context.values(ref, count)).toEqual(Array.from({ length: count }, (_, i) => `c${i + 1}`));
      expect((await context.engine.describeGroup(group)).positions).toEqual([{ ...ref, offset: count }]);
      expect(textOf((await context.engine.openWriter(id)).checkpoint('count'))).toBe(String(count));
    },
  );

  for (const { cut, took, transactionProtocol } of PROTOCOLS.flatMap((transactionProtocol) => [
    { cut: 'answer', took: true, transactionProtocol } as const,
    { cut: 'request', took: false, transactionProtocol } as const,
  ])) {
    it(`an unknown outcome is told, and the next session's checkpoint says it ${took ? 'took' : 'did not take'} place (${transactionProtocol} protocol)`, async () => {
      const { proxy, engine } = await behindProxy({ commitForMs: 700, retryForMs: 700, transactionProtocol });
      const ref = { topic: await context.topic(1), partition: 0 };
      const id = context.name('writer');
      const writer = await engine.openWriter(id);
      await writer.commit({
        appends: [{ ...ref, batch: batchOf('one') }],
        checkpoints: [{ key: 'n', value: bytes('1') }],
      });
      proxy.cutNext(api.endTxn.key, cut, true);
      const commit = writer.commit({
        appends: [{ ...ref, batch: batchOf('two') }],
        checkpoints: [{ key: 'n', value: bytes('2') }],
      });
      await expect(commit).rejects.toMatchObject({ code: 'outcome-unknown' });
      await expect(writer.commit({ appends: [{ ...ref, batch: batchOf('dead') }] })).rejects.toMatchObject({
        code: 'writer-closed',
      });
      proxy.comeUp();
      const next = await context.engine.openWriter(id);
      expect(textOf(next.checkpoint('n'))).toBe(took ? '2' : '1');
      await next.commit({ appends: [{ ...ref, batch: batchOf('three') }] });
      expect(await context.values(ref, took ? 3 : 2)).toEqual(took ? ['one', 'two', 'three'] : ['one', 'three']);
    });
  }

  it('an append whose cluster stays away is unknown when it was sent, and refused as retryable when it was not', async () => {
    const { proxy, engine } = await behindProxy({ retryForMs: 500 });
    const ref = { topic: await context.topic(1), partition: 0 };
    await engine.append(ref, batchOf('first'));
    proxy.cutNext(produceApi.key, 'answer', true);
    await expect(engine.append(ref, batchOf('second'))).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(engine.append(ref, batchOf('third'))).rejects.toMatchObject({
      code: 'cluster-unavailable',
      retryable: true,
    });
    proxy.comeUp();
    await engine.append(ref, batchOf('fourth'));
    expect(await context.values(ref, 3)).toEqual(['first', 'second', 'fourth']);
  });

  it('a record damaged on its way is not delivered, and is when it is whole', async () => {
    const { proxy, engine } = await behindProxy();
    const ref = { topic: await context.topic(1), partition: 0 };
    await engine.append(ref, batchOf('sound'));
    await engine.append(ref, batchOf('fragile cargo'));
    proxy.damage('fragile cargo', 'fragile c@rgo');
    const read = async (offset: number) =>
      (await engine.fetch({ positions: [{ ...ref, offset }], maxBytes: 1 << 20 }))[0]!;
    const first = await read(0);
    expect([...recordsFrom(first, 0)].map((one) => textOf(one.value))).toEqual(['sound']);
    expect(await read(first.nextOffset)).toMatchObject({ batches: [], error: { code: 'partition-degraded' } });
    proxy.damage();
    expect([...recordsFrom(await read(0), 0)].map((one) => textOf(one.value))).toEqual(['sound', 'fragile cargo']);
  });

  it("another writer's open transaction does not hide a committed checkpoint", async () => {
    const store = new CheckpointStore(cluster);
    await store.provide();
    const id = context.name('writer');
    let neighbour = context.name('writer');
    while (store.placeOf(neighbour).partition !== store.placeOf(id).partition) neighbour = context.name('writer');
    const place = store.placeOf(id);
    const open = await TransactionalProducer.open(cluster, context.name('txn'), 'neighbour');
    await open.addPartitions([place], LONG);
    const batches = store.encode(neighbour, [{ key: 'k', value: bytes('open') }]);
    await open.produce(
      batches.map((batch) => ({ ...place, batch })),
      LONG,
    );
    try {
      const writer = await context.engine.openWriter(id);
      await writer.commit({ checkpoints: [{ key: 'k', value: bytes('committed') }] });
      const committedOnly = await readWith(context.engine, place, 1 << 20);
      expect(
        committedOnly.some((one) => textOf(one.key).includes(id)),
        'a reader of committed records does not see it, so the check can fail',
      ).toBe(false);
      expect(textOf((await context.engine.openWriter(id)).checkpoint('k'))).toBe('committed');
      expect((await context.engine.openWriter(neighbour)).checkpoints().size).toBe(0);
    } finally {
      await open.end(false, LONG);
    }
  });

  describe('the fence over two instances of the service', () => {
    /** Appends from a second instance while the first fences; answers what was acknowledged behind the end offset. */
    async function lateAppends(other: LogEngine): Promise<number> {
      const ref = { topic: await context.topic(1), partition: 0 };
      const acknowledged: number[] = [];
      let stop = false;
      const writing = (async () => {
        while (!stop) {
          try {
            acknowledged.push((await other.append(ref, batchOf('x'))).lastOffset);
          } catch (error) {
            if (isAppError(error, 'topic-fenced')) return;
            throw error;
          }
        }
      })();
      while (acknowledged.length < 20) await new Promise((resolve) => setImmediate(resolve));
      const { partitions } = await context.engine.setTopicState(ref.topic, 'FENCED');
      const soFar = acknowledged.length;
      while (acknowledged.length < soFar + 20 && !(await Promise.race([writing.then(() => true), pause(200)])))
        continue;
      stop = true;
      await writing;
      return acknowledged.filter((offset) => offset >= partitions[0]!.endOffset).length;
    }
    const pause = (ms: number): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), ms));

    it('waits for transactions that are under way, whose records lie below the end offsets then', async () => {
      const ref = { topic: await context.topic(1), partition: 0 };
      const producer = await TransactionalProducer.open(cluster, context.name('txn'), 'fenced');
      await producer.addPartitions([ref], LONG);
      const [at] = await producer.produce([{ ...ref, batch: batchOf('inside') }], LONG);
      let fenced = false;
      const fencing = context.engine.setTopicState(ref.topic, 'FENCED').finally(() => (fenced = true));
      await context.eventually(async () =>
        expect((await context.engine.describeTopic(ref.topic)).state).toBe('FENCED'),
      );
      await pause(1_500);
      expect(fenced).toBe(false);
      expect(await context.endsOf(ref.topic), 'the end a careless fence would have answered').toEqual([at]);
      expect(await producer.end(true, LONG)).toBe('done');
      expect((await fencing).partitions[0]!.endOffset).toBeGreaterThan(at!);
      expect(await context.values(ref, 1)).toEqual(['inside']);
    });

    it('nothing is acknowledged behind the end offsets', async () => {
      const other = await openTestEngine();
      cleanUp.push(() => other.close());
      expect(await lateAppends(other)).toBe(0);
    });

    it('an instance that looks too rarely would acknowledge behind them: the check can fail', async () => {
      const careless = await openTestEngine({ settings: { stateLeaseMs: 600_000 } });
      cleanUp.push(() => careless.close());
      expect(await lateAppends(careless)).toBeGreaterThan(0);
    });
  });
});
