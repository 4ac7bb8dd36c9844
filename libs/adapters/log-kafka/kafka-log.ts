import { isAppError } from '#libs/core/kernel';
import {
  type Appended,
  type AppendOptions,
  checkGroup,
  checkJoin,
  checkProducerName,
  checkHold,
  checkWriterId,
  CoordinatedMember,
  type DeletedRecords,
  type DeletePosition,
  type DeleteRecordsOptions,
  type FetchedPartition,
  type FetchRequest,
  GROUP_LIMITS,
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
  NOBODY_RESTS,
  type PartitionRef,
  type ProducerIdentity,
  recordsFrom,
  type RestingGroups,
  type RetentionHold,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '#libs/core/log';
import { KafkaAdministration } from './administration.js';
import { Appender } from './appender.js';
import { CheckpointStore } from './checkpoint-store.js';
import { ConfigAdmin } from './config-admin.js';
import { Fetcher } from './fetcher.js';
import { KafkaGroupLink } from './group-link.js';
import { checkGroupPositions, Groups } from './groups.js';
import { KafkaCluster } from './kafka-cluster.js';
import { KafkaWriter } from './kafka-writer.js';
import type { KafkaLogOptions } from './options.js';
import { PartitionOffsets } from './partition-offsets.js';
import { RecordDeleter } from './record-deleter.js';
import { newProducerId, takeOver } from './producer-ids.js';
import { TopicAdmin } from './topic-admin.js';
import { KAFKA_TOPIC_CONFIGS } from './topic-configs.js';
import { TopicStates, type WriteLease } from './topic-states.js';
import { WritePreparation } from './write-preparation.js';

/** Names of producers are transactional ids that begin with it, so that ACLs can name them. No transaction is ever begun under them. */
const PRODUCER_NAME_PREFIX = 'weir-producer-';

/** A transaction takes some ten milliseconds whatever is in it: announcing, two Produce requests at least, its end, and the markers of the one before. Memory is what speaks against more. */
const COMMIT_BYTES = 4 * 1024 * 1024;
/** Bytes read at once when a time is looked up record by record. */
const SCAN_BYTES = 1024 * 1024;

/** A {@link LogEngine} over Apache Kafka. The calls of the port, each handed to the part that knows. */
export class KafkaLog extends LogEngine {
  readonly capabilities: LogCapabilities = {
    engine: 'kafka',
    topicConfigs: KAFKA_TOPIC_CONFIGS,
    maxPartitionsPerTopic: null,
    denseOffsets: false,
    fencing: 'service',
    administration: { brokerConfigs: true, replication: true, accessRules: true },
    idempotentProducers: true,
    // The brokers' retention asks nobody.
    retentionHolds: false,
    // Nor do its groups, and what they know of producers stays with each partition.
    handsOver: false,
  };
  readonly administration: KafkaAdministration;
  readonly #cluster: KafkaCluster;
  readonly #offsets: PartitionOffsets;
  readonly #appender: Appender;
  readonly #states: TopicStates;
  readonly #topics: TopicAdmin;
  readonly #deleter: RecordDeleter;
  readonly #fetcher: Fetcher;
  readonly #groups: Groups;
  readonly #preparation: WritePreparation;
  readonly #checkpoints: CheckpointStore;
  #closing: Promise<void> | undefined;

  private constructor(cluster: KafkaCluster) {
    super();
    this.#cluster = cluster;
    this.#offsets = new PartitionOffsets(cluster);
    this.#appender = new Appender(cluster);
    this.#states = new TopicStates(cluster, this.#appender);
    const configs = new ConfigAdmin(cluster);
    this.#topics = new TopicAdmin(cluster, this.#states, this.#offsets, configs, this.capabilities);
    this.administration = new KafkaAdministration({
      cluster,
      topics: this.#topics,
      configs,
      run: (call) => this.#run(call),
    });
    this.#deleter = new RecordDeleter(cluster, this.#states, this.#offsets);
    this.#fetcher = new Fetcher(cluster, this.#states, this.#offsets);
    this.#groups = new Groups(cluster);
    this.#preparation = new WritePreparation(cluster, this.#states);
    this.#checkpoints = new CheckpointStore(cluster);
  }

  /** See `openKafkaLog`. */
  static async open(options: KafkaLogOptions): Promise<KafkaLog> {
    const cluster = await KafkaCluster.connect(options);
    options.logger?.info('connected to Kafka', { cluster: options.name, clusterId: cluster.clusterId });
    return new KafkaLog(cluster);
  }

  get logId(): string {
    return `kafka:${this.#cluster.clusterId}`;
  }

  override get commitBytes(): number {
    return COMMIT_BYTES;
  }

  createTopic(spec: TopicSpec): Promise<TopicDescription> {
    return this.#run(() => this.#topics.create(spec));
  }

  describeTopic(topic: string): Promise<TopicDescription> {
    return this.#run(() => this.#topics.describe(topic));
  }

  listTopics(): Promise<readonly TopicDescription[]> {
    return this.#run(() => this.#topics.list());
  }

  alterTopicConfig(topic: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription> {
    return this.#run(() => this.#topics.alterConfig(topic, changes));
  }

  addPartitions(topic: string, partitions: number): Promise<TopicDescription> {
    return this.#run(() => this.#topics.addPartitions(topic, partitions));
  }

  setTopicState(topic: string, state: TopicState): Promise<TopicDescription> {
    return this.#run(async () => {
      const layout = await this.#cluster.freshLayoutOf(topic);
      await this.#states.set(layout, state);
      if (state !== 'ACTIVE') await this.#offsets.untilSettled(layout);
      return await this.#topics.describe(topic);
    });
  }

  deleteTopic(topic: string): Promise<void> {
    return this.#run(async () => {
      await this.#topics.delete(topic);
      this.#appender.forget(topic);
    });
  }

  append(to: PartitionRef, batch: Uint8Array, options: AppendOptions = {}): Promise<Appended> {
    return this.#run(async () => {
      let lease: WriteLease | undefined;
      try {
        const appended = await this.#appender.append(to, async () => {
          const prepared = await this.#preparation.ofAppend(to, batch, options.intoFenced ?? false);
          lease = prepared.lease;
          return { batch, topicId: prepared.layouts.get(to.topic)!.id };
        });
        await lease?.confirm();
        return appended;
      } finally {
        lease?.end();
      }
    });
  }

  openProducer(name?: string): Promise<ProducerIdentity> {
    return this.#run(async () => {
      if (name === undefined) return await newProducerId(this.#cluster);
      checkProducerName(name);
      const purpose = this.#cluster.newPurpose('producer');
      try {
        const { id, epoch } = await takeOver(this.#cluster, PRODUCER_NAME_PREFIX + name, purpose);
        return { producerId: Number(id), epoch };
      } finally {
        this.#cluster.release(purpose);
      }
    });
  }

  fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return this.#run(() => this.#fetcher.fetch(request), request.signal);
  }

  offsetForTimestamp(ref: PartitionRef, timestampMs: number): Promise<number | null> {
    return this.#run(async () => {
      const from =
        timestampMs < 0
          ? (await this.#offsets.rangeOf(ref)).start
          : await this.#offsets.offsetAt(ref, Math.ceil(timestampMs));
      if (from === null) return null;
      // The broker counts aborted records too; the first one a reader can see is found by reading.
      for (let offset = from; ;) {
        const [fetched] = await this.#fetcher.fetch({ positions: [{ ...ref, offset }], maxBytes: SCAN_BYTES });
        // Deleted by retention since it was looked up: go on where the partition begins now.
        if (isAppError(fetched!.error, 'offset-out-of-range') && offset < fetched!.startOffset) {
          offset = fetched!.startOffset;
          continue;
        }
        if (fetched!.error !== undefined) throw fetched!.error;
        for (const record of recordsFrom(fetched!, offset)) if (record.timestamp >= timestampMs) return record.offset;
        if (fetched!.nextOffset >= fetched!.endOffset || fetched!.nextOffset === offset) return null;
        offset = fetched!.nextOffset;
      }
    });
  }

  deleteRecords(
    positions: readonly DeletePosition[],
    { validateOnly = false }: DeleteRecordsOptions = {},
  ): Promise<readonly DeletedRecords[]> {
    return this.#run(() => this.#deleter.delete(positions, validateOnly));
  }

  holdRetention(id: string, positions: readonly HeldPosition[] | null): Promise<void> {
    return this.#run(async () => {
      checkHold(id, positions);
      for (const position of positions ?? []) await this.#cluster.layoutWith(position);
    });
  }

  listRetentionHolds(): Promise<readonly RetentionHold[]> {
    return this.#run(async () => []);
  }

  listGroups(): Promise<readonly GroupListing[]> {
    return this.#run(() => this.#groups.list());
  }

  describeGroup(group: string): Promise<GroupDescription> {
    return this.#run(() => this.#groups.describe(group));
  }

  joinGroup(group: string, options: JoinGroup): Promise<GroupMember> {
    return this.#run(async () => {
      checkJoin(group, options);
      const { defaultSessionTimeoutMs, defaultRebalanceTimeoutMs } = GROUP_LIMITS;
      const { clientId, sessionTimeoutMs = defaultSessionTimeoutMs } = options;
      const { rebalanceTimeoutMs = defaultRebalanceTimeoutMs } = options;
      const member = { clientId, sessionTimeoutMs, rebalanceTimeoutMs };
      const link = new KafkaGroupLink(this.#cluster, this.#groups, this.#offsets, member);
      return new CoordinatedMember(group, options, link, this.#cluster.clock);
    });
  }

  commitPositions(group: string, positions: readonly GroupPosition[]): Promise<void> {
    return this.#run(async () => {
      checkGroup(group);
      checkGroupPositions(group, positions);
      for (const position of positions) await this.#cluster.layoutWith(position);
      if (positions.length > 0) await this.#groups.commit(group, positions);
    });
  }

  /** The brokers decide what members do. */
  restGroups(): RestingGroups {
    return NOBODY_RESTS;
  }

  deleteGroup(group: string): Promise<void> {
    return this.#run(() => this.#groups.delete(group));
  }

  openWriter(id: string): Promise<LogWriter> {
    return this.#run(async () => {
      checkWriterId(id);
      const parts = {
        cluster: this.#cluster,
        preparation: this.#preparation,
        store: this.#checkpoints,
        groups: this.#groups,
      };
      return await KafkaWriter.open(id, parts);
    });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#appender.close().finally(() => this.#cluster.close());
    await this.#closing;
  }

  /** Runs a call of the port: refuses it on a closed engine, and gives its failure a name of the port. */
  async #run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#closing !== undefined) throw logErrors.logClosed();
    try {
      return await call();
    } catch (error) {
      if (signal?.aborted && !isAppError(error)) throw signal.reason;
      throw this.#cluster.failure(error);
    }
  }
}
