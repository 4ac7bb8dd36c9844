import { createHash } from 'node:crypto';

/** Keys that are told apart; a topic with more says so. They take about a hundred megabytes. */
const MOST_KEYS = 4_000_000;
const FIRST_SLOTS = 1 << 12;
/** A key that was found in several partitions, and is counted. */
const SEVERAL = -1;

/**
 * From which source partition the records of each key come. Keys are known by 64 bits of a digest: of four million keys two are taken for one about once in two million topics. Memory: 20 bytes a key at
 * most.
 */
export class KeyPlaces {
  /** 0 is a free place. */
  #keys = new BigUint64Array(FIRST_SLOTS);
  #partitions = new Int32Array(FIRST_SLOTS);
  #count = 0;
  #isFull = false;

  constructor(private readonly most = MOST_KEYS) {}

  /** Whether there were more keys than are told apart: those beyond are not. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Takes note of a record's key. @returns true the first time that the key is found in a second partition. */
  add(key: Uint8Array, partition: number): boolean {
    const name = createHash('sha256').update(key).digest().readBigUInt64BE(0) || 1n;
    const slot = this.#slotOf(name);
    if (this.#keys[slot] === 0n) {
      if (this.#count >= this.most) {
        this.#isFull = true;
        return false;
      }
      this.#keys[slot] = name;
      this.#partitions[slot] = partition;
      if (++this.#count * 5 > this.#keys.length * 3) this.#grow();
      return false;
    }
    if (this.#partitions[slot] === partition || this.#partitions[slot] === SEVERAL) return false;
    this.#partitions[slot] = SEVERAL;
    return true;
  }

  /** Where a key is, or where it would be. */
  #slotOf(name: bigint): number {
    const mask = this.#keys.length - 1;
    let slot = Number(name & 0xffffffffn) & mask;
    while (this.#keys[slot] !== 0n && this.#keys[slot] !== name) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, partitions] = [this.#keys, this.#partitions];
    this.#keys = new BigUint64Array(keys.length * 2);
    this.#partitions = new Int32Array(keys.length * 2);
    for (const [slot, name] of keys.entries()) {
      if (name === 0n) continue;
      const at = this.#slotOf(name);
      this.#keys[at] = name;
      this.#partitions[at] = partitions[slot]!;
    }
  }
}
