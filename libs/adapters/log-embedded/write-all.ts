import type { OpenFile } from './file-system.js';
import { isUsedUp, storageFull, usedUp } from './errors.js';

/** Up to here a write on the calling thread is cheaper than a round trip to the thread pool. */
const NOW_BYTES = 256 * 1024;

/**
 * Writes all bytes, going on after short counts: on a full disk Node returns a smaller count without an error, and says ENOSPC only to the next
 * call, if at all. Small writes are done when this returns (undefined), large ones when the promise resolves.
 * @throws `storage-full` when no more bytes are taken; what was written before stays and is the caller's to cut back.
 */
export function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> | undefined {
  if (bytes.length > NOW_BYTES) return writeInPool(file, bytes, position);
  for (let done = 0; done < bytes.length;) {
    const count = taken(file, () => file.writeNow(done === 0 ? bytes : bytes.subarray(done), position + done));
    done += count;
  }
  return undefined;
}

/** The same by a thread of the pool, however small. */
export async function writeInPool(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    let count: number;
    try {
      count = await file.write(done === 0 ? bytes : bytes.subarray(done), position + done);
    } catch (error) {
      throw isUsedUp(error) ? usedUp(file.path, error) : error;
    }
    if (count <= 0) throw storageFull(file.path);
    done += count;
  }
}

function taken(file: OpenFile, write: () => number): number {
  let count: number;
  try {
    count = write();
  } catch (error) {
    throw isUsedUp(error) ? usedUp(file.path, error) : error;
  }
  if (count <= 0) throw storageFull(file.path);
  return count;
}
