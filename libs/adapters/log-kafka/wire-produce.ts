import { createAPI, Writer } from './client.js';

/** One batch for one partition; a request has at most one for each. */
export interface ProduceAsk {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Uint8Array;
}

export interface ProduceParameters {
  readonly transactionalId: string | null;
  /** How long the leader waits for its replicas. */
  readonly timeoutMs: number;
  readonly batches: readonly ProduceAsk[];
}

export interface ProduceAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly baseOffset: bigint;
}

/** Produce, acks of all in-sync replicas, batches as given. Source: ProduceRequest and ProduceResponse of the protocol, alike from 9 to 12 but for fields that are passed over. */
const produceOf = (version: number) =>
  createAPI<[ProduceParameters], readonly ProduceAnswer[]>(
    0,
    version,
    ({ transactionalId, timeoutMs, batches }: ProduceParameters) =>
      Writer.create()
        .appendString(transactionalId)
        .appendInt16(-1)
        .appendInt32(timeoutMs)
        .appendArray([...byTopic(batches)], (w, [topic, ofTopic]) => {
          w.appendString(topic).appendArray(ofTopic, (w, { partition, batch }) => {
            w.appendInt32(partition).appendBytes(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength));
          });
        })
        .appendTaggedFields(),
    (_correlationId, _apiKey, _apiVersion, reader) =>
      reader
        .readArray((r) => {
          const topic = r.readString();
          return r.readArray((r): ProduceAnswer => {
            const partition = r.readInt32();
            const errorCode = r.readInt16();
            const baseOffset = r.readInt64();
            r.readInt64();
            r.readInt64();
            r.readArray((r) => [r.readInt32(), r.readNullableString()]);
            return { topic, partition, errorCode, baseOffset, errorMessage: r.readNullableString() };
          });
        })
        .flat(),
  );

/** At the version that every release serves. */
export const produceApi = produceOf(9);

/** At the version that takes the partitions of transactional batches into their transaction: of the second transaction protocol alone. */
export const enlistingProduceApi = produceOf(12);

function byTopic(batches: readonly ProduceAsk[]): ReadonlyMap<string, ProduceAsk[]> {
  const topics = new Map<string, ProduceAsk[]>();
  for (const one of batches) {
    const ofTopic = topics.get(one.topic);
    if (ofTopic === undefined) topics.set(one.topic, [one]);
    else ofTopic.push(one);
  }
  return topics;
}
