import type { FetchMemory } from '#libs/core/log';
import type { Segment } from './segment.js';

/** Readers in sequence that are read ahead for. The one that has not read for longest loses its place. */
const READERS = 16;
/** Most that is read ahead in one call for readers that ask for less: a call costs as much as reading 200 KB. */
const MOST_BYTES = 1024 * 1024;
/** Reads that are longer are not read ahead for. */
const LONGEST_READ = 2 * MOST_BYTES;

/** Bytes of a segment as its file has them, into memory that is given where it is; fewer where the file ends before. */
export type ReadBytes = (
  segment: Segment,
  position: number,
  length: number,
  into: Uint8Array | undefined,
) => Promise<Uint8Array>;

/** Bytes on their way, or here. */
interface Piece {
  readonly length: number;
  readonly bytes: Promise<Uint8Array>;
  /** What the reader lent, for it alone. */
  readonly memory: FetchMemory | undefined;
  /** The piece of it that the bytes, as the last of what was read into it, come into. */
  readonly lent: Uint8Array | undefined;
}

/**
 * Reads what a sequential reader will ask for next while it is busy with what it has: the checksums of a mebibyte take longer than its way from the page cache. Whoever
 * goes on where a read ended is taken for one. Only bytes that never change may be asked for. Holds {@link READERS} times {@link LONGEST_READ} times two at most.
 */
export class ReadAhead {
  /** Where reads ended, by segment and place, the oldest first; with what follows there, as far as it was asked for. */
  readonly #ends = new Map<Segment, Map<number, Piece[]>>();
  #count = 0;

  constructor(private readonly readBytes: ReadBytes) {}

  /**
   * The bytes at a position, read now or on their way already. `following` is how much comes behind them that may be read: some of it is asked for when the reader has
   * come here in sequence. What lies in the reader's own memory is its answer.
   */
  async read(
    segment: Segment,
    position: number,
    length: number,
    following: number,
    memory?: FetchMemory,
  ): Promise<Uint8Array> {
    const pieces = this.#taken(segment, position);
    // Another reader's memory is not this one's to answer with: the other one may still hold what came before from the same piece.
    if (pieces?.some((piece) => piece.memory !== memory)) dropAll(pieces);
    const piece = cutFrom(pieces ?? [], length) ?? this.#asked(segment, position, length, memory);
    const end = position + length;
    const ahead = pieces ?? [];
    if (pieces !== undefined) this.#ask(segment, end, ahead, length, following, memory);
    this.#note(segment, end, ahead);
    // Memory of a read that fails is let go: nobody knows when the system is done with it.
    const bytes = await piece.bytes;
    if (piece.lent !== undefined) memory?.answer(piece.lent);
    return bytes;
  }

  #asked(segment: Segment, position: number, length: number, memory: FetchMemory | undefined): Piece {
    const lent = memory?.take(length);
    return { length, bytes: this.readBytes(segment, position, length, lent), memory, lent };
  }

  /** Forgets a segment that goes. */
  forget(segment: Segment): void {
    this.#count -= this.#ends.get(segment)?.size ?? 0;
    this.#ends.delete(segment);
  }

  /** Asks for more where no more than the next read is there. */
  #ask(
    segment: Segment,
    end: number,
    ahead: Piece[],
    length: number,
    following: number,
    memory: FetchMemory | undefined,
  ): void {
    const there = ahead.reduce((sum, piece) => sum + piece.length, 0);
    // Less than a whole read would be read for nothing.
    const more = Math.min(Math.max(1, Math.floor(MOST_BYTES / length)) * length, following - there);
    if (there > length || more <= 0 || length > LONGEST_READ) return;
    const piece = this.#asked(segment, end + there, more, memory);
    // It may be that nobody comes for it; who does, sees the failure.
    piece.bytes.catch(() => undefined);
    ahead.push(piece);
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
function cutFrom(pieces: Piece[], length: number): Piece | undefined {
  const first = pieces.shift();
  if (first === undefined) return undefined;
  if (first.length < length) {
    pieces.unshift(first);
    dropAll(pieces);
    return undefined;
  }
  if (first.length === length) return first;
  const bytes = first.bytes.then((all) => all.subarray(length));
  bytes.catch(() => undefined);
  pieces.unshift({ ...first, length: first.length - length, bytes });
  return { ...first, length, bytes: first.bytes.then((all) => all.subarray(0, length)), lent: undefined };
}

/** Gives up what nobody comes for. Memory that was lent for it goes back when it has been read: until then the system writes into it. */
function dropAll(pieces: Piece[]): void {
  for (const { bytes, lent, memory } of pieces) {
    if (lent === undefined) continue;
    bytes.then(
      () => memory?.answer(lent),
      () => undefined,
    );
  }
  pieces.length = 0;
}
