import { isAppError, Serial, type AppError, type Clock } from '#libs/core/kernel';
import { generationOf, physicalName, type FetchedPartition, type GroupPosition } from '#libs/core/log';
import type { MessageCodec } from '#libs/core/registry';
import type { NamedCluster } from '../cluster-ids.js';
import { badRequest, refusal, unhandled } from '../errors.js';
import { AnswerUnderWay } from './answer-under-way.js';
import type { ConsumerOptions, Place, PlacedOffset, Seek } from './consumer-requests.js';
import { Cutovers } from './cutovers.js';
import { deliver } from './delivery.js';
import { Membership } from './membership.js';
import { moveTo, positionsDelivered, positionsStanding, type ReadPartition, unread } from './read-partition.js';
import { RecordPage } from './record-page.js';
import { RecordText } from './record-text.js';
import { Subscription } from './subscription.js';

/** Bytes of batches one look takes. */
const FETCH_BYTES = 1024 * 1024;
/** Longest wait in a fetch: a member is heard of in between. */
const FETCH_WAIT_MS = 1_000;
const COMMIT_WAIT_MS = 3_000;

/** How one read goes about it. */
export interface ReadOptions {
  readonly waitMs: number;
  readonly maxBytes: number;
  /** Which topics the caller may read. */
  readonly mayRead: (topic: string) => boolean;
  readonly signal: AbortSignal;
}

/** What an instance works with. */
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
  /** Where it was in partitions that the group took away and may give back, by `physical/partition`. */
  readonly #taken = new Map<string, number>();
  #answer: AnswerUnderWay | undefined;
  #subscription: Subscription | undefined;
  #assigned = false;
  readonly #membership: Membership;
  readonly #cutovers: Cutovers;
  #usedAt: number;
  #busy = 0;

  constructor(private readonly parts: InstanceParts) {
    const { cluster, codec, clock, group, name, options } = parts;
    this.#texts = new RecordText(codec, options.format);
    this.#membership = new Membership(cluster, group, name);
    this.#cutovers = new Cutovers(cluster.engine, cluster.directory, group, clock);
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
      this.#cutovers.leave(this.#read.values());
      const kept = new Map(this.#read);
      this.#read.clear();
      this.#assigned = places.length > 0;
      for (const { topic, partition } of places) {
        const key = `${topic}/${partition}`;
        const physical = await this.#physical(topic);
        const known = kept.get(key);
        this.#read.set(key, known?.physical === physical ? known : unread({ topic, partition }, physical, null));
      }
    });
  }

  assignment(): Promise<readonly Place[]> {
    return this.#run(() => [...this.#read.values()].map(({ topic, partition }) => ({ topic, partition })));
  }

  /**
   * Records from where the last read ended, as JSON text of a list. A record that cannot be read ends the answer before it; when it is the first, it is refused
   * by name and stays where it is: seek past it. So it is with a partition that cannot be read. What is not answered, since the client left, was not delivered.
   * Of a topic that was repartitioned the generation before is read to its end, then the next one from where it opened. When the group is to agree anew while
   * records are held for the answer, they are answered at once: partitions are given up, and positions stored, by what was answered alone.
   * @throws 40801 for it, 500 before any subscription; 40903 when partitions assigned by hand are of a generation that is over, and read to its end.
   */
  read(options: ReadOptions): Promise<string> {
    return this.#run(async () => {
      if (this.#subscription === undefined && !this.#assigned) throw unhandled();
      await this.#commitIfAutomatic();
      const { signal } = options;
      const page = new RecordPage(options.maxBytes, this.parts.clock, signal);
      const answer = (this.#answer = new AnswerUnderWay(page));
      try {
        await this.#fill(answer, options);
        signal.throwIfAborted();
      } catch (error) {
        // What was taken is answered, and the next read tells.
        const told = !page.isEmpty && !signal.aborted && isAppError(error) && error.kind !== 'internal';
        if (told) return page.text;
        answer.undo();
        throw error;
      } finally {
        this.#answer = undefined;
      }
      if (page.isEmpty && this.#assigned) this.#demandPresent();
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
        const physical = await this.#physicalRead(topic, partition);
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
      if (commits) await this.#commitIfAutomatic();
      await this.#leave();
    });
  }

  /** Tells the group that this member lives. Harmless while it is none. */
  async beat(): Promise<void> {
    if (this.#busy > 0 || this.#membership.topics === undefined) return;
    await this.#calls.run(async () => {
      if (this.#membership.topics !== undefined) await this.#update(0);
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
    await this.#commitIfAutomatic();
    await this.#leave();
    this.#subscription = undefined;
    this.#assigned = false;
    this.#read.clear();
  }

  async #leave(): Promise<void> {
    if (this.#membership.topics === undefined) return;
    this.#cutovers.leave(this.#read.values());
    this.#read.clear();
    this.#taken.clear();
    await this.#membership.leave();
  }

  /** Is a member of the group for the topics that are meant now, and knows what it reads. False when others are meant by now, or what is held must be answered first. */
  async #follow(waitMs: number): Promise<boolean> {
    const wanted = await this.#subscription!.physical(this.parts.cluster.directory);
    const present = this.#membership.topics;
    const topics = present === undefined ? wanted : await this.#cutovers.staying(wanted, present, this.#read.values());
    if (present !== undefined && present.join() !== topics.join()) {
      // Topics came, went, or moved to another generation.
      if (this.#answer?.holdsRecords) return false;
      await this.#commitIfAutomatic();
      await this.#leave();
    }
    if (topics.length === 0) return true;
    if (this.#membership.topics === undefined) await this.#membership.join(topics);
    if (!(await this.#update(waitMs))) return false;
    const then = await this.#subscription!.physical(this.parts.cluster.directory);
    return then.join() === wanted.join();
  }

  /** Learns what it reads now. @returns false, with nothing changed, when partitions are to be given up and records of the answer under way are held. */
  async #update(waitMs: number): Promise<boolean> {
    const answer = this.#answer;
    const assignment = await this.#membership.poll(waitMs, async () => {
      if (answer?.holdsRecords) return false;
      await this.#commitStanding();
      return true;
    });
    if (assignment === undefined) return false;
    const present = new Set<string>();
    for (const { topic: physical, partition, offset } of assignment) {
      const topic = generationOf(physical).logical;
      const key = `${topic}/${partition}`;
      present.add(key);
      if (this.#read.get(key)?.physical === physical) continue;
      // Without a position of the group this instance goes on where it was itself.
      const known = offset ?? this.#taken.get(`${physical}/${partition}`) ?? null;
      const next = await this.#cutovers.begin(physical, partition, known);
      this.#read.set(key, unread({ topic, partition }, physical, next));
    }
    // Lost without being asked: what is held may still come to nothing.
    const gone = [...this.#read].filter(([key]) => !present.has(key));
    for (const [key, read] of gone) {
      const { physical, partition } = read;
      const next = answer === undefined ? read.next : answer.nextWithout(read);
      this.#cutovers.leave([{ physical, partition, next }]);
      if (next !== null) this.#taken.set(`${physical}/${partition}`, next);
      this.#read.delete(key);
    }
    return true;
  }

  /** Takes records until there are enough, nothing more is there in time, or the group is to agree anew. */
  async #fill(answer: AnswerUnderWay, options: ReadOptions): Promise<void> {
    const { clock, options: reading } = this.parts;
    const { page } = answer;
    const until = clock.monotonic() + Math.min(options.waitMs, reading.timeoutMs);
    const left = (): number => Math.max(0, until - clock.monotonic());
    do {
      // The name of a topic may move while the group agrees.
      while (this.#subscription !== undefined && !(await this.#follow(left()))) {
        if (answer.holdsRecords) return;
        options.signal.throwIfAborted();
      }
      const found = await this.#fetch(options, page.isEmpty || page.bytes < reading.minBytes ? left() : 0);
      const { count } = page;
      // What cannot be read hides nothing that can.
      const readable = found.filter(({ error }) => error === undefined);
      for (const part of readable) if (!page.isFull) await this.#deliver(part, answer);
      for (const part of found) if (part.error !== undefined && !page.isFull) await this.#deliver(part, answer);
      // All that is there was taken, and it is enough.
      if (page.isFull || (page.count === count && !page.isEmpty && page.bytes >= reading.minBytes)) return;
      options.signal.throwIfAborted();
    } while (left() > 0);
  }

  async #fetch({ mayRead, signal }: ReadOptions, waitMs: number): Promise<readonly FetchedPartition[]> {
    const { cluster, clock } = this.parts;
    if (this.#assigned) await this.#cutovers.learn([...this.#read.values()].map((read) => read.physical));
    const positions: { topic: string; partition: number; offset: number }[] = [];
    for (const read of this.#read.values()) {
      if (!mayRead(read.topic)) continue;
      const offset = read.next ?? (await this.#begin(read));
      if (offset !== undefined && offset < this.#cutovers.endOf(read))
        positions.push({ topic: read.physical, partition: read.partition, offset });
    }
    const wait = Math.min(waitMs, FETCH_WAIT_MS);
    if (positions.length === 0) {
      // While the group agrees, that was waited for; now there is nothing that could wake this up.
      if (wait > 0) await clock.sleep(wait, signal);
      return [];
    }
    const found = await cluster.engine.fetch({
      positions,
      maxBytes: FETCH_BYTES,
      minBytes: 1,
      maxWaitMs: wait,
      signal,
    });
    // While this waited the name may have moved: what came since may be copies of what the next generation has.
    await this.#cutovers.learn(found.filter(({ batches }) => batches.length > 0).map(({ topic }) => topic));
    if (this.#assigned) return found;
    // Of what the group was carried away from nothing counts any more: it comes from where the group goes on.
    const left = new Set<string>();
    for (const { topic } of found) if (await this.#cutovers.isCarriedAway(topic)) left.add(topic);
    return found.filter(({ topic }) => !left.has(topic));
  }

  /** Where a partition is first read: the group's position, or where the instance was told to begin. Undefined while there is no such partition. */
  async #begin(read: ReadPartition): Promise<number | undefined> {
    const { cluster, group, options } = this.parts;
    const { positions } = await cluster.engine.describeGroup(group);
    const position = positions.find((one) => one.topic === read.physical && one.partition === read.partition);
    const known = await this.#cutovers.begin(read.physical, read.partition, position?.offset ?? null);
    if (known === null && options.reset === 'none')
      throw refusal(50_002, `Undefined offset with no reset policy for partition ${read.topic}-${read.partition}`);
    const edge = options.reset === 'earliest' ? 'beginning' : 'end';
    read.next = known ?? (await this.#edge(read, edge).catch(unlessMissing)) ?? null;
    return read.next ?? undefined;
  }

  async #edge({ physical, topic, partition }: ReadPartition, edge: 'beginning' | 'end'): Promise<number> {
    const { partitions } = await this.parts.cluster.engine.describeTopic(physical);
    const found = partitions.find((one) => one.partition === partition);
    if (found === undefined) throw refusal(50_003, `Partition ${topic}-${partition} does not exist.`);
    return edge === 'beginning' ? found.startOffset : found.endOffset;
  }

  async #deliver(part: FetchedPartition, answer: AnswerUnderWay): Promise<void> {
    const read = this.#read.get(`${generationOf(part.topic).logical}/${part.partition}`);
    if (read === undefined) return;
    answer.note(read);
    const { reset } = this.parts.options;
    await deliver(part, read, answer.page, { texts: this.#texts, reset, end: this.#cutovers.endOf(read) });
  }

  #assignedAt(topic: string, partition: number): ReadPartition {
    const read = this.#read.get(`${topic}/${partition}`);
    if (read === undefined)
      throw refusal(40_903, `Illegal state: No current assignment for partition ${topic}-${partition}`);
    return read;
  }

  async #commitDelivered(): Promise<void> {
    const reads = [...this.#read.values()];
    const positions = positionsDelivered(reads);
    if (positions.length === 0) return;
    await this.#commit(positions);
    for (const read of reads) read.delivered = null;
  }

  /** Before its partitions go to others: where this instance stands in each, also where it was given nothing yet, so that its successor begins nowhere else. */
  async #commitStanding(): Promise<void> {
    if (!this.parts.options.autoCommit) return;
    const positions = positionsStanding(this.#read.values());
    if (positions.length > 0) await this.#commit(positions).catch(unlessDefect);
  }

  async #commitIfAutomatic(): Promise<void> {
    if (this.parts.options.autoCommit) await this.#commitDelivered().catch(unlessDefect);
  }

  #commit(positions: readonly GroupPosition[]): Promise<void> {
    return this.#membership.commit(positions, () => this.#update(COMMIT_WAIT_MS));
  }

  /** Partitions that were assigned by hand are told apart from those of the next generation by nobody but the client. */
  #demandPresent(): void {
    for (const read of this.#read.values()) {
      if (read.next === null || read.next < this.#cutovers.endOf(read)) continue;
      throw refusal(
        40_903,
        `Illegal state: Topic ${read.topic} was repartitioned and is read to the end of what it was; assign its partitions anew`,
      );
    }
  }

  /** The generation that an offset of this partition is of: the one it is read from. */
  async #physicalRead(topic: string, partition: number): Promise<string> {
    const read = this.#read.get(`${topic}/${partition}`);
    if (read === undefined) return await this.#physical(topic);
    if (!read.told && this.#cutovers.hasLeft(topic, read.physical))
      throw refusal(
        50_002,
        `Topic ${topic} was repartitioned: offsets of before are stored before the next read only.`,
      );
    return read.physical;
  }

  async #physical(topic: string): Promise<string> {
    // Generations and internal topics have no logical name: what is asked for under theirs is not there.
    if (generationOf(topic).generation > 1 || topic.startsWith('__')) return `${topic}/`;
    const { directory } = this.parts.cluster;
    const present = await directory.presentName(topic);
    return physicalName(present, await directory.generation(present));
  }
}

function exclusive(): AppError {
  return refusal(40_903, 'Illegal state: Subscription to topics, partitions and pattern are mutually exclusive');
}

function unlessDefect(error: unknown): void {
  if (!isAppError(error) || error.kind === 'internal') throw error;
}

function unlessMissing(error: unknown): undefined {
  if (isAppError(error) && (error.kind === 'not-found' || error.kind === 'unavailable')) return undefined;
  throw error;
}
