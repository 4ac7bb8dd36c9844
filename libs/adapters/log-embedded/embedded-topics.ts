import {
  type DeletedRecords,
  type DeletePosition,
  type DeleteRecordsOptions,
  type HeldPosition,
  type LogCapabilities,
  logErrors,
  type PartitionRef,
  type RetentionHold,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '#libs/core/log';
import type { Command } from './commands.js';
import { decideConfig, decideHold, decidePartitions, decideTopic, type Rules } from './decisions.js';
import { topicsOf } from './log-cut.js';
import { describeTopic, type LogState, type Topic } from './log-state.js';
import type { EmbeddedLogLimits, FailPoint } from './options.js';
import type { PartitionLog } from './partition-log.js';
import { decideDeletions } from './record-deletions.js';
import type { SegmentReader } from './segment-reader.js';

/** The settings of a topic that this engine acts upon. */
export const TOPIC_CONFIGS = [
  'cleanup.policy',
  'compression.type',
  'delete.retention.ms',
  'max.compaction.lag.ms',
  'max.message.bytes',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.ms',
  'weir.durability',
] as const;

/** What topics need of their log. */
export interface TopicsHost {
  readonly state: LogState;
  readonly reader: SegmentReader;
  readonly capabilities: LogCapabilities;
  readonly limits: EmbeddedLogLimits;
  readonly failPoint: (name: FailPoint) => void;
  now(): number;
  /** Makes facts durable that are decided when their turn has come, with nothing undecided before them. */
  decide(decide: () => readonly Command[]): Promise<void>;
  /** @throws `storage-full` while users' data may not be added. */
  checkRoom(): void;
  /** Files were left to nobody: with a full disk they are to go now. */
  makeRoom(): void;
}

/**
 * Topics of the embedded log and what is done to them as a whole: they come, change and go, lose records on request, and are held for whoever has still to read
 * them. Each change is one fact, decided when its turn has come; readers that wait are woken by it, for they may wait for something that is gone.
 */
export class EmbeddedTopics {
  constructor(private readonly host: TopicsHost) {}

  /** @throws `topic-not-found`. */
  topic(name: string): Topic {
    const topic = this.host.state.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    return topic;
  }

  /** @throws `topic-not-found`, `partition-not-found`. */
  partition(ref: PartitionRef): PartitionLog {
    const { partitions } = this.topic(ref.topic);
    const partition = partitions[ref.partition];
    if (partition === undefined) throw logErrors.partitionNotFound(ref.topic, ref.partition, partitions.length);
    return partition;
  }

  describe(name: string): TopicDescription {
    return describeTopic(this.topic(name));
  }

  list(): readonly TopicDescription[] {
    return topicsOf(this.host.state);
  }

  /** @throws what {@link decideTopic} throws, `storage-full`. */
  async create(spec: TopicSpec): Promise<TopicDescription> {
    const { state, decide } = this.host;
    this.host.checkRoom();
    await decide(() => [decideTopic(state, spec, this.rules, this.host.now())]);
    return this.describe(spec.name);
  }

  async alterConfig(name: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription> {
    return await this.change(name, (topic) => decideConfig(topic, changes, this.rules));
  }

  /** @throws what {@link decidePartitions} throws, `topic-not-found`, `storage-full`. */
  async addPartitions(name: string, partitions: number): Promise<TopicDescription> {
    this.host.checkRoom();
    return await this.change(name, (topic) => decidePartitions(this.host.state, topic, partitions, this.rules));
  }

  async setState(name: string, state: TopicState): Promise<TopicDescription> {
    return await this.change(name, ({ number }) => ({ kind: 'topic-moved', topic: number, state }));
  }

  async delete(name: string): Promise<void> {
    const { reader, decide } = this.host;
    let topic: Topic | undefined;
    await decide(() => {
      topic = this.topic(name);
      return [{ kind: 'topic-deleted', topic: topic.number }];
    });
    for (const partition of topic?.partitions ?? []) {
      partition.wake();
      for (const segment of partition.segments) reader.forget(segment);
    }
    this.host.makeRoom();
  }

  /** `validateOnly`: what would be answered by the state as it is now, without a place in the line. */
  async deleteRecords(
    positions: readonly DeletePosition[],
    { validateOnly = false }: DeleteRecordsOptions = {},
  ): Promise<readonly DeletedRecords[]> {
    const { state, reader, decide } = this.host;
    if (validateOnly) return decideDeletions(state, positions).answers;
    let answers: readonly DeletedRecords[] = [];
    const before = positions.map(({ topic, partition }) => state.topics.get(topic)?.partitions[partition]);
    const segments = before.flatMap((one) => [...(one?.segments ?? [])]);
    await decide(() => {
      const decided = decideDeletions(state, positions);
      answers = decided.answers;
      return decided.commands;
    });
    this.host.failPoint('start-moved');
    for (const segment of segments) if (segment.gone) reader.forget(segment);
    // Whoever waits at an offset that went is to learn it.
    for (const partition of before) partition?.wake();
    this.host.makeRoom();
    return answers;
  }

  /** @throws what {@link decideHold} throws. */
  async hold(id: string, positions: readonly HeldPosition[] | null): Promise<void> {
    const { state, decide } = this.host;
    // Structural: no deletion that was decided without it comes behind it.
    await decide(() => [decideHold(state, id, positions)]);
  }

  holds(): readonly RetentionHold[] {
    const { state } = this.host;
    const holds = state.holds.image().map(([id, stored]): RetentionHold => {
      const positions = stored.flatMap(({ topic: number, partition, offset }) => {
        const topic = state.byNumber.get(number)?.name;
        return topic === undefined ? [] : [{ topic, partition, offset }];
      });
      return { id, positions };
    });
    return holds.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private get rules(): Rules {
    return { capabilities: this.host.capabilities, limits: this.host.limits };
  }

  private async change(name: string, decide: (topic: Topic) => Command): Promise<TopicDescription> {
    let topic: Topic | undefined;
    await this.host.decide(() => {
      topic = this.topic(name);
      return [decide(topic)];
    });
    for (const partition of topic?.partitions ?? []) partition.wake();
    return describeTopic(topic ?? this.topic(name));
  }
}
