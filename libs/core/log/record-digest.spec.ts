import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordCursor } from './batch-decoder.js';
import { encodeBatch } from './batch-encoder.js';
import { readBatchHeader } from './batch-header.js';
import type { StoredRecord } from './record.js';
import { DIGEST_NUMBERS, digestRecord, DigestSum, writeDigest } from './record-digest.js';

type Sourced = StoredRecord & { readonly source: number };

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null });
const anyRecord: fc.Arbitrary<Sourced> = fc.record({
  source: fc.nat(20),
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  key: bytesOrNull,
  value: bytesOrNull,
  timestamp: fc.oneof(fc.constant(-1), fc.maxSafeInteger()),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 6 }), value: bytesOrNull }), { maxLength: 3 }),
});
const sumOf = (records: readonly Sourced[]): DigestSum =>
  records.reduce((sum, one) => sum.add(one.source, one.offset, one), new DigestSum());

describe('sums of record digests', () => {
  it('are equal for equal sets, in any order and however the set is split', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 15 }), fc.nat(15), (records, cut) => {
        const whole = sumOf(records);
        const parts = sumOf([...records.slice(cut)].reverse()).merge(sumOf(records.slice(0, cut)));
        expect(parts.equals(whole)).toBe(true);
        expect(DigestSum.parse(parts.toString()).equals(whole)).toBe(true);
        expect(whole.count).toBe(records.length);
      }),
    );
  });

  it('do not depend on what bytes lie beside a record in memory', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const moved = (bytes: Uint8Array | null): Uint8Array | null =>
          bytes === null
            ? null
            : Buffer.concat([Buffer.from('abc'), bytes, Buffer.from('xyz')]).subarray(3, 3 + bytes.length);
        const copy = { ...record, key: moved(record.key), value: moved(record.value) };
        expect(digestRecord(1, 2, copy)).toBe(digestRecord(1, 2, record));
      }),
    );
  });

  it('are the same for records that are read where they lie in a batch', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), (records) => {
        const wellFormed = records.map((one) => ({
          ...one,
          headers: one.headers.filter(({ key }) => Buffer.from(key).toString() === key),
        }));
        const batch = encodeBatch(wellFormed);
        const cursor = new RecordCursor(readBatchHeader(batch), batch);
        const inPlace = new DigestSum();
        for (let n = 0; cursor.next(); n++) inPlace.addInPlace(wellFormed[n]!.source, wellFormed[n]!.offset, cursor);
        expect(inPlace.toString()).toBe(sumOf(wellFormed).toString());
      }),
    );
  });

  it('are the same for records that are read where they lie and get another key', () => {
    fc.assert(
      fc.property(anyRecord, fc.uint8Array({ maxLength: 40 }), (record, key) => {
        const batch = encodeBatch([record]);
        const cursor = new RecordCursor(readBatchHeader(batch), batch);
        cursor.next();
        const apart = Buffer.concat([Buffer.alloc(5, 1), key]);
        const view = new DataView(apart.buffer, apart.byteOffset, apart.length);
        const { source, offset } = record;
        const sum = new DigestSum().addUnderKey(source, offset, cursor, view, 5, key.length);
        expect(sum.equals(new DigestSum().add(source, offset, { ...record, key }))).toBe(true);
        const digests = new Int32Array(2 * DIGEST_NUMBERS);
        writeDigest(cursor, view, 5, key.length, digests, DIGEST_NUMBERS);
        const hex = [...digests].map((one) => (one >>> 0).toString(16).padStart(8, '0')).join('');
        expect(hex).toBe('0'.repeat(32) + digestRecord(0, 0, { ...record, key }));
      }),
    );
  });

  it('negative control: a dropped, doubled or exchanged record shows', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 10 }), anyRecord, (records, other) => {
        const whole = sumOf(records);
        expect(sumOf(records.slice(1)).equals(whole)).toBe(false);
        expect(sumOf([...records, records[0]!]).equals(whole)).toBe(false);
        fc.pre(
          digestRecord(other.source, other.offset, other) !==
            digestRecord(records[0]!.source, records[0]!.offset, records[0]!),
        );
        const exchanged = sumOf([other, ...records.slice(1)]);
        expect(exchanged.count).toBe(whole.count);
        expect(exchanged.equals(whole)).toBe(false);
      }),
    );
  });

  it('negative control: every change of a field shows', () => {
    const record: Sourced = {
      source: 3,
      offset: 70,
      key: Buffer.from('key'),
      value: Buffer.from('a value of more than sixteen bytes'),
      timestamp: 1_700_000_000_000,
      headers: [
        { key: 'a', value: Buffer.from('1') },
        { key: 'b', value: null },
      ],
    };
    const changed: Partial<Sourced>[] = [
      { source: 4 },
      { offset: 71 },
      { offset: 70 + 2 ** 32 },
      { key: null },
      { key: Buffer.from('') },
      { key: Buffer.from('key\0') },
      { key: record.value, value: record.key },
      { value: null },
      { value: Buffer.from('') },
      { timestamp: -1 },
      { timestamp: record.timestamp + 1 },
      { source: 70, offset: 3 },
      { headers: [] },
      { headers: [...record.headers].reverse() },
      { headers: [record.headers[0]!, { key: 'b', value: Buffer.from('') }] },
      { headers: [{ key: 'a1', value: Buffer.from('') }, record.headers[1]!] },
    ];
    for (let bit = 0; bit < record.value!.length * 8; bit++) {
      const value = Buffer.from(record.value!);
      value[bit >> 3]! ^= 1 << (bit & 7);
      changed.push({ value });
    }
    const seen = new Set([digestRecord(record.source, record.offset, record)]);
    for (const change of changed) {
      const other = { ...record, ...change };
      seen.add(digestRecord(other.source, other.offset, other));
    }
    expect(seen.size).toBe(changed.length + 1);
  });

  it('negative control: bytes moved from the end of a key to the start of the value show', () => {
    const of = (key: string, value: string): string =>
      digestRecord(0, 0, { key: Buffer.from(key), value: Buffer.from(value), headers: [], timestamp: 0 });
    expect(new Set([of('ab', 'c'), of('a', 'bc'), of('', 'abc'), of('abc', '')]).size).toBe(4);
  });

  it('stay what they were, since sums are kept in checkpoints', () => {
    const record = {
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      headers: [{ key: 'h', value: null }],
      timestamp: 5,
    };
    expect(new DigestSum().add(1, 2, record).toString()).toMatchInlineSnapshot(
      `"d1:1:12670655d46b2ee2a8b197bc6666acd3"`,
    );
  });

  it('refuse other texts', () => {
    for (const text of [
      '',
      'd1:1:00',
      `d2:1:${'0'.repeat(32)}`,
      `d1:-1:${'0'.repeat(32)}`,
      `d1:99999999999999999:${'0'.repeat(32)}`,
    ]) {
      expect(() => DigestSum.parse(text)).toThrow(expect.objectContaining({ code: 'invalid-digest' }));
    }
  });
});
