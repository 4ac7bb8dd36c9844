import type { PartitionRef } from '#libs/core/log';
import * as api from './client.js';
import { clusterUnavailable, expectNone } from './error-codes.js';
import type { KafkaCluster, TopicLayout } from './kafka-cluster.js';

/** What ListOffsets calls the first offset and the end. */
const EARLIEST = -2n;
const LATEST = -1n;
/** Isolation levels: up to the high watermark, up to the last stable offset. */
const WRITTEN = 0;
const COMMITTED = 1;

export interface OffsetRange {
  readonly start: number;
  /** Last stable offset: everything below is committed or aborted, and will not change. */
  readonly end: number;
}

/** Offsets of partitions, asked of their leaders as a reader of committed records sees them. */
export class PartitionOffsets {
  readonly #cluster: KafkaCluster;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** @throws `topic-not-found`, `partition-not-found`. */
  async rangeOf(ref: PartitionRef): Promise<OffsetRange> {
    return await this.#cluster.persist(async () => {
      const leader = await this.#cluster.leaderOf(ref);
      const partitions = [[ref.topic, [ref.partition]]] as const;
      const [starts, ends] = await Promise.all([
        this.#list(leader, partitions, EARLIEST),
        this.#list(leader, partitions, LATEST),
      ]);
      const key = `${ref.topic}/${ref.partition}`;
      return { start: starts.get(key)!, end: ends.get(key)! };
    });
  }

  /**
   * Ranges of all partitions of some topics that have a leader, by `topic/partition`.
   * @throws {KafkaRefusal | KafkaSilence} passing, when a leader is away.
   */
  async rangesOf(layouts: readonly TopicLayout[]): Promise<ReadonlyMap<string, OffsetRange>> {
    const byLeader = new Map<number, [topic: string, partitions: number[]][]>();
    for (const { name, leaders } of layouts) {
      for (const [partition, leader] of leaders.entries()) {
        if (leader < 0) continue;
        const topics = byLeader.get(leader) ?? [];
        byLeader.set(leader, topics);
        if (topics.at(-1)?.[0] === name) topics.at(-1)![1].push(partition);
        else topics.push([name, [partition]]);
      }
    }
    const ranges = new Map<string, OffsetRange>();
    await Promise.all(
      [...byLeader].map(async ([leader, topics]) => {
        const [starts, ends] = await Promise.all([
          this.#list(leader, topics, EARLIEST),
          this.#list(leader, topics, LATEST),
        ]);
        for (const [key, start] of starts) ranges.set(key, { start, end: ends.get(key)! });
      }),
    );
    return ranges;
  }

  /**
   * Where a broker says that a time begins: the first record, committed or not, that is not older. Null when there is none.
   * `timestampMs` must not be negative, which has other meanings here.
   */
  async offsetAt(ref: PartitionRef, timestampMs: number): Promise<number | null> {
    return await this.#cluster.persist(async () => {
      const leader = await this.#cluster.leaderOf(ref);
      const found = await this.#list(leader, [[ref.topic, [ref.partition]]], BigInt(timestampMs));
      const offset = found.get(`${ref.topic}/${ref.partition}`)!;
      return offset < 0 ? null : offset;
    });
  }

  /**
   * Resolves once every transaction that has records in the topic now is ended, so that the last stable offsets lie behind them. A commit is answered
   * before its markers are written.
   * @throws `cluster-unavailable` when one stays open for longer than its writer may take.
   */
  async untilSettled(layout: TopicLayout): Promise<void> {
    const { clock, settings } = this.#cluster;
    const until = clock.monotonic() + settings.transactionTimeoutMs * 1.5;
    const marks = await this.#cluster.persist(() => this.#ends(layout.name, WRITTEN));
    for (;;) {
      const stable = await this.#cluster.persist(() => this.#ends(layout.name, COMMITTED));
      if ([...marks].every(([key, mark]) => stable.get(key)! >= mark)) return;
      if (clock.monotonic() > until) {
        throw clusterUnavailable(this.#cluster.name, new Error(`a transaction on topic '${layout.name}' stays open`));
      }
      await this.#cluster.pause(settings.retryPauseMs);
    }
  }

  /** Ends of all partitions of a topic, by `topic/partition`. */
  async #ends(topic: string, isolation: number): Promise<ReadonlyMap<string, number>> {
    const { leaders } = await this.#cluster.layoutOf(topic);
    const byLeader = new Map<number, number[]>();
    for (const partition of leaders.keys()) {
      const leader = await this.#cluster.leaderOf({ topic, partition });
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
    }
    const ends = new Map<string, number>();
    for (const [leader, partitions] of byLeader) {
      for (const [key, end] of await this.#list(leader, [[topic, partitions]], LATEST, isolation)) ends.set(key, end);
    }
    return ends;
  }

  async #list(
    leader: number,
    topics: readonly (readonly [topic: string, partitions: readonly number[]])[],
    timestamp: bigint,
    isolation = COMMITTED,
  ): Promise<Map<string, number>> {
    const ask = topics.map(([name, partitions]) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp })),
    }));
    const answer = await this.#cluster.call(leader, 'admin', 'ListOffsets', api.listOffsets, -1, isolation, ask);
    const offsets = new Map<string, number>();
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode, offset } of partitions) {
        if (errorCode !== 0) this.#cluster.forget(name);
        expectNone(`ListOffsets of ${name}/${partitionIndex}`, errorCode);
        offsets.set(`${name}/${partitionIndex}`, Number(offset));
      }
    }
    return offsets;
  }
}
