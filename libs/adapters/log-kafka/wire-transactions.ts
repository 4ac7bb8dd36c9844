/**
 * What the second transaction protocol (KIP-890) has beside {@link enlistingProduceApi}. The client library does not define these versions. Source: EndTxnRequest, EndTxnResponse and
 * TxnOffsetCommitRequest of the protocol.
 */
import { createAPI, txnOffsetCommitAt, Writer } from './client.js';

export interface EndTxnAnswer {
  readonly errorCode: number;
  /** Who the producer is from now on. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** EndTxn, version 5: the epoch is over with the transaction. A repetition under the former epoch is answered like the first. */
export const endTxnAndEpoch = createAPI<[string, bigint, number, boolean], EndTxnAnswer>(
  26,
  5,
  (transactionalId, producerId, producerEpoch, commit) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt64(producerId)
      .appendInt16(producerEpoch)
      .appendBoolean(commit)
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => {
    reader.readInt32();
    return { errorCode: reader.readInt16(), producerId: reader.readInt64(), producerEpoch: reader.readInt16() };
  },
);

/** TxnOffsetCommit, version 5: takes the group into the transaction. Bytes are those of version 4. */
export const enlistingTxnOffsetCommit = txnOffsetCommitAt(5);
