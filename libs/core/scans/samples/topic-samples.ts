import type { Clock } from '#libs/core/kernel';
import { logErrors, type TopicDirectories } from '#libs/core/log';
import type { MessageCodec } from '#libs/core/registry';
import type { AddressedPart } from '#libs/core/schema';
import { scansBusy } from '../errors.js';
import type { ScanTrouble } from '../scan.js';
import { partitionsOf } from '../survey.js';
import { newestRecords } from './newest-records.js';
import { RecordSamples, type SampleCounts, type SampleFailure } from './record-samples.js';

/** Which records of a topic are wanted as samples. */
export interface SampleRequest {
  /** The default one when undefined. */
  readonly cluster: string | undefined;
  /** Logical. */
  readonly topic: string;
  readonly part: AddressedPart;
  /** All of them when undefined. */
  readonly partitions: readonly number[] | undefined;
  /** The newest, so many in all, evenly of each partition. */
  readonly records: number;
}

export interface SampledPartition extends SampleCounts {
  readonly partition: number;
  /** Every record from here up to, and without, `to` was looked at. */
  readonly from: number;
  readonly to: number;
  readonly trouble: ScanTrouble | null;
}

/** What was looked at, and what it was. */
export interface SampledTopic extends SampleCounts {
  readonly cluster: string;
  readonly topic: string;
  readonly generation: number;
  readonly part: AddressedPart;
  /** Whether bytes ended it before there were as many records as were wanted. */
  readonly cutByBytes: boolean;
  /** Samples by the schema that they name; null: JSON text. */
  readonly writers: RecordSamples['writers'];
  /** Those of which something was looked at, or cannot be. */
  readonly partitions: readonly SampledPartition[];
  readonly failures: readonly SampleFailure[];
}

export interface TopicSampleTools {
  readonly directories: TopicDirectories;
  readonly codec: MessageCodec;
  readonly clock: Clock;
}

/** Requests that hold records at the same time. */
const AT_ONCE = 2;

/** The newest records of topics as samples of what is written there. */
export class TopicSamples {
  #held = 0;

  constructor(private readonly tools: TopicSampleTools) {}

  /**
   * Reads samples and has them used; they are not kept longer.
   * @param use goes through the samples once at least.
   * @throws `topic-not-found`, `cluster-not-found`, `partition-not-found`, `topic-without-samples`, `samples-too-complex`, `scans-busy`, and what `use` throws.
   */
  async sample<T>(
    request: SampleRequest,
    signal: AbortSignal,
    use: (samples: RecordSamples) => Promise<T>,
  ): Promise<{ readonly made: T; readonly sampled: SampledTopic }> {
    if (this.#held >= AT_ONCE) throw scansBusy(AT_ONCE);
    this.#held++;
    try {
      return await this.#sample(request, signal, use);
    } finally {
      this.#held--;
    }
  }

  async #sample<T>(
    { cluster: named, topic, part, partitions, records }: SampleRequest,
    signal: AbortSignal,
    use: (samples: RecordSamples) => Promise<T>,
  ): Promise<{ readonly made: T; readonly sampled: SampledTopic }> {
    const { directories, codec, clock } = this.tools;
    const { clusters } = directories;
    const cluster = named ?? clusters.defaultName;
    const { generation, description } = await directories.of(cluster).resolve(topic);
    const all = partitionsOf(cluster, description);
    const chosen = [...new Set(partitions)].map((number) => {
      const one = all.find(({ partition }) => partition === number);
      if (one === undefined) throw logErrors.partitionNotFound(topic, number, all.length);
      return one;
    });
    const ranges = partitions === undefined ? all : chosen;
    const { ends, cutByBytes } = await newestRecords(ranges, records, part, { clusters, clock }, signal);
    const samples = new RecordSamples(topic, part, ends, { codec, clock }, signal);
    const made = await use(samples);
    const looked = ends.filter(({ range, from, trouble }) => from < range.to || trouble !== null);
    const sampled = {
      cluster,
      topic,
      generation,
      part,
      ...samples.counts,
      cutByBytes,
      writers: samples.writers,
      partitions: looked.map((end): SampledPartition => {
        const { range, from, trouble } = end;
        return { partition: range.partition, from, to: range.to, ...samples.countsOf(end), trouble };
      }),
      failures: samples.failures,
    };
    return { made, sampled };
  }
}
