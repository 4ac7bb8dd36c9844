import type { PartitionRef } from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal, KafkaSilence } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { type FetchAnswer, fetchApi, type FetchParameters } from './wire-fetch.js';

/** What ListOffsets calls the end, and the isolation that means the high watermark. */
const LATEST = -1n;
const UNCOMMITTED = 0;

/** Bytes asked for at once when a whole partition is read. */
const STEP_BYTES = 4 * 1024 * 1024;

/**
 * One answer for one partition of everything below the high watermark, transactions open and aborted included. For internal topics, whose readers
 * tell by the markers.
 */
export async function fetchUncommitted(
  cluster: KafkaCluster,
  purpose: string,
  ref: PartitionRef,
  offset: number,
): Promise<FetchAnswer> {
  const what = `Fetch of ${ref.topic}/${ref.partition}`;
  const ask: FetchParameters = {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: STEP_BYTES,
    isolation: 'all',
    topics: [{ topic: ref.topic, partitions: [{ partition: ref.partition, offset, maxBytes: STEP_BYTES }] }],
  };
  return await cluster.persist(async () => {
    const leader = await cluster.leaderOf(ref);
    try {
      const answers = await cluster.call(leader, purpose, what, fetchApi, ask);
      expectNone(what, answers.errorCode);
      const [answer] = answers.partitions;
      if (answer === undefined) throw new KafkaRefusal(what, CODE.UNKNOWN_TOPIC_OR_PARTITION);
      if (answer.errorCode !== CODE.OFFSET_OUT_OF_RANGE) expectNone(what, answer.errorCode);
      return answer;
    } catch (error) {
      if (error instanceof KafkaSilence || error instanceof KafkaRefusal) cluster.forget(ref.topic);
      throw error;
    }
  });
}

/**
 * As {@link fetchUncommitted}, for an offset below {@link highWatermarkOf}: the answer has batches, or the error code OFFSET_OUT_OF_RANGE. There is
 * something, since compaction leaves the last batch of a partition in place; and a leader just elected, which shows less than was acknowledged for a
 * moment, is asked again. To take its silence for the end would be to forget what was committed.
 */
export async function fetchBelow(
  cluster: KafkaCluster,
  purpose: string,
  ref: PartitionRef,
  offset: number,
): Promise<FetchAnswer> {
  return await cluster.persist(async () => {
    const answer = await fetchUncommitted(cluster, purpose, ref, offset);
    if (answer.errorCode === 0 && answer.records.length === 0) {
      throw new KafkaRefusal(`Fetch of ${ref.topic}/${ref.partition}`, CODE.OFFSET_NOT_AVAILABLE);
    }
    return answer;
  });
}

/**
 * The high watermark of a partition, at least as high as anything acknowledged before this was called. A Fetch answer does not promise that: a leader
 * just elected may name one that lags behind. ListOffsets refuses (OFFSET_NOT_AVAILABLE) until it has caught up. Source: KIP-207.
 */
export async function highWatermarkOf(cluster: KafkaCluster, purpose: string, ref: PartitionRef): Promise<number> {
  const what = `ListOffsets of ${ref.topic}/${ref.partition}`;
  const partitions = [{ partitionIndex: ref.partition, currentLeaderEpoch: -1, timestamp: LATEST }];
  return await cluster.persist(async () => {
    const leader = await cluster.leaderOf(ref);
    try {
      const ask = [{ name: ref.topic, partitions }];
      const answer = await cluster.call(leader, purpose, what, api.listOffsets, -1, UNCOMMITTED, ask);
      const found = answer.topics[0]?.partitions[0];
      if (found === undefined) throw new KafkaRefusal(what, CODE.UNKNOWN_TOPIC_OR_PARTITION);
      expectNone(what, found.errorCode);
      return Number(found.offset);
    } catch (error) {
      if (error instanceof KafkaSilence || error instanceof KafkaRefusal) cluster.forget(ref.topic);
      throw error;
    }
  });
}
