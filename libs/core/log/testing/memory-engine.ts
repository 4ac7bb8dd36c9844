import type { Clock } from '#libs/core/kernel';
import {
  acceptBatch,
  type AcceptedBatch,
  type Appended,
  type AppendOptions,
  type ClusterAdministration,
  appendRulesOf,
  checkHold,
  checkMorePartitions,
  checkNewTopic,
  checkProducerName,
  checkTopicConfig,
  checkWriterId,
  type DeletedRecords,
  type DeletePosition,
  type DeleteRecordsOptions,
  type Durability,
  type FetchedPartition,
  type FetchRequest,
  generationOf,
  type GroupDescription,
  type GroupListing,
  type GroupMember,
  type GroupPosition,
  type HeldPosition,
  type GroupRefusal,
  type JoinGroup,
  type LogCapabilities,
  LogEngine,
  logErrors,
  type LogWriter,
  type MemberClaim,
  NOBODY_RESTS,
  type PartitionRef,
  type RestingGroups,
  type RetentionHold,
  SingleBrokerAdministration,
  type ProducerIdentity,
  stampAppendTime,
  strongerOf,
  successorOf,
  TOPIC_SETTINGS,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '../index.js';
import { deleteRecordsBefore } from './memory-deletions.js';
import { collect } from './memory-fetch.js';
import { LogFaults, type WriteCall } from './log-faults.js';
import { MemoryGroups } from './memory-groups.js';
import { describeTopic, MemoryLogStorage, MemoryPartition, type MemoryTopic } from './memory-storage.js';
import { MemoryWriter } from './memory-writer.js';
import { LentMemory } from './lent-memory.js';
import { WaitingReads } from './waiting-reads.js';
import { WallClock } from './wall-clock.js';

export interface MemoryLogOptions {
  /** What was there before; empty unless given. */
  readonly storage?: MemoryLogStorage;
  /** Time of creation and of long polls. Real time unless given. */
  readonly clock?: Clock;
  /** Faults to inject. */
  readonly faults?: LogFaults;
  /** false: a commit takes one more offset in each of its partitions, as Kafka's transaction markers do. */
  readonly denseOffsets?: boolean;
  readonly maxPartitionsPerTopic?: number;
  /** false: topics are not closed to positions, groups not handed over and members not asked to rest, as on Kafka. */
  readonly handsOver?: boolean;
  /** Settings that count as supported; all of the catalogue unless given. */
  readonly topicConfigs?: readonly string[];
}

/**
 * A {@link LogEngine} in memory, for tests. It keeps every promise of the port that does not need a disk, and can break the ones a caller
 * must be ready for: see {@link LogFaults}, {@link dropBefore} and {@link degrade}.
 */
export class MemoryLogEngine extends LogEngine {
  private readonly lent = new LentMemory();
  readonly capabilities: LogCapabilities;
  readonly storage: MemoryLogStorage;
  readonly faults: LogFaults;
  readonly administration: ClusterAdministration = new SingleBrokerAdministration(this, {
    path: 'memory',
    checkOpen: () => this.checkOpen(),
  });
  private readonly clock: Clock;
  /** For {@link MemoryWriter}. */
  readonly groups: MemoryGroups;
  private readonly waiting: WaitingReads;
  private closed = false;

  constructor(options: MemoryLogOptions = {}) {
    super();
    this.storage = options.storage ?? new MemoryLogStorage();
    this.clock = options.clock ?? new WallClock();
    this.faults = options.faults ?? new LogFaults();
    this.groups = new MemoryGroups(this, this.clock);
    this.waiting = new WaitingReads(this.clock);
    this.capabilities = {
      engine: 'memory',
      topicConfigs: options.topicConfigs ?? [...TOPIC_SETTINGS.keys()],
      maxPartitionsPerTopic: options.maxPartitionsPerTopic ?? 256,
      denseOffsets: options.denseOffsets ?? true,
      fencing: 'topic',
      idempotentProducers: true,
      administration: { brokerConfigs: false, replication: false, accessRules: false },
      retentionHolds: true,
      handsOver: options.handsOver ?? true,
    };
  }

  get logId(): string {
    return this.storage.logId;
  }

  async createTopic(spec: TopicSpec): Promise<TopicDescription> {
    this.checkOpen();
    const { topics } = this.storage;
    checkNewTopic(spec, new Set(topics.keys()), this.capabilities);
    const topic: MemoryTopic = {
      name: spec.name,
      id: `topic-${++this.storage.topicsCreated}`,
      createdAtMs: this.clock.now(),
      config: new Map(Object.entries(spec.config ?? {})),
      partitions: Array.from({ length: spec.partitions }, (_, i) => new MemoryPartition(i)),
      state: spec.state ?? 'ACTIVE',
    };
    topics.set(spec.name, topic);
    this.wake();
    return describeTopic(topic);
  }

  async describeTopic(name: string): Promise<TopicDescription> {
    this.checkOpen();
    return describeTopic(this.storage.topic(name));
  }

  async listTopics(): Promise<readonly TopicDescription[]> {
    this.checkOpen();
    return [...this.storage.topics.values()].map(describeTopic).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async alterTopicConfig(name: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription> {
    this.checkOpen();
    const topic = this.storage.topic(name);
    checkTopicConfig(changes, this.capabilities.topicConfigs);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) topic.config.delete(key);
      else topic.config.set(key, value);
    }
    return describeTopic(topic);
  }

  async addPartitions(name: string, partitions: number): Promise<TopicDescription> {
    this.checkOpen();
    const topic = this.storage.topic(name);
    checkMorePartitions(partitions, topic.partitions.length, this.capabilities.maxPartitionsPerTopic);
    while (topic.partitions.length < partitions) topic.partitions.push(new MemoryPartition(topic.partitions.length));
    return describeTopic(topic);
  }

  async setTopicState(name: string, state: TopicState): Promise<TopicDescription> {
    this.checkOpen();
    const topic = this.storage.topic(name);
    topic.state = state;
    if (state === 'ACTIVE') topic.closedToPositions = false;
    this.wake();
    return describeTopic(topic);
  }

  async deleteTopic(name: string): Promise<void> {
    this.checkOpen();
    this.storage.deleteTopic(name);
    this.wake();
  }

  async append(to: PartitionRef, batch: Uint8Array, options: AppendOptions = {}): Promise<Appended> {
    return await this.withFaults({ kind: 'append', topics: [to.topic] }, () => {
      const checked = this.checkAppend(to, batch, options.intoFenced ?? false, false);
      const repeated = checked.partition.producers.check(checked.header);
      const durability = strongerOf(checked.durability, options.durability ?? 'none');
      if (repeated !== undefined) {
        return { ...placeOf(to), ...pick(repeated), topic: repeated.topic ?? to.topic, durability };
      }
      return { ...this.store(checked), durability };
    });
  }

  async openProducer(name?: string): Promise<ProducerIdentity> {
    this.checkOpen();
    const { storage } = this;
    if (name === undefined) return { producerId: storage.producersOpened++, epoch: 0 };
    checkProducerName(name);
    const identity = successorOf(storage.producerNames.get(name), () => storage.producersOpened++);
    storage.producerNames.set(name, identity);
    return identity;
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    this.checkOpen();
    const minBytes = request.minBytes ?? 1;
    const deadline = this.clock.monotonic() + (request.maxWaitMs ?? 0);
    for (;;) {
      request.signal?.throwIfAborted();
      this.lent.begin(request.memory);
      const fetched = this.lent.answered(collect(this.storage, request), request.memory);
      const bytes = fetched.reduce((sum, one) => sum + one.batches.reduce((all, batch) => all + batch.length, 0), 0);
      const leftMs = deadline - this.clock.monotonic();
      if (bytes >= minBytes || leftMs <= 0 || fetched.some((one) => one.error !== undefined)) return fetched;
      await this.waiting.pause(leftMs, request.signal);
      this.checkOpen();
    }
  }

  async offsetForTimestamp(ref: PartitionRef, timestampMs: number): Promise<number | null> {
    this.checkOpen();
    return this.storage.partition(ref).offsetFor(timestampMs);
  }

  async deleteRecords(
    positions: readonly DeletePosition[],
    { validateOnly = false }: DeleteRecordsOptions = {},
  ): Promise<readonly DeletedRecords[]> {
    this.checkOpen();
    const deleted = positions.map((position) => deleteRecordsBefore(this.storage, position, validateOnly));
    this.wake();
    return deleted;
  }

  async holdRetention(id: string, positions: readonly HeldPosition[] | null): Promise<void> {
    this.checkOpen();
    checkHold(id, positions);
    for (const position of positions ?? []) this.storage.partition(position);
    if (positions === null) this.storage.holds.delete(id);
    else this.storage.holds.set(id, structuredClone(positions));
  }

  async listRetentionHolds(): Promise<readonly RetentionHold[]> {
    this.checkOpen();
    const holds = [...this.storage.holds].map(([id, positions]) => ({ id, positions }));
    return holds.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async listGroups(): Promise<readonly GroupListing[]> {
    this.checkOpen();
    return this.groups.list();
  }

  async describeGroup(group: string): Promise<GroupDescription> {
    this.checkOpen();
    return this.groups.describe(group);
  }

  async joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    this.checkOpen();
    return this.groups.join(group, options);
  }

  async commitPositions(group: string, positions: readonly GroupPosition[]): Promise<void> {
    await this.commitAsMember(group, undefined, positions);
  }

  /** Positions of a member, or of nobody. For {@link MemoryGroups}. */
  async commitAsMember(
    group: string,
    claim: MemberClaim | undefined,
    positions: readonly GroupPosition[],
  ): Promise<GroupRefusal | undefined> {
    return await this.withFaults({ kind: 'positions', topics: positions.map((one) => one.topic) }, () => {
      return this.groups.store(group, claim, positions);
    });
  }

  async deleteGroup(group: string): Promise<void> {
    this.checkOpen();
    this.groups.delete(group);
  }

  restGroups(topic: string, forMs: number): RestingGroups {
    this.checkOpen();
    return this.capabilities.handsOver ? this.groups.coordinator.rest(topic, forMs) : NOBODY_RESTS;
  }

  override async bytesForCopies(): Promise<number | null> {
    this.checkOpen();
    return this.storage.bytesForCopies;
  }

  async openWriter(id: string): Promise<LogWriter> {
    this.checkOpen();
    checkWriterId(id);
    return new MemoryWriter(this, id, this.raiseEpoch(id));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.groups.coordinator.close();
    this.wake();
  }

  /** Retention under the reader: removes the records before an offset, as an engine does that knows no holds. */
  dropBefore(ref: PartitionRef, offset: number): void {
    this.storage.partition(ref).dropBefore(offset);
    this.wake();
  }

  /** Damage found at an offset: what lies before can be read, appends are refused. */
  degrade(ref: PartitionRef, offset: number): void {
    this.storage.partition(ref).degradedAt = offset;
    this.wake();
  }

  /** Begins a session of a writer, fencing earlier ones. For {@link MemoryWriter}. */
  raiseEpoch(id: string): number {
    const state = this.storage.writers.get(id) ?? {
      epoch: this.storage.forgottenEpoch,
      checkpoints: new Map<string, Uint8Array>(),
    };
    state.epoch++;
    this.storage.writers.set(id, state);
    return state.epoch;
  }

  /** For {@link MemoryWriter}. */
  forgetWriter(id: string): void {
    const { writers } = this.storage;
    this.storage.forgottenEpoch = Math.max(this.storage.forgottenEpoch, writers.get(id)?.epoch ?? 0);
    writers.delete(id);
  }

  /** Runs a write with the fault armed for it, if there is one. The write checks and changes in one step, without awaiting. */
  async withFaults<T>(call: WriteCall, write: () => T): Promise<T> {
    this.checkOpen();
    const fault = this.faults.take(call);
    if (fault?.kind === 'refuse') throw fault.error;
    if (fault?.kind === 'lost-request') throw logErrors.outcomeUnknown(`the ${call.kind}`);
    if (fault?.kind === 'fence' && call.writer !== undefined) this.raiseEpoch(call.writer);
    if (fault?.kind === 'hold') await fault.until;
    this.checkOpen();
    const result = write();
    if (fault?.kind === 'lost-acknowledgement') throw logErrors.outcomeUnknown(`the ${call.kind}`);
    return result;
  }

  /** Decides whether a batch may be appended; changes nothing. */
  checkAppend(to: PartitionRef, batch: Uint8Array, intoFenced: boolean, anonymous: boolean): CheckedAppend {
    const topic = this.storage.topic(to.topic);
    const partition = this.storage.partition(to);
    if (topic.state !== 'ACTIVE' && !(intoFenced && topic.state === 'FENCED')) {
      throw logErrors.topicFenced(topic.name, topic.state);
    }
    if (partition.degradedAt !== undefined) {
      throw logErrors.partitionDegraded(to.topic, to.partition, partition.degradedAt);
    }
    const rules = appendRulesOf(Object.fromEntries(topic.config));
    const origin = anonymous ? 'commit' : 'client';
    const accepted = acceptBatch(batch, rules, { origin, nowMs: this.clock.now() });
    const { header } = accepted;
    if (header.producerId >= this.storage.producersOpened) throw logErrors.unknownProducer(header.producerId);
    return { topic, partition, durability: rules.durability, ...accepted };
  }

  /** Appends a checked batch. */
  store({ topic, partition, header, batch, appendTime }: CheckedAppend): Appended {
    const bytes = Buffer.from(batch);
    if (appendTime) stampAppendTime(bytes, this.clock.now(), 0, bytes.length);
    const stored = partition.append(bytes, header, generationOf(topic.name).generation);
    partition.producers.note(header, stored.baseOffset, this.clock.now());
    this.wake();
    return { topic: topic.name, partition: partition.partition, ...pick(stored), durability: 'durable' };
  }

  private checkOpen(): void {
    if (this.closed) throw logErrors.logClosed();
  }

  private wake(): void {
    this.waiting.wake();
  }
}

/** A batch that may be appended, and where. */
export interface CheckedAppend extends AcceptedBatch {
  readonly topic: MemoryTopic;
  readonly partition: MemoryPartition;
  readonly durability: Durability;
}

function placeOf({ topic, partition }: PartitionRef): PartitionRef {
  return { topic, partition };
}

function pick({ baseOffset, lastOffset }: { baseOffset: number; lastOffset: number }): {
  baseOffset: number;
  lastOffset: number;
} {
  return { baseOffset, lastOffset };
}
