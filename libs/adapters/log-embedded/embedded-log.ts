import { type AppError, isAppError } from '#libs/core/kernel';
import {
  acceptBatch,
  type Appended,
  type AppendOptions,
  type AppendOrigin,
  type DeletedRecords,
  type DeletePosition,
  type DeleteRecordsOptions,
  type FetchedPartition,
  type FetchRequest,
  type GroupDescription,
  type GroupListing,
  type GroupMember,
  type GroupPosition,
  type HeldPosition,
  type JoinGroup,
  type LogCapabilities,
  LogEngine,
  logErrors,
  type LogWriter,
  type PartitionRef,
  type RestingGroups,
  type RetentionHold,
  SingleBrokerAdministration,
  type ProducerIdentity,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '#libs/core/log';
import { Checkpointer } from './checkpointer.js';
import type { Command } from './commands.js';
import { CommitPipeline } from './commit-pipeline.js';
import { type CommitRequest, ENTRY_OVERHEAD, type RequestAppend } from './commit-request.js';
import { EmbeddedGroups, type GroupsHost } from './embedded-groups.js';
import { EmbeddedTopics, TOPIC_CONFIGS } from './embedded-topics.js';
import { EmbeddedWriters } from './embedded-writers.js';
import { isUsedUp } from './errors.js';
import { Fetcher } from './fetcher.js';
import { filesOf, type LogCut, topicsOf } from './log-cut.js';
import { MARKER } from './log-directory.js';
import { type OpenedLog, openDirectory } from './open-log.js';
import type { EmbeddedLogOptions } from './options.js';
import type { PartitionLog } from './partition-log.js';
import { SegmentLife } from './segment-life.js';
import { LocalCompactionWork } from './compaction-work.js';
import { ProducerOpenings } from './producer-openings.js';
import type { SegmentDamage } from './segment-reader.js';
import { Upkeep } from './upkeep.js';
import { readWhole } from './whole-file.js';

/**
 * Opens the log in a directory, creating it when the directory is empty or missing, and recovering it after an unclean stop. When it resolves
 * the log can be read and written.
 * @throws `log-locked`, `log-format-unknown`, `log-directory-foreign`, `log-corrupt`, `flush-failed`, `storage-full`.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const opening: { log?: EmbeddedLog; failure?: unknown } = {};
  const opened = await openDirectory(options, (error) => {
    if (opening.log === undefined) opening.failure ??= error;
    else opening.log.fail(error);
  });
  const log = new EmbeddedLog(opened, options);
  opening.log = log;
  if (opening.failure !== undefined) log.fail(opening.failure);
  return log;
}

/** The durable log of one machine: journal, segments and state in one directory. See the README for its laws. */
export class EmbeddedLog extends LogEngine {
  readonly capabilities: LogCapabilities;
  readonly logId: string;
  readonly administration: SingleBrokerAdministration;
  private readonly checkpointer: Checkpointer;
  private readonly pipeline: CommitPipeline;
  private readonly fetcher: Fetcher;
  private readonly openings: ProducerOpenings;
  private readonly groups: EmbeddedGroups;
  private readonly topics: EmbeddedTopics;
  private readonly writers: EmbeddedWriters;
  private readonly life: SegmentLife;
  private readonly upkeep: Upkeep;
  private readonly closing = new AbortController();
  private closed: Promise<void> | undefined;

  /** Use {@link openEmbeddedLog}. */
  constructor(
    private readonly opened: OpenedLog,
    private readonly options: EmbeddedLogOptions,
  ) {
    super();
    const { state, journal, segments, reader, settings, limits, files, failPoint } = opened;
    const { clock, directory, observer = {} } = options;
    this.logId = opened.logId;
    this.capabilities = {
      engine: 'embedded',
      topicConfigs: TOPIC_CONFIGS,
      maxPartitionsPerTopic: limits.partitionsPerTopic,
      denseOffsets: true,
      fencing: 'topic',
      administration: { brokerConfigs: false, replication: false, accessRules: false },
      idempotentProducers: true,
      retentionHolds: true,
      handsOver: true,
    };
    this.administration = new SingleBrokerAdministration(this, { path: directory, checkOpen: () => this.checkOpen() });
    const failed = (error: unknown): void => this.fail(error);
    const shared = { clock, state, journal, segments, settings, observer, failPoint };
    const compacts = (topic: number): boolean => this.life.compacts(topic);
    this.checkpointer = new Checkpointer({ ...shared, files, directory, compacts, failed });
    const { waitingBytes, producers } = limits;
    const { checkpointer } = this;
    this.pipeline = new CommitPipeline({
      ...shared,
      checkpointer,
      waitingBytes,
      producers,
      failed: (error) => this.ended(error),
    });
    this.fetcher = new Fetcher({
      clock,
      state,
      reader,
      codecs: options.codecs,
      damaged: (partition, damage) => this.degrade(partition, damage),
      checkOpen: () => this.checkOpen(),
    });
    const decide: GroupsHost['decide'] = (facts, options) => this.decide(facts, options);
    this.topics = new EmbeddedTopics({
      state,
      reader,
      limits,
      capabilities: this.capabilities,
      failPoint,
      now: () => clock.now(),
      decide,
      checkRoom: () => this.checkRoom(),
      makeRoom: () => this.makeRoom(),
    });
    this.openings = new ProducerOpenings({ clock, state, names: producers, decide });
    this.groups = new EmbeddedGroups({ engine: this, clock, state, logger: opened.logger, decide });
    this.writers = new EmbeddedWriters({
      state,
      groups: this.groups,
      checkOpen: () => this.checkOpen(),
      checkRoom: () => this.checkRoom(),
      claimRoom: (bytes) => options.room?.claim(bytes),
      checkBatch: (to, batch, intoFenced) => this.checkBatch(to, batch, intoFenced, 'commit'),
      decide,
      submit: (request) => this.submit(request),
    });
    this.life = new SegmentLife({
      ...shared,
      reader,
      room: options.room,
      decide,
      logger: opened.logger,
      work: options.compaction ?? new LocalCompactionWork(options.codecs),
      between: (work) => this.pipeline.between(work),
      touch: (segment) => checkpointer.touch(segment),
      damaged: (partition, damage) => this.degrade(partition, damage),
      failed,
    });
    const { life, pipeline } = this;
    const closing = this.closing.signal;
    const { logger } = opened;
    this.upkeep = new Upkeep({ clock, settings, logger, journal, pipeline, checkpointer, life, closing });
    this.upkeep.start();
  }

  /** Why writing has ended before the log was closed; undefined while all is well. */
  get failure(): unknown {
    return this.pipeline.failure;
  }

  /** Producers that partitions remember, counted in each of them. */
  get producers(): number {
    return this.opened.state.producerCount;
  }

  /** What is acknowledged at a weaker level than `durable` and not flushed: bytes of the journal, and the age of the oldest. */
  get unflushed(): { readonly bytes: number; readonly ageMs: number } {
    return this.pipeline.unflushed;
  }

  /** Bytes of appends and commits that are not durable yet. */
  get waitingBytes(): number {
    return this.pipeline.queuedBytes;
  }

  /**
   * The log as it is at one moment, as files to be copied while writing goes on. `alongside` is called at that very moment, in the same turn of the event loop: everything acknowledged before is in the cut, and
   * nothing that is acknowledged later. Release the cut when the files are copied; until then nothing that it names is removed.
   * @throws `log-failed`, `log-closed`.
   */
  async cut<T>(alongside: () => T): Promise<{ readonly cut: LogCut; readonly alongside: T }> {
    this.checkOpen();
    const { state, segments, files } = this.opened;
    const { directory } = this.options;
    const marker = (await readWhole(files, `${directory}/${MARKER}`)) ?? new Uint8Array();
    return await this.pipeline.between(() => {
      const fixed = { topics: topicsOf(state), files: filesOf(directory, marker, state, segments) };
      const also = alongside();
      return { cut: { logId: this.logId, ...fixed, release: this.checkpointer.holdFiles() }, alongside: also };
    });
  }

  /**
   * Flushes segments and state and lets the journal begin anew, now instead of when its turn comes. On a full disk it waits for room.
   * @throws `log-failed`, `log-closed`.
   */
  async checkpoint(): Promise<void> {
    this.checkOpen();
    await this.upkeep.checkpoint();
  }

  /**
   * Lets old segments go and compacts what is due, now instead of when its turn comes. Files are removed by the next checkpoint.
   * @throws `log-failed`, `log-closed`.
   */
  async checkRetention(): Promise<void> {
    this.checkOpen();
    await this.life.check();
  }

  async createTopic(spec: TopicSpec): Promise<TopicDescription> {
    return await this.topics.create(spec);
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    this.checkOpen();
    return this.topics.describe(topic);
  }

  async listTopics(): Promise<readonly TopicDescription[]> {
    this.checkOpen();
    return this.topics.list();
  }

  async alterTopicConfig(name: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription> {
    return await this.topics.alterConfig(name, changes);
  }

  async addPartitions(name: string, partitions: number): Promise<TopicDescription> {
    return await this.topics.addPartitions(name, partitions);
  }

  async setTopicState(name: string, state: TopicState): Promise<TopicDescription> {
    return await this.topics.setState(name, state);
  }

  async deleteTopic(name: string): Promise<void> {
    await this.topics.delete(name);
  }

  append(to: PartitionRef, batch: Uint8Array, options: AppendOptions = {}): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.checkOpen();
      this.checkRoom();
      const append = this.checkBatch(to, batch, options.intoFenced ?? false, 'client');
      this.pipeline.submit({
        appends: [append],
        durability: options.durability,
        structural: false,
        bytes: append.batch.length + ENTRY_OVERHEAD,
        resolve: (appended) => resolve(appended[0]!),
        reject,
      });
    });
  }

  async openProducer(name?: string): Promise<ProducerIdentity> {
    this.checkOpen();
    return await this.openings.open(name);
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return await this.fetcher.fetch(request);
  }

  async offsetForTimestamp(ref: PartitionRef, timestampMs: number): Promise<number | null> {
    this.checkOpen();
    return await this.fetcher.offsetForTimestamp(ref.topic, this.topics.partition(ref), timestampMs);
  }

  async deleteRecords(
    positions: readonly DeletePosition[],
    options?: DeleteRecordsOptions,
  ): Promise<readonly DeletedRecords[]> {
    this.checkOpen();
    return await this.topics.deleteRecords(positions, options);
  }

  async holdRetention(id: string, positions: readonly HeldPosition[] | null): Promise<void> {
    await this.topics.hold(id, positions);
  }

  async listRetentionHolds(): Promise<readonly RetentionHold[]> {
    this.checkOpen();
    return this.topics.holds();
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
    await this.groups.commit(group, positions);
  }

  async deleteGroup(group: string): Promise<void> {
    await this.groups.delete(group);
  }

  restGroups(topic: string, forMs: number): RestingGroups {
    this.checkOpen();
    return this.groups.rest(topic, forMs);
  }

  override async bytesForCopies(): Promise<number | null> {
    this.checkOpen();
    return (await this.options.room?.bytesForCopies()) ?? null;
  }

  async openWriter(id: string): Promise<LogWriter> {
    return await this.writers.open(id);
  }

  /** Drains, takes a last checkpoint, so that the next start has nothing to recover, and releases everything. */
  close(): Promise<void> {
    this.closed ??= this.shutDown();
    return this.closed;
  }

  /** @throws `storage-full` while users' data may not be added. */
  private checkRoom(): void {
    const refusal = this.options.room?.refusal();
    if (refusal !== undefined) throw refusal;
  }

  /** Files of what was deleted go with the next checkpoint: with a full disk that is now. */
  private makeRoom(): void {
    if (this.options.room?.refusal() !== undefined) this.checkpoint().catch(() => undefined);
  }

  /** Ends writing for good. */
  fail(error: unknown): void {
    this.pipeline.fail(error);
  }

  private async shutDown(): Promise<void> {
    const { segments, journal, held, logger } = this.opened;
    this.closing.abort();
    this.fetcher.wakeAll();
    this.groups.close();
    try {
      await this.life.stop();
      await this.pipeline.flush();
      this.checkpointer.stopWaiting();
      await this.checkpointer.running;
      if (this.failure === undefined) await this.checkpointer.begin(true);
    } catch (error) {
      // What was acknowledged is in the journal: the next start replays it.
      if (!isUsedUp(error) && this.failure === undefined) throw error;
      logger.warn('the log was closed without a last checkpoint', { code: isAppError(error) ? error.code : 'unknown' });
    } finally {
      try {
        await segments.handles.closeAll(this.failure === undefined);
        await journal.close();
      } finally {
        held.release();
      }
    }
  }

  private ended(error: unknown): void {
    const { logger } = this.opened;
    const facts = {
      error: error instanceof Error ? error.message : String(error),
      code: (error as AppError).code ?? null,
    };
    logger.error('the log takes no writes any more', facts);
    this.options.onFatal?.(error instanceof Error ? error : new Error(String(error)));
  }

  private checkOpen(): void {
    if (this.closing.signal.aborted) throw logErrors.logClosed();
  }

  /** What can be said against a batch without its turn having come. The rest is looked at then. */
  private checkBatch(
    { topic, partition }: PartitionRef,
    bytes: Uint8Array,
    intoFenced: boolean,
    origin: AppendOrigin,
  ): RequestAppend {
    const { rules, partitions } = this.topics.topic(topic);
    if (partitions[partition] === undefined) throw logErrors.partitionNotFound(topic, partition, partitions.length);
    const { codecs, clock } = this.options;
    const mostBytes = this.opened.settings.segmentBytes;
    const { batch, header, appendTime } = acceptBatch(bytes, rules, { origin, nowMs: clock.now(), codecs, mostBytes });
    return { topic, partition, intoFenced, batch, header, appendTime };
  }

  /** Makes facts durable that are decided when their turn has come. */
  private async decide(
    decide: () => readonly Command[],
    { structural = true, guard }: { readonly structural?: boolean; guard?(): void } = {},
  ): Promise<void> {
    this.checkOpen();
    await this.submit({ appends: [], decide, structural, bytes: ENTRY_OVERHEAD, ...(guard ? { guard } : {}) });
  }

  private submit(request: Omit<CommitRequest, 'resolve' | 'reject'>): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => this.pipeline.submit({ ...request, resolve, reject }));
  }

  /** Marks a partition, at once in memory and for later starts in the journal. */
  private degrade(partition: PartitionLog, damage: SegmentDamage): void {
    const { topic, partition: number } = partition.identity;
    const { offset } = damage;
    partition.degradedAt = Math.min(partition.degradedAt ?? Infinity, offset);
    const facts = { topic, partition: number, offset, why: damage.why };
    this.opened.logger.error('damage in a segment: the partition is degraded', facts);
    this.decide(() => [{ kind: 'partition-degraded', topic, partition: number, offset }], { structural: false }).catch(
      (error: unknown) => {
        const code = isAppError(error) ? error.code : 'unknown';
        this.opened.logger.warn('the degradation was not made durable', { ...facts, code });
      },
    );
  }
}
