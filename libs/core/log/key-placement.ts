import { impossible } from '#libs/core/kernel';
import { keyOfText } from './key-text.js';
import {
  DEFAULT_PARTITIONER,
  type KeylessPartitions,
  murmur2,
  type PartitionerInPlace,
  partitionerInPlaceOf,
  type PartitionerName,
} from './partitioner.js';

/** Heavy keys are dealt out over several partitions each, all others are placed by `base`. The order of the records of such a key is given up. */
export interface SaltedPartitioner {
  readonly kind: 'salted';
  readonly base: PartitionerName;
  /** As `keyText` writes them. */
  readonly keys: readonly string[];
  /** Partitions that each of the keys lies in, at most as many as there are. */
  readonly salts: number;
}

/** Keys from `from` on, up to, not including, `until`, compared byte by byte; without one of them from the first or to the last. */
export interface KeyRange {
  readonly from?: string;
  readonly until?: string;
  /** Where they lie: each key in one of these, by the hash of `base`. */
  readonly partitions: readonly number[];
}

/** Named keys and ranges of keys have partitions of their own, all others are placed by `base`. A named key counts before a range. */
export interface CustomPartitioner {
  readonly kind: 'custom';
  readonly base: PartitionerName;
  readonly keys: readonly { readonly key: string; readonly partition: number }[];
  /** None overlaps another. */
  readonly ranges: readonly KeyRange[];
}

/** How the keys of a topic are placed. Plain JSON: it is kept with the topic's name and in plans. */
export type PartitionerSpec = PartitionerName | SaltedPartitioner | CustomPartitioner;

/** Most keys and ranges of one spec: it is kept with the name and read with every write. */
export const MAX_PLACED_KEYS = 1_000;

/** The name, or the kind and what it is based on, for people. */
export function partitionerText(spec: PartitionerSpec): string {
  if (typeof spec === 'string') return spec;
  return spec.kind === 'salted'
    ? `${spec.base} with ${spec.keys.length} ${spec.keys.length === 1 ? 'key' : 'keys'} over ${spec.salts} partitions each`
    : `${spec.base} with places of their own for ${spec.keys.length} keys and ${spec.ranges.length} ranges`;
}

/** Whether two specs place every key alike, as far as that shows in how they are written. */
export function samePartitioner(a: PartitionerSpec, b: PartitionerSpec): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What keeps a spec from being used with so many partitions, in words; undefined for nothing. */
export function partitionerFault(spec: PartitionerSpec, count: number): string | undefined {
  if (typeof spec === 'string') return undefined;
  if (spec.kind === 'salted') {
    return spec.salts > count ? `${spec.salts} salts need as many partitions, and there are ${count}` : undefined;
  }
  const beyond = (partition: number): boolean => partition >= count;
  const key = spec.keys.find((one) => beyond(one.partition));
  if (key !== undefined) return `key '${key.key}' is to lie in partition ${key.partition}, and there are ${count}`;
  const range = spec.ranges.find((one) => one.partitions.some(beyond));
  if (range === undefined) return undefined;
  return `keys from '${range.from ?? ''}' on are to lie in partition ${range.partitions.find(beyond)}, and there are ${count}`;
}

/**
 * Where keys lie in a topic with so many partitions. Most keys lie in one partition, for ever and on every machine; a salted one lies in several, and which of them a record
 * goes to is a matter of its place in the source (a copy: the same place, the same answer) or of turns (a writer). A null key belongs nowhere; an empty one is a key.
 */
export class KeyPlacement {
  readonly #base: PartitionerInPlace;
  /** Keys with places of their own, by their murmur2. */
  readonly #exceptions = new Map<number, Exception[]>();
  readonly #ranges: readonly CompiledRange[];

  /** A spec with a {@link partitionerFault} for this count must not be used. */
  constructor(
    spec: PartitionerSpec | null,
    private readonly count: number,
  ) {
    const named = spec ?? DEFAULT_PARTITIONER;
    const base = typeof named === 'string' ? named : named.base;
    this.#base = partitionerInPlaceOf(base);
    this.#ranges = typeof named === 'string' || named.kind === 'salted' ? [] : compiled(named.ranges);
    if (typeof named === 'string') return;
    if (named.kind === 'custom') {
      for (const { key, partition } of named.keys) this.#except(bytesOf(key), [partition]);
      return;
    }
    const step = Math.max(1, Math.floor(count / named.salts));
    for (const text of named.keys) {
      const key = bytesOf(text);
      const first = this.#base(key, 0, key.length, count);
      this.#except(
        key,
        Array.from({ length: Math.min(named.salts, count) }, (_, salt) => (first + salt * step) % count),
      );
    }
  }

  /** The partitions that every key lies in one of by its murmur2 alone; undefined where anything else decides. */
  get hashedOver(): number | undefined {
    const alone = this.#exceptions.size === 0 && this.#ranges.length === 0;
    return alone && this.#base === partitionerInPlaceOf('murmur2') ? this.count : undefined;
  }

  /** The partitions a key may lie in, one for most; undefined when anywhere. */
  among(key: Uint8Array | null): readonly number[] | undefined {
    if (key === null) return undefined;
    const several = this.#severalOf(key, 0, key.length);
    if (several !== undefined) return several;
    const one = this.#one(key, 0, key.length);
    return one < 0 ? undefined : [one];
  }

  /**
   * The partition of a record with the key that lies in `bytes` at `at` (length −1 for null) and comes from this source partition and offset; −1 where there is no opinion. The records of a
   * salted key are dealt out by a hash of their places, each partition about as often as the others.
   */
  of(bytes: Uint8Array, at: number, length: number, source: number, offset: number): number {
    const several = this.#severalOf(bytes, at, length);
    if (several === undefined) return this.#one(bytes, at, length);
    return several.length === 1 ? several[0]! : several[mixed(source, offset) % several.length]!;
  }

  /** The partition of a new record; turns are taken where its key lies in several. Undefined where there is no opinion. */
  ofNew(key: Uint8Array | null, turns: KeylessPartitions): number | undefined {
    if (key === null) return undefined;
    const several = this.#severalOf(key, 0, key.length);
    if (several !== undefined) return several.length === 1 ? several[0] : turns.among(several);
    const one = this.#one(key, 0, key.length);
    return one < 0 ? undefined : one;
  }

  /** Whether a record with this key may lie in the partition. */
  allows(bytes: Uint8Array, at: number, length: number, partition: number): boolean {
    const several = this.#severalOf(bytes, at, length);
    if (several !== undefined) return several.includes(partition);
    const one = this.#one(bytes, at, length);
    return one < 0 || one === partition;
  }

  #one(bytes: Uint8Array, at: number, length: number): number {
    if (length >= 0) {
      for (const { from, until, partitions } of this.#ranges) {
        if (compared(bytes, at, length, from) < 0) break;
        if (until === undefined || compared(bytes, at, length, until) < 0)
          return partitions[this.#base(bytes, at, length, partitions.length)]!;
      }
    }
    return this.#base(bytes, at, length, this.count);
  }

  /** The places of a key that has its own. */
  #severalOf(bytes: Uint8Array, at: number, length: number): readonly number[] | undefined {
    if (this.#exceptions.size === 0 || length < 0) return undefined;
    const list = this.#exceptions.get(murmur2(bytes, at, length));
    return list?.find((one) => compared(bytes, at, length, one.key) === 0)?.partitions;
  }

  #except(key: Uint8Array, partitions: readonly number[]): void {
    const hash = murmur2(key);
    const list = this.#exceptions.get(hash);
    if (list === undefined) this.#exceptions.set(hash, [{ key, partitions }]);
    else list.push({ key, partitions });
  }
}

interface Exception {
  readonly key: Uint8Array;
  readonly partitions: readonly number[];
}

interface CompiledRange {
  readonly from: Uint8Array;
  readonly until: Uint8Array | undefined;
  readonly partitions: readonly number[];
}

/** Whether no key lies in a range. */
export function isEmptyRange({ from = '', until }: KeyRange): boolean {
  return until !== undefined && Buffer.compare(bytesOf(from), bytesOf(until)) >= 0;
}

/** The first two ranges that have a key in common; undefined when there are none. None of them is empty. */
export function overlapping(ranges: readonly KeyRange[]): readonly [KeyRange, KeyRange] | undefined {
  const sorted = [...ranges].sort((a, b) => Buffer.compare(bytesOf(a.from ?? ''), bytesOf(b.from ?? '')));
  for (let i = 1; i < sorted.length; i++) {
    const [before, next] = [sorted[i - 1]!, sorted[i]!];
    if (before.until === undefined || Buffer.compare(bytesOf(before.until), bytesOf(next.from ?? '')) > 0)
      return [before, next];
  }
  return undefined;
}

function compiled(ranges: readonly KeyRange[]): readonly CompiledRange[] {
  return ranges
    .map(({ from, until, partitions }) => ({
      from: bytesOf(from ?? ''),
      until: until === undefined ? undefined : bytesOf(until),
      partitions,
    }))
    .sort((a, b) => Buffer.compare(a.from, b.from));
}

function bytesOf(text: string): Uint8Array {
  return keyOfText(text) ?? impossible('a stored key is not the text of one', { key: text });
}

/** Less than 0, 0 or more, as the key that lies in `bytes` stands to another one. */
function compared(bytes: Uint8Array, at: number, length: number, other: Uint8Array): number {
  const shared = Math.min(length, other.length);
  for (let i = 0; i < shared; i++) {
    const difference = bytes[at + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return length - other.length;
}

/** A whole number from 0 to 2^32 − 1 whose every bit depends on every bit of the place. */
function mixed(source: number, offset: number): number {
  let h = Math.imul(source + 1, 0x9e37_79b1) ^ Math.imul(Math.floor(offset / 0x1_0000_0000), 0x85eb_ca6b) ^ offset;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
