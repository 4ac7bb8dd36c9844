import { type AppError, isAppError } from '#libs/core/kernel';
import {
  type FetchedPartition,
  type FetchMemory,
  type FetchPosition,
  type FetchRequest,
  logErrors,
  type PartitionRef,
} from '#libs/core/log';
import type { BrokerLink } from './broker-link.js';
import { asAppError, clusterUnavailable, CODE, isPassing, KafkaRefusal } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import type { PartitionOffsets } from './partition-offsets.js';
import { Silences } from './silences.js';
import type { TopicStates } from './topic-states.js';
import { visibleBatches } from './visible-batches.js';
import { type FetchAnswer, fetchApi, type FetchParameters } from './wire-fetch.js';

/** Least bytes asked of a broker for a partition: small limits are kept here, and must not make the broker cut batches. */
const MIN_PARTITION_BYTES = 64 * 1024;
/** Most bytes asked of a broker at once, however much the caller would take. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** Long poll when several leaders are asked: the answer of one should not wait for the silence of another. */
const SHARED_SLICE_MS = 100;
/** How old the states may be that reading looks at (BROWNED_OUT). */
const STATES_MAX_AGE_MS = 5_000;

/** One position on its way through the rounds of a fetch. */
class Cursor {
  readonly batches: Uint8Array[] = [];
  bytes = 0;
  nextOffset: number;
  startOffset = 0;
  endOffset = 0;
  error: AppError | undefined;
  /** A limit is reached: what follows is for the next fetch. */
  full = false;
  /** A broker answered for it at least once. */
  answered = false;

  constructor(readonly position: FetchPosition) {
    this.nextOffset = position.offset;
  }

  result(): FetchedPartition {
    const { topic, partition } = this.position;
    const { startOffset, endOffset, batches, nextOffset, error } = this;
    return { topic, partition, startOffset, endOffset, batches, nextOffset, ...(error === undefined ? {} : { error }) };
  }
}

/** One request to one leader. A partition is in it once: a second position there goes into a request of its own. */
interface Ask {
  readonly leader: number;
  /** By {@link placeOf}. */
  readonly cursors: Map<string, Cursor>;
}

/**
 * Reads committed batches with Fetch requests of its own. Each fetch in waiting has a link of its own to each leader, taken from a pool, since a broker
 * answers the requests of a connection one after another.
 */
export class Fetcher {
  readonly #cluster: KafkaCluster;
  readonly #states: TopicStates;
  readonly #offsets: PartitionOffsets;
  readonly #idle = new Map<number, string[]>();
  readonly #silences: Silences;

  constructor(cluster: KafkaCluster, states: TopicStates, offsets: PartitionOffsets) {
    this.#cluster = cluster;
    this.#states = states;
    this.#offsets = offsets;
    this.#silences = new Silences(cluster.clock);
  }

  /**
   * See `LogEngine.fetch`. A partition nobody answers for (it has no leader, its leader is away) is waited for as long as anything is repeated; when it has been silent so long, it gets the error and
   * the others their records. Where nobody answers for any, the fetch fails.
   * @throws {KafkaSilence | KafkaRefusal}
   */
  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const { clock } = this.#cluster;
    request.memory?.begin();
    const cursors = request.positions.map((position) => new Cursor(position));
    const until = clock.monotonic() + (request.maxWaitMs ?? 0);
    const wanted = (request.maxWaitMs ?? 0) > 0 ? (request.minBytes ?? 1) : 0;
    await this.#states.seeWithin(STATES_MAX_AGE_MS);
    let silentSince: number | undefined;
    for (;;) {
      request.signal?.throwIfAborted();
      const total = (): number => cursors.reduce((sum, one) => sum + one.bytes, 0);
      const leftMs = until - clock.monotonic();
      const before = cursors.map((one) => one.nextOffset);
      const silent = await this.#round(cursors, request, {
        maxWaitMs: Math.max(0, leftMs),
        minBytes: Math.max(0, wanted - total()),
      });
      request.signal?.throwIfAborted();
      silentSince = silent.size === 0 ? undefined : (silentSince ?? clock.monotonic());
      if (this.#endsBySilence(cursors, silent, silentSince)) break;
      if (silent.size > 0) {
        await this.#cluster.pause(20, request.signal);
        continue;
      }
      if (cursors.some((one) => one.full)) break;
      // Only markers and aborted records so far: go on at once where there is more.
      const onlyHidden =
        total() === 0 && cursors.some((one, i) => one.nextOffset > before[i]! && one.nextOffset < one.endOffset);
      if (onlyHidden) continue;
      if (total() >= wanted || clock.monotonic() >= until) break;
    }
    return cursors.map((one) => one.result());
  }

  /**
   * Whether the fetch ends because of an error or of partitions that have been silent for too long. Then whatever was not answered gets the error: without one it would look read out.
   * @throws {KafkaSilence | KafkaRefusal} when nobody has answered for anything.
   */
  #endsBySilence(cursors: readonly Cursor[], silent: ReadonlyMap<Cursor, Error>, since = Infinity): boolean {
    const { clock, settings, name } = this.#cluster;
    const isLong = clock.monotonic() - since > settings.retryForMs;
    if (!cursors.some(({ answered, error }) => answered || error !== undefined)) {
      if (isLong) throw [...silent.values()][0]!;
      return false;
    }
    const isKnown = [...silent.keys()].some((one) => this.#silences.lengthOf(one.position) > settings.retryForMs);
    if (!isLong && !isKnown && !cursors.some(({ error }) => error !== undefined)) return false;
    for (const [cursor, error] of silent) if (!cursor.answered) cursor.error ??= clusterUnavailable(name, error);
    return true;
  }

  /**
   * Asks every leader once for all positions that may take more. Answers those nobody answered for, each with the reason, which passes by itself.
   * @throws {KafkaSilence | KafkaRefusal} for what does not.
   */
  async #round(
    cursors: readonly Cursor[],
    request: FetchRequest,
    wait: { maxWaitMs: number; minBytes: number },
  ): Promise<ReadonlyMap<Cursor, Error>> {
    const silent = new Map<Cursor, Error>();
    const asks: Ask[] = [];
    for (const cursor of cursors) {
      const leader = await this.#leaderFor(cursor, silent);
      if (leader === undefined) continue;
      const ask = asks.find((one) => one.leader === leader && !one.cursors.has(placeOf(cursor.position)));
      if (ask === undefined) asks.push({ leader, cursors: new Map([[placeOf(cursor.position), cursor]]) });
      else ask.cursors.set(placeOf(cursor.position), cursor);
    }
    const settled = cursors.some((one) => one.error !== undefined);
    const slice = asks.length > 1 ? SHARED_SLICE_MS : this.#cluster.settings.fetchSliceMs;
    const maxWaitMs = settled ? 0 : Math.floor(Math.min(wait.maxWaitMs, slice));
    const answers = await Promise.allSettled(
      asks.map((ask) =>
        this.#ask(ask, request, { maxWaitMs, minBytes: maxWaitMs === 0 ? 0 : Math.max(1, wait.minBytes) }),
      ),
    );
    const heard = new Map<Cursor, FetchAnswer>();
    for (const [i, one] of answers.entries()) {
      if (one.status === 'rejected') {
        for (const cursor of asks[i]!.cursors.values()) notePassing(silent, cursor, one.reason);
        continue;
      }
      for (const answer of one.value) {
        const cursor = asks[i]!.cursors.get(placeOf(answer));
        if (cursor !== undefined) heard.set(cursor, answer);
      }
    }
    // In the order of the positions: what an earlier one takes, a later one cannot have.
    let left = request.maxBytes - cursors.reduce((sum, one) => sum + one.bytes, 0);
    let any = cursors.some((one) => one.batches.length > 0);
    for (const cursor of cursors) {
      const answer = heard.get(cursor);
      if (answer === undefined || cursor.error !== undefined || cursor.full) continue;
      try {
        left -= await this.#take(cursor, answer, left, !any, request.memory);
      } catch (error) {
        notePassing(silent, cursor, error);
      }
      any ||= cursor.batches.length > 0;
    }
    for (const cursor of heard.keys()) if (!silent.has(cursor)) this.#silences.end(cursor.position);
    for (const { position } of silent.keys()) this.#silences.note(position);
    return silent;
  }

  /** The leader to ask, undefined for a position that is done, in error or without anybody to ask (then noted). */
  async #leaderFor(cursor: Cursor, silent: Map<Cursor, Error>): Promise<number | undefined> {
    if (cursor.error !== undefined || cursor.full) return undefined;
    try {
      const layout = await this.#cluster.layoutWith(cursor.position);
      if (this.#states.of(layout) === 'BROWNED_OUT') {
        cursor.error = logErrors.topicBrownedOut(layout.name);
        return undefined;
      }
      if (cursor.position.offset < 0) {
        await this.#outOfRange(cursor);
        return undefined;
      }
      return await this.#cluster.leaderOf(cursor.position);
    } catch (error) {
      if (isAppError(error)) cursor.error = error;
      else notePassing(silent, cursor, error);
      return undefined;
    }
  }

  async #ask(
    { leader, cursors }: Ask,
    request: FetchRequest,
    wait: { maxWaitMs: number; minBytes: number },
  ): Promise<readonly FetchAnswer[]> {
    const topics = new Map<string, { partition: number; offset: number; maxBytes: number }[]>();
    for (const { position, nextOffset, bytes } of cursors.values()) {
      const maxBytes = Math.min((position.maxBytes ?? request.maxBytes) - bytes, request.maxBytes);
      const ask = { partition: position.partition, offset: nextOffset, maxBytes: clamp(maxBytes) };
      const ofTopic = topics.get(position.topic);
      if (ofTopic === undefined) topics.set(position.topic, [ask]);
      else ofTopic.push(ask);
    }
    const parameters: FetchParameters = {
      ...wait,
      maxBytes: clamp(request.maxBytes),
      isolation: 'committed',
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    };
    return await this.#withLink(leader, request.signal, async (link) => {
      const answers = await link.call('Fetch', fetchApi, parameters);
      if (answers.errorCode !== 0) throw new KafkaRefusal('Fetch', answers.errorCode);
      return answers.partitions;
    });
  }

  /**
   * Takes from an answer what the limits allow, and answers how many bytes that is.
   * @throws {KafkaRefusal} for what passes: the next round asks again.
   */
  async #take(
    cursor: Cursor,
    answer: FetchAnswer,
    left: number,
    firstOfAll: boolean,
    memory: FetchMemory | undefined,
  ): Promise<number> {
    const { position } = cursor;
    if (answer.errorCode === CODE.OFFSET_OUT_OF_RANGE) {
      await this.#outOfRange(cursor);
      return 0;
    }
    if (answer.errorCode !== 0) {
      this.#cluster.forget(position.topic);
      const refusal = new KafkaRefusal(`Fetch of ${position.topic}/${position.partition}`, answer.errorCode);
      if (refusal.passing) throw refusal;
      cursor.error = asAppError(this.#cluster.name, refusal) as AppError;
      return 0;
    }
    cursor.answered = true;
    cursor.startOffset = Number(answer.logStartOffset);
    cursor.endOffset = Number(answer.lastStableOffset);
    const visible = visibleBatches(answer.records.whole(memory), cursor.nextOffset, answer.aborted);
    const ownLimit = position.maxBytes ?? Number.MAX_SAFE_INTEGER;
    let taken = 0;
    for (const batch of visible.batches) {
      const fits = cursor.bytes + batch.bytes.length <= ownLimit && taken + batch.bytes.length <= left;
      // The first batch comes whole even when it is larger than its partition's limit, and the first of all than any.
      const first = cursor.batches.length === 0 && (firstOfAll || batch.bytes.length <= left - taken);
      if (!fits && !first) {
        cursor.full = true;
        return taken;
      }
      cursor.batches.push(batch.bytes);
      cursor.bytes += batch.bytes.length;
      taken += batch.bytes.length;
      cursor.nextOffset = batch.lastOffset + 1;
    }
    cursor.nextOffset = visible.nextOffset;
    if (visible.damage !== undefined && cursor.batches.length === 0) {
      cursor.error = logErrors.partitionDegraded(position.topic, position.partition, visible.damage.offset);
    }
    if (visible.damage !== undefined) cursor.full = true;
    return taken;
  }

  async #outOfRange(cursor: Cursor): Promise<void> {
    const { topic, partition, offset } = cursor.position;
    const { start, end } = await this.#offsets.rangeOf({ topic, partition });
    cursor.answered = true;
    cursor.startOffset = start;
    cursor.endOffset = end;
    // Between the last stable offset and the end: records of a transaction still open. They are there, and not readable yet.
    if (offset >= 0 && offset >= start && offset <= end) return;
    cursor.error = logErrors.offsetOutOfRange(topic, partition, offset, start, end);
  }

  async #withLink<T>(
    leader: number,
    signal: AbortSignal | undefined,
    use: (link: BrokerLink) => Promise<T>,
  ): Promise<T> {
    // A signal that aborted while the leader was looked for tells its listeners nothing any more, and the broker would be waited for.
    signal?.throwIfAborted();
    const idle = this.#idle.get(leader) ?? [];
    this.#idle.set(leader, idle);
    const purpose = idle.pop() ?? this.#cluster.newPurpose('fetch');
    const link = this.#cluster.link(leader, purpose);
    const stop = (): void => link.close();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await use(link);
    } finally {
      signal?.removeEventListener('abort', stop);
      if (idle.length < 8) idle.push(purpose);
      else this.#cluster.release(purpose);
    }
  }
}

/** @throws what does not pass by itself. */
function notePassing(silent: Map<Cursor, Error>, cursor: Cursor, error: unknown): void {
  if (!isPassing(error)) throw error;
  silent.set(cursor, error as Error);
}

function clamp(bytes: number): number {
  return Math.max(MIN_PARTITION_BYTES, Math.min(bytes, MAX_REQUEST_BYTES));
}

function placeOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`;
}
