import type { RecordCursor } from '../batch-decoder.js';
import type { DigestSum } from '../record-digest.js';
import { LoopMemory } from './loop-memory.js';

/** Memory that grew beyond this is not kept. */
const KEEP_BYTES = 4 * 1024 * 1024;

/**
 * Looks at all records of a batch at once, as a {@link RecordCursor} would one by one. False says nothing against a batch: it is one that only a cursor can judge, for
 * better or worse.
 */
export class BatchChecks {
  #memory: LoopMemory | undefined;

  /**
   * Adds the digests of all records of a batch, which came from these offsets of a source, to a sum; only if each record with a key lies in the partition that the hash of
   * the key names among `partitions` (undefined: wherever it likes).
   */
  compare(
    cursor: RecordCursor,
    from: { readonly source: number; readonly offsets: Float64Array },
    lies: { readonly partition: number; readonly partitions: number | undefined },
    sum: DigestSum,
  ): boolean {
    const { recordCount } = cursor.header;
    if (from.offsets.length !== recordCount) return false;
    const memory = this.#loops();
    const { given, roomAt } = memory.load(cursor, 8 * recordCount);
    new Float64Array(memory.bytes.buffer, roomAt, recordCount).set(from.offsets);
    const { partition, partitions = 0 } = lies;
    if (memory.functions['compare']!(...given, from.source, roomAt, partitions, partition) < 0) return false;
    sum.addSum(recordCount, memory.sums);
    return true;
  }

  #loops(): LoopMemory {
    if (this.#memory !== undefined && this.#memory.sizeBytes > KEEP_BYTES) this.#memory = undefined;
    return (this.#memory ??= new LoopMemory());
  }
}
