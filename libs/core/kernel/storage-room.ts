import { AppError } from './app-error.js';

/** What is left on a disk for users' data. `low` warns, `none` refuses what adds to it. */
export type Room = 'ample' | 'low' | 'none';

/** Free bytes below which a disk has little room, and below which none. */
export interface RoomLimits {
  readonly low: number;
  readonly none: number;
}

/** A state is left only when there is this much more than where it began, so that a disk at a limit does not go to and fro. */
const BACK = 1.2;

/** @returns the room that `freeBytes` make, coming from `before`. */
export function nextRoom(before: Room, freeBytes: number, limits: RoomLimits): Room {
  if (freeBytes < limits.none) return 'none';
  if (before === 'none' && freeBytes < limits.none * BACK) return 'none';
  if (freeBytes < limits.low) return 'low';
  return before !== 'ample' && freeBytes < limits.low * BACK ? 'low' : 'ample';
}

/**
 * The room on the disk that holds the data. Whoever is about to add users' data asks first; what makes room (deletions, retention), what is small and keeps
 * readers going (positions) and what closes in order does not ask.
 */
export abstract class StorageRoom {
  /** Why nothing may be added now (`storage-full`, retryable), undefined while something may. Cheap: asked for every write. */
  abstract refusal(): AppError | undefined;

  /**
   * Demands room for so many bytes of work that can wait, such as a copy: it is to stop while there is room left for those who cannot, however quickly it writes.
   * @returns to be called once what was claimed is written, or will not be: until then nobody else is given that room.
   * @throws `storage-full`.
   */
  async claim(_bytes: number): Promise<() => void> {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
    return () => undefined;
  }

  /** Bytes that work which can wait may add before it has to rest for the sake of those who cannot, as of now; null where that is not known. */
  async bytesForCopies(): Promise<number | null> {
    return null;
  }
}

/** `storage-full` of work that can wait, while there is room for others still. @param freeBytes what is left, @param keptBytes below which only others add. */
export function storageRoomKept(freeBytes: number, keptBytes: number): AppError {
  return new AppError({
    kind: 'storage-full',
    code: 'storage-full',
    message: `The disk has ${freeBytes} bytes left, and the last ${keptBytes} are kept for those who write: a copy adds nothing to it.`,
    hint: 'Delete records, topics or other files, or enlarge the disk; the copy goes on by itself.',
    details: { limit: 'storage.refuseFreeBytes', value: keptBytes, measured: freeBytes },
    retryable: true,
    retryAfterMs: 5_000,
  });
}

/**
 * `storage-full`. It tells what is left and what there has to be before something is added again, which is more than where it began to be refused.
 * @param freeBytes what is left, @param noneBytes below which nothing is added.
 */
export function storageRoomGone(freeBytes: number, noneBytes: number): AppError {
  const resumes = Math.ceil(noneBytes * BACK);
  return new AppError({
    kind: 'storage-full',
    code: 'storage-full',
    message: `The disk is full: ${freeBytes} bytes are left, and something is added again when there are ${resumes}. Nothing was written.`,
    hint: 'Delete records, topics or other files, or enlarge the disk; writing resumes by itself. Reading goes on.',
    details: { limit: 'storage.refuseFreeBytes', value: noneBytes, measured: freeBytes, resumes },
    retryable: true,
    retryAfterMs: 5_000,
  });
}
