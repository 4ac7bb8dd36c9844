import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, stampBatch } from '#libs/core/log';
import { visibleBatches } from './visible-batches.js';
import type { AbortedTransaction } from './wire-fetch.js';

interface Entry {
  readonly producer: number;
  readonly kind: 'plain' | 'data' | 'commit' | 'abort';
}

/** A partition as a leader would store it: batches in order, the list of aborted transactions, and what a reader is to see. */
interface Stored {
  readonly bytes: Buffer;
  /** Where each batch begins in the bytes, and its end. */
  readonly ends: readonly number[];
  readonly entries: readonly (Entry & { readonly offset: number })[];
  readonly aborted: readonly AbortedTransaction[];
  readonly visible: readonly number[];
}

function store(entries: readonly Entry[]): Stored {
  const batches: Buffer[] = [];
  const placed: (Entry & { offset: number })[] = [];
  const open = new Map<number, number[]>();
  const aborted: AbortedTransaction[] = [];
  const visible: number[] = [];
  let offset = 0;
  const add = (entry: Entry): void => {
    const transactional = entry.kind !== 'plain';
    const control = entry.kind === 'commit' || entry.kind === 'abort';
    const key = control ? Buffer.from([0, 0, 0, entry.kind === 'commit' ? 1 : 0]) : null;
    const value = Buffer.from(`${entry.kind} at ${offset}`);
    const batch = encodeBatch([{ key, value, headers: [], timestamp: 1 }], {
      control,
      producer: { id: entry.producer, epoch: 0, baseSequence: 0, transactional },
    });
    stampBatch(batch, offset, 0);
    batches.push(batch);
    placed.push({ ...entry, offset });
    if (entry.kind === 'plain') visible.push(offset);
    if (entry.kind === 'data') open.set(entry.producer, [...(open.get(entry.producer) ?? []), offset]);
    if (control) {
      const written = open.get(entry.producer) ?? [];
      open.delete(entry.producer);
      if (entry.kind === 'commit') visible.push(...written);
      else if (written[0] !== undefined) {
        aborted.push({ producerId: BigInt(entry.producer), firstOffset: BigInt(written[0]) });
      }
    }
    offset++;
  };
  for (const entry of entries) add(entry);
  // A leader answers up to the last stable offset: whatever is still open at the end is ended here.
  for (const producer of [...open.keys()]) add({ producer, kind: 'abort' });
  let end = 0;
  const ends = batches.map((batch) => (end += batch.length));
  return { bytes: Buffer.concat(batches), ends, entries: placed, aborted, visible: visible.sort((a, b) => a - b) };
}

const entry = fc.record({
  producer: fc.integer({ min: 1, max: 3 }),
  kind: fc.constantFrom('plain', 'data', 'data', 'commit', 'abort'),
}) as fc.Arbitrary<Entry>;

/** Reads a whole partition in fetches of at most this many bytes, as a reader would. */
function readAll(stored: Stored, bytes: number, filter = visibleBatches): number[] {
  const seen: number[] = [];
  for (let next = 0; next < stored.entries.length;) {
    const first = stored.entries.findIndex((one) => one.offset === next);
    const from = first === 0 ? 0 : stored.ends[first - 1]!;
    // As leaders do: the first batch whole, the last one cut where the limit falls.
    const to = Math.max(stored.ends[first]!, Math.min(from + bytes, stored.bytes.length));
    const last = stored.ends.findIndex((end) => end >= to);
    const overlapping = stored.aborted.filter((one) => {
      const marker = stored.entries.find(
        (entry) =>
          entry.kind === 'abort' && BigInt(entry.producer) === one.producerId && BigInt(entry.offset) > one.firstOffset,
      )!;
      return marker.offset >= next && Number(one.firstOffset) <= last;
    });
    const result = filter(stored.bytes.subarray(from, to), next, overlapping);
    expect(result.damage).toBeUndefined();
    seen.push(...result.batches.map((one) => one.baseOffset));
    expect(result.nextOffset).toBeGreaterThan(next);
    next = result.nextOffset;
  }
  return seen;
}

describe('what a reader of committed records sees', () => {
  it('is every committed record once and no aborted one, wherever fetches are cut', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 2_000 }),
        (entries, bytes) => {
          const stored = store(entries);
          expect(readAll(stored, bytes)).toEqual(stored.visible);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes two aborts of one producer in one fetch, and an abort whose marker lies beyond it', () => {
    const stored = store([
      { producer: 1, kind: 'data' },
      { producer: 1, kind: 'abort' },
      { producer: 1, kind: 'data' },
      { producer: 1, kind: 'commit' },
      { producer: 1, kind: 'data' },
      { producer: 2, kind: 'plain' },
      { producer: 1, kind: 'abort' },
    ]);
    expect(stored.visible).toEqual([2, 5]);
    expect(readAll(stored, 1_000_000)).toEqual([2, 5]);
    const cut = visibleBatches(stored.bytes.subarray(0, stored.ends[5]), 0, stored.aborted);
    expect(cut.batches.map((one) => one.baseOffset)).toEqual([2, 5]);
    expect(cut.nextOffset).toBe(6);
  });

  it('would show aborted records to a filter that forgets a producer at its first marker: the check can fail', () => {
    const stored = store([
      { producer: 1, kind: 'data' },
      { producer: 1, kind: 'abort' },
      { producer: 1, kind: 'data' },
      { producer: 1, kind: 'abort' },
    ]);
    const forgetful = (records: Uint8Array, from: number, aborted: readonly AbortedTransaction[]) =>
      visibleBatches(records, from, aborted.slice(0, 1));
    expect(stored.visible).toEqual([]);
    expect(readAll(stored, 1_000_000, forgetful)).not.toEqual([]);
  });

  it('passes over batches that end before the offset asked for, and a cut one at the end', () => {
    const stored = store([1, 2, 3].map((producer) => ({ producer, kind: 'plain' }) as const));
    const result = visibleBatches(stored.bytes.subarray(0, stored.bytes.length - 1), 1, []);
    expect(result.batches.map((one) => one.baseOffset)).toEqual([1]);
    expect(result.nextOffset).toBe(2);
  });

  it('stops at a batch whose checksum is wrong, and keeps what lies before it', () => {
    const stored = store([1, 2, 3].map((producer) => ({ producer, kind: 'plain' }) as const));
    const damaged = Buffer.from(stored.bytes);
    damaged[stored.ends[1]! - 2]! ^= 1;
    const result = visibleBatches(damaged, 0, []);
    expect(result.batches.map((one) => one.baseOffset)).toEqual([0]);
    expect(result).toMatchObject({ nextOffset: 1, damage: { offset: 1, error: { code: 'corrupt-batch' } } });
  });
});
