/** Words of 32 bits in a block: a line of a processor's cache. */
const BLOCK_WORDS = 16;
const BLOCK_BITS = BLOCK_WORDS * 32;
/** Bits set for a key. */
const KEY_BITS = 6;
/** About twelve bits for each key: one key in a hundred that was not added is taken for one that was. */
const KEYS_PER_BLOCK = Math.floor(BLOCK_BITS / 12);
const FIRST_BLOCKS = 1_024;
const GROWTH = 4;
/** Layers of 64 KiB to 16 MiB, for 14 million keys together. */
const MOST_LAYERS = 5;

/** A layer of a filter: all bits of a key lie in one block. */
class Layer {
  readonly #words: Uint32Array;
  #room: number;

  constructor(private readonly blocks: number) {
    this.#words = new Uint32Array(blocks * BLOCK_WORDS);
    this.#room = blocks * KEYS_PER_BLOCK;
  }

  get isFull(): boolean {
    return this.#room === 0;
  }

  add(block: number, bits: number, step: number): void {
    const from = (block % this.blocks) * BLOCK_WORDS;
    for (let n = 0, bit = bits; n < KEY_BITS; n++, bit += step)
      this.#words[from + ((bit >>> 5) & (BLOCK_WORDS - 1))]! |= 1 << (bit & 31);
    this.#room--;
  }

  mayHold(block: number, bits: number, step: number): boolean {
    const from = (block % this.blocks) * BLOCK_WORDS;
    for (let n = 0, bit = bits; n < KEY_BITS; n++, bit += step)
      if ((this.#words[from + ((bit >>> 5) & (BLOCK_WORDS - 1))]! & (1 << (bit & 31))) === 0) return false;
    return true;
  }
}

/** A set of keys in little memory (a Bloom filter in blocks) that grows by layers: it never denies a key that was added, and takes a few others for one. Full, it takes all for one. */
export class KeyFilter {
  #layers: Layer[];
  #isFull = false;
  // Two sums over the key: one says which block, the other which bits.
  #block = 0;
  #bits = 0;

  /** @param firstBlocks size of the first layer; each is four times that of the one before. */
  constructor(private readonly firstBlocks = FIRST_BLOCKS) {
    this.#layers = [new Layer(firstBlocks)];
  }

  /** @returns whether it surely had not been added before. */
  add(key: string): boolean {
    if (this.#isFull || (this.#layers.at(-1)!.isFull && !this.#grow())) return false;
    this.#hash(key);
    const isNew = !this.#isHeld();
    this.#layers.at(-1)!.add(this.#block, this.#bits, this.#step());
    return isNew;
  }

  mayHold(key: string): boolean {
    if (this.#isFull) return true;
    this.#hash(key);
    return this.#isHeld();
  }

  #isHeld(): boolean {
    const step = this.#step();
    for (const layer of this.#layers) if (layer.mayHold(this.#block, this.#bits, step)) return true;
    return false;
  }

  #grow(): boolean {
    if (this.#layers.length < MOST_LAYERS) {
      this.#layers.push(new Layer(this.firstBlocks * GROWTH ** this.#layers.length));
      return true;
    }
    this.#isFull = true;
    this.#layers = [];
    return false;
  }

  /** Odd, so that the bits of a key differ. */
  #step(): number {
    return (this.#bits >>> 9) | 1;
  }

  #hash(key: string): void {
    let [a, b] = [0x811c9dc5, 0x9747b28c];
    for (let at = 0; at < key.length; at++) {
      const unit = key.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul((b << 13) ^ (b >>> 19) ^ unit, 0x5bd1e995);
    }
    this.#block = mixed(a ^ key.length);
    this.#bits = mixed(b + a);
  }
}

/** Bits that each depend on the whole number; positive. The last step of MurmurHash3 (public domain). */
function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) & 0x7fffffff;
}
