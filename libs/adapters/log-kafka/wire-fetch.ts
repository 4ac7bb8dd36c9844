import type { FetchMemory } from '#libs/core/log';
import { createAPI, type Reader, Writer } from './client.js';

/** One partition of a Fetch. */
export interface FetchAsk {
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchParameters {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** `committed`: up to the last stable offset, with the list of aborted transactions. `all`: up to the high watermark. */
  readonly isolation: 'committed' | 'all';
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchAsk[] }[];
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface FetchAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly logStartOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches as stored, the last one possibly cut off. */
  readonly records: FetchedBytes;
}

/** Bytes as they came from the connection, in pieces. Those who read them want them in one. */
export class FetchedBytes {
  constructor(
    private readonly pieces: readonly Uint8Array[],
    readonly length: number,
  ) {}

  /** All of them, in memory that is lent or in new one. */
  whole(memory?: FetchMemory): Uint8Array {
    const [first] = this.pieces;
    if (this.pieces.length === 1) return first!;
    const bytes = memory === undefined ? Buffer.allocUnsafe(this.length) : memory.place(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

export interface FetchAnswers {
  readonly errorCode: number;
  readonly partitions: readonly FetchAnswer[];
}

const NOTHING = new FetchedBytes([new Uint8Array()], 0);

/**
 * Fetch, version 12: by topic name, without a session, records as bytes. The client's own definition decodes the records and does not check
 * them. Source: FetchRequest and FetchResponse of the protocol; tagged fields of a partition are passed over.
 */
export const fetchApi = createAPI<[FetchParameters], FetchAnswers>(
  1,
  12,
  (ask: FetchParameters) =>
    Writer.create()
      .appendInt32(-1)
      .appendInt32(ask.maxWaitMs)
      .appendInt32(ask.minBytes)
      .appendInt32(ask.maxBytes)
      .appendInt8(ask.isolation === 'committed' ? 1 : 0)
      // Session 0 in epoch -1: a full fetch that leaves nothing at the broker.
      .appendInt32(0)
      .appendInt32(-1)
      .appendArray([...ask.topics], (w, { topic, partitions }) => {
        w.appendString(topic).appendArray([...partitions], (w, one) => {
          w.appendInt32(one.partition)
            .appendInt32(-1)
            .appendInt64(BigInt(one.offset))
            .appendInt32(-1)
            .appendInt64(-1n)
            .appendInt32(one.maxBytes);
        });
      })
      .appendArray([], () => undefined)
      .appendString('')
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => {
    reader.readInt32();
    const errorCode = reader.readInt16();
    reader.readInt32();
    const partitions = reader.readArray((r) => {
      const topic = r.readString();
      return r.readArray((r) => readPartition(topic, r), true, true);
    });
    return { errorCode, partitions: partitions.flat() };
  },
);

function readPartition(topic: string, reader: Reader): FetchAnswer {
  return {
    topic,
    partition: reader.readInt32(),
    errorCode: reader.readInt16(),
    highWatermark: reader.readInt64(),
    lastStableOffset: reader.readInt64(),
    logStartOffset: reader.readInt64(),
    aborted: reader.readNullableArray((r) => ({ producerId: r.readInt64(), firstOffset: r.readInt64() })) ?? [],
    records: (reader.readInt32(), readRecords(reader)),
  };
}

/** Without putting them together: for that the reader of the protocol would take new memory each time. */
function readRecords(reader: Reader): FetchedBytes {
  const length = reader.readUnsignedVarInt() - 1;
  if (length <= 0) return NOTHING;
  const { buffers } = reader.buffer.subarray(reader.position, reader.position + length);
  reader.skip(length);
  return new FetchedBytes(buffers, length);
}
