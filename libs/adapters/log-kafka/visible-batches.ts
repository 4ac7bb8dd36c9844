import { AppError } from '#libs/core/kernel';
import { batchesIn, readInt16, RecordCursor, verifyBatch } from '#libs/core/log';
import type { AbortedTransaction } from './wire-fetch.js';

/** What a reader of committed records sees of the bytes a broker answered. */
export interface VisibleBatches {
  /** Whole data batches of no aborted transaction, checksums right, in offset order. */
  readonly batches: readonly VisibleBatch[];
  /** Behind the last whole batch looked at, markers and dropped batches included; the asked offset when there was none. */
  readonly nextOffset: number;
  /** The first damage met; what lies before it is in `batches`. */
  readonly damage?: { readonly offset: number; readonly error: AppError };
}

export interface VisibleBatch {
  readonly bytes: Uint8Array;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Transaction markers. Source: control records, section 2.6 of the format reference: key = version int16, type int16. */
const ABORT = 0;

/**
 * Takes control batches and aborted batches out of fetched bytes. `aborted` is the broker's list for the range, in any order, with one producer listed as
 * often as it aborted. A batch that ends in front of `from` is passed over, a partial one at the end ignored.
 *
 * Every entry whose first offset is reached puts its producer on the list of the aborted ones; the producer's abort marker takes it off
 * again. So an abort whose marker lies beyond the bytes hides its records all the same.
 */
export function visibleBatches(
  records: Uint8Array,
  from: number,
  aborted: readonly AbortedTransaction[],
): VisibleBatches {
  const coming = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const hidden = new Set<number>();
  const batches: VisibleBatch[] = [];
  let nextOffset = from;
  try {
    for (const { bytes } of batchesIn(records)) {
      const header = verifyBatch(bytes);
      while (coming[0] !== undefined && Number(coming[0].firstOffset) <= header.lastOffset) {
        hidden.add(Number(coming.shift()!.producerId));
      }
      if (header.control) {
        if (markerType(bytes) === ABORT) hidden.delete(header.producerId);
      } else if (header.lastOffset >= from && !(header.transactional && hidden.has(header.producerId))) {
        if (header.recordCount > 0) {
          batches.push({ bytes, baseOffset: header.baseOffset, lastOffset: header.lastOffset });
        }
      }
      nextOffset = Math.max(nextOffset, header.lastOffset + 1);
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { batches, nextOffset, damage: { offset: nextOffset, error } };
  }
  return { batches, nextOffset };
}

/** Type of the marker in a control batch: 0 abort, 1 commit; −1 for one without a readable key. */
export function markerType(batch: Uint8Array): number {
  const cursor = new RecordCursor(verifyBatch(batch), batch);
  if (!cursor.next() || cursor.keyLength < 4) return -1;
  return readInt16(cursor.bytes, cursor.keyAt + 2);
}
