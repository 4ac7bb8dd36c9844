import { crc32 as crc32Of } from '@node-rs/crc32';
import { AppError, nearest } from '#libs/core/kernel';

/**
 * Chooses the partition of a key: a number from 0 to `partitionCount` − 1, the same for the same key and count, for ever and on every
 * machine. undefined when it has no opinion, which is for a null key; an empty key is a key.
 */
export type Partitioner = (key: Uint8Array | null, partitionCount: number) => number | undefined;

/** The same for the key that lies in `bytes` at `at`; length −1 for null. Answers −1 where a {@link Partitioner} has no opinion. */
export type PartitionerInPlace = (bytes: Uint8Array, at: number, length: number, partitionCount: number) => number;

/** `explicit` never has an opinion: whoever writes names the partition. */
export type PartitionerName = 'murmur2' | 'crc32' | 'fnv1a' | 'explicit';

/** Kafka's default (Java, and `murmur2_random` of librdkafka). */
export const DEFAULT_PARTITIONER: PartitionerName = 'murmur2';

const PARTITIONERS: ReadonlyMap<string, Partitioner> = new Map<PartitionerName, Partitioner>([
  ['murmur2', (key, count) => (key === null ? undefined : (murmur2(key) & 0x7fff_ffff) % count)],
  ['crc32', (key, count) => (key === null ? undefined : crc32Of(key) % count)],
  ['fnv1a', (key, count) => (key === null ? undefined : Math.abs(fnv1a(key) % count))],
  ['explicit', () => undefined],
]);

const IN_PLACE: Readonly<Record<PartitionerName, PartitionerInPlace>> = {
  murmur2: (bytes, at, length, count) => (length < 0 ? -1 : (murmur2(bytes, at, length) & 0x7fff_ffff) % count),
  crc32: (bytes, at, length, count) => (length < 0 ? -1 : crc32Of(bytes.subarray(at, at + length)) % count),
  fnv1a: (bytes, at, length, count) => (length < 0 ? -1 : Math.abs(fnv1a(bytes, at, length) % count)),
  explicit: () => -1,
};

/** The partitioner of a name for keys that are read where they lie. */
export function partitionerInPlaceOf(name: PartitionerName): PartitionerInPlace {
  return IN_PLACE[name];
}

/** Names that {@link partitionerOf} knows, the default first. */
export const PARTITIONER_NAMES = [...PARTITIONERS.keys()] as readonly PartitionerName[];

/** @throws `unknown-partitioner`, with the nearest name. */
export function partitionerOf(name: string = DEFAULT_PARTITIONER): Partitioner {
  const partitioner = PARTITIONERS.get(name);
  if (partitioner !== undefined) return partitioner;
  const close = nearest(name, PARTITIONER_NAMES);
  throw new AppError({
    kind: 'invalid',
    code: 'unknown-partitioner',
    message: `There is no partitioner '${name}'.`,
    hint: close === undefined ? `Use one of: ${PARTITIONER_NAMES.join(', ')}.` : `Did you mean '${close}'?`,
    details: { partitioner: name, known: PARTITIONER_NAMES },
  });
}

/**
 * The 32-bit murmur2 of Kafka's Java client as a signed integer: seed 0x9747b28c, words little-endian. Section 9 of the format reference
 * has the vectors that hold it to Java.
 */
export function murmur2(bytes: Uint8Array, at = 0, length = bytes.length - at): number {
  const m = 0x5bd1_e995;
  const end = at + length;
  let h = 0x9747_b28c ^ length;
  let i = at;
  for (; i + 4 <= end; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = end - i;
  if (rest >= 3) h ^= bytes[i + 2]! << 16;
  if (rest >= 2) h ^= bytes[i + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ bytes[i]!, m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** 32-bit FNV-1a as a signed integer. The partition is its remainder without the sign, as in Sarama and in librdkafka's `fnv1a`. */
export function fnv1a(bytes: Uint8Array, at = 0, length = bytes.length - at): number {
  let h = 0x811c_9dc5 | 0;
  for (let i = at; i < at + length; i++) h = Math.imul(h ^ bytes[i]!, 0x0100_0193);
  return h;
}

/** Chooses partitions where keys do not: for records without one, and for those of a key that lies in several. One instance serves one topic. */
export interface KeylessPartitions {
  /** The partition of the next record without a key, which has `recordBytes`. */
  next(partitionCount: number, recordBytes: number): number;
  /** The partition of the next record that may lie in any of these, each about as often as the others. */
  among(partitions: readonly number[]): number;
}

/** Stays on one partition until about a batch went there, then moves to another at random, so that batches grow full (KIP-794). */
export class StickyPartitions implements KeylessPartitions {
  #partition = -1;
  #bytes = 0;

  /** `random` answers numbers in [0, 1); `batchBytes` as `batch.size` of Kafka. */
  constructor(
    private readonly random: () => number,
    private readonly batchBytes = 16 * 1024,
  ) {}

  next(partitionCount: number, recordBytes: number): number {
    if (this.#partition < 0 || this.#partition >= partitionCount || this.#bytes >= this.batchBytes) {
      this.#partition = this.#other(partitionCount);
      this.#bytes = 0;
    }
    this.#bytes += recordBytes;
    return this.#partition;
  }

  among(partitions: readonly number[]): number {
    return partitions[Math.min(Math.floor(this.random() * partitions.length), partitions.length - 1)]!;
  }

  /** Another partition than the present one, each equally likely, wherever there is another. */
  #other(count: number): number {
    const stays = this.#partition < 0 || this.#partition >= count || count === 1;
    const drawn = Math.min(Math.floor(this.random() * (stays ? count : count - 1)), count - 1);
    return !stays && drawn >= this.#partition ? drawn + 1 : drawn;
  }
}

/** One partition after another, from a random start. */
export class RoundRobinPartitions implements KeylessPartitions {
  #next = -1;
  #turn = 0;

  constructor(private readonly random: () => number) {}

  next(partitionCount: number): number {
    if (this.#next < 0) this.#next = Math.floor(this.random() * partitionCount);
    const partition = this.#next % partitionCount;
    this.#next = (partition + 1) % partitionCount;
    return partition;
  }

  among(partitions: readonly number[]): number {
    return partitions[this.#turn++ % partitions.length]!;
  }
}
