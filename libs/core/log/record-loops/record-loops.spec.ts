import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordCursor } from '../batch-decoder.js';
import { BatchEncoder, encodeBatch, frameBatch } from '../batch-encoder.js';
import { readBatchHeader, stampAppendTime, stampBatch } from '../batch-header.js';
import { murmur2 } from '../partitioner.js';
import type { LogRecord } from '../record.js';
import { DigestSum } from '../record-digest.js';
import { BatchChecks } from './batch-checks.js';
import { BatchDealer, type HashedTargets } from './batch-dealer.js';

const bytes = (most: number) => fc.uint8Array({ maxLength: most });
const nullable = (most: number) => fc.option(bytes(most), { nil: null });
const headers = fc.array(fc.record({ key: fc.string({ maxLength: 9 }), value: nullable(40) }), { maxLength: 3 });
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.maxSafeInteger(),
  fc.constant(-1),
);
const record: fc.Arbitrary<LogRecord> = fc.record({ key: nullable(20), value: nullable(200), headers, timestamp });
const records = fc.array(record, { minLength: 1, maxLength: 40 });

function cursorOf(batch: Uint8Array): RecordCursor {
  return new RecordCursor(readBatchHeader(batch), batch);
}

/** Whether the loops have to take a batch: its timestamps are near each other, and the names of headers plain. */
function isUsual(all: readonly LogRecord[]): boolean {
  const near = all.every(({ timestamp: at }) => Math.abs(at - all[0]!.timestamp) < 2 ** 47);
  return near && all.every((one) => one.headers.every(({ key }) => /^[\0-\x7f]*$/.test(key)));
}

function sumOf(cursor: RecordCursor, source: number, offsetOf: (record: RecordCursor) => number): DigestSum {
  const sum = new DigestSum();
  while (cursor.next()) sum.addInPlace(source, offsetOf(cursor), cursor);
  return sum;
}

describe('a batch looked at as a whole', () => {
  const checks = new BatchChecks();

  it('takes nothing that a cursor would refuse', () => {
    const place = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(records, fc.array(place, { minLength: 1, maxLength: 3 }), (all, places) => {
        const batch = encodeBatch(all);
        for (const { at, to } of places) batch[61 + (at % (batch.length - 61))] = to;
        const offsets = Float64Array.from(all, (_, i) => i);
        const anywhere = { partition: 0, partitions: undefined };
        if (!checks.compare(cursorOf(batch), { source: 0, offsets }, anywhere, new DigestSum())) return;
        const cursor = cursorOf(batch);
        for (let expected = 0; cursor.next(); expected++) expect(cursor.offsetDelta).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has the digests of its records, whatever offsets they came from', () => {
    const base = fc.oneof(fc.nat(1_000), fc.integer({ min: 2 ** 31 - 20, max: 2 ** 40 }));
    fc.assert(
      fc.property(records, fc.nat(300), base, fc.boolean(), (all, source, first, stamped) => {
        const batch = encodeBatch(all);
        if (stamped) stampAppendTime(batch, 1_800_000_000_000, 0, batch.length);
        const offsets = Float64Array.from(all, (_, i) => first + 3 * i);
        const sum = new DigestSum();
        const taken = checks.compare(
          cursorOf(batch),
          { source, offsets },
          { partition: 0, partitions: undefined },
          sum,
        );
        if (isUsual(all)) expect(taken).toBe(true);
        const expected = sumOf(cursorOf(batch), source, ({ offsetDelta }) => offsets[offsetDelta]!);
        expect(sum.toString()).toBe((taken ? expected : new DigestSum()).toString());
      }),
      { numRuns: 400 },
    );
  });

  it('is left alone when one of its keys belongs elsewhere, or its offsets are not as many', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 5 }), fc.nat(4), (all, partitions, partition) => {
        const batch = encodeBatch(all);
        const sum = new DigestSum();
        const offsets = Float64Array.from(all, (_, i) => i);
        const taken = checks.compare(cursorOf(batch), { source: 1, offsets }, { partition, partitions }, sum);
        const belongs = ({ key }: LogRecord): boolean =>
          key === null || (murmur2(key) & 0x7fff_ffff) % partitions === partition;
        expect(taken).toBe(isUsual(all) && all.every(belongs));
        const fewer = { source: 1, offsets: offsets.subarray(1) };
        expect(checks.compare(cursorOf(batch), fewer, { partition, partitions: undefined }, sum)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });
});

describe('records dealt out', () => {
  const targets = 5;
  const source = 2;

  /** The same by an encoder for each target. */
  function expectedOf(batches: readonly Buffer[], to: HashedTargets) {
    const encoders = Array.from({ length: targets }, () => new BatchEncoder());
    const routes: number[] = [];
    const sum = new DigestSum();
    for (const batch of batches) {
      const cursor = cursorOf(batch);
      while (cursor.next()) {
        const { keyAt, keyLength, offset } = cursor;
        const target =
          keyLength < 0
            ? to.keyless!.first + to.keyless!.step * (offset % to.keyless!.modulus)
            : to.first + ((murmur2(cursor.bytes, keyAt, keyLength) & 0x7fff_ffff) % to.partitions);
        routes.push(target);
        sum.addInPlace(source, offset, cursor);
        encoders[target]!.addEncoded(cursor.timestamp, cursor.view, cursor.fieldsAt, cursor.recordEnd);
      }
    }
    return { routes, sum, batches: encoders.map((one) => (one.count === 0 ? undefined : one.finish())) };
  }

  it('are in each target what an encoder would have made of them, over several batches', () => {
    const to: HashedTargets = { first: 0, partitions: targets, keyless: { first: 1, step: 2, modulus: 2 } };
    const usual = records.filter(isUsual);
    fc.assert(
      fc.property(fc.array(usual, { minLength: 1, maxLength: 4 }), fc.nat(2 ** 33), (all, base) => {
        const dealer = new BatchDealer({ targets, batchBytes: 1 << 18 });
        let offset = base;
        const batches = all.map((some) => {
          const batch = encodeBatch(some);
          stampBatch(batch, offset, 1);
          offset += some.length;
          return batch;
        });
        const expected = expectedOf(batches, to);
        const sum = new DigestSum();
        const routes: number[] = [];
        for (const batch of batches) {
          const dealt = dealer.route(cursorOf(batch), source, to, sum)!;
          expect(dealt.together).toBe(new Set(dealt.routes).size === 1);
          routes.push(...dealt.routes);
          dealer.deal(() => expect.unreachable('there is room for all'));
        }
        expect(routes).toEqual(expected.routes);
        expect(sum.toString()).toBe(expected.sum.toString());
        for (const [target, batch] of expected.batches.entries()) {
          const taken = dealer.take(target);
          expect(taken && frameBatch(taken.plain, taken)).toEqual(batch);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('go on in the next batch where one is full', () => {
    const to: HashedTargets = { first: 3, partitions: 1, keyless: undefined };
    const dealer = new BatchDealer({ targets, batchBytes: 1_000 });
    const all = Array.from({ length: 40 }, (_, n) => ({
      ...{ key: Buffer.from(`k${n}`), value: Buffer.alloc(70, n), headers: [], timestamp: n },
    }));
    expect(dealer.route(cursorOf(encodeBatch(all)), source, to, new DigestSum())?.together).toBe(true);
    const made: Buffer[] = [];
    const take = (target: number): void => {
      const taken = dealer.take(target)!;
      made.push(frameBatch(taken.plain, taken));
    };
    dealer.deal(take);
    take(3);
    expect(made.length).toBeGreaterThan(2);
    expect(Math.max(...made.map((one) => one.length))).toBeLessThanOrEqual(1_000);
    const keys = made.flatMap((batch) => {
      const cursor = cursorOf(batch);
      const found: string[] = [];
      while (cursor.next()) found.push(Buffer.from(cursor.record().key!).toString());
      return found;
    });
    expect(keys).toEqual(all.map(({ key }) => key.toString()));
  });

  it('are left alone when one has no key and no place, or is longer than a batch', () => {
    const sum = new DigestSum();
    const to: HashedTargets = { first: 0, partitions: 2, keyless: undefined };
    const dealer = new BatchDealer({ targets, batchBytes: 1_000 });
    const keyless = encodeBatch([{ key: null, value: null, headers: [], timestamp: 1 }]);
    const long = encodeBatch([{ key: Buffer.from('k'), value: Buffer.alloc(990), headers: [], timestamp: 1 }]);
    for (const batch of [keyless, long]) expect(dealer.route(cursorOf(batch), source, to, sum)).toBeUndefined();
    expect(sum.count).toBe(0);
    expect(dealer.take(0)).toBeUndefined();
  });
});
