import { isAppError, Serial, type AppError, type Clock } from '#libs/core/kernel';
import {
  generationOf,
  physicalName,
  recordsFrom,
  type FetchedPartition,
  type GroupMember,
  type GroupPosition,
} from '#libs/core/log';
import { PageRoom, Turns } from '#libs/core/records';
import type { MessageCodec } from '#libs/core/registry';
import { turn } from '#libs/platform/http';
import type { NamedCluster } from '../cluster-ids.js';
import { badRequest, refusal, unhandled } from '../errors.js';
import type { ConsumerOptions, Place, PlacedOffset, Seek } from './consumer-requests.js';
import { RecordText } from './record-text.js';
import { Subscription } from './subscription.js';

/** Bytes of batches one look takes. */
const FETCH_BYTES = 1024 * 1024;
/** Most records, and bytes of keys and values, in one answer. */
const MOST_RECORDS = 10_000;
const MOST_BYTES = 4 * 1024 * 1024;
/** Longest wait in a fetch: a member is heard of in between. */
const FETCH_WAIT_MS = 5_000;
/** A commit waits for the group to agree so often. */
const COMMIT_TRIES = 5;
const COMMIT_WAIT_MS = 3_000;

/** A partition that is read: where the next read begins (null: not known yet), and up to where records were delivered. */
interface ReadPartition extends Place {
  readonly physical: string;
  next: number | null;
  delivered: number | null;
}

export interface ReadOptions {
  readonly waitMs: number;
  readonly maxBytes: number;
  /** Which topics the caller may read. */
  readonly mayRead: (topic: string) => boolean;
  readonly signal: AbortSignal;
}

export interface InstanceParts {
  readonly cluster: NamedCluster;
  readonly codec: MessageCodec;
  readonly clock: Clock;
  readonly group: string;
  readonly name: string;
  readonly options: ConsumerOptions;
}

/**
 * A consumer of v2: subscribed, or assigned by hand. Nothing is read ahead, so a seek takes effect at once and a commit covers what was delivered and nothing
 * else. Calls are done one after another.
 */
export class ConsumerInstance {
  readonly #calls = new Serial();
  readonly #texts: RecordText;
  /** By `topic/partition`. */
  readonly #read = new Map<string, ReadPartition>();
  #subscription: Subscription | undefined;
  #assigned = false;
  #member: { readonly member: GroupMember; readonly topics: readonly string[] } | undefined;
  #usedAt: number;
  #busy = 0;

  constructor(private readonly parts: InstanceParts) {
    this.#texts = new RecordText(parts.codec, parts.options.format);
    this.#usedAt = parts.clock.monotonic();
  }

  get format(): ConsumerOptions['format'] {
    return this.parts.options.format;
  }

  /** Since when nobody has asked anything, on the monotonic clock; undefined while somebody does. */
  get idleSince(): number | undefined {
    return this.#busy > 0 ? undefined : this.#usedAt;
  }

  /** @throws 40903 while partitions are assigned. */
  subscribe(wanted: { readonly topics?: readonly string[]; readonly pattern?: string }): Promise<void> {
    return this.#run(async () => {
      if (this.#assigned && (wanted.topics ?? [wanted.pattern]).length > 0) throw exclusive();
      if (wanted.topics === undefined && wanted.pattern === undefined) return;
      await this.#forget();
      if (wanted.topics?.length !== 0) this.#subscription = Subscription.of(wanted);
    });
  }

  unsubscribe(): Promise<void> {
    return this.#run(() => this.#forget());
  }

  /** Topics that are subscribed to; of a pattern those it has matched. */
  subscribed(): Promise<readonly string[]> {
    return this.#run(() => this.#subscription?.topics ?? []);
  }

  /** @throws 40903 while subscribed. */
  assign(places: readonly Place[]): Promise<void> {
    return this.#run(async () => {
      if (this.#subscription !== undefined) throw exclusive();
      const kept = new Map(this.#read);
      this.#read.clear();
      this.#assigned = places.length > 0;
      for (const { topic, partition } of places) {
        const key = `${topic}/${partition}`;
        const physical = await this.#physical(topic);
        const known = kept.get(key);
        this.#read.set(
          key,
          known?.physical === physical ? known : { topic, partition, physical, next: null, delivered: null },
        );
      }
    });
  }

  assignment(): Promise<readonly Place[]> {
    return this.#run(() => [...this.#read.values()].map(({ topic, partition }) => ({ topic, partition })));
  }

  /**
   * Records from where the last read ended, as JSON text of a list. A record that cannot be read ends the answer before it; when it is the first, it is refused
   * by name and stays where it is: seek past it.
   * @throws 40801 for it, 500 before any subscription.
   */
  read(options: ReadOptions): Promise<string> {
    return this.#run(async () => {
      const { clock, options: reading } = this.parts;
      const until = clock.monotonic() + Math.min(options.waitMs, reading.timeoutMs);
      const left = (): number => Math.max(0, until - clock.monotonic());
      if (this.#subscription === undefined && !this.#assigned) throw unhandled();
      if (reading.autoCommit) await this.#commitDelivered().catch(unlessDefect);
      const page = new RecordPage(Math.min(options.maxBytes, MOST_BYTES), clock, options.signal);
      do {
        if (this.#subscription !== undefined) await this.#follow(left());
        const found = await this.#fetch(options, page.isEmpty || page.bytes < reading.minBytes ? left() : 0);
        const before = page.count;
        for (const part of found) if (!page.isFull) await this.#take(part, page);
        // All that is there was taken, and it is enough.
        if (page.isFull || (page.count === before && !page.isEmpty && page.bytes >= reading.minBytes)) break;
        options.signal.throwIfAborted();
      } while (left() > 0);
      return page.text;
    });
  }

  /** Commits offset + 1 of each, as the reference; without a list what was delivered. */
  commit(offsets: readonly PlacedOffset[] | undefined): Promise<void> {
    return this.#run(async () => {
      if (offsets === undefined) return this.#commitDelivered();
      const positions: GroupPosition[] = [];
      for (const { topic, partition, offset, metadata } of offsets) {
        if (offset < -1) throw badRequest('An offset is not negative.');
        const physical = await this.#physical(topic);
        positions.push({
          topic: physical,
          partition,
          offset: offset + 1,
          ...(metadata === undefined ? {} : { metadata }),
        });
      }
      await this.#commit(positions);
    });
  }

  /** Committed positions of the group; partitions without one are left out. */
  committed(places: readonly Place[]): Promise<readonly PlacedOffset[]> {
    return this.#run(async () => {
      const { positions } = await this.parts.cluster.engine.describeGroup(this.parts.group);
      const found: PlacedOffset[] = [];
      for (const { topic, partition } of places) {
        const physical = await this.#physical(topic);
        const position = positions.find((one) => one.topic === physical && one.partition === partition);
        if (position !== undefined)
          found.push({ topic, partition, offset: position.offset, metadata: position.metadata ?? '' });
      }
      return found;
    });
  }

  /** @throws 40903 for a partition that is not assigned, 500 for a time after the last record; nothing is sought then. */
  seek(seeks: readonly Seek[]): Promise<void> {
    return this.#run(async () => {
      const { engine } = this.parts.cluster;
      const targets: [ReadPartition, number][] = [];
      for (const { topic, partition, to } of seeks) {
        const read = this.#assignedAt(topic, partition);
        const ref = { topic: read.physical, partition };
        const offset = 'offset' in to ? to.offset : await engine.offsetForTimestamp(ref, to.timestampMs);
        if (offset === null) throw unhandled();
        targets.push([read, offset]);
      }
      for (const [read, offset] of targets) moveTo(read, offset);
    });
  }

  seekToEdge(places: readonly Place[], edge: 'beginning' | 'end'): Promise<void> {
    return this.#run(async () => {
      const reads = places.map(({ topic, partition }) => this.#assignedAt(topic, partition));
      for (const read of reads) moveTo(read, await this.#edge(read, edge));
    });
  }

  /** Leaves the group. @param commits whether what was delivered is committed first, where that is automatic. */
  close(commits: boolean): Promise<void> {
    return this.#run(async () => {
      if (commits && this.parts.options.autoCommit) await this.#commitDelivered().catch(unlessDefect);
      await this.#leave();
    });
  }

  /** Tells the group that this member lives. Harmless while it is none. */
  async beat(): Promise<void> {
    if (this.#busy > 0 || this.#member === undefined) return;
    await this.#calls.run(async () => {
      if (this.#member !== undefined) await this.#update(0);
    });
  }

  async #run<T>(call: () => T | Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await this.#calls.run(call);
    } finally {
      this.#busy--;
      this.#usedAt = this.parts.clock.monotonic();
    }
  }

  async #forget(): Promise<void> {
    if (this.parts.options.autoCommit) await this.#commitDelivered().catch(unlessDefect);
    await this.#leave();
    this.#subscription = undefined;
    this.#assigned = false;
    this.#read.clear();
  }

  async #leave(): Promise<void> {
    const joined = this.#member;
    this.#member = undefined;
    if (joined === undefined) return;
    this.#read.clear();
    await joined.member.leave();
  }

  /** Is a member of the group for the topics that are meant now, and knows what it reads. */
  async #follow(waitMs: number): Promise<void> {
    const { cluster, group, name } = this.parts;
    const topics = await this.#subscription!.physical(cluster.directory);
    if (this.#member !== undefined && this.#member.topics.join() !== topics.join()) {
      // Topics came, went, or moved to another generation.
      if (this.parts.options.autoCommit) await this.#commitDelivered().catch(unlessDefect);
      await this.#leave();
    }
    if (topics.length === 0) return;
    if (this.#member === undefined) {
      const member = await cluster.engine.joinGroup(group, {
        topics,
        strategies: ['range', 'cooperative-sticky'],
        clientId: clientIdOf(name),
        startAt: 'none',
      });
      this.#member = { member, topics };
    }
    await this.#update(waitMs);
  }

  async #update(waitMs: number): Promise<void> {
    const { member } = this.#member!;
    let update = await member.poll(waitMs);
    if (update.phase === 'revoking') {
      if (this.parts.options.autoCommit) await this.#commitDelivered().catch(unlessDefect);
      update = await member.poll(waitMs);
    }
    const present = new Set<string>();
    for (const { topic: physical, partition, offset } of update.assignment) {
      const topic = generationOf(physical).logical;
      const key = `${topic}/${partition}`;
      present.add(key);
      if (this.#read.get(key)?.physical !== physical)
        this.#read.set(key, { topic, partition, physical, next: offset, delivered: null });
    }
    for (const key of this.#read.keys()) if (!present.has(key)) this.#read.delete(key);
  }

  async #fetch({ mayRead, signal }: ReadOptions, waitMs: number): Promise<readonly FetchedPartition[]> {
    const { cluster, clock } = this.parts;
    const positions: { topic: string; partition: number; offset: number }[] = [];
    for (const read of this.#read.values()) {
      if (!mayRead(read.topic)) continue;
      const offset = read.next ?? (await this.#begin(read));
      if (offset !== undefined) positions.push({ topic: read.physical, partition: read.partition, offset });
    }
    const wait = Math.min(waitMs, FETCH_WAIT_MS);
    if (positions.length === 0) {
      // While the group agrees, that was waited for; now there is nothing that could wake this up.
      if (wait > 0) await clock.sleep(wait, signal);
      return [];
    }
    return cluster.engine.fetch({ positions, maxBytes: FETCH_BYTES, minBytes: 1, maxWaitMs: wait, signal });
  }

  /** Where a partition is first read: the group's position, or where the instance was told to begin. Undefined while there is no such partition. */
  async #begin(read: ReadPartition): Promise<number | undefined> {
    const { cluster, group, options } = this.parts;
    const { positions } = await cluster.engine.describeGroup(group);
    const position = positions.find((one) => one.topic === read.physical && one.partition === read.partition);
    if (position === undefined && options.reset === 'none')
      throw refusal(50_002, `Undefined offset with no reset policy for partition ${read.topic}-${read.partition}`);
    const edge = options.reset === 'earliest' ? 'beginning' : 'end';
    read.next = position?.offset ?? (await this.#edge(read, edge).catch(unlessMissing)) ?? null;
    return read.next ?? undefined;
  }

  async #edge({ physical, topic, partition }: ReadPartition, edge: 'beginning' | 'end'): Promise<number> {
    const { partitions } = await this.parts.cluster.engine.describeTopic(physical);
    const found = partitions.find((one) => one.partition === partition);
    if (found === undefined) throw refusal(50_003, `Partition ${topic}-${partition} does not exist.`);
    return edge === 'beginning' ? found.startOffset : found.endOffset;
  }

  async #take(part: FetchedPartition, page: RecordPage): Promise<void> {
    const read = this.#read.get(`${generationOf(part.topic).logical}/${part.partition}`);
    if (read?.next === null || read === undefined) return;
    const { error } = part;
    if (error?.code === 'offset-out-of-range' && this.parts.options.reset !== 'none') {
      read.next = this.parts.options.reset === 'earliest' ? part.startOffset : part.endOffset;
      return;
    }
    if (error !== undefined) {
      // Gone, or not there yet: looked for anew the next time.
      if (error.kind === 'not-found') read.next = null;
      else throw error;
      return;
    }
    for (const record of recordsFrom(part, read.next)) {
      const [key, value] = [await this.#texts.of(record, 'key'), await this.#texts.of(record, 'value')];
      const failure = 'failure' in key ? key.failure : 'failure' in value ? value.failure : undefined;
      if (failure !== undefined) {
        if (page.isEmpty) throw unreadable(read, record.offset, failure);
        page.end();
        return;
      }
      const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
      const fields = { topic: read.topic, partition: read.partition, offset: record.offset };
      if (!page.add((key as { json: string }).json, (value as { json: string }).json, fields, size)) return;
      read.next = record.offset + 1;
      read.delivered = read.next;
      await page.breath();
    }
    read.next = Math.max(read.next, part.nextOffset);
  }

  #assignedAt(topic: string, partition: number): ReadPartition {
    const read = this.#read.get(`${topic}/${partition}`);
    if (read === undefined)
      throw refusal(40_903, `Illegal state: No current assignment for partition ${topic}-${partition}`);
    return read;
  }

  async #commitDelivered(): Promise<void> {
    const reads = [...this.#read.values()].filter(({ delivered }) => delivered !== null);
    if (reads.length === 0) return;
    await this.#commit(
      reads.map(({ physical, partition, delivered }) => ({ topic: physical, partition, offset: delivered! })),
    );
    for (const read of reads) read.delivered = null;
  }

  /** As a member where it is one: then only what it reads, and only while it reads it. */
  async #commit(positions: readonly GroupPosition[]): Promise<void> {
    const { cluster, group } = this.parts;
    for (let tries = 1; ; tries++) {
      try {
        const { member } = this.#member ?? {};
        return await (member === undefined
          ? cluster.engine.commitPositions(group, positions)
          : member.commit(positions));
      } catch (error) {
        const waits = isAppError(error, 'group-rebalancing') || isAppError(error, 'stale-generation');
        if (!waits || tries === COMMIT_TRIES || this.#member === undefined) throw notCommitted(error);
        await this.#update(COMMIT_WAIT_MS);
      }
    }
  }

  async #physical(topic: string): Promise<string> {
    // Generations and internal topics have no logical name: what is asked for under theirs is not there.
    if (generationOf(topic).generation > 1 || topic.startsWith('__')) return `${topic}/`;
    return physicalName(topic, await this.parts.cluster.directory.generation(topic));
  }
}

/** The records of one answer, as JSON text. The first is taken whatever its size. */
class RecordPage {
  readonly #parts: string[] = [];
  readonly #room: PageRoom;
  readonly #turns: Turns;
  #ended = false;
  bytes = 0;

  constructor(
    private readonly maxBytes: number,
    clock: Clock,
    private readonly signal: AbortSignal,
  ) {
    this.#room = new PageRoom(clock);
    this.#turns = new Turns(clock, turn);
  }

  get count(): number {
    return this.#parts.length;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get isFull(): boolean {
    return this.#ended || this.#parts.length >= MOST_RECORDS || (this.#room.isFull && !this.isEmpty);
  }

  get text(): string {
    return `[${this.#parts.join(',')}]`;
  }

  /** @returns whether it was taken; the page ends where not. */
  add(
    key: string,
    value: string,
    { topic, partition, offset }: Place & { readonly offset: number },
    size: number,
  ): boolean {
    if (this.isFull || (!this.isEmpty && this.bytes + size > this.maxBytes)) {
      this.#ended = true;
      return false;
    }
    this.bytes += size;
    this.#room.take(key);
    this.#room.take(value);
    this.#parts.push(
      `{"topic":${JSON.stringify(topic)},"key":${key},"value":${value},"partition":${partition},"offset":${offset}}`,
    );
    return true;
  }

  end(): void {
    this.#ended = true;
  }

  async breath(): Promise<void> {
    if (this.#turns.due) await this.#turns.take(this.signal);
  }
}

function moveTo(read: ReadPartition, offset: number): void {
  read.next = offset;
  read.delivered = null;
}

function exclusive(): AppError {
  return refusal(40_903, 'Illegal state: Subscription to topics, partitions and pattern are mutually exclusive');
}

function unreadable({ topic, partition }: Place, offset: number, why: string): AppError {
  return refusal(40_801, `Record ${offset} of ${topic}-${partition} cannot be read in this format: ${why}.`);
}

/** A position that cannot be stored now may be stored later, as the reference has it. */
function notCommitted(error: unknown): unknown {
  if (!isAppError(error) || error.kind === 'internal') return error;
  const later =
    error.code === 'topic-not-found' || error.code === 'partition-not-found' || error.kind === 'unavailable';
  return error.kind === 'conflict' || later ? refusal(later ? 50_003 : 50_002, error.message) : error;
}

function unlessDefect(error: unknown): void {
  if (!isAppError(error) || error.kind === 'internal') throw error;
}

function unlessMissing(error: unknown): undefined {
  if (isAppError(error) && (error.kind === 'not-found' || error.kind === 'unavailable')) return undefined;
  throw error;
}

/** Characters that every broker takes, and at most as many. */
function clientIdOf(name: string): string {
  return `rest-${name.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, 150)}`;
}
