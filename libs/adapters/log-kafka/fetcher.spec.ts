import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, type FetchedPartition } from '#libs/core/log';
import { CODE, KafkaRefusal, KafkaSilence } from './error-codes.js';
import { Fetcher } from './fetcher.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { KAFKA_LOG_SETTINGS } from './options.js';
import type { PartitionOffsets } from './partition-offsets.js';
import type { TopicStates } from './topic-states.js';
import { FetchedBytes, type FetchParameters } from './wire-fetch.js';

const RECORDS = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1 }]);

/** Partition n is led by broker n. Brokers answer at once and hold one record; time passes only in pauses. */
describe('a fetch of several partitions', () => {
  let clock: ManualClock;
  let fetcher: Fetcher;
  let leaderless: Set<number>;
  let away: Set<number>;
  beforeEach(() => {
    clock = new ManualClock();
    leaderless = new Set();
    away = new Set();
    const call = async (leader: number, asked: FetchParameters): Promise<unknown> => {
      if (away.has(leader)) throw new KafkaSilence('Fetch', true, new Error('it is away'));
      const offsets = { highWatermark: 1n, lastStableOffset: 1n, logStartOffset: 0n };
      const partitions = asked.topics.flatMap(({ topic, partitions: some }) =>
        some.map(({ partition, offset }) => {
          const bytes = offset === 0 ? Buffer.from(RECORDS) : Buffer.alloc(0);
          const records = new FetchedBytes([bytes], bytes.length);
          return { topic, partition, errorCode: 0, ...offsets, aborted: [], records };
        }),
      );
      return { errorCode: 0, partitions };
    };
    const cluster = {
      name: 'c',
      clock,
      settings: KAFKA_LOG_SETTINGS,
      layoutWith: async () => ({ name: 't', id: 'id', leaders: [0, 1, 2] }),
      leaderOf: async ({ partition }: { partition: number }) => {
        if (leaderless.has(partition)) throw new KafkaRefusal('leader', CODE.LEADER_NOT_AVAILABLE);
        return partition;
      },
      newPurpose: () => 'fetch',
      link: (leader: number) => ({
        call: (_what: string, _api: unknown, asked: FetchParameters) => call(leader, asked),
      }),
      pause: async (ms: number) => clock.advance(ms),
      forget: () => undefined,
    };
    const states = { seeWithin: async () => undefined, of: () => 'ACTIVE' };
    fetcher = new Fetcher(
      cluster as unknown as KafkaCluster,
      states as unknown as TopicStates,
      {} as unknown as PartitionOffsets,
    );
  });

  const fetch = (partitions: readonly number[]): Promise<readonly FetchedPartition[]> =>
    fetcher.fetch({
      positions: partitions.map((partition) => ({ topic: 't', partition, offset: 0 })),
      maxBytes: 1_000_000,
    });
  const told = (found: readonly FetchedPartition[]) => found.map(({ batches, error }) => error?.code ?? batches.length);
  async function took(call: () => Promise<unknown>): Promise<number> {
    const before = clock.monotonic();
    await call();
    return clock.monotonic() - before;
  }

  for (const [what, silence] of [
    ['without a leader', () => leaderless],
    ['whose leader is away', () => away],
  ] as const) {
    it(`waits once for one ${what}, then answers the others at once, until it is back`, async () => {
      silence().add(1);
      const waited = await took(async () => {
        expect(told(await fetch([0, 1, 2]))).toEqual([1, 'cluster-unavailable', 1]);
      });
      expect(waited).toBeGreaterThan(KAFKA_LOG_SETTINGS.retryForMs);
      expect(waited).toBeLessThan(KAFKA_LOG_SETTINGS.retryForMs + 1_000);
      const again = await took(async () => {
        expect(told(await fetch([1, 2]))).toEqual(['cluster-unavailable', 1]);
      });
      expect(again).toBe(0);
      silence().delete(1);
      expect(told(await fetch([0, 1, 2]))).toEqual([1, 1, 1]);
    });
  }

  it('waits anew for one that is silent again after it answered', async () => {
    leaderless.add(1);
    await fetch([0, 1]);
    leaderless.delete(1);
    await fetch([0, 1]);
    leaderless.add(1);
    expect(await took(() => fetch([0, 1]))).toBeGreaterThan(KAFKA_LOG_SETTINGS.retryForMs);
  });

  it('loses nothing to a leader that is away for a moment', async () => {
    leaderless.add(1);
    const fetching = fetch([0, 1]);
    await Promise.resolve();
    leaderless.delete(1);
    expect(told(await fetching)).toEqual([1, 1]);
  });

  it('fails where nobody answers for any, each time after as long as anything is repeated', async () => {
    away.add(0).add(1);
    for (let times = 0; times < 2; times++) {
      const waited = await took(() => expect(fetch([0, 1])).rejects.toThrow('it is away'));
      expect(waited).toBeGreaterThan(KAFKA_LOG_SETTINGS.retryForMs);
    }
  });
});
