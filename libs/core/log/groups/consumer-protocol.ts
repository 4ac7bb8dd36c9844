/**
 * What Kafka's consumers tell each other through their coordinator, in the protocol type `consumer`: subscriptions and assignments. Big-endian; a newer version only
 * adds fields behind, so a reader takes what it knows.
 *
 *   subscription  i16 version (2 written)   [string topic]   bytes userData   v1: [owned: string topic, [i32 partition]]   v2: i32 generation
 *   assignment    i16 version (1 written)   [string topic, [i32 partition]]   bytes userData
 *   string: i16 length, UTF-8 · bytes: i32 length or −1 · [ ]: i32 count
 */
import { readInt16, readInt32, writeInt16, writeInt32 } from '../int64.js';
import type { PartitionRef } from '../topic.js';

export const CONSUMER_PROTOCOL = 'consumer';

export interface Subscription {
  readonly topics: readonly string[];
  /** Partitions held on to while the group agrees anew. */
  readonly owned: readonly PartitionRef[];
  /** In which they were assigned; −1 for none. */
  readonly generation: number;
}

export function encodeSubscription({ topics, owned, generation }: Subscription): Uint8Array {
  const out = new Out();
  out.int16(2);
  out.int32(topics.length);
  for (const topic of topics) out.text(topic);
  out.int32(-1);
  out.partitions(owned);
  out.int32(generation);
  return out.bytes();
}

/** undefined for bytes that are no subscription. */
export function decodeSubscription(bytes: Uint8Array): Subscription | undefined {
  return readWhole(bytes, (input) => {
    const version = input.int16();
    const topics = input.list(() => input.text());
    const userData = input.nullableBytes();
    const owned = version >= 1 ? input.partitions() : [];
    if (version >= 2) return { topics, owned, generation: input.int32() };
    // Before the field there was, cooperative consumers put their generation here.
    return { topics, owned, generation: userData?.length === 4 ? readInt32(userData, 0) : -1 };
  });
}

export function encodeAssignment(partitions: readonly PartitionRef[]): Uint8Array {
  const out = new Out();
  out.int16(1);
  out.partitions(partitions);
  out.int32(-1);
  return out.bytes();
}

/** Empty bytes, and bytes that are no assignment, give no partitions. */
export function assignmentOf(bytes: Uint8Array): readonly PartitionRef[] {
  const partitions = readWhole(bytes, (input) => {
    input.int16();
    return input.partitions();
  });
  return partitions ?? [];
}

/** Other members' bytes may be anything; what cannot be read is no reason to fail. */
function readWhole<T>(bytes: Uint8Array, read: (input: In) => T): T | undefined {
  const input = new In(bytes);
  const value = read(input);
  return input.short ? undefined : value;
}

/** Writes into a buffer that grows. */
class Out {
  #buffer = Buffer.alloc(256);
  #length = 0;

  int16(value: number): void {
    writeInt16(this.#buffer, this.#room(2), value);
  }

  int32(value: number): void {
    writeInt32(this.#buffer, this.#room(4), value);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.int16(length);
    const at = this.#room(length);
    this.#buffer.write(value, at, 'utf8');
  }

  partitions(partitions: readonly PartitionRef[]): void {
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of partitions) {
      const known = byTopic.get(topic);
      if (known === undefined) byTopic.set(topic, [partition]);
      else known.push(partition);
    }
    this.int32(byTopic.size);
    for (const [topic, numbers] of byTopic) {
      this.text(topic);
      this.int32(numbers.length);
      for (const number of numbers) this.int32(number);
    }
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#length, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    return at;
  }
}

/** Reads until the bytes are over; from then on everything is empty and {@link short} says so. */
class In {
  short = false;
  #at = 0;

  constructor(private readonly source: Uint8Array) {}

  int16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : readInt16(this.source, at);
  }

  int32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : readInt32(this.source, at);
  }

  text(): string {
    const length = this.int16();
    const at = this.#take(length);
    return at < 0 ? '' : Buffer.from(this.source.buffer, this.source.byteOffset + at, length).toString('utf8');
  }

  nullableBytes(): Uint8Array | null {
    const length = this.int32();
    if (length === -1) return null;
    const at = this.#take(length);
    return at < 0 ? null : this.source.subarray(at, at + length);
  }

  list<T>(one: () => T): T[] {
    const count = this.int32();
    const list: T[] = [];
    for (let i = 0; i < count && !this.short; i++) list.push(one());
    return list;
  }

  partitions(): PartitionRef[] {
    const topics = this.list(() => {
      const topic = this.text();
      return this.list(() => ({ topic, partition: this.int32() }));
    });
    return topics.flat();
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.source.length) this.short = true;
    if (this.short) return -1;
    this.#at += bytes;
    return at;
  }
}
