/** Pieces of memory are multiples of this, so that they fit again. */
const PIECE_BYTES = 16 * 1024;
/** Memory that waits for its next use, at most, unless told otherwise. */
const KEPT_BYTES = 8 * 1024 * 1024;

export interface FetchMemoryOptions {
  /** Its reader goes on where a fetch ended, so that an engine may read what follows into it beforehand. Not where it is lent for one reader after another. True unless told otherwise. */
  readonly readsAhead?: boolean;
  /** Bytes that wait for their next use, at most; 8 MiB unless told otherwise. */
  readonly keptBytes?: number;
}

/**
 * Memory that a reader in sequence lends to its fetches. What a fetch answers lies in it **until the next fetch with it begins**: whoever keeps records longer copies them, or
 * fetches without. One fetch at a time. New memory costs more than reading into it: each page of it is given and cleared by the system, which takes as long as
 * two checksums over the same bytes.
 *
 * An engine may leave it unused; then an answer lasts as long as somebody holds it, as always.
 */
export class FetchMemory {
  readonly #free: Uint8Array[] = [];
  #freeBytes = 0;
  #answered: Uint8Array[] = [];

  readonly readsAhead: boolean;
  readonly #keptBytes: number;

  constructor({ readsAhead = true, keptBytes = KEPT_BYTES }: FetchMemoryOptions = {}) {
    this.readsAhead = readsAhead;
    this.#keptBytes = keptBytes;
  }

  /** Ends what earlier fetches answered. For engines, when a fetch begins; for readers that will not fetch for a while. */
  begin(): void {
    for (const piece of this.#answered) {
      if (this.#freeBytes + piece.length > this.#keptBytes) continue;
      this.#free.push(piece);
      this.#freeBytes += piece.length;
    }
    this.#answered = [];
  }

  /** Memory of at least so many bytes, used by nobody. It is not known here any more until it is {@link answer}ed. For engines. */
  take(bytes: number): Uint8Array {
    const fits = this.#free.findIndex((piece) => piece.length >= bytes);
    if (fits < 0) return Buffer.allocUnsafeSlow(Math.ceil(Math.max(bytes, 1) / PIECE_BYTES) * PIECE_BYTES);
    const [piece] = this.#free.splice(fits, 1);
    this.#freeBytes -= piece!.length;
    return piece!;
  }

  /** So many bytes that are taken and answered at once: for who puts something together that lasts until {@link begin}. */
  place(bytes: number): Buffer {
    const piece = this.take(bytes);
    this.answer(piece);
    return Buffer.from(piece.buffer, piece.byteOffset, bytes);
  }

  /** The present answer lies in this piece, and nothing else does: it is free when the next fetch begins. For engines. */
  answer(piece: Uint8Array): void {
    this.#answered.push(piece);
  }
}
