import { DIGEST_NUMBERS, type RecordCursor, writeDigest } from '#libs/core/log';
import { lengthened, NumberedKeys } from '../numbered-keys.js';
import type { Mismatch } from '../verify/mismatch.js';
import { type FoundMismatches, MismatchTally } from '../verify/mismatch-tally.js';

/** Where a record lies. */
export interface RecordAt {
  readonly partition: number;
  readonly offset: number;
}

const NONE = -1;

/**
 * Two tables, the one that is expected and the one that is found, compared by new key and digest. Takes in records of either side in any order of partitions, and afterwards looks at the keys that changed since it looked last alone. Rows and keys are numbers, and nothing is made for a record.
 * Memory: about a hundred bytes a row beside the keys, on either side.
 */
export class TableComparison {
  readonly #rows: NumberedKeys;
  /** Of each row that is expected its new key, its digest under that, where it lies, and its neighbours among those with that key. */
  #newKeys = new Int32Array(8);
  #digests = new Int32Array(8 * DIGEST_NUMBERS);
  #partitions = new Int32Array(8);
  #offsets = new Float64Array(8);
  #before = new Int32Array(8);
  #next = new Int32Array(8);
  readonly #keys: NumberedKeys;
  /** Of each new key how many rows are expected under it, the first of them, and what is found under it: its digest and where it lies, in no partition for nothing. */
  #counts = new Int32Array(8);
  #first = new Int32Array(8);
  #found = new Int32Array(8 * DIGEST_NUMBERS);
  #foundIn = new Int32Array(8);
  #foundAt = new Float64Array(8);
  /** Whether it is among those that changed. */
  #isChanged = new Int32Array(8);
  /** Keys that changed since they were looked at. */
  #changed: number[] = [];
  readonly #differing = new Set<number>();
  readonly #shared = new Set<number>();

  /** @param seed see {@link NumberedKeys}. */
  constructor(seed: string) {
    this.#rows = new NumberedKeys(seed);
    this.#keys = new NumberedKeys(seed);
  }

  /**
   * The record of a row that is expected from now on, by its present key, under its new one. @param newKey what that lies in, with a view of the same bytes
   */
  expect(
    record: RecordCursor,
    newKey: { readonly bytes: Uint8Array; readonly view: DataView },
    newKeyAt: number,
    newKeyLength: number,
    partition: number,
  ): void {
    const { bytes, keyAt, keyLength, offset } = record;
    const known = this.#rows.find(bytes, keyAt, keyLength);
    const row = known === NONE ? this.#rows.number(bytes, keyAt, keyLength) : known;
    if (row >= this.#newKeys.length) this.#growRows();
    const key = this.#keyOf(newKey.bytes, newKeyAt, newKeyLength);
    writeDigest(record, newKey.view, newKeyAt, newKeyLength, this.#digests, row * DIGEST_NUMBERS);
    this.#partitions[row] = partition;
    this.#offsets[row] = offset;
    if (known !== NONE) {
      if (this.#newKeys[row] === key) return;
      this.#leave(row);
    }
    this.#join(row, key);
  }

  /** A row is no longer expected, if it was. */
  expectGone({ bytes, keyAt, keyLength }: RecordCursor): void {
    const row = this.#rows.find(bytes, keyAt, keyLength);
    if (row === NONE) return;
    this.#leave(row);
    this.#rows.remove(row);
  }

  /** The record that is found under its key from now on, a tombstone for none. One without a key is no row. */
  find(record: RecordCursor, partition: number): void {
    const { bytes, view, keyAt, keyLength, valueLength, offset } = record;
    if (keyLength < 0) return;
    const key = this.#keyOf(bytes, keyAt, keyLength);
    this.#foundIn[key] = valueLength < 0 ? NONE : partition;
    this.#foundAt[key] = offset;
    if (valueLength >= 0) writeDigest(record, view, keyAt, keyLength, this.#found, key * DIGEST_NUMBERS);
  }

  /** What differs as of now. */
  differences(): FoundMismatches {
    for (const key of this.#changed) {
      this.#isChanged[key] = 0;
      if (this.#agrees(key)) this.#differing.delete(key);
      else this.#differing.add(key);
      if (this.#counts[key] === 0 && this.#foundIn[key] === NONE) this.#keys.remove(key);
    }
    this.#changed = [];
    const found = new MismatchTally();
    for (const key of this.#differing) found.add(this.#mismatchOf(key));
    return found;
  }

  /** New keys that several rows have, and two rows of one of them; undefined where there are none. */
  get shared(): { readonly keys: number; readonly one: RecordAt; readonly other: RecordAt } | undefined {
    const [key] = this.#shared;
    if (key === undefined) return undefined;
    const one = this.#first[key]!;
    return { keys: this.#shared.size, one: this.#placeOf(one), other: this.#placeOf(this.#next[one]!) };
  }

  /** The key is one to be looked at from now on. */
  #keyOf(bytes: Uint8Array, at: number, length: number): number {
    const before = this.#keys.size;
    const key = this.#keys.number(bytes, at, length);
    if (key >= this.#counts.length) this.#growKeys();
    if (this.#keys.size > before) {
      this.#counts[key] = this.#isChanged[key] = 0;
      this.#first[key] = this.#foundIn[key] = NONE;
    }
    this.#change(key);
    return key;
  }

  #change(key: number): void {
    if (this.#isChanged[key] === 1) return;
    this.#isChanged[key] = 1;
    this.#changed.push(key);
  }

  #join(row: number, key: number): void {
    const next = this.#first[key]!;
    this.#newKeys[row] = key;
    this.#before[row] = NONE;
    this.#next[row] = next;
    if (next !== NONE) this.#before[next] = row;
    this.#first[key] = row;
    if (++this.#counts[key]! === 2) this.#shared.add(key);
  }

  #leave(row: number): void {
    const [key, before, next] = [this.#newKeys[row]!, this.#before[row]!, this.#next[row]!];
    this.#change(key);
    if (before === NONE) this.#first[key] = next;
    else this.#next[before] = next;
    if (next !== NONE) this.#before[next] = before;
    if (--this.#counts[key]! === 1) this.#shared.delete(key);
  }

  /** Of several rows with one new key any may be shown: which one is the newest is a matter of the merge, whose order the map tells. */
  #agrees(key: number): boolean {
    if (this.#foundIn[key] === NONE) return this.#first[key] === NONE;
    for (let row = this.#first[key]!; row !== NONE; row = this.#next[row]!) if (this.#isFound(row, key)) return true;
    return false;
  }

  #isFound(row: number, key: number): boolean {
    const [digests, found] = [row * DIGEST_NUMBERS, key * DIGEST_NUMBERS];
    for (let i = 0; i < DIGEST_NUMBERS; i++) if (this.#digests[digests + i] !== this.#found[found + i]) return false;
    return true;
  }

  #placeOf(row: number): RecordAt {
    return { partition: this.#partitions[row]!, offset: this.#offsets[row]! };
  }

  #mismatchOf(key: number): Mismatch {
    const first = this.#first[key]!;
    const target = this.#foundIn[key]!;
    const where = {
      ...(first === NONE
        ? { source: -1, sourceOffset: -1 }
        : { source: this.#partitions[first]!, sourceOffset: this.#offsets[first]! }),
      ...{ target, targetOffset: target === NONE ? -1 : this.#foundAt[key]! },
    };
    if (first === NONE) return { kind: 'unclaimed', ...where, detail: 'no row of the source has this key' };
    if (target === NONE) return { kind: 'missing', ...where, detail: 'the row is not in the target' };
    return { kind: 'different', ...where, detail: 'the row is not the one that the source has' };
  }

  #growRows(): void {
    const length = this.#newKeys.length * 2;
    this.#newKeys = lengthened(this.#newKeys, length);
    this.#digests = lengthened(this.#digests, length * DIGEST_NUMBERS);
    this.#partitions = lengthened(this.#partitions, length);
    this.#offsets = lengthened(this.#offsets, length);
    this.#before = lengthened(this.#before, length);
    this.#next = lengthened(this.#next, length);
  }

  #growKeys(): void {
    const length = this.#counts.length * 2;
    this.#counts = lengthened(this.#counts, length);
    this.#first = lengthened(this.#first, length);
    this.#found = lengthened(this.#found, length * DIGEST_NUMBERS);
    this.#foundIn = lengthened(this.#foundIn, length);
    this.#foundAt = lengthened(this.#foundAt, length);
    this.#isChanged = lengthened(this.#isChanged, length);
  }
}
