import { describe, expect, it } from 'vitest';
import { encodeBatch, type FetchedPartition } from '#libs/core/log';
import { ChunkRecords } from './chunk-records.js';

/** A batch of records whose values are their offsets. */
function batch(baseOffset: number, count: number, compression?: 'gzip'): Uint8Array {
  const records = Array.from({ length: count }, (_, index) => ({
    key: null,
    value: Buffer.from(String(baseOffset + index)),
    headers: [{ key: 'h', value: Buffer.from('v') }],
    timestamp: baseOffset + index,
  }));
  const bytes = encodeBatch(records, compression === undefined ? {} : { compression });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

const part = (partition: number, batches: readonly Uint8Array[]): FetchedPartition => {
  return { topic: 't', partition, startOffset: 0, endOffset: 100, batches, nextOffset: 100 };
};

const told = (records: ChunkRecords): string[] =>
  [...records].map(({ partition, offset, value }) => `${partition}:${offset}=${Buffer.from(value!).toString()}`);

describe('the records of a fetch where they lie', () => {
  it('are those from an offset on, up to another one, of every partition', () => {
    const records = new ChunkRecords([
      { fetched: part(0, [batch(0, 3), batch(3, 2)]), from: 1, end: 4 },
      { fetched: part(2, [batch(10, 2)]), from: 10, end: 100 },
      { fetched: part(3, [batch(5, 2)]), from: 7, end: 100 },
    ]);
    expect(told(records)).toEqual(['0:1=1', '0:2=2', '0:3=3', '2:10=10', '2:11=11']);
    expect(records.length).toBe(5);
    expect([...records][0]).toMatchObject({ timestamp: 1, headers: [{ key: 'h' }], key: null });
  });

  it('are there again when they are gone through again, also after a look at the first alone', () => {
    const records = new ChunkRecords([{ fetched: part(0, [batch(0, 2, 'gzip'), batch(2, 1)]), from: 0, end: 100 }]);
    for (const { offset } of records) {
      expect(offset).toBe(0);
      break;
    }
    const all = ['0:0=0', '0:1=1', '0:2=2'];
    expect([told(records), told(records)]).toEqual([all, all]);
  });

  it('are none of a partition that could not be read: its error is thrown', () => {
    const error = Object.assign(new Error('gone'), { code: 'offset-out-of-range' });
    const fetched = { ...part(0, []), error: error as never };
    expect(() => new ChunkRecords([{ fetched, from: 0, end: 1 }])).toThrow('gone');
  });

  it('are not given where a batch counts more than it has', () => {
    const bytes = batch(0, 2);
    Buffer.from(bytes.buffer, bytes.byteOffset).writeInt32BE(3, 57);
    const records = new ChunkRecords([{ fetched: part(0, [bytes]), from: 0, end: 100 }]);
    expect(() => [...records]).toThrow(expect.objectContaining({ code: 'corrupt-batch' }) as Error);
  });
});
