import { deferred, isAppError, isJsonObject, Serial } from '#libs/core/kernel';
import { batchesIn, decodeBatch, encodeBatch, logErrors, NO_TIMESTAMP, type TopicState } from '#libs/core/log';
import type { Appender } from './appender.js';
import { CODE } from './error-codes.js';
import { provideInternalTopic, STATES_TOPIC } from './internal-topics.js';
import type { KafkaCluster, TopicLayout } from './kafka-cluster.js';
import { fetchBelow, highWatermarkOf } from './raw-reader.js';

/** `id` null: said ahead of the topic's creation, for whichever topic bears the name. */
interface StoredState {
  readonly id: string | null;
  readonly state: TopicState;
}

/** As it was read. */
interface StateRecord extends StoredState {
  /** Its offset, and that of the one it replaced; undefined when it replaced none. */
  readonly at: number;
  readonly replaced: number | undefined;
}

/** A topic that is to be written, and whether a fence does not count. */
export interface Target {
  readonly topic: string;
  readonly intoFenced?: boolean;
}

/** A write that began under the states as they were. */
export interface WriteLease {
  /** To be called once the write is stored, before it is acknowledged. @throws `outcome-unknown` when it may lie behind a fence. */
  confirm(): Promise<void>;
  /** To be called in any case. */
  end(): void;
}

const PLACE = { topic: STATES_TOPIC, partition: 0 };
const STATES: ReadonlySet<unknown> = new Set<TopicState>(['ACTIVE', 'FENCED', 'BROWNED_OUT', 'RETIRED']);

/**
 * The states of topics, kept in a compacted topic so that every instance of the service sees them, and the fence that rests on them.
 *
 * The fence over instances is a lease on what each knows. With L the lease time: an append is acknowledged only when, at most L before the
 * acknowledgement (or after it), a look at the states began that showed its topic as writable. Whoever fences a topic waits L after the state is stored
 * before it reads the end offsets. So an acknowledged append was stored before the ends were read and lies below them. No clock is
 * compared with another one; they must only run at about the same rate.
 */
export class TopicStates {
  readonly #cluster: KafkaCluster;
  readonly #appender: Appender;
  #records = new Map<string, StateRecord>();
  /** Appends and commits under way by topic, those into a fence left out. */
  readonly #underWay = new Map<string, Set<Promise<void>>>();
  readonly #writes = new Serial();
  /** Fences of this process whose lease is over, by topic: the topic and the offset of the record. None that records may be missing behind. */
  readonly #settledFences = new Map<string, { readonly id: string; readonly at: number }>();
  #next = 0;
  #seenAt = Number.NEGATIVE_INFINITY;
  #look: Promise<void> | undefined;
  #provided: Promise<void> | undefined;

  constructor(cluster: KafkaCluster, appender: Appender) {
    this.#cluster = cluster;
    this.#appender = appender;
  }

  /** State of a topic as last seen. */
  of(layout: TopicLayout): TopicState {
    const record = this.#records.get(layout.name);
    return record !== undefined && (record.id === null || record.id === layout.id) ? record.state : 'ACTIVE';
  }

  /** Whether anything is recorded under a name, be it of an earlier topic. */
  isRecorded(name: string): boolean {
    return this.#records.has(name);
  }

  /** Looks when the last look began longer ago than this. */
  async seeWithin(ms: number): Promise<void> {
    if (this.#cluster.clock.monotonic() - this.#seenAt > ms) await this.see();
  }

  /** Looks now, together with others who want to. */
  async see(): Promise<void> {
    this.#look ??= this.#read().finally(() => (this.#look = undefined));
    await this.#look;
  }

  /**
   * Begins a write to topics: checks that all are writable and keeps whoever fences them waiting until {@link WriteLease.end}. Nothing may be
   * awaited between this and queueing the write but the call itself.
   * @throws `topic-fenced`.
   */
  async lease(targets: readonly Target[], layouts: ReadonlyMap<string, TopicLayout>): Promise<WriteLease> {
    const { clock, settings } = this.#cluster;
    await this.seeWithin(settings.stateLeaseMs / 4);
    for (const { topic, intoFenced } of targets) {
      const state = this.of(layouts.get(topic)!);
      if (!isWritable(state, intoFenced)) throw logErrors.topicFenced(topic, state);
    }
    const bound = targets.filter((one) => !one.intoFenced).map((one) => layouts.get(one.topic)!);
    const ended = deferred<void>();
    for (const { name } of bound) {
      const underWay = this.#underWay.get(name) ?? new Set();
      this.#underWay.set(name, underWay);
      underWay.add(ended.promise);
    }
    let writableAt = this.#seenAt;
    return {
      confirm: async () => {
        const done = clock.monotonic();
        while (bound.length > 0) {
          const writable = bound.every((layout) => isWritable(this.of(layout)));
          if (writable) writableAt = this.#seenAt;
          if (done - writableAt <= settings.stateLeaseMs) return;
          if (!writable) throw logErrors.outcomeUnknown('a write that ran into the fence of its topic');
          // Stored it is; so no failure from here on may read as if nothing had been done.
          await this.see().catch((error: unknown) => {
            throw logErrors.outcomeUnknown('a write whose topic could not be looked at again', error);
          });
        }
      },
      end: () => {
        ended.resolve();
        for (const { name } of bound) {
          const underWay = this.#underWay.get(name);
          underWay?.delete(ended.promise);
          if (underWay?.size === 0) this.#underWay.delete(name);
        }
      },
    };
  }

  /**
   * Stores the state of a topic. When it resolves for a state other than ACTIVE, every write acknowledged anywhere is stored, and
   * none will be acknowledged after. Waits for that as long as a lease lasts, unless this process has closed the topic before, waited then, and nobody has touched its state since.
   */
  async set(layout: TopicLayout, state: TopicState): Promise<void> {
    const { name, id } = layout;
    const at = await this.#put(name, state === 'ACTIVE' ? null : { id, state });
    if (state === 'ACTIVE') return void this.#settledFences.delete(name);
    const record = this.#records.get(name);
    const settled = this.#settledFences.get(name);
    await this.#settled(name);
    const isClosedSince = settled?.id === id && record?.at === at && record.replaced === settled.at;
    if (!isClosedSince) await this.#cluster.pause(this.#cluster.settings.stateLeaseMs * 1.05);
    this.#settledFences.set(name, { id, at });
  }

  /** Stores the state of a topic that is about to be created, or was just created. Nobody writes there yet. */
  async announce(name: string, id: string | null, state: TopicState): Promise<void> {
    await this.#put(name, { id, state });
  }

  /** Takes an announcement back, if it still stands as it was made. */
  async withdraw(name: string, state: TopicState): Promise<void> {
    await this.see();
    const record = this.#records.get(name);
    if (record?.id === null && record.state === state) await this.#put(name, null);
  }

  /** Removes what is recorded under a name. */
  async clear(name: string): Promise<void> {
    this.#settledFences.delete(name);
    if (this.isRecorded(name)) await this.#put(name, null);
  }

  /** Makes sure the topic of states exists, before anything is written to the cluster. */
  async provide(): Promise<void> {
    this.#provided ??= provideInternalTopic(this.#cluster, STATES_TOPIC).catch((error: unknown) => {
      this.#provided = undefined;
      throw error;
    });
    await this.#provided;
  }

  /** Answers the offset of the record, which has been read when this resolves. */
  async #put(name: string, record: StoredState | null): Promise<number> {
    await this.provide();
    return await this.#writes.run(async () => {
      const value = record === null ? null : Buffer.from(JSON.stringify(record));
      const timestamp = this.#cluster.clock.now();
      const batch = encodeBatch([
        { key: Buffer.from(name), value, headers: [], timestamp: timestamp > 0 ? timestamp : NO_TIMESTAMP },
      ]);
      const { id } = await this.#cluster.layoutOf(STATES_TOPIC);
      const { lastOffset } = await this.#appender.append(PLACE, () => Promise.resolve({ batch, topicId: id }));
      while (this.#next <= lastOffset) await this.see();
      return lastOffset;
    });
  }

  async #read(): Promise<void> {
    const began = this.#cluster.clock.monotonic();
    let [records, next] = [this.#records, this.#next];
    /** Beside what is known, which holds until the new is complete: in between, a fenced topic must not look writable. */
    const anew = (from: number): void => {
      records = new Map();
      next = from;
      this.#settledFences.clear();
    };
    try {
      const end = await highWatermarkOf(this.#cluster, 'states', PLACE);
      // The topic was made anew.
      if (end < next) anew(0);
      while (next < end) {
        const answer = await fetchBelow(this.#cluster, 'states', PLACE, next);
        if (answer.errorCode === CODE.OFFSET_OUT_OF_RANGE) anew(Math.max(0, Number(answer.logStartOffset)));
        else {
          const applied = applyTo(records, answer.records.whole(), next);
          // Compacted away before they were read: nobody knows which topics were open meanwhile.
          if (applied.gaps) this.#settledFences.clear();
          next = applied.next;
        }
      }
    } catch (error) {
      // Nobody ever set a state on this cluster.
      if (!isAppError(error, 'topic-not-found')) throw error;
      anew(0);
    }
    this.#records = records;
    this.#next = next;
    this.#seenAt = began;
  }

  async #settled(topic: string): Promise<void> {
    await Promise.all([...(this.#underWay.get(topic) ?? [])]);
  }
}

/** Applies the state records in some bytes. Answers the offset behind the last of them, and whether offsets were missing on the way there. */
function applyTo(
  states: Map<string, StateRecord>,
  bytes: Uint8Array,
  from: number,
): { readonly next: number; readonly gaps: boolean } {
  let next = from;
  let gaps = false;
  for (const { header, bytes: batch } of batchesIn(bytes)) {
    const records = header.control ? [] : decodeBatch(batch).records;
    for (const { key, value, offset: at } of records) {
      if (at < next) continue;
      if (at > next) gaps = true;
      next = at + 1;
      if (key === null) continue;
      const name = Buffer.from(key).toString();
      if (value === null) states.delete(name);
      else {
        states.set(name, { ...parseRecord(Buffer.from(value).toString()), at, replaced: states.get(name)?.at });
      }
    }
    if (header.lastOffset >= next) gaps = true;
    next = Math.max(next, header.lastOffset + 1);
  }
  return { next, gaps };
}

function isWritable(state: TopicState, intoFenced = false): boolean {
  return state === 'ACTIVE' || (intoFenced && state === 'FENCED');
}

/** A record that cannot be read, as of a later version, fences: the safe side. */
function parseRecord(text: string): StoredState {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value) && STATES.has(value['state'])) {
      const id = value['id'];
      return { id: typeof id === 'string' ? id : null, state: value['state'] as TopicState };
    }
  } catch {
    // Not JSON: as below.
  }
  return { id: null, state: 'FENCED' };
}
