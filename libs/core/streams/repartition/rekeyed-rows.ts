import { lengthened, NumberedKeys } from '../numbered-keys.js';

/** Where the present record of a row lies. */
export interface RowPlace {
  readonly partition: number;
  readonly offset: number;
  /** It lies on the other side of a repartition that is being undone: there the row was before the switch. */
  readonly isElsewhere?: boolean;
}

/** There is no such row. */
export const NO_ROW = -1;

/**
 * The rows of a table by their present key, and which of them have got which new key. Several may have one: then the row shown under it is the one that was written last, and when that leaves, the one
 * before. Every call takes the same time, however many rows have one new key. Rows and new keys are numbers, and keys the bytes that lie at some place: nothing is made for a row. Memory: about a
 * hundred bytes a row beside the keys.
 */
export class RekeyedRows {
  /** Rows by present key. */
  readonly #keys: NumberedKeys;
  readonly #newKeys: NumberedKeys;
  /** Of each row its new key, where it lies (partitions elsewhere with their bits turned), and its neighbours among those with that key. */
  #newKeyOf = new Int32Array(8);
  #partitions = new Int32Array(8);
  #offsets = new Float64Array(8);
  #older = new Int32Array(8);
  #newer = new Int32Array(8);
  /** Where it stands in a list of changes, plus one. */
  #changedAt = new Int32Array(8);
  /** Of each new key how many rows have it, and the newest of them. */
  #counts = new Int32Array(8);
  #newest = new Int32Array(8);
  #shared = 0;

  /** @param seed see {@link NumberedKeys}. */
  constructor(seed: string) {
    this.#keys = new NumberedKeys(seed);
    this.#newKeys = new NumberedKeys(seed);
  }

  /** Rows there are. */
  get size(): number {
    return this.#keys.size;
  }

  /** New keys that several rows have. */
  get shared(): number {
    return this.#shared;
  }

  /** The row with a present key, {@link NO_ROW} for none. */
  find(bytes: Uint8Array, at = 0, length = bytes.length): number {
    return this.#keys.find(bytes, at, length);
  }

  /** The present key of a row, as long as nothing is put or removed. */
  key(row: number): Buffer {
    return this.#keys.key(row);
  }

  /** The number of the new key of a row. */
  newKeyOf(row: number): number {
    return this.#newKeyOf[row]!;
  }

  /** A new key by its number, as long as nothing is put or removed. */
  newKey(number: number): Buffer {
    return this.#newKeys.key(number);
  }

  /** Whether a row has this new key. */
  hasNewKey(row: number, bytes: Uint8Array, at: number, length: number): boolean {
    return this.#newKeys.is(this.#newKeyOf[row]!, bytes, at, length);
  }

  /** The row that is shown under a new key, {@link NO_ROW} for none. */
  shownAs(newKey: Uint8Array): number {
    const number = this.#newKeys.find(newKey, 0, newKey.length);
    return number < 0 ? NO_ROW : this.#newest[number]!;
  }

  /** Whether a row is the one that is shown under its new key. */
  isShown(row: number): boolean {
    return this.#newest[this.#newKeyOf[row]!] === row;
  }

  place(row: number): RowPlace {
    const [partition, offset] = [this.#partitions[row]!, this.#offsets[row]!];
    return partition < 0 ? { partition: ~partition, offset, isElsewhere: true } : { partition, offset };
  }

  /** Whether a row lies in another partition than this one, on the same side. */
  liesApart(row: number, partition: number): boolean {
    const lies = this.#partitions[row]!;
    return lies >= 0 && lies !== partition;
  }

  /** Every row that is shown under a new key. */
  *shown(): Generator<number, void> {
    for (let number = 0; number < this.#newKeys.limit; number++)
      if (this.#counts[number]! > 0) yield this.#newest[number]!;
  }

  /** A row was written: it is the newest of those with its new key. @returns its number */
  put(key: Uint8Array, newKey: Uint8Array, { partition, offset, isElsewhere = false }: RowPlace): number {
    const row = this.putInPlace(this.find(key), key, 0, key.length, newKey, 0, newKey.length, partition, offset);
    if (isElsewhere) this.#partitions[row] = ~partition;
    return row;
  }

  /** The same for keys that lie in some bytes, where the row is known or known not to be there. */
  putInPlace(
    known: number,
    bytes: Uint8Array,
    keyAt: number,
    keyLength: number,
    newBytes: Uint8Array,
    newKeyAt: number,
    newKeyLength: number,
    partition: number,
    offset: number,
  ): number {
    let row = known;
    if (row < 0) {
      row = this.#keys.number(bytes, keyAt, keyLength);
      if (row >= this.#newKeyOf.length) this.#growRows();
      this.#changedAt[row] = 0;
      this.#join(row, newBytes, newKeyAt, newKeyLength);
    } else if (!this.hasNewKey(row, newBytes, newKeyAt, newKeyLength)) {
      this.#leave(row);
      this.#join(row, newBytes, newKeyAt, newKeyLength);
    } else if (this.#newer[row]! >= 0) {
      this.#unlink(row);
      this.#link(row);
    }
    this.#partitions[row] = partition;
    this.#offsets[row] = offset;
    return row;
  }

  /** A row is gone. */
  remove(row: number): void {
    this.#leave(row);
    this.#keys.remove(row);
  }

  /** For whoever lists changes: where the last one of a row stands in the list, −1 for nowhere. */
  changedAt(row: number): number {
    return this.#changedAt[row]! - 1;
  }

  setChangedAt(row: number, at: number): void {
    this.#changedAt[row] = at + 1;
  }

  clear(): void {
    this.#keys.clear();
    this.#newKeys.clear();
    this.#shared = 0;
  }

  #join(row: number, bytes: Uint8Array, at: number, length: number): void {
    const before = this.#newKeys.size;
    const newKey = this.#newKeys.number(bytes, at, length);
    if (newKey >= this.#counts.length) this.#growNewKeys();
    if (this.#newKeys.size > before) {
      this.#counts[newKey] = 0;
      this.#newest[newKey] = NO_ROW;
    }
    if (this.#counts[newKey] === 1) this.#shared++;
    this.#counts[newKey]!++;
    this.#newKeyOf[row] = newKey;
    this.#link(row);
  }

  #leave(row: number): void {
    const newKey = this.#newKeyOf[row]!;
    this.#unlink(row);
    const left = --this.#counts[newKey]!;
    if (left === 1) this.#shared--;
    if (left === 0) this.#newKeys.remove(newKey);
  }

  /** Makes the row the newest of its new key. */
  #link(row: number): void {
    const newKey = this.#newKeyOf[row]!;
    const older = this.#newest[newKey]!;
    this.#older[row] = older;
    this.#newer[row] = NO_ROW;
    if (older >= 0) this.#newer[older] = row;
    this.#newest[newKey] = row;
  }

  #unlink(row: number): void {
    const [older, newer] = [this.#older[row]!, this.#newer[row]!];
    if (older >= 0) this.#newer[older] = newer;
    if (newer < 0) this.#newest[this.#newKeyOf[row]!] = older;
    else this.#older[newer] = older;
  }

  #growRows(): void {
    const length = this.#newKeyOf.length * 2;
    this.#newKeyOf = lengthened(this.#newKeyOf, length);
    this.#partitions = lengthened(this.#partitions, length);
    this.#offsets = lengthened(this.#offsets, length);
    this.#older = lengthened(this.#older, length);
    this.#newer = lengthened(this.#newer, length);
    this.#changedAt = lengthened(this.#changedAt, length);
  }

  #growNewKeys(): void {
    const length = this.#counts.length * 2;
    this.#counts = lengthened(this.#counts, length);
    this.#newest = lengthened(this.#newest, length);
  }
}
