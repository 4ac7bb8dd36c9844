import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch, RecordCursor, recordsFrom } from './batch-decoder.js';
import { BatchEncoder, encodeBatch, maxRecordSize } from './batch-encoder.js';
import { batchesIn, readBatchHeader, stampBatch, verifyBatch } from './batch-header.js';
import { detachBatch, isWholeBatch, validateForAppend } from './batch-validation.js';
import { type LogRecord, NO_TIMESTAMP } from './record.js';

/** The vector of the format reference (section 2.4). */
const VECTOR = Buffer.from(
  `000000000000002a 00000046 00000000 02 17f9a0a4 0000 00000001
   0000018bcfe56800 0000018bcfe56805 0000000000000007 0001 0000000a 00000002
   18 00 00 00 02 6b 02 76 02 02 68 02 01
   0e 00 0a 02 01 02 77 00`.replaceAll(/\s/g, ''),
  'hex',
);
const VECTOR_RECORDS: LogRecord[] = [
  {
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: [{ key: 'h', value: Buffer.from([1]) }],
    timestamp: 1_700_000_000_000,
  },
  { key: null, value: Buffer.from('w'), headers: [], timestamp: 1_700_000_000_005 },
];
const PRODUCER = { id: 7, epoch: 1, baseSequence: 10 };

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 80 }), { nil: null });
const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 8 }), value: bytesOrNull }), {
    maxLength: 4,
  }),
  timestamp: fc.oneof(
    fc.constant(NO_TIMESTAMP),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.maxSafeInteger(),
    fc.nat(),
  ),
});
const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 12 });

function plain({ key, value, headers, timestamp }: LogRecord): unknown {
  const hex = (one: Uint8Array | null): string | null => (one === null ? null : Buffer.from(one).toString('hex'));
  return [hex(key), hex(value), timestamp, headers.map((one) => [one.key, hex(one.value)])];
}

const record = (value: string, timestamp = 0): LogRecord => ({
  key: null,
  value: Buffer.from(value),
  headers: [],
  timestamp,
});

describe('record batch', () => {
  it('is written to the byte as the vector of the format', () => {
    const batch = encodeBatch(VECTOR_RECORDS, { producer: PRODUCER });
    stampBatch(batch, 42, 0);
    expect(batch.toString('hex')).toBe(VECTOR.toString('hex'));
  });

  it('is read as the vector of the format', () => {
    const { header, records } = decodeBatch(VECTOR);
    expect(header).toMatchObject({
      baseOffset: 42,
      lastOffset: 43,
      sizeBytes: 82,
      crc: 0x17f9a0a4,
      producerId: 7,
      producerEpoch: 1,
      baseSequence: 10,
      recordCount: 2,
      baseTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_005,
      control: false,
      transactional: false,
    });
    expect(records.map((one) => one.offset)).toEqual([42, 43]);
    expect(records.map(plain)).toEqual(VECTOR_RECORDS.map(plain));
  });

  it('brings back any records as they were, compressed or not', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom('none' as const, 'gzip' as const), (records, compression) => {
        const batch = encodeBatch(records, { compression });
        const { header, records: read } = decodeBatch(batch);
        expect(read.map(plain)).toEqual(records.map(plain));
        expect(header.maxTimestamp).toBe(Math.max(...records.map((one) => one.timestamp)));
        expect(validateForAppend(batch)).toEqual(header);
      }),
    );
  });

  it('an encoder used again and grown on the way writes the same bytes as a fresh one', () => {
    fc.assert(
      fc.property(fc.array(anyRecords, { minLength: 1, maxLength: 4 }), (batches) => {
        const encoder = new BatchEncoder(1);
        for (const records of batches) {
          for (const one of records) encoder.add(one);
          expect(encoder.count).toBe(records.length);
          const batch = encoder.finish();
          expect(batch.equals(encodeBatch(records))).toBe(true);
        }
      }),
    );
  });

  it('takes records over from another batch, as they lie there, to the same bytes', () => {
    fc.assert(
      fc.property(anyRecords, anyRecords, (records, others) => {
        const source = encodeBatch([...others, ...records]);
        const cursor = new RecordCursor(readBatchHeader(source), source);
        const encoder = new BatchEncoder(1);
        for (let n = 0; cursor.next(); n++) {
          if (n >= others.length) encoder.addEncoded(cursor.timestamp, cursor.view, cursor.fieldsAt, cursor.recordEnd);
        }
        expect(encoder.finish().equals(encodeBatch(records))).toBe(true);
      }),
    );
  });

  it('takes records over under other keys, the rest of them byte for byte', () => {
    const anyKey = fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ minLength: 40, maxLength: 70 }));
    fc.assert(
      fc.property(anyRecords, fc.array(anyKey, { minLength: 1, maxLength: 4 }), (records, keys) => {
        const source = encodeBatch(records);
        const cursor = new RecordCursor(readBatchHeader(source), source);
        const encoder = new BatchEncoder(1);
        for (let n = 0; cursor.next(); n++) {
          const key = keys[n % keys.length]!;
          const apart = Buffer.concat([Buffer.alloc(3, 9), key, Buffer.alloc(2, 9)]);
          const behindKey = cursor.keyAt + Math.max(0, cursor.keyLength);
          encoder.addUnderKey(cursor.timestamp, apart, 3, key.length, cursor.view, behindKey, cursor.recordEnd);
        }
        const expected = records.map((one, n) => ({ ...one, key: keys[n % keys.length]! }));
        expect(encoder.finish().equals(encodeBatch(expected))).toBe(true);
      }),
    );
  });

  it('takes long fields over as well, and refuses a timestamp that is none', () => {
    const long = { ...record('x'.repeat(5_003)), key: Buffer.from('y'.repeat(700)) };
    const source = Buffer.concat([Buffer.alloc(7), encodeBatch([long, record('z')])]).subarray(7);
    const cursor = new RecordCursor(readBatchHeader(source), source);
    const encoder = new BatchEncoder();
    while (cursor.next()) encoder.addEncoded(cursor.timestamp, cursor.view, cursor.fieldsAt, cursor.recordEnd);
    expect(() => encoder.addEncoded(0.5, cursor.view, cursor.fieldsAt, cursor.recordEnd)).toThrow(
      expect.objectContaining({ code: 'invalid-record' }),
    );
    expect(encoder.finish().equals(encodeBatch([long, record('z')]))).toBe(true);
  });

  it('reads a record of any numbers, short or long ones, wherever the batch ends', () => {
    const sizes = fc.constantFrom(0, 1, 62, 63, 64, 65, 127, 128, 8_100, 8_191, 8_192, 8_200);
    const times = fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 27 - 1, 2 ** 27, -(2 ** 27) - 1, 2 ** 40);
    const sized = fc.record({ key: sizes, value: sizes, time: times, headers: fc.constantFrom(0, 0, 1, 70) });
    fc.assert(
      fc.property(fc.array(sized, { minLength: 1, maxLength: 6 }), fc.boolean(), (shapes, nulls) => {
        const records = shapes.map(({ key, value, time, headers }, n) => ({
          key: nulls && n % 2 === 0 ? null : Buffer.alloc(key, n),
          value: nulls && n % 3 === 0 ? null : Buffer.alloc(value, n),
          headers: Array.from({ length: headers }, (_, h) => ({ key: `h${h}`, value: null })),
          timestamp: time,
        }));
        const batch = encodeBatch(records);
        // What follows in the same memory is never read as part of it.
        const within = Buffer.concat([batch, Buffer.alloc(40, 2)]).subarray(0, batch.length);
        expect(decodeBatch(within).records.map(plain)).toEqual(records.map(plain));
      }),
    );
  });

  it('no record takes more than maxRecordSize', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (first, second) => {
        const encoder = new BatchEncoder();
        encoder.add(first);
        const before = encoder.sizeBytes;
        encoder.add(second);
        expect(encoder.sizeBytes - before).toBeLessThanOrEqual(maxRecordSize(second));
      }),
    );
  });

  it('keeps the batch as it was when a record is refused', () => {
    const encoder = new BatchEncoder();
    encoder.add(record('good'));
    const size = encoder.sizeBytes;
    for (const timestamp of [NaN, 1.5, 2 ** 53, Infinity]) {
      expect(() => encoder.add(record('bad', timestamp))).toThrow(expect.objectContaining({ code: 'invalid-record' }));
    }
    const lone = { ...record('bad'), headers: [{ key: 'half \ud83e', value: null }] };
    expect(() => encoder.add(lone)).toThrow(expect.objectContaining({ code: 'invalid-record' }));
    expect(encoder.sizeBytes).toBe(size);
    expect(decodeBatch(encoder.finish()).records).toHaveLength(1);
  });

  it('is not made of nothing', () => {
    expect(() => encodeBatch([])).toThrow(expect.objectContaining({ code: 'invalid-batch' }));
  });

  it('reads log append time for every record where the batch says so', () => {
    const batch = encodeBatch([record('a', 5), record('b', 9)], { logAppendTime: true });
    expect(decodeBatch(batch).records.map((one) => one.timestamp)).toEqual([9, 9]);
  });

  it('refuses timestamps and offsets that are no safe integers', () => {
    for (const at of [0, 27, 35]) {
      const batch = encodeBatch([record('a')]);
      batch.writeBigInt64BE(2n ** 62n, at);
      expect(() => readBatchHeader(batch)).toThrow(expect.objectContaining({ code: 'corrupt-batch' }));
    }
  });

  it('negative control: any byte under the checksum that changes is found', () => {
    const batch = encodeBatch(VECTOR_RECORDS, { producer: PRODUCER });
    for (let at = 16; at < batch.length; at++) {
      for (const bit of [1, 0x80]) {
        const damaged = Buffer.from(batch);
        damaged[at]! ^= bit;
        expect(() => verifyBatch(damaged), `byte ${at}`).toThrow(expect.objectContaining({ code: 'corrupt-batch' }));
        expect(() => validateForAppend(damaged), `byte ${at}`).toThrow(
          expect.objectContaining({ code: 'invalid-batch' }),
        );
      }
    }
  });

  it('any other bytes give an AppError and nothing else, whatever they are', () => {
    const batch = encodeBatch([...VECTOR_RECORDS, record('x'.repeat(40))]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(batch.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(batch.length),
        (changes, cut) => {
          const damaged = Buffer.from(batch).subarray(0, cut % 3 === 0 ? cut : batch.length);
          for (const [at, byte] of changes) if (at < damaged.length) damaged[at] = byte;
          try {
            decodeBatch(damaged, { verify: false });
          } catch (error) {
            expect(error).toMatchObject({ name: 'AppError' });
          }
        },
      ),
    );
  });
});

describe('batches in a buffer', () => {
  const batches = [1, 2, 3].map((n) => encodeBatch(Array.from({ length: n }, (_, i) => record(`${n}:${i}`))));

  it('come one after another, and a partial one at the end is left out', () => {
    const all = Buffer.concat(batches);
    for (let cut = 0; cut <= all.length; cut++) {
      const whole = [...batchesIn(all.subarray(0, cut))];
      const sizes = batches.map((_, i) => batches.slice(0, i + 1).reduce((sum, one) => sum + one.length, 0));
      expect(whole).toHaveLength(sizes.filter((size) => size <= cut).length);
    }
    expect([...batchesIn(all)].map((one) => one.at)).toEqual([
      0,
      batches[0]!.length,
      batches[0]!.length + batches[1]!.length,
    ]);
  });

  it('bytes that are no batch are refused, not skipped', () => {
    expect(() => [...batchesIn(Buffer.alloc(100))]).toThrow(expect.objectContaining({ code: 'corrupt-batch' }));
  });

  it('stamping changes neither checksum nor records', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.integer({ min: 0, max: 2 ** 45 }), (epoch, base) => {
        const batch = encodeBatch(VECTOR_RECORDS);
        stampBatch(batch, base, epoch);
        const { header, records } = decodeBatch(batch);
        expect(header).toMatchObject({ baseOffset: base, leaderEpoch: epoch });
        expect(records.map((one) => one.offset)).toEqual([base, base + 1]);
      }),
    );
  });
});

describe('records of a fetch', () => {
  const place = { topic: 't', partition: 0, startOffset: 0, endOffset: 100, nextOffset: 100 };
  const stamped = (base: number, records: LogRecord[], control = false): Buffer => {
    const batch = encodeBatch(records, { control });
    stampBatch(batch, base, 0);
    return batch;
  };
  const batches = [
    stamped(10, [record('a'), record('b'), record('c')]),
    stamped(13, [record('marker')], true),
    stamped(20, [record('d')]),
  ];

  it('begin at the offset asked for and leave control batches out', () => {
    const values = (from: number): string[] =>
      [...recordsFrom({ ...place, batches }, from)].map((one) => `${one.offset}${Buffer.from(one.value!).toString()}`);
    expect(values(0)).toEqual(['10a', '11b', '12c', '20d']);
    expect(values(11)).toEqual(['11b', '12c', '20d']);
    expect(values(13)).toEqual(['20d']);
    expect(values(21)).toEqual([]);
  });

  it('throw the error of the partition first', () => {
    const error = Object.assign(new Error('gone'), { code: 'offset-out-of-range' });
    expect(() => [...recordsFrom({ ...place, batches, error: error as never }, 0)]).toThrow('gone');
  });

  it('can be walked without looking at headers', () => {
    const batch = encodeBatch(VECTOR_RECORDS);
    const cursor = new RecordCursor(readBatchHeader(batch), batch);
    const seen: number[] = [];
    while (cursor.next()) seen.push(cursor.keyLength, cursor.valueLength);
    expect(seen).toEqual([1, 1, -1, 1]);
  });
});

describe('a batch detached from its place', () => {
  it('can be appended elsewhere with the same records, and with a producer of its own', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom('none' as const, 'gzip' as const), (records, compression) => {
        const batch = encodeBatch(records, {
          compression,
          producer: { id: 99, epoch: 3, baseSequence: 8, transactional: true },
        });
        stampBatch(batch, 5_000, 4);
        const plainCopy = detachBatch(batch);
        expect(plainCopy.equals(encodeBatch(records, { compression }))).toBe(true);
        expect(validateForAppend(plainCopy, { anonymous: true }).producerId).toBe(-1);
        expect(detachBatch(batch, PRODUCER).equals(encodeBatch(records, { compression, producer: PRODUCER }))).toBe(
          true,
        );
      }),
    );
  });

  it('is refused when it is damaged', () => {
    const batch = encodeBatch(VECTOR_RECORDS);
    batch[70]! ^= 1;
    expect(() => detachBatch(batch)).toThrow(expect.objectContaining({ code: 'corrupt-batch' }));
  });

  it('is whole only while every offset has its record', () => {
    const batch = encodeBatch(VECTOR_RECORDS);
    expect(isWholeBatch(batch)).toBe(true);
    batch.writeInt32BE(7, 23);
    expect(isWholeBatch(batch)).toBe(false);
    expect(isWholeBatch(encodeBatch([record('m')], { control: true }))).toBe(false);
  });
});
