/** A place in a segment where a batch begins, and what is known of everything before it. */
export interface Waypoint {
  /** Base offset of the batch that begins here (or would). */
  readonly offset: number;
  /** Byte position of that batch in the file. */
  readonly position: number;
  /** Largest timestamp of the batches before, −1 for none. */
  readonly maxTimestamp: number;
  /** When the last batch before was appended, epoch ms; −1 for none. */
  readonly maxAppendTimeMs: number;
  /** Running checksum of the batch headers before: see `segment-chain.ts`. */
  readonly chain: number;
}

const COLUMNS = 5;

/** Waypoints of a segment in file order. All columns only rise, except the chain. */
export class Waypoints {
  #cells: Float64Array;
  #count = 0;

  constructor(capacity = 16) {
    this.#cells = new Float64Array(capacity * COLUMNS);
  }

  get count(): number {
    return this.#count;
  }

  /** Memory held, in bytes. */
  get sizeBytes(): number {
    return this.#cells.byteLength;
  }

  push(offset: number, position: number, maxTimestamp: number, maxAppendTimeMs: number, chain: number): void {
    const at = this.#count * COLUMNS;
    if (at === this.#cells.length) {
      const larger = new Float64Array(this.#cells.length * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    this.#cells[at] = offset;
    this.#cells[at + 1] = position;
    this.#cells[at + 2] = maxTimestamp;
    this.#cells[at + 3] = maxAppendTimeMs;
    this.#cells[at + 4] = chain;
    this.#count++;
  }

  at(index: number): Waypoint {
    const at = index * COLUMNS;
    const cells = this.#cells;
    return {
      offset: cells[at]!,
      position: cells[at + 1]!,
      maxTimestamp: cells[at + 2]!,
      maxAppendTimeMs: cells[at + 3]!,
      chain: cells[at + 4]!,
    };
  }

  /** Index of the last waypoint at or before an offset, −1 for none. */
  lastAtOffset(offset: number): number {
    return this.firstWhere(0, offset + 1) - 1;
  }

  /** Index of the first waypoint at or behind a byte position, `count` for none. */
  firstAtPosition(position: number): number {
    return this.firstWhere(1, position);
  }

  /** Index of the first waypoint that has a timestamp of at least `timestampMs` before it, `count` for none. */
  firstWithTimestamp(timestampMs: number): number {
    return this.firstWhere(2, timestampMs);
  }

  /** Forgets the first `count`. */
  dropFirst(count: number): void {
    this.#cells.copyWithin(0, count * COLUMNS, this.#count * COLUMNS);
    this.#count -= count;
  }

  /** First index whose cell in a rising column is at least `value`. */
  private firstWhere(column: number, value: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#cells[middle * COLUMNS + column]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
