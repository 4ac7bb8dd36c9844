import { isAppError } from '#libs/core/kernel';
import { CODE, expectNone, KafkaRefusal } from './error-codes.js';
import * as api from './client.js';
import type { KafkaCluster } from './kafka-cluster.js';

/** State of each topic that is, or was, not ACTIVE. Key: topic name; value: JSON `{id, state}`. */
export const STATES_TOPIC = '__weir_topic_states';
/** Checkpoints of writers. Key: JSON `[writer, key]`; value: the checkpoint's bytes. */
export const CHECKPOINTS_TOPIC = '__weir_checkpoints';
/** A writer's checkpoints lie in one partition, by a hash of its id: the number is for ever. */
export const CHECKPOINT_PARTITIONS = 16;

const MIB = 1024 * 1024;

interface InternalTopic {
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

const LAYOUTS: ReadonlyMap<string, InternalTopic> = new Map<string, InternalTopic>([
  [STATES_TOPIC, { partitions: 1, config: { 'cleanup.policy': 'compact', 'segment.bytes': String(4 * MIB) } }],
  [
    CHECKPOINTS_TOPIC,
    {
      partitions: CHECKPOINT_PARTITIONS,
      // A session reads its partition whole when it is opened: short segments and eager compaction keep that short.
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(16 * MIB),
        'min.cleanable.dirty.ratio': '0.1',
        'max.message.bytes': String(4 * MIB),
      },
    },
  ],
]);

/** Makes sure that an internal topic exists and can be written. One that exists is taken as it is. */
export async function provideInternalTopic(cluster: KafkaCluster, name: string): Promise<void> {
  const { partitions, config } = LAYOUTS.get(name)!;
  const existing = (await cluster.persist(() => cluster.askLayouts([name]))).get(name);
  if (existing === undefined) {
    const what = `CreateTopics of ${name}`;
    await cluster.persist(async () => {
      const topic = {
        name,
        numPartitions: partitions,
        replicationFactor: cluster.options.replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      };
      const answer = await cluster.callAny(what, api.createTopics, [topic], 10_000, false);
      const made = answer.topics[0];
      if (made !== undefined && made.errorCode !== CODE.TOPIC_ALREADY_EXISTS) {
        expectNone(what, made.errorCode, made.errorMessage);
      }
    });
  }
  for (let partition = 0; partition < partitions; partition++) {
    await cluster.persist(() => cluster.leaderOf({ topic: name, partition }).catch(missingAsPassing));
  }
}

/** A topic just created may not be known to every broker yet. */
function missingAsPassing(error: unknown): never {
  if (isAppError(error, 'topic-not-found')) {
    throw new KafkaRefusal('leader of a new topic', CODE.LEADER_NOT_AVAILABLE);
  }
  throw error;
}
