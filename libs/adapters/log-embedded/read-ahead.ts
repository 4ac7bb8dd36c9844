import type { Segment } from './segment.js';

/** Readers in sequence that are read ahead for. The one that has not read for longest loses its place. */
const READERS = 16;
/** Most that is read ahead in one call: a call costs as much as reading 200 KB. */
const MOST_BYTES = 1024 * 1024;

/** Bytes of a segment as its file has them; fewer where it ends before. */
export type ReadBytes = (segment: Segment, position: number, length: number) => Promise<Uint8Array>;

/** Bytes on their way, or here. */
interface Piece {
  readonly length: number;
  readonly bytes: Promise<Uint8Array>;
}

/**
 * Reads what a sequential reader will ask for next while it is busy with what it has: the checksums of a mebibyte take longer than its way from the page cache. Whoever
 * goes on where a read ended is taken for one. Only bytes that never change may be asked for. Holds {@link READERS} times two calls of {@link MOST_BYTES} at most.
 */
export class ReadAhead {
  /** Where reads ended, by segment and place, the oldest first; with what follows there, as far as it was asked for. */
  readonly #ends = new Map<Segment, Map<number, Piece[]>>();
  #count = 0;

  constructor(private readonly readBytes: ReadBytes) {}

  /**
   * The bytes at a position, read now or on their way already. `following` is how much comes behind them that may be read: some of it is asked for when the reader has
   * come here in sequence.
   */
  read(segment: Segment, position: number, length: number, following: number): Promise<Uint8Array> {
    const pieces = this.#taken(segment, position);
    const bytes = cutFrom(pieces ?? [], length) ?? this.readBytes(segment, position, length);
    const end = position + length;
    const ahead = pieces ?? [];
    if (pieces !== undefined) this.#ask(segment, end, ahead, length, following);
    this.#note(segment, end, ahead);
    return bytes;
  }

  /** Forgets a segment that goes. */
  forget(segment: Segment): void {
    this.#count -= this.#ends.get(segment)?.size ?? 0;
    this.#ends.delete(segment);
  }

  /** Asks for more where no more than the next read is there. */
  #ask(segment: Segment, end: number, ahead: Piece[], length: number, following: number): void {
    const there = ahead.reduce((sum, piece) => sum + piece.length, 0);
    const more = Math.min(Math.max(1, Math.floor(MOST_BYTES / length)) * length, MOST_BYTES, following - there);
    if (there > length || more <= 0) return;
    const bytes = this.readBytes(segment, end + there, more);
    // It may be that nobody comes for it; who does, sees the failure.
    bytes.catch(() => undefined);
    ahead.push({ length: more, bytes });
  }

  #taken(segment: Segment, position: number): Piece[] | undefined {
    const ends = this.#ends.get(segment);
    const pieces = ends?.get(position);
    if (ends?.delete(position)) {
      this.#count--;
      if (ends.size === 0) this.#ends.delete(segment);
    }
    return pieces;
  }

  #note(segment: Segment, end: number, ahead: Piece[]): void {
    const ends = this.#ends.get(segment) ?? new Map<number, Piece[]>();
    // Behind all others, the segment as well as the place in it.
    this.#ends.delete(segment);
    this.#ends.set(segment, ends);
    if (!ends.delete(end)) this.#count++;
    ends.set(end, ahead);
    for (const [oldest, places] of this.#ends) {
      if (this.#count <= READERS) return;
      const [place] = places.keys();
      this.#taken(oldest, place!);
    }
  }
}

/** Takes the first `length` bytes out of pieces; undefined, and no pieces left, where the first does not hold them. */
function cutFrom(pieces: Piece[], length: number): Promise<Uint8Array> | undefined {
  const first = pieces.shift();
  if (first === undefined) return undefined;
  if (first.length < length) {
    pieces.length = 0;
    return undefined;
  }
  if (first.length > length) {
    const bytes = first.bytes.then((all) => all.subarray(length));
    bytes.catch(() => undefined);
    pieces.unshift({ length: first.length - length, bytes });
  }
  return first.bytes.then((all) => all.subarray(0, length));
}
