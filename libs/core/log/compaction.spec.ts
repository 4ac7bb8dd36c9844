import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch } from './batch-decoder.js';
import { encodeBatch } from './batch-encoder.js';
import { ATTRIBUTE, readBatchHeader, stampBatch, verifyBatch } from './batch-header.js';
import {
  type CompactableSegment,
  type CompactionFacts,
  compactionRules,
  dueCompaction,
  segmentGroups,
} from './compaction.js';
import { compactBatch, type CompactionPass, emptiedBatch } from './compacted-batch.js';
import { LatestOffsets } from './latest-offsets.js';
import type { LogRecord, StoredRecord } from './record.js';

const RULES = compactionRules({ 'cleanup.policy': 'compact' });
const segment = (baseOffset: number, nextOffset: number, sizeBytes: number, timeMs: number): CompactableSegment => {
  return { baseOffset, nextOffset, sizeBytes, firstAppendTimeMs: timeMs, maxAppendTimeMs: timeMs };
};
const facts = (rest: Partial<CompactionFacts> = {}): CompactionFacts => {
  return { startOffset: 0, cleanUpTo: 0, heldFrom: Infinity, nowMs: 10_000, ...rest };
};

describe('when compaction is due', () => {
  const segments = [segment(0, 10, 100, 1_000), segment(10, 20, 100, 2_000), segment(20, 30, 100, 9_000)];

  it('a log that was never compacted is, from the start to the last closed segment', () => {
    expect(dueCompaction(segments, facts(), RULES)).toEqual({ from: 0, to: 30, dirtyRatio: 1 });
    expect(dueCompaction([], facts(), RULES)).toBeUndefined();
  });

  it('a compacted one is when the new part is larger than the ratio says, or old enough', () => {
    expect(dueCompaction(segments, facts({ cleanUpTo: 20 }), RULES)).toBeUndefined();
    expect(dueCompaction(segments, facts({ cleanUpTo: 20 }), { ...RULES, minDirtyRatio: 0.3 })).toEqual({
      from: 20,
      to: 30,
      dirtyRatio: 1 / 3,
    });
    expect(dueCompaction(segments, facts({ cleanUpTo: 20 }), { ...RULES, maxLagMs: 1_000 })).toBeUndefined();
    expect(dueCompaction(segments, facts({ cleanUpTo: 20 }), { ...RULES, maxLagMs: 999 })?.to).toBe(30);
    expect(dueCompaction(segments, facts({ cleanUpTo: 30 }), { ...RULES, maxLagMs: 1 })).toBeUndefined();
  });

  it('young records and what is held are left alone', () => {
    expect(dueCompaction(segments, facts(), { ...RULES, minLagMs: 5_000 })?.to).toBe(20);
    expect(dueCompaction(segments, facts(), { ...RULES, minLagMs: 9_500 })).toBeUndefined();
    expect(dueCompaction(segments, facts({ heldFrom: 15 }), RULES)?.to).toBe(15);
    expect(dueCompaction(segments, facts({ heldFrom: 10, cleanUpTo: 10 }), RULES)).toBeUndefined();
  });

  it('small neighbours become one segment, never beyond its size', () => {
    const sizes = (groups: CompactableSegment[][]): number[][] =>
      groups.map((one) => one.map((each) => each.sizeBytes));
    const small = [5, 10, 90, 20, 70, 300, 1].map((size, index) => segment(index * 10, index * 10 + 10, size, 0));
    expect(sizes(segmentGroups(small, 100))).toEqual([[5, 10], [90], [20, 70], [300], [1]]);
    const far = [segment(0, 10, 1, 0), segment(2 ** 31, 2 ** 31 + 5, 1, 0)];
    expect(segmentGroups(far, 100)).toHaveLength(2);
  });
});

/** Stored batches of a partition. */
type Log = Uint8Array[];

function store(log: Log, records: readonly LogRecord[], compression: 'none' | 'gzip' = 'none'): void {
  const batch = encodeBatch(records, { compression });
  const last = log.at(-1);
  stampBatch(batch, last === undefined ? 0 : readBatchHeader(last).lastOffset + 1, 3);
  log.push(batch);
}

function endOf(log: Log): number {
  const last = log.at(-1);
  return last === undefined ? 0 : readBatchHeader(last).lastOffset + 1;
}

/** One whole pass, as an engine makes it. */
function compact(log: Log, from: number, to: number, nowMs: number, maxBytes = 1e9, deleteRetentionMs = 100): number {
  const latest = new LatestOffsets(from, to, maxBytes);
  for (const batch of log) latest.add(readBatchHeader(batch), batch);
  const pass: CompactionPass = { latest, nowMs, deleteRetentionMs };
  const kept: Log = [];
  for (const batch of log) {
    const header = readBatchHeader(batch);
    const left = compactBatch(header, batch, pass);
    if (left !== undefined) kept.push(left);
    else if (header.lastOffset + 1 === endOf(log)) kept.push(emptiedBatch(header, batch));
  }
  log.splice(0, log.length, ...kept);
  return latest.upTo;
}

function recordsOf(log: Log): StoredRecord[] {
  return log.flatMap((batch) => decodeBatch(batch).records);
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
const plain = ({ offset, key, value, timestamp, headers }: StoredRecord): unknown => {
  return [offset, text(key), text(value), timestamp, headers.map((one) => [one.key, text(one.value)])];
};
const record = (key: string | null, value: string | null, timestamp = 1_000): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp,
});

const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  key: fc.oneof({ weight: 9, arbitrary: fc.nat(5).map((key) => Buffer.from(`k${key}`)) }, fc.constant(null)),
  value: fc.oneof({ weight: 3, arbitrary: fc.nat().map((value) => Buffer.from(`v${value}`)) }, fc.constant(null)),
  headers: fc.array(fc.constant({ key: 'h', value: null }), { maxLength: 2 }),
  timestamp: fc.oneof(fc.integer({ min: -1, max: 5_000 }), fc.constantFrom(Number.MAX_SAFE_INTEGER, -1)),
});
/** What happens to a partition: batches come, time passes, it is compacted up to some place. */
const anyStep = fc.oneof(
  fc.record({ append: fc.array(anyRecord, { minLength: 1, maxLength: 5 }), gzip: fc.boolean() }),
  fc.record({ compactTo: fc.integer({ min: 1, max: 100 }), waitMs: fc.nat(150), small: fc.boolean() }),
);

describe('what compaction leaves', () => {
  it('is the newest record of each key, tombstones in their time, everything behind the pass, each as it was', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
        const log: Log = [];
        /** All there was, in order, and when the tombstones of a batch may go. */
        let model: { readonly record: StoredRecord; readonly batch: number }[] = [];
        const horizons = new Map<number, number>();
        let nowMs = 0;
        let cleanUpTo = 0;
        for (const step of steps) {
          const end = endOf(log);
          if ('append' in step) {
            store(log, step.append, step.gzip ? 'gzip' : 'none');
            step.append.forEach((one, i) => model.push({ record: { ...one, offset: end + i }, batch: end }));
            continue;
          }
          nowMs += step.waitMs;
          const to = cleanUpTo + Math.ceil(((end - cleanUpTo) * step.compactTo) / 100);
          if (to <= cleanUpTo) continue;
          const upTo = compact(log, cleanUpTo, to, nowMs, step.small ? 250 : 1e9);
          expect(upTo).toBeGreaterThan(cleanUpTo);
          expect(upTo).toBeLessThanOrEqual(to);
          const below = model.filter(({ record: one }) => one.offset < upTo && one.key !== null);
          const newest = new Map(below.map(({ record: one }) => [text(one.key), one.offset]));
          model = model.filter(({ record: one, batch }) => {
            if (one.offset >= upTo) return true;
            if (one.key === null || newest.get(text(one.key)) !== one.offset) return false;
            return one.value !== null || nowMs < (horizons.get(batch) ?? Infinity);
          });
          for (const { record: one, batch } of model) {
            if (one.value === null && one.offset < upTo && !horizons.has(batch)) horizons.set(batch, nowMs + 100);
          }
          for (const batch of horizons.keys()) {
            const left = model.some(
              ({ record: one, batch: of }) => of === batch && one.value === null && one.offset < upTo,
            );
            if (!left) horizons.delete(batch);
          }
          cleanUpTo = upTo;
          expect(recordsOf(log).map(plain)).toEqual(model.map(({ record: one }) => plain(one)));
          expect(endOf(log), 'the end never goes back').toBe(end);
          let previous = -1;
          for (const batch of log) {
            const header = verifyBatch(batch);
            expect(header.baseOffset).toBeGreaterThan(previous);
            expect(header.leaderEpoch).toBe(3);
            previous = header.lastOffset;
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('a batch of which all stays is the same bytes; one of which some goes keeps its place, codec and producer', () => {
    const producer = { id: 7, epoch: 2, baseSequence: 40 };
    const records = ['a', 'b', 'c', 'd'].map((key, i) => record(key, `v${i}`, 1_000 + i * 10));
    for (const compression of ['none', 'gzip'] as const) {
      const batch = encodeBatch(records, { producer, compression });
      stampBatch(batch, 100, 5);
      const header = readBatchHeader(batch);
      const latest = new LatestOffsets(100, 110, 1e9);
      latest.add(header, batch);
      expect(compactBatch(header, batch, { latest, nowMs: 0, deleteRetentionMs: 0 })).toBe(batch);
      const later = encodeBatch([record('a', 'x'), record('d', 'y')]);
      stampBatch(later, 104, 5);
      latest.add(readBatchHeader(later), later);
      const left = compactBatch(header, batch, { latest, nowMs: 0, deleteRetentionMs: 0 })!;
      expect(verifyBatch(left)).toMatchObject({
        baseOffset: 100,
        lastOffset: 103,
        leaderEpoch: 5,
        recordCount: 2,
        compression: header.compression,
        producerId: 7,
        producerEpoch: 2,
        baseSequence: 40,
        baseTimestamp: 1_010,
        maxTimestamp: 1_020,
      });
      expect(recordsOf([left]).map((one) => [one.offset, text(one.key)])).toEqual([
        [101, 'b'],
        [102, 'c'],
      ]);
    }
  });

  it('a tombstone is kept for its time from the first pass on, then goes; a restart in between changes nothing', () => {
    const log: Log = [];
    store(log, [record('k', 'v'), record('other', 'o')]);
    store(log, [record('k', null, 2_000)]);
    compact(log, 0, 3, 1_000);
    expect(recordsOf(log).map((one) => [one.offset, text(one.value), one.timestamp])).toEqual([
      [1, 'o', 1_000],
      [2, null, 2_000],
    ]);
    expect(readBatchHeader(log[1]!).attributes & ATTRIBUTE.deleteHorizon).not.toBe(0);
    expect(readBatchHeader(log[1]!).baseTimestamp).toBe(1_100);
    store(log, [record('new', 'n')]);
    compact(log, 3, 4, 1_099);
    expect(recordsOf(log)).toHaveLength(3);
    store(log, [record('new', 'n2')]);
    compact(log, 4, 5, 1_100);
    expect(recordsOf(log).map((one) => [one.offset, text(one.value)])).toEqual([
      [1, 'o'],
      [4, 'n2'],
    ]);
  });

  it('tombstones that are kept for ever are not rewritten again and again', () => {
    const log: Log = [];
    store(log, [record('k', null)]);
    const [before] = log;
    compact(log, 0, 1, 1_000, 1e9, Infinity);
    expect(log[0]).toBe(before);
  });

  it('long keys that differ in their last byte are different keys', () => {
    const log: Log = [];
    const long = 'x'.repeat(300);
    store(log, [record(`${long}1`, 'a'), record(`${long}2`, 'b'), record(`${long}1`, 'c'), record('', 'd')]);
    compact(log, 0, 4, 0);
    expect(recordsOf(log).map((one) => text(one.value))).toEqual(['b', 'c', 'd']);
  });

  it('an emptied batch keeps its place and reads as nothing', () => {
    const log: Log = [];
    store(log, [record('a', 'v'), record('b', 'w')], 'gzip');
    const header = readBatchHeader(log[0]!);
    const empty = emptiedBatch(header, log[0]!);
    expect(verifyBatch(empty)).toMatchObject({ baseOffset: 0, lastOffset: 1, recordCount: 0, sizeBytes: 61 });
    expect(decodeBatch(empty).records).toEqual([]);
  });
});
