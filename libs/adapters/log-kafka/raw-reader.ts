import type { PartitionRef } from '#libs/core/log';
import { CODE, expectNone, KafkaRefusal, KafkaSilence } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { type FetchAnswer, fetchApi, type FetchParameters } from './wire-fetch.js';

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
