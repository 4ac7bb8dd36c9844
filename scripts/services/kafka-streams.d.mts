/** Copies a topic to one with another number of partitions with Kafka Streams, exactly once. @returns the milliseconds it took; rejects with `ServiceUnavailable` where it cannot run. */
export declare function copyWithKafkaStreams(copy: {
  readonly version: string;
  readonly bootstrapServers: string;
  readonly source: string;
  readonly target: string;
  readonly records: number;
}): Promise<number>;
