import { murmur2 } from '#libs/core/log';

/** Bytes of keys are kept in pages of this size; the first ones are smaller, since most sets are. */
const PAGE_BYTES = 1024 * 1024;
const FIRST_PAGE_BYTES = 1024;
/** Bytes of keys that are gone which are not worth a rewrite. */
const WASTE_BYTES = 1024 * 1024;
/** Of the slots so many are taken at most, in parts of 8: beyond that looking takes long. */
const FULL = 5;

/**
 * Keys, each with a number from 0 on by which other things can be kept in arrays. No object is made for a key and none to look for one, which is what millions of them cost most. A number is given
 * again when its key is gone. Keys are found by a keyed hash (HalfSipHash-1-3), so that nobody who writes records can choose keys that are slow to find.
 */
export class NumberedKeys {
  /** Number of the key plus one; 0 for a slot that is free. */
  #slots = new Int32Array(16);
  #hashes = new Int32Array(8);
  #pages = new Int32Array(8);
  #starts = new Int32Array(8);
  #lengths = new Int32Array(8);
  /** Numbers below were given at some time. */
  #limit = 0;
  readonly #free: number[] = [];
  #store: Buffer[] = [];
  /** Bytes taken of the last page. */
  #taken = 0;
  #kept = 0;
  #wasted = 0;
  readonly #seed0: number;
  readonly #seed1: number;

  /** @param seed of the hash: what nobody knew who wrote the keys, such as the id of an operation. */
  constructor(seed: string) {
    this.#seed0 = murmur2(Buffer.from(`0 ${seed}`));
    this.#seed1 = murmur2(Buffer.from(`1 ${seed}`));
  }

  /** Keys there are. */
  get size(): number {
    return this.#limit - this.#free.length;
  }

  /** Every number given so far is below. */
  get limit(): number {
    return this.#limit;
  }

  /** The number of the key that lies in some bytes; −1 where there is none. */
  find(bytes: Uint8Array, at: number, length: number): number {
    return this.#find(this.#hash(bytes, at, length), bytes, at, length);
  }

  /** The number of a key, which is added unless it is there. */
  number(bytes: Uint8Array, at: number, length: number): number {
    const hash = this.#hash(bytes, at, length);
    const known = this.#find(hash, bytes, at, length);
    if (known >= 0) return known;
    if ((this.size + 1) * 8 > this.#slots.length * FULL) this.#widen();
    const number = this.#free.pop() ?? this.#limit++;
    if (number === this.#hashes.length) this.#grow();
    this.#hashes[number] = hash;
    this.#keep(number, bytes, at, length);
    this.#occupy(number);
    return number;
  }

  /** Whether the key of a number is the one that lies in some bytes. */
  is(number: number, bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#lengths[number] !== length) return false;
    const page = this.#store[this.#pages[number]!]!;
    const start = this.#starts[number]!;
    for (let i = 0; i < length; i++) if (page[start + i] !== bytes[at + i]) return false;
    return true;
  }

  /** The key of a number: a view that lasts until keys are added or removed. */
  key(number: number): Buffer {
    const start = this.#starts[number]!;
    return this.#store[this.#pages[number]!]!.subarray(start, start + this.#lengths[number]!);
  }

  /** The key is gone, and its number may be given to another one. */
  remove(number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#hashes[number]! & mask;
    while (slots[hole] !== number + 1) hole = (hole + 1) & mask;
    // Those behind it that were pushed on by it come nearer to where they belong.
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const wanted = this.#hashes[slots[next]! - 1]! & mask;
      if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = slots[next]!;
      hole = next;
    }
    slots[hole] = 0;
    this.#free.push(number);
    this.#kept -= this.#lengths[number]!;
    this.#wasted += this.#lengths[number]!;
    this.#lengths[number] = -1;
    if (this.#wasted > WASTE_BYTES && this.#wasted > this.#kept) this.#rewrite();
  }

  clear(): void {
    this.#slots = new Int32Array(16);
    this.#limit = 0;
    this.#free.length = 0;
    this.#store = [];
    this.#taken = this.#kept = this.#wasted = 0;
  }

  #find(hash: number, bytes: Uint8Array, at: number, length: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot]! - 1;
      if (number < 0 || (this.#hashes[number] === hash && this.is(number, bytes, at, length))) return number;
    }
  }

  #occupy(number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#hashes[number]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }

  #keep(number: number, bytes: Uint8Array, at: number, length: number): void {
    let page = this.#store.at(-1);
    if (page === undefined || this.#taken + length > page.length) {
      const usual = Math.min(PAGE_BYTES, (page?.length ?? FIRST_PAGE_BYTES / 2) * 2);
      this.#store.push((page = Buffer.allocUnsafeSlow(Math.max(usual, length))));
      this.#taken = 0;
    }
    const start = this.#taken;
    for (let i = 0; i < length; i++) page[start + i] = bytes[at + i]!;
    this.#pages[number] = this.#store.length - 1;
    this.#starts[number] = start;
    this.#lengths[number] = length;
    this.#taken += length;
    this.#kept += length;
  }

  /** Leaves the bytes of keys that are gone behind. */
  #rewrite(): void {
    const before = this.#store;
    this.#store = [];
    this.#taken = this.#kept = this.#wasted = 0;
    for (let number = 0; number < this.#limit; number++) {
      const length = this.#lengths[number]!;
      if (length >= 0) this.#keep(number, before[this.#pages[number]!]!, this.#starts[number]!, length);
    }
  }

  #widen(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (const occupied of before) if (occupied > 0) this.#occupy(occupied - 1);
  }

  #grow(): void {
    const length = this.#hashes.length * 2;
    this.#hashes = lengthened(this.#hashes, length);
    this.#pages = lengthened(this.#pages, length);
    this.#starts = lengthened(this.#starts, length);
    this.#lengths = lengthened(this.#lengths, length);
  }

  #hash(bytes: Uint8Array, at: number, length: number): number {
    let v0 = this.#seed0;
    let v1 = this.#seed1;
    let v2 = 0x6c79_6765 ^ v0;
    let v3 = 0x7465_6462 ^ v1;
    const end = at + length;
    let i = at;
    // The last word is what is left and the length, behind it three more rounds.
    for (let last = -1; last < 3;) {
      let word = 0;
      if (last >= 0) last++;
      else if (i + 4 <= end) {
        word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
        i += 4;
      } else {
        last = 0;
        word = length << 24;
        for (let shift = 0; i < end; i++, shift += 8) word |= bytes[i]! << shift;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (last === 0) v2 ^= 0xff;
    }
    return v1 ^ v3;
  }
}

/** The same numbers with room for more. */
export function lengthened<T extends Int32Array | Float64Array>(numbers: T, length: number): T {
  const longer = new (numbers.constructor as new (length: number) => T)(length);
  longer.set(numbers);
  return longer;
}
