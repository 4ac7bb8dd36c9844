import { createAPI, Writer } from './client.js';

export interface ElectLeadersAnswer {
  readonly errorCode: number;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}

/** Only brokers in sync may be elected; the other kind gives up acknowledged records and is not offered here. */
const PREFERRED = 0;

/** ElectLeaders, version 2, for preferred leaders: the client library has no definition of it. Source: ElectLeadersRequest and -Response of the protocol. */
export const electLeadersApi = createAPI<
  [topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[], timeoutMs: number],
  ElectLeadersAnswer
>(
  43,
  2,
  (topics, timeoutMs) =>
    Writer.create()
      .appendInt8(PREFERRED)
      .appendArray([...topics], (w, { topic, partitions }) => {
        w.appendString(topic).appendArray([...partitions], (w, one) => w.appendInt32(one), true, false);
      })
      .appendInt32(timeoutMs)
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => {
    reader.readInt32();
    const errorCode = reader.readInt16();
    const partitions = reader.readArray((r) => {
      const topic = r.readString();
      return r.readArray((r) => ({
        topic,
        partition: r.readInt32(),
        errorCode: r.readInt16(),
        errorMessage: r.readNullableString(),
      }));
    });
    return { errorCode, partitions: partitions.flat() };
  },
);
