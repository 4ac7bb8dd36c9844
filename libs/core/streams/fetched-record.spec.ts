import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, type FetchedPartition, type LogRecord } from '#libs/core/log';
import { ChunkRecords } from './chunk-records.js';
import { JsonRecordDecoder } from './record-decoder.js';

function chunk(records: readonly LogRecord[], compression?: 'gzip'): ChunkRecords {
  const batches = [encodeBatch(records, compression === undefined ? {} : { compression })];
  const nextOffset = records.length;
  const fetched: FetchedPartition = { topic: 't', partition: 1, startOffset: 0, endOffset: 9, batches, nextOffset };
  return new ChunkRecords([{ fetched, from: 0, end: 100 }]);
}

const record = (key: Uint8Array | null, value: Uint8Array | null, headers: LogRecord['headers'] = []): LogRecord => {
  return { key, value, headers, timestamp: 7 };
};

const bytes = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .dictionary(fc.string(), fc.oneof(fc.integer(), fc.double(), fc.bigInt().map(String), fc.string(), fc.boolean()))
    .map((object) => Buffer.from(JSON.stringify(object))),
  fc
    .constantFrom(
      '{"n":12345678901234567890}',
      '{"n":1e400}',
      '{"n":-0.1234567890123456789}',
      '{"a":1},{"b":2}',
      '{"a":"\\u0000ä"}',
      '{"a":"ä"}',
      `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`,
      `${'{"a":'.repeat(600)}1${'}'.repeat(600)}`,
      '{',
      '{}x',
      'true',
      'order-1',
      'Nil',
    )
    .map((text) => Buffer.from(text)),
);

describe('a record of a fetch where it lies', () => {
  it('has the bytes of its key and value, compressed or not', () => {
    for (const compression of [undefined, 'gzip'] as const) {
      const all = [
        record(Buffer.from('k'), Buffer.from('v')),
        record(null, Buffer.alloc(0)),
        record(Buffer.alloc(0), null),
      ];
      const found = [...chunk(all, compression).fetched()];
      expect(found.map(({ offset, partition, timestamp }) => [offset, partition, timestamp])).toEqual([
        [0, 1, 7],
        [1, 1, 7],
        [2, 1, 7],
      ]);
      expect(found.map(({ key, value }) => [key?.toString(), value?.toString()])).toEqual([
        ['k', 'v'],
        [undefined, ''],
        ['', undefined],
      ]);
      expect(found.map(({ hasKey, hasValue }) => [hasKey, hasValue])).toEqual([
        [true, true],
        [false, true],
        [true, false],
      ]);
    }
  });

  it('is told without its bytes as what a decoder makes of them, or not at all', () => {
    const decoder = new JsonRecordDecoder();
    const made = (read: () => unknown): unknown => {
      try {
        return read();
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(bytes, bytes, (key, value) => {
        const [found] = chunk([record(key, value)]).fetched();
        const { word, plainObject } = found!;
        if (word !== undefined) expect(word).toEqual(decoder.key('t', key));
        if (plainObject !== undefined)
          expect(made(() => JSON.parse(plainObject))).toEqual(made(() => decoder.value('t', value)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is told so where it is a usual one, and never where a header may name its schema', () => {
    const [key, value] = [Buffer.from('order-1'), Buffer.from('{"n": 1, "x": [0.5, {"a": "b"}]}')];
    const [plain] = chunk([record(key, value)]).fetched();
    expect([plain!.word, plain!.plainObject]).toEqual([key.toString(), value.toString()]);
    const [named] = chunk([record(key, value, [{ key: 'h', value: null }])]).fetched();
    expect([named!.word, named!.plainObject]).toEqual([undefined, undefined]);
    for (const other of ['true', 'false', 'null', 'NO'.toLowerCase(), '7', ' a', '"a"', 'ä', ''])
      expect([...chunk([record(Buffer.from(other), null)]).fetched()][0]!.word).toBeUndefined();
  });
});
