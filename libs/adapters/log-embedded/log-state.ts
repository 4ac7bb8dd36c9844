import { createHash } from 'node:crypto';
import {
  type AppendRules,
  appendRulesOf,
  generationOf,
  integerSetting,
  readInt32,
  type TopicDescription,
  type TopicState,
} from '#libs/core/log';
import type { Command, StoredPosition } from './commands.js';
import { ProducerIds, type ProducerIdsImage } from './producer-ids.js';
import { RetentionHolds, type RetentionHoldsImage } from './retention-holds.js';
import { type PartitionIdentity, PartitionLog, type PartitionState } from './partition-log.js';

export interface Topic {
  /** Internal id: names the directory and is never given again. */
  readonly number: number;
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly config: Map<string, string>;
  readonly partitions: PartitionLog[];
  /** Stamped into batches: the generation its name stands for. */
  readonly leaderEpoch: number;
  state: TopicState;
  /** It was handed over, or is about to be: no positions are stored in it. */
  closedToPositions: boolean;
  /** What its settings say of batches. */
  rules: AppendRules;
  /** When a segment is closed: the settings in force. */
  segmentMs: number;
  segmentBytes: number;
}

export interface WriterState {
  epoch: number;
  readonly checkpoints: Map<string, Uint8Array>;
}

/** A name outlives its producer: as in Kafka, a week against a day. */
const NAME_EXPIRATIONS = 7;

/** The whole state as plain JSON, for the snapshot. */
export interface LogStateImage {
  readonly topicsCreated: number;
  readonly dropped: readonly number[];
  readonly topics: readonly {
    readonly number: number;
    readonly id: string;
    readonly name: string;
    readonly createdAtMs: number;
    readonly config: readonly (readonly [string, string])[];
    readonly state: TopicState;
    /** Absent while positions may be stored in it. */
    readonly closedToPositions?: true;
    readonly partitions: readonly PartitionState[];
  }[];
  readonly groups: readonly (readonly [string, readonly StoredPosition[]])[];
  /** Missing in snapshots made before groups had members. */
  readonly generations?: readonly (readonly [string, number])[];
  readonly writers: readonly (readonly [string, number, readonly (readonly [string, string])[]])[];
  /** Missing in snapshots made before writers were forgotten. */
  readonly forgottenEpoch?: number;
  /** Absent in snapshots of format 1. */
  readonly producers?: ProducerIdsImage;
  /** Absent in snapshots of versions that knew no holds. */
  readonly holds?: RetentionHoldsImage;
}

/**
 * Everything the log knows apart from the records: topics, partitions, positions, writers. It changes by {@link apply} alone, in the running
 * log once a command is durable and in recovery when the command is replayed, so both come to the same state.
 */
export class LogState {
  readonly topics = new Map<string, Topic>();
  readonly byNumber = new Map<number, Topic>();
  readonly groups = new Map<string, Map<string, StoredPosition>>();
  /** What the members of a group last agreed on. */
  readonly generations = new Map<string, number>();
  readonly writers = new Map<string, WriterState>();
  /** The highest epoch of a writer that was forgotten: that of an unknown one begins behind it, so that no session fits two lives of a writer. */
  forgottenEpoch = 0;
  readonly producerIds = new ProducerIds();
  readonly holds = new RetentionHolds();
  /** Deleted topics whose files may still be there. */
  readonly dropped = new Set<number>();
  /** Topics ever created; the next number is one more. */
  topicsCreated = 0;
  /** Binds segments to this log. */
  readonly logNumber: number;

  /** `producerExpirationMs`: how long a partition remembers a producer that does not write. */
  constructor(
    readonly logId: string,
    readonly producerExpirationMs: number,
  ) {
    this.logNumber = readInt32(createHash('sha256').update(logId).digest(), 0) >>> 0;
  }

  /** Partitions of all topics together. */
  get partitionCount(): number {
    let count = 0;
    for (const topic of this.topics.values()) count += topic.partitions.length;
    return count;
  }

  /** Producers that partitions remember, counted in each. */
  get producerCount(): number {
    let count = 0;
    for (const { closedToPositions, partitions } of this.topics.values()) {
      // What was handed over is known twice.
      if (!closedToPositions) for (const { producers } of partitions) count += producers.count;
    }
    return count;
  }

  /** Drops producers that have not written for too long, and names of which nothing has been seen for {@link NAME_EXPIRATIONS} times as long. */
  forgetProducers(nowMs: number): void {
    const alive = new Set<number>();
    for (const { producers } of this.partitions()) {
      producers.expire(nowMs - this.producerExpirationMs);
      for (const { producerId } of producers.all()) alive.add(producerId);
    }
    this.producerIds.expire(nowMs - NAME_EXPIRATIONS * this.producerExpirationMs, (id) => alive.has(id));
  }

  /** The public identity of the topic with a number: 16 bytes in base64url, as Kafka writes topic ids. */
  topicId(number: number): string {
    return createHash('sha256').update(`${this.logId}/${number}`).digest().subarray(0, 16).toString('base64url');
  }

  partition(topic: number, partition: number): PartitionLog | undefined {
    return this.byNumber.get(topic)?.partitions[partition];
  }

  *partitions(): Generator<PartitionLog> {
    for (const topic of this.topics.values()) yield* topic.partitions;
  }

  /** Makes a decided fact true. Facts about topics that were deleted since have no effect. */
  apply(command: Command): void {
    switch (command.kind) {
      case 'topic-created': {
        const { number, id, name, createdAtMs, state } = command;
        this.topicsCreated = Math.max(this.topicsCreated, number);
        this.addTopic({ number, id, name, createdAtMs, state }, command.config, command.partitions);
        return;
      }
      case 'topic-configured': {
        const topic = this.byNumber.get(command.topic);
        if (topic !== undefined) configure(topic, command.changes);
        return;
      }
      case 'partitions-added': {
        const topic = this.byNumber.get(command.topic);
        if (topic !== undefined) this.addPartitions(topic, command.partitions);
        return;
      }
      case 'topic-moved': {
        const topic = this.byNumber.get(command.topic);
        if (topic === undefined) return;
        topic.state = command.state;
        if (command.state === 'ACTIVE') topic.closedToPositions = false;
        return;
      }
      case 'positions-opened': {
        const topic = this.byNumber.get(command.topic);
        if (topic !== undefined) topic.closedToPositions = !command.open;
        return;
      }
      case 'producers-carried':
        this.carryProducers(command.from, command.to);
        return;
      case 'topic-deleted':
        this.deleteTopic(command.topic);
        return;
      case 'positions-set':
        this.setPositions(command.group, command.positions);
        return;
      case 'group-deleted':
        this.groups.delete(command.group);
        this.generations.delete(command.group);
        return;
      case 'generation-raised':
        this.generations.set(command.group, Math.max(this.generations.get(command.group) ?? 0, command.generation));
        return;
      case 'group-released':
        if (!this.groups.has(command.group)) this.generations.delete(command.group);
        return;
      case 'writer-opened': {
        const writer = this.writers.get(command.writer) ?? { epoch: 0, checkpoints: new Map<string, Uint8Array>() };
        writer.epoch = command.epoch;
        this.writers.set(command.writer, writer);
        return;
      }
      case 'writer-forgotten':
        this.forgottenEpoch = Math.max(this.forgottenEpoch, this.writers.get(command.writer)?.epoch ?? 0);
        this.writers.delete(command.writer);
        return;
      case 'checkpoints-set': {
        const checkpoints = this.writers.get(command.writer)?.checkpoints;
        for (const [key, value] of command.entries) {
          if (value === null) checkpoints?.delete(key);
          else checkpoints?.set(key, Buffer.from(value, 'base64'));
        }
        return;
      }
      case 'start-moved':
        this.partition(command.topic, command.partition)?.moveStart(command.offset);
        return;
      case 'producers-reserved':
        this.producerIds.reserve(command.upTo);
        return;
      case 'producer-named': {
        const { name, producerId, epoch, openedAtMs } = command;
        this.producerIds.name(name, { producerId, epoch, openedAtMs });
        return;
      }
      case 'segments-compacted': {
        const { replaced, by, cleanUpTo } = command;
        this.partition(command.topic, command.partition)?.putCompacted(replaced, by, cleanUpTo);
        return;
      }
      case 'retention-held':
        this.holds.set(command.hold, command.positions?.filter((one) => this.byNumber.has(one.topic)) ?? null);
        return;
      case 'partition-degraded': {
        const partition = this.partition(command.topic, command.partition);
        if (partition !== undefined) {
          partition.degradedAt = Math.min(partition.degradedAt ?? Infinity, command.offset);
        }
        return;
      }
    }
  }

  image(): LogStateImage {
    return {
      topicsCreated: this.topicsCreated,
      dropped: [...this.dropped],
      topics: [...this.topics.values()].map((topic) => ({
        number: topic.number,
        id: topic.id,
        name: topic.name,
        createdAtMs: topic.createdAtMs,
        config: [...topic.config],
        state: topic.state,
        ...(topic.closedToPositions ? { closedToPositions: true } : {}),
        partitions: topic.partitions.map((one) => one.state),
      })),
      groups: [...this.groups].map(([group, positions]) => [group, [...positions.values()]] as const),
      generations: [...this.generations],
      writers: [...this.writers].map(([id, { epoch, checkpoints }]) => {
        const entries = [...checkpoints].map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const);
        return [id, epoch, entries] as const;
      }),
      forgottenEpoch: this.forgottenEpoch,
      producers: this.producerIds.image(),
      holds: this.holds.image(),
    };
  }

  static restore(logId: string, producerExpirationMs: number, image: LogStateImage): LogState {
    const state = new LogState(logId, producerExpirationMs);
    if (image.producers !== undefined) state.producerIds.restore(image.producers);
    state.topicsCreated = image.topicsCreated;
    for (const number of image.dropped) state.dropped.add(number);
    for (const { number, id, name, createdAtMs, config, state: topicState, partitions, ...more } of image.topics) {
      const topic = state.addTopic({ number, id, name, createdAtMs, state: topicState }, config, 0);
      topic.closedToPositions = more.closedToPositions ?? false;
      partitions.forEach((one, partition) => {
        topic.partitions.push(PartitionLog.restore(state.identity(number, partition), one));
      });
    }
    for (const [group, positions] of image.groups) state.setPositions(group, positions);
    for (const [id, positions] of image.holds ?? []) state.holds.set(id, positions);
    for (const [group, generation] of image.generations ?? []) state.generations.set(group, generation);
    state.forgottenEpoch = image.forgottenEpoch ?? 0;
    for (const [id, epoch, entries] of image.writers) {
      const checkpoints = entries.map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
      state.writers.set(id, { epoch, checkpoints: new Map(checkpoints) });
    }
    return state;
  }

  private addTopic(
    facts: Pick<Topic, 'number' | 'id' | 'name' | 'createdAtMs' | 'state'>,
    config: readonly (readonly [string, string])[],
    partitions: number,
  ): Topic {
    const { generation: leaderEpoch } = generationOf(facts.name);
    const topic: Topic = {
      ...facts,
      closedToPositions: false,
      leaderEpoch,
      rules: appendRulesOf({}),
      segmentMs: 0,
      segmentBytes: 0,
      config: new Map(),
      partitions: [],
    };
    configure(topic, config);
    this.topics.set(topic.name, topic);
    this.byNumber.set(topic.number, topic);
    this.addPartitions(topic, partitions);
    return topic;
  }

  private addPartitions(topic: Topic, partitions: number): void {
    for (let partition = topic.partitions.length; partition < partitions; partition++) {
      topic.partitions.push(new PartitionLog(this.identity(topic.number, partition)));
    }
  }

  private identity(topic: number, partition: number): PartitionIdentity {
    return { log: this.logNumber, topic, partition };
  }

  private deleteTopic(number: number): void {
    const topic = this.byNumber.get(number);
    if (topic === undefined) return;
    this.topics.delete(topic.name);
    this.byNumber.delete(number);
    this.dropped.add(number);
    this.holds.forgetTopic(number);
    for (const [group, positions] of this.groups) {
      for (const [key, position] of positions) if (position.topic === number) positions.delete(key);
      if (positions.size > 0) continue;
      this.groups.delete(group);
      this.generations.delete(group);
    }
  }

  /** Partitions are fed by those of the same number: producers name them so. */
  private carryProducers(from: number, to: number): void {
    const [source, target] = [this.byNumber.get(from), this.byNumber.get(to)];
    if (source === undefined || target === undefined) return;
    target.partitions.forEach(({ producers }, partition) => {
      const known = source.partitions[partition]?.producers;
      if (known !== undefined) producers.takeOver(known, source.name, target.name);
    });
  }

  private setPositions(group: string, positions: readonly StoredPosition[]): void {
    const known = this.groups.get(group) ?? new Map<string, StoredPosition>();
    for (const position of positions) {
      if (this.byNumber.has(position.topic)) known.set(`${position.topic}/${position.partition}`, position);
    }
    if (known.size > 0) this.groups.set(group, known);
  }
}

function configure(topic: Topic, changes: readonly (readonly [string, string | null])[]): void {
  for (const [key, value] of changes) {
    if (value === null) topic.config.delete(key);
    else topic.config.set(key, value);
  }
  const config = Object.fromEntries(topic.config);
  topic.rules = appendRulesOf(config);
  topic.segmentMs = integerSetting(config, 'segment.ms');
  topic.segmentBytes = integerSetting(config, 'segment.bytes');
}

/** A topic as the port shows it. */
export function describeTopic(topic: Topic): TopicDescription {
  return {
    name: topic.name,
    id: topic.id,
    state: topic.state,
    createdAtMs: topic.createdAtMs,
    config: Object.fromEntries(topic.config),
    partitions: topic.partitions.map((one, partition) => ({
      partition,
      startOffset: one.startOffset,
      endOffset: one.endOffset,
      sizeBytes: one.sizeBytes,
      health: one.degradedAt === undefined ? 'ok' : 'degraded',
    })),
  };
}
