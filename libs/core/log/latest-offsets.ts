import { createHash } from 'node:crypto';
import { type DecodeOptions, RecordCursor } from './batch-decoder.js';
import type { BatchHeader } from './batch-header.js';

/** Keys up to this length stand in the table themselves, longer ones by their SHA-256. */
const PLAIN_KEY_BYTES = 64;
/** What an entry takes beside its key, about. */
const ENTRY_BYTES = 96;

/**
 * The last offset of each key in a range that is read once, in order. It holds as many keys as its memory allows; from the record that finds no place on
 * nothing is known, and {@link upTo} says where that is.
 */
export class LatestOffsets {
  readonly #offsets = new Map<string, number>();
  #bytes = 0;
  #upTo: number;
  #full = false;

  /** Keys are looked up from `from` up to `to`. */
  constructor(
    readonly from: number,
    readonly to: number,
    private readonly maxBytes: number,
  ) {
    this.#upTo = from;
  }

  /** Everything from `from` up to here is known. */
  get upTo(): number {
    return this.#full ? this.#upTo : this.to;
  }

  /** There was no place for a key: there is no use in reading on. */
  get full(): boolean {
    return this.#full;
  }

  get keys(): number {
    return this.#offsets.size;
  }

  /** Takes in the records of the next batch. @throws what {@link RecordCursor} throws. */
  add(header: BatchHeader, bytes: Uint8Array, options?: DecodeOptions): void {
    if (this.#full || header.control || header.lastOffset < this.from) return;
    const cursor = new RecordCursor(header, bytes, options);
    while (cursor.next()) {
      if (cursor.offset < this.from) continue;
      if (cursor.offset >= this.to) return;
      if (cursor.keyLength >= 0) this.set(cursor);
      if (this.#full) return;
      this.#upTo = cursor.offset + 1;
    }
  }

  /** The last offset of the key of the present record, undefined when it does not stand in the range. */
  of(cursor: RecordCursor): number | undefined {
    return this.#offsets.get(keyOf(cursor));
  }

  private set(cursor: RecordCursor): void {
    const key = keyOf(cursor);
    if (!this.#offsets.has(key)) {
      this.#bytes += ENTRY_BYTES + key.length;
      // The first key always has a place: a range must come to an end.
      if (this.#bytes > this.maxBytes && this.#offsets.size > 0) {
        this.#full = true;
        return;
      }
    }
    this.#offsets.set(key, cursor.offset);
  }
}

/** A text for a key: different keys have different ones. */
function keyOf({ bytes, keyAt, keyLength }: RecordCursor): string {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset + keyAt, keyLength);
  if (keyLength <= PLAIN_KEY_BYTES) return key.toString('latin1');
  // One character longer than any key that stands for itself.
  const digest = createHash('sha256').update(key).digest('hex');
  return digest.padEnd(PLAIN_KEY_BYTES + 1, '#');
}
