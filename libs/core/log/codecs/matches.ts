/** Told of a repetition: literals from `literalsAt` up to `at`, then `length` bytes that stood `distance` bytes before. */
export type OnMatch = (literalsAt: number, at: number, distance: number, length: number) => void;

const HASH_BITS = 14;
/** A repetition is worth telling from here on. */
const SHORTEST = 4;

/** From so many bytes on moving them together is quicker than one by one. */
const WORTH_A_CALL = 24;

const table = new Int32Array(1 << HASH_BITS);

/**
 * Looks for repetitions within `from` … `to`, greedily, as LZ4 and Snappy do: four bytes are looked up in a table of places, and what does not repeat is passed over
 * in growing steps. The last `tail` bytes are left as literals. Answers where the literals behind the last repetition begin. Not reentrant.
 */
export function eachMatch(bytes: Uint8Array, from: number, to: number, tail: number, onMatch: OnMatch): number {
  table.fill(-1);
  const end = to - tail;
  let literalsAt = from;
  let misses = 0;
  for (let at = from; at + SHORTEST <= end;) {
    const word = wordAt(bytes, at);
    const slot = Math.imul(word, 0x9e37_79b1) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = at;
    if (candidate < 0 || wordAt(bytes, candidate) !== word) {
      at += 1 + (misses++ >> 5);
      continue;
    }
    let length = SHORTEST;
    while (at + length < end && bytes[candidate + length] === bytes[at + length]) length++;
    onMatch(literalsAt, at, at - candidate, length);
    at += length;
    literalsAt = at;
    misses = 0;
  }
  return literalsAt;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Copies `length` bytes that stand `distance` before `at`; they may overlap, which repeats them. Answers the place behind. */
export function repeatBytes(target: Uint8Array, at: number, distance: number, length: number): number {
  if (distance >= length) {
    target.copyWithin(at, at - distance, at - distance + length);
    return at + length;
  }
  const end = at + length;
  if (length < WORTH_A_CALL) {
    for (; at < end; at++) target[at] = target[at - distance]!;
  } else if (distance === 1) target.fill(target[at - 1]!, at, end);
  else {
    // What is there is doubled until it is enough: it repeats every `distance` bytes, and so does any whole number of it.
    target.copyWithin(at, at - distance, at);
    for (let done = distance; done < length;) {
      const part = Math.min(done, length - done);
      target.copyWithin(at + done, at, at + part);
      done += part;
    }
  }
  return end;
}
