import { impossible, isAppError, type JsonObject } from '#libs/core/kernel';
import {
  type Appended,
  batchesIn,
  compressionName,
  type CompressionName,
  encodeBatch,
  type FetchedPartition,
  type LogEngine,
  type LogWriter,
  RecordCursor,
  type WriterAppend,
  type WriterCheckpoint,
} from '#libs/core/log';
import { batchesOf } from './chunk-builder.js';
import { type CopiedChunk, encodeChunk } from './chunk.js';
import { advance, encodeState, type LaneKeys, type LaneState, type LaneTotals, readState } from './copy-session.js';
import { MergedChunks } from './merged-chunks.js';
import { MergeOrder, type MergeState } from './merge-order.js';
import type { Router } from './router.js';

/** What is merged, and where to. */
export interface MergedLanes {
  readonly writerId: string;
  readonly sourceLog: LogEngine;
  readonly source: string;
  readonly startOffsets: readonly number[];
  readonly target: string;
  /** Topic of the target's log that takes the offset map, with as many partitions as the source. */
  readonly map: string;
  /** Topic (partition 0) for records that rules send there; needed when the router has such rules. */
  readonly deadLetters: string | undefined;
  readonly router: Router;
  readonly maxBatchBytes: number;
  /** Bytes of records after which a commit ends. */
  readonly commitBytes: number;
}

/** One source partition of a merge. */
export interface MergedLane {
  readonly source: { readonly topic: string; readonly partition: number };
  readonly position: number;
  readonly startOffset: number;
  readonly totals: LaneTotals;
  readonly lastChunk: CopiedChunk | undefined;
}

/** Most records of a commit: its map has to fit checkpoints, and has many runs where records of several sources alternate. */
const MAX_RECORDS = 20_000;
const ORDER = 'merge';
const keysOf = (partition: number): LaneKeys => ({ state: `copy-${partition}`, lastChunk: `last-chunk-${partition}` });

/**
 * Copies all partitions of a topic by one session, merged by time ({@link MergeOrder}). A commit is atomic over all of them: the records in the target, the positions in the source, the offset map of each
 * source, and what the merge remembers. So what was merged is settled, and the next session goes on with the records behind it, wherever this one was cut off.
 */
export class MergedSession {
  readonly lanes: readonly MergedLane[];
  #writer: LogWriter;
  #states: LaneState[] = [];
  #order = new MergeOrder(0);
  /** Where the next fetch of each partition goes on, beyond what waits to be merged. */
  #readFrom: number[] = [];
  /** What the router remembers is what was committed, and what the commit at hand adds. */
  #recalled = false;

  private constructor(
    private readonly engine: LogEngine,
    private readonly spec: MergedLanes,
    writer: LogWriter,
  ) {
    this.#writer = writer;
    this.#begin();
    this.lanes = spec.startOffsets.map((_, partition) => this.#laneOf(partition));
  }

  /** Opens the session, fencing every earlier one, at its last commit. */
  static async open(engine: LogEngine, spec: MergedLanes): Promise<MergedSession> {
    return new MergedSession(engine, spec, await engine.openWriter(spec.writerId));
  }

  get order(): MergeOrder {
    return this.#order;
  }

  /**
   * Fetches the next records of partitions of which none is known. Answers the ends of those asked.
   * @throws `offset-out-of-range` when records expired before they were copied.
   */
  async fetch(
    partitions: readonly number[],
    limits: { readonly maxBytes: number; readonly maxWaitMs: number; readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<number, number>> {
    const { source: topic, sourceLog } = this.spec;
    const maxBytes = Math.max(1, Math.floor(limits.maxBytes / this.lanes.length));
    const fetched = await sourceLog.fetch({
      positions: partitions.map((partition) => ({ topic, partition, offset: this.#readFrom[partition]!, maxBytes })),
      maxBytes: Math.max(limits.maxBytes, 1),
      maxWaitMs: limits.maxWaitMs,
      signal: limits.signal,
    });
    const ends = new Map<number, number>();
    for (const one of fetched) {
      if (one.error !== undefined) throw one.error;
      ends.set(one.partition, one.endOffset);
      const from = this.#readFrom[one.partition]!;
      this.#order.offer(one.partition, cursorsOf(one, from), from);
      this.#readFrom[one.partition] = Math.max(from, one.nextOffset);
    }
    return ends;
  }

  /** Where the next fetch of a partition goes on. */
  readFrom(partition: number): number {
    return this.#readFrom[partition]!;
  }

  /**
   * Merges as long as `next` names a partition whose record comes next, and commits what was merged. `refill` is asked when it names none: false ends the stretch. When the outcome of the commit cannot
   * be told, a new session is opened and its checkpoints say how it was. What was not committed is fetched again.
   * @throws `writer-fenced` when another worker has taken over; what the router throws.
   */
  async step(next: () => number, refill: () => Promise<boolean>): Promise<{ records: number; bytes: number }> {
    const chunks = new MergedChunks(this.spec.maxBatchBytes);
    try {
      if (!this.#recalled) await this.spec.router.memory?.recall();
      this.#recalled = true;
      while (chunks.records < MAX_RECORDS && chunks.bytes < this.spec.commitBytes) {
        const partition = next();
        if (partition < 0) {
          if (await refill()) continue;
          break;
        }
        const record = this.#order.headOf(partition)!;
        const compression = compressionName(record.header.compression) ?? 'none';
        if (!this.#addInPlace(chunks, record, partition, compression)) {
          const stored = record.record();
          const answer = this.spec.router.route(stored, partition);
          chunks.add(partition, stored, answer instanceof Promise ? await answer : answer, compression);
        }
        this.#order.take(partition);
      }
      if (chunks.records === 0) return { records: 0, bytes: 0 };
      const before = this.#merged();
      await this.#commit(chunks);
      const moved = this.#merged() > before;
      return { records: moved ? chunks.records : 0, bytes: moved ? chunks.bytes : 0 };
    } catch (error) {
      this.#begin();
      throw error;
    }
  }

  /** Adds a record that can be routed where it lies. False, with nothing done, for any other. */
  #addInPlace(chunks: MergedChunks, record: RecordCursor, partition: number, compression: CompressionName): boolean {
    const { router } = this.spec;
    const rekeyed = router.rekeyInPlace?.(record, partition) ?? -1;
    if (rekeyed >= 0) {
      chunks.addUnderKey(partition, record, router.rekeyed!, rekeyed, compression);
      return true;
    }
    const target = router.routeInPlace?.(record, partition) ?? -1;
    if (target < 0) return false;
    chunks.addInPlace(partition, record, target, compression);
    return true;
  }

  /** Ends the session. What it committed stays. */
  async close(): Promise<void> {
    await this.#writer.close();
  }

  /** Removes every checkpoint: the copy is over or undone. */
  async forget(): Promise<void> {
    const checkpoints = [...this.#writer.checkpoints().keys()].map((key) => ({ key, value: null }));
    if (checkpoints.length > 0) await this.#writer.commit({ checkpoints });
    this.#begin();
  }

  async #commit(chunks: MergedChunks): Promise<void> {
    const { spec } = this;
    const batches = chunks.batches();
    const parts = chunks.parts();
    const appends: WriterAppend[] = batches.map(({ target: partition, batch }) => {
      return { topic: spec.target, partition, batch, intoFenced: true };
    });
    // Keys merged from several partitions have no order that parking could keep.
    if (chunks.parked.length > 0) impossible('a merge parks no records');
    for (const batch of batchesOf(chunks.deadLetters)) appends.push({ topic: spec.deadLetters!, partition: 0, batch });
    const { memory } = spec.router;
    let remembered = -1;
    for (const batch of memory?.changes() ?? []) {
      remembered = appends.push({ topic: memory!.topic, partition: 0, batch }) - 1;
    }
    for (const [partition] of parts) {
      const { last } = this.#states[partition]!;
      if (last === undefined) continue;
      const value = this.#writer.checkpoint(keysOf(partition).lastChunk) ?? encodeChunk(last);
      const batch = encodeBatch([{ key: null, value, headers: [], timestamp: -1 }]);
      appends.push({ topic: spec.map, partition, batch });
    }
    const merge = encodeMerge(this.#order.state);
    const checkpoints = (appended: readonly Appended[]): WriterCheckpoint[] => {
      const runsOf = chunks.runs(appended);
      const ofParts = parts.flatMap(([partition, part]) => {
        const state = this.#states[partition]!;
        const { until, ranges, routes, sum } = part;
        const runs = runsOf.get(partition)!;
        const { chunks: sequence, position: from } = state;
        const last: CopiedChunk = { source: partition, sequence, from, until, ranges, routes, runs, sum };
        const keys = keysOf(partition);
        return [
          { key: keys.state, value: encodeState(advance(state, part)) },
          { key: keys.lastChunk, value: encodeChunk(last) },
        ];
      });
      return [{ key: ORDER, value: merge }, ...ofParts];
    };
    try {
      const appended = await this.#writer.commit({ appends, checkpoints });
      if (remembered >= 0) memory!.committed(appended[remembered]!.lastOffset + 1);
      for (const [partition] of parts) this.#states[partition] = this.#stateOf(partition);
    } catch (error) {
      if (!isAppError(error, 'outcome-unknown')) throw error;
      this.#writer = await this.engine.openWriter(spec.writerId);
      this.#begin();
    }
  }

  /** Goes back to the last commit. */
  #begin(): void {
    const { startOffsets } = this.spec;
    this.#recalled = false;
    this.#states = startOffsets.map((_, partition) => this.#stateOf(partition));
    this.#readFrom = this.#states.map((state) => state.position);
    const stored = this.#writer.checkpoint(ORDER);
    this.#order = new MergeOrder(startOffsets.length, stored && decodeMerge(stored));
  }

  #stateOf(partition: number): LaneState {
    return readState(this.#writer, this.spec.startOffsets[partition]!, keysOf(partition));
  }

  /** Records merged so far. */
  #merged(): number {
    return this.#states.reduce((sum, state) => sum + state.records, 0);
  }

  #laneOf(partition: number): MergedLane {
    const stateOf = (): LaneState => this.#states[partition]!;
    const position = (): number => this.#order.headOf(partition)?.offset ?? this.#readFrom[partition]!;
    return {
      source: { topic: this.spec.source, partition },
      get position() {
        return position();
      },
      get startOffset() {
        return stateOf().start;
      },
      get totals() {
        return stateOf();
      },
      get lastChunk() {
        return stateOf().last;
      },
    };
  }
}

/** The batches of a fetch from an offset on. Each is made readable when its turn comes, so that one compressed batch of a partition is open at a time. */
function* cursorsOf({ batches }: FetchedPartition, from: number): Generator<RecordCursor, void> {
  for (const bytes of batches) {
    for (const { header, bytes: batch } of batchesIn(bytes)) {
      if (!header.control && header.lastOffset >= from) yield new RecordCursor(header, batch);
    }
  }
}

function encodeMerge({ latest, late, times }: MergeState): Buffer {
  const json: JsonObject = { v: 1, latest, late, times: [...times] };
  return Buffer.from(JSON.stringify(json));
}

function decodeMerge(stored: Uint8Array): MergeState {
  return JSON.parse(Buffer.from(stored).toString()) as MergeState;
}
