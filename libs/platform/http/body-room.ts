/** Pieces of memory are multiples of this, so that they fit again. */
const PIECE_BYTES = 16 * 1024;
/** Memory that waits for its next use, at most. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Memory that goes from body to body: whoever had it says when nobody uses it any more. Left to the collector, 64 MiB of dead bodies gather before V8 looks for them, the heap of the C library grows by
 * those and what lies between them, and stays so.
 */
export class BodyRoom {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** So many bytes, used by nobody else until they are given back. What is in them is what others left there: to be written over as a whole. That they are given back may be forgotten. */
  take(bytes: number): Buffer {
    const fits = this.#free.findLastIndex((piece) => piece.length >= bytes && piece.length <= 2 * bytes + PIECE_BYTES);
    const [piece] = fits < 0 ? [] : this.#free.splice(fits, 1);
    if (piece !== undefined) this.#freeBytes -= piece.length;
    return (piece ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / PIECE_BYTES) * PIECE_BYTES)).subarray(0, bytes);
  }

  /** Others may write there from now on. For what {@link take} gave, once, when nothing looks at it any more. */
  giveBack(memory: Buffer): void {
    const piece = Buffer.from(memory.buffer as ArrayBuffer);
    if (this.#freeBytes + piece.length > KEPT_BYTES) return;
    this.#free.push(piece);
    this.#freeBytes += piece.length;
  }
}
