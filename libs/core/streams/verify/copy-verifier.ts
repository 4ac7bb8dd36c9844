import { BatchChecks, DigestSum, type RecordCursor } from '#libs/core/log';
import { type ChunkRun, type CopiedChunk, PARKED, sourceOffsetsByTarget } from '../copy/chunk.js';
import { MAP_START, type MapCursor } from '../copy/offset-map.js';
import { PartitionCursor, untilReadable } from '../partition-cursor.js';
import { differingRecords } from './differing-records.js';
import { type ExpectedRecord, expectedRecords, expectedRedriven } from './expected-records.js';
import type { Mismatch } from './mismatch.js';
import { ParkedIndex } from './parked-index.js';
import { MismatchTally } from './mismatch-tally.js';
import type { Verification, VerifiedCopy, Verifier, VerifyRun } from './verification.js';

/**
 * Compares a copy with what it was made from, by the offset map:
 * 1. every record of the target is named by the map exactly once, and every record the map names is there (nothing lost, repeated, resurrected);
 * 2. for each pair of source and target partition, source offsets rise strictly with target offsets (order);
 * 3. per stretch of a source partition, count and sum of 128-bit digests over (source partition, offset, key, value, headers, timestamp) are those
 *    of the source (nothing changed, exchanged or swapped);
 * 4. records lie where their keys belong;
 * 5. every parked record lies in the topic of parked ones, as many as the map parked and no redrive took from there; what was redriven is compared like everything else. At level `full` also which ones and why.
 *
 * Works in steps: each {@link advance} takes in what was copied since the one before, so that a live copy is verified up to a small rest before
 * the cutover. Memory: a few chunks per source and a fetch per target. The copy must rest while `advance` runs; beside one that goes on there is {@link keepUp}.
 */
export class CopyVerifier implements Verifier {
  readonly #copy: VerifiedCopy;
  /** Of each source partition, and behind these one more of each for what was redriven, where records are parked. */
  readonly #lanes: Lane[];
  readonly #targets: Target[];
  readonly #parked: ParkedIndex | undefined;
  readonly #sources: number;
  readonly #mismatches = new MismatchTally();
  readonly #checks = new BatchChecks();
  #checked = 0;

  constructor(copy: VerifiedCopy) {
    this.#copy = copy;
    const { engine, source, target } = copy;
    this.#sources = source.startOffsets.length;
    this.#parked =
      copy.parked && new ParkedIndex(engine, copy.parked.topic, this.#sources, copy.router.parking?.alone === true);
    const starts = copy.parked === undefined ? source.startOffsets : [...source.startOffsets, ...source.startOffsets];
    this.#lanes = starts.map((start, mapLane) => ({
      partition: mapLane % this.#sources,
      mapLane,
      isRedriven: mapLane >= this.#sources,
      cursor: MAP_START,
      chunks: undefined,
      until: start,
      sum: new DigestSum(),
      loaded: 0,
      parked: 0,
      ends: new Map(),
    }));
    this.#targets = target.startOffsets.map((start, partition) => ({
      partition,
      records: new PartitionCursor(engine, target.topic, partition, start),
      claims: new Map(),
      endsAt: undefined,
    }));
  }

  get result(): Verification {
    return {
      checked: this.#checked,
      ...this.#mismatches.found(),
      until: this.#lanes.slice(0, this.#sources).map((lane) => lane.until),
      sums: this.#lanes.map((lane) => lane.sum),
    };
  }

  /** Verifies everything copied so far, whatever is found on the way. */
  async advance(run: VerifyRun = {}): Promise<Verification> {
    do await this.keepUp(run);
    while (await this.#settle());
    await this.#accountForParked();
    return this.result;
  }

  /**
   * Verifies what was copied so far while the copy goes on: what nothing claims yet is left for the next call, since its claim may be on its way. So nothing is said of
   * records that belong to nobody, or are missing at an end, until {@link advance} looks at a copy that rests.
   */
  async keepUp(run: VerifyRun = {}): Promise<void> {
    for (;;) {
      run.signal?.throwIfAborted();
      let moved = false;
      for (const target of this.#targets) moved = (await this.#consume(target)) || moved;
      run.report?.(this.#checked);
      if (moved || (await this.#load(run, 2)) || (await this.#load(run, Infinity))) continue;
      return;
    }
  }

  /** Takes in the next chunk of each source that holds fewer than `most`. */
  async #load(run: VerifyRun, most: number): Promise<boolean> {
    let any = false;
    for (const lane of this.#lanes) {
      if (lane.loaded >= most) continue;
      lane.chunks ??= this.#copy.map.chunks(lane.mapLane, lane.cursor);
      const next = await lane.chunks.next();
      if (next.done) {
        lane.chunks = undefined;
        continue;
      }
      const [chunk, cursor] = next.value;
      lane.cursor = cursor;
      await this.#claim(lane, chunk);
      any = true;
      await run.pace?.(chunk.routes.length);
    }
    return any;
  }

  /** Checks what a chunk says of itself and notes which target records it names. */
  async #claim(lane: Lane, chunk: CopiedChunk): Promise<void> {
    const place = { source: lane.partition, sourceOffset: chunk.from, target: -1, targetOffset: -1 };
    // What is redriven comes from wherever it was parked.
    if (chunk.from !== lane.until && !lane.isRedriven) {
      this.#found({ kind: 'gap', ...place, detail: `the map goes on at ${chunk.from} where ${lane.until} is next` });
    }
    lane.until = chunk.until;
    let at = chunk.from;
    // A record that became several has a route for each, under one offset.
    const again = this.#copy.router.memory === undefined ? 0 : 1;
    for (const { first, count } of chunk.ranges) {
      if (first < at - again) this.#found({ kind: 'order', ...place, detail: 'source offsets do not rise' });
      at = first + count;
    }
    if (at > chunk.until) this.#found({ kind: 'order', ...place, detail: 'source offsets lie beyond their stretch' });
    if (this.#parked !== undefined) lane.parked += parkedBy(lane, chunk);
    if (this.#copy.level === 'full' && again === 0) await this.#compareSource(lane, chunk);

    const state: LoadedChunk = {
      lane,
      chunk,
      sum: new DigestSum(),
      open: chunk.runs.length,
      offsets: sourceOffsetsByTarget(chunk),
      flawed: false,
    };
    const taken = new Map<number, number>();
    for (const run of chunk.runs) {
      const skip = taken.get(run.target) ?? 0;
      taken.set(run.target, skip + run.count);
      const where = { ...place, target: run.target, targetOffset: run.base };
      if (run.base < (lane.ends.get(run.target) ?? 0)) {
        this.#found({ kind: 'order', ...where, detail: 'records of one source partition are not in its order' });
      }
      lane.ends.set(run.target, run.base + run.count);
      const { claims } = this.#targets[run.target]!;
      if (claims.has(run.base)) this.#found({ kind: 'missing', ...where, detail: 'two stretches claim one place' });
      claims.set(run.base, { chunk: state, run, skip });
    }
    for (const [target, offsets] of state.offsets) {
      const routed = taken.get(target) ?? 0;
      if (routed !== offsets.length) {
        const detail = `${offsets.length} records were routed to the partition and ${routed} written`;
        this.#found({ kind: 'missing', ...place, target, detail });
      }
    }
    lane.loaded++;
    if (state.open === 0) await this.#close(state);
  }

  /** Reads back what the loaded chunks claim in one target partition, as far as they claim it without a break. */
  async #consume(target: Target): Promise<boolean> {
    let moved = false;
    for (;;) {
      if (target.claims.size === 0) return moved;
      const standing = target.records.standing();
      const next = standing instanceof Promise ? await standing : standing;
      const claim = next && target.claims.get(next.offset);
      if (claim === undefined) return moved;
      target.claims.delete(claim.run.base);
      await this.#readRun(target, claim);
      moved = true;
    }
  }

  async #readRun(target: Target, { chunk, run, skip }: Claim): Promise<void> {
    const source = chunk.lane.partition;
    const offsets = chunk.offsets.get(run.target) ?? new Float64Array();
    const end = run.base + run.count;
    let expected = run.base;
    while (expected < end) {
      const standing = target.records.standing();
      const record = standing instanceof Promise ? await standing : standing;
      const reached = Math.min(record?.offset ?? end, end);
      for (; expected < reached; expected++) {
        chunk.flawed = true;
        this.#missing(source, offsets[skip + expected - run.base] ?? -1, run.target, expected);
      }
      if (record === undefined || record.offset >= end) break;
      const batch = target.records.standingBatch();
      const upTo = batch === undefined ? end : batch.header.lastOffset + 1;
      if (batch !== undefined && upTo <= end) {
        const from = { source, offsets: offsets.subarray(skip + expected - run.base, skip + upTo - run.base) };
        if (this.#compared(batch, from, run.target, chunk.sum)) {
          this.#checked += upTo - expected;
          target.records.takeBatch();
          expected = upTo;
          continue;
        }
      }
      const sourceOffset = offsets[skip + record.offset - run.base] ?? -1;
      chunk.sum.addInPlace(source, sourceOffset, record);
      this.#checked++;
      const misplaced = this.#misplaced(record, run.target);
      if (misplaced !== undefined) {
        const where = { source, sourceOffset, target: run.target, targetOffset: record.offset };
        this.#found({ kind: 'misplaced', ...where, detail: misplaced });
      }
      target.records.take();
      expected = record.offset + 1;
    }
    chunk.open--;
    if (chunk.open === 0) await this.#close(chunk);
  }

  /** Takes in a whole batch, unless it has to be looked at record by record: because one of them is out of place, for example. */
  #compared(
    batch: RecordCursor,
    from: { readonly source: number; readonly offsets: Float64Array },
    partition: number,
    sum: DigestSum,
  ): boolean {
    const { placedOver } = this.#copy.router;
    if (placedOver === undefined) return false;
    const partitions = placedOver === 'any' ? undefined : placedOver;
    return this.#checks.compare(batch, from, { partition, partitions }, sum);
  }

  #misplaced(record: RecordCursor, target: number): string | undefined {
    const { router } = this.#copy;
    return router.belongsInPlace?.(record, target) ? undefined : router.misplaced(record.record().key, target);
  }

  async #close(state: LoadedChunk): Promise<void> {
    state.lane.loaded--;
    state.lane.sum.merge(state.sum);
    if (state.sum.equals(state.chunk.sum)) return;
    const before = this.#mismatches.mismatchCount;
    if (this.#copy.router.memory === undefined) await this.#drillDown(state.lane, state.chunk);
    if (this.#mismatches.mismatchCount > before || state.flawed) return;
    const { source, from, until } = state.chunk;
    const detail = `the records of source offsets ${from} to ${until} read back are not those that were copied`;
    this.#found({ kind: 'different', source, sourceOffset: from, target: -1, targetOffset: -1, detail });
  }

  /** Nothing more can be claimed: what is left over on either side is wrong. True when something was left over. */
  async #settle(): Promise<boolean> {
    let any = false;
    for (const target of this.#targets) {
      const next = await target.records.peek();
      const first = [...target.claims.values()].sort((a, b) => a.run.base - b.run.base)[0];
      if (next !== undefined && (first === undefined || next.offset < first.run.base)) {
        const where = { source: -1, sourceOffset: -1, target: target.partition, targetOffset: next.offset };
        const misplaced = this.#copy.router.misplaced(next.key, target.partition);
        const kind = misplaced === undefined ? 'unclaimed' : 'misplaced';
        this.#found({ kind, ...where, detail: misplaced ?? 'no source record was copied here' });
        target.records.take();
        any = true;
      } else if (first !== undefined && next === undefined && (await this.#comes(target))) {
        any = true;
      } else if (first !== undefined) {
        // The place it begins at is not there: passed over, or beyond the end.
        target.claims.delete(first.run.base);
        await this.#readRun(target, first);
        any = true;
      }
    }
    return any;
  }

  /** What is claimed was committed, and on some logs is read a moment later. What did not come once is not waited for again. */
  async #comes(target: Target): Promise<boolean> {
    const { position } = target.records;
    if (target.endsAt === position) return false;
    const comes = await untilReadable(this.#copy.engine, this.#copy.target.topic, target.partition, position);
    if (!comes) target.endsAt = position;
    return comes;
  }

  /** Level `full`: routes and digests of the stretch, computed anew from the source. */
  async #compareSource(lane: Lane, chunk: CopiedChunk): Promise<void> {
    const sum = new DigestSum();
    const routes = new Map<number, number>();
    const position = this.#copy.parked?.positions()[lane.partition] ?? 0;
    const { parked: ever } = this.#lanes[lane.partition]!;
    await this.#parked?.advance(lane.partition, position, { ever, standing: 0 });
    for await (const { record, offset, target } of this.#expected(lane, chunk)) {
      routes.set(offset, target);
      if (target >= 0 && target < PARKED) sum.add(chunk.source, offset, record);
    }
    let at = 0;
    let same = routes.size === chunk.routes.length;
    for (const range of chunk.ranges) {
      for (let i = 0; i < range.count && same; i++, at++) same = routes.get(range.first + i) === chunk.routes[at];
    }
    if (same && sum.equals(chunk.sum)) return;
    const detail = 'the source read again gives other records or routes than the copy noted';
    const where = { source: chunk.source, sourceOffset: chunk.from, target: -1, targetOffset: -1 };
    this.#found({ kind: 'different', ...where, detail });
  }

  #expected(lane: Lane, chunk: CopiedChunk): AsyncGenerator<ExpectedRecord, void> {
    return lane.isRedriven ? expectedRedriven(this.#copy, chunk) : expectedRecords(this.#copy, chunk, this.#parked);
  }

  /** The topic of parked records holds what the map parked, less what was redriven. */
  async #accountForParked(): Promise<void> {
    const positions = this.#copy.parked?.positions();
    if (this.#parked === undefined || positions === undefined) return;
    for (let source = 0; source < this.#sources; source++) {
      const ever = this.#lanes[source]!.parked;
      const now = ever - this.#lanes[source + this.#sources]!.parked;
      await this.#parked.advance(source, positions[source]!, { ever, standing: now });
      const found = { ever: this.#parked.ever(source), now: this.#parked.standing(source) };
      if (found.ever === ever && found.now === now) continue;
      const kind = found.ever < ever || found.now < now ? 'missing' : 'unclaimed';
      const detail = `${now} of ${ever} records that were parked are parked still, and there are ${found.now} of ${found.ever}`;
      this.#found({ kind, source, sourceOffset: -1, target: -1, targetOffset: -1, detail });
    }
  }

  /** Names the records of a chunk that differ, reading source and target again. */
  async #drillDown(lane: Lane, chunk: CopiedChunk): Promise<void> {
    for await (const mismatch of differingRecords(this.#copy, chunk, this.#expected(lane, chunk))) {
      this.#found(mismatch);
    }
  }

  #missing(source: number, sourceOffset: number, target: number, targetOffset: number): void {
    const detail = 'the record is not in the target';
    this.#found({ kind: 'missing', source, sourceOffset, target, targetOffset, detail });
  }

  #found(mismatch: Mismatch): void {
    this.#mismatches.add(mismatch);
  }
}

interface Lane {
  readonly partition: number;
  readonly mapLane: number;
  readonly isRedriven: boolean;
  cursor: MapCursor;
  /** Open between chunks; ends with what was copied when it was asked last. */
  chunks: AsyncGenerator<readonly [CopiedChunk, MapCursor], void> | undefined;
  until: number;
  readonly sum: DigestSum;
  /** Chunks taken in and not yet read back completely. */
  loaded: number;
  /** Records its chunks parked, or took from there. */
  parked: number;
  /** Per target, the end of the last run of this source. */
  readonly ends: Map<number, number>;
}

interface Target {
  readonly partition: number;
  readonly records: PartitionCursor;
  /** By the offset they begin at. */
  readonly claims: Map<number, Claim>;
  /** Where it was waited for records that did not come. */
  endsAt: number | undefined;
}

interface Claim {
  readonly chunk: LoadedChunk;
  readonly run: ChunkRun;
  /** Records of the chunk in this target that lie in earlier runs. */
  readonly skip: number;
}

interface LoadedChunk {
  readonly lane: Lane;
  readonly chunk: CopiedChunk;
  readonly sum: DigestSum;
  /** Runs not read back yet. */
  open: number;
  readonly offsets: ReadonlyMap<number, Float64Array>;
  /** Something was found wrong with it already. */
  flawed: boolean;
}

/** Records that a chunk parked; of a redrive those it took from there. */
function parkedBy({ isRedriven }: Lane, { routes }: CopiedChunk): number {
  return routes.reduce((sum, route) => sum + Number((route === PARKED) !== isRedriven), 0);
}
