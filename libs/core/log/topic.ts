/**
 * ACTIVE: appends and reads. FENCED: appends are refused with `topic-fenced` (only a writer that says so may append), reads work.
 * BROWNED_OUT: both are refused, nothing is deleted; reversible. RETIRED: superseded generation, kept until an explicit finish; reads only.
 */
export type TopicState = 'ACTIVE' | 'FENCED' | 'BROWNED_OUT' | 'RETIRED';

/** A topic name is physical below the port: one generation of a logical topic (see `generation.ts`). */
export interface PartitionRef {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicSpec {
  readonly name: string;
  /** 1 … 256 on the embedded engine. */
  readonly partitions: number;
  /** Copies of each partition; the engine's own default unless given. */
  readonly replicationFactor?: number | undefined;
  /** Brokers of the copies of each partition, by partition, the preferred leader first: as many entries as `partitions`. Instead of `replicationFactor`. */
  readonly assignments?: readonly (readonly number[])[] | undefined;
  /** Explicit settings by Kafka's names, values as text. Keys outside `LogCapabilities.topicConfigs` are refused. */
  readonly config?: Readonly<Record<string, string>>;
  /** ACTIVE unless given. A generation that an operation still fills is created FENCED. */
  readonly state?: TopicState;
}

export interface PartitionDescription {
  readonly partition: number;
  /** First offset that can be read. */
  readonly startOffset: number;
  /** Next offset a reader can not yet see: everything below is as durable as the topic promises. */
  readonly endOffset: number;
  /** Bytes of the stored batches, where the engine knows them. */
  readonly sizeBytes: number | null;
  /** `degraded`: damage was found; what lies before it can be read, appends are refused. `leaderless`: no broker leads it, so that its offsets are not known, and asking for them throws (`leaderless-partition.ts`). */
  readonly health: 'ok' | 'degraded' | 'leaderless';
}

export interface TopicDescription {
  readonly name: string;
  /** Identity that survives renames of nothing and differs when a name is deleted and created again. */
  readonly id: string;
  readonly state: TopicState;
  readonly partitions: readonly PartitionDescription[];
  /** Explicit settings only. */
  readonly config: Readonly<Record<string, string>>;
  /** Epoch ms, or null where the engine does not know. */
  readonly createdAtMs: number | null;
}
