import { crc32c } from '@node-rs/crc32';
import { encodeBatch } from '../../index.js';
import { batchOf, recordOf } from './contract-context.js';

/** Batches no engine may take, each with what is wrong with it. */
export function brokenBatches(): readonly (readonly [why: string, batch: Uint8Array])[] {
  const batch = batchOf('one', 'two');
  const flipped = Buffer.from(batch);
  flipped[batch.length - 1]! ^= 1;
  const placed = Buffer.from(batch);
  placed.writeBigInt64BE(7n, 0);
  return [
    ['no bytes', Buffer.alloc(0)],
    ['half a header', batch.subarray(0, 30)],
    ['its end cut off', batch.subarray(0, batch.length - 1)],
    ['a flipped bit', flipped],
    ['a base offset', placed],
    ['a second batch behind it', Buffer.concat([batch, batch])],
    ['bytes behind it', Buffer.concat([batch, Buffer.from('rest')])],
    ['another magic', altered(batch, (copy) => copy.writeInt8(1, 16))],
    ['one record less than counted', altered(batch, (copy) => [copy.writeInt32BE(3, 57), copy.writeInt32BE(2, 23)])],
    ['more offsets than records', altered(batch, (copy) => copy.writeInt32BE(5, 23))],
    ['a count of zero', altered(batch, (copy) => copy.writeInt32BE(0, 57))],
    ['a negative count', altered(batch, (copy) => copy.writeInt32BE(-1, 57))],
    ['a record longer than the batch', altered(batch, (copy) => copy.writeUInt8(0x7e, 61))],
    ['a compression nobody knows', altered(batch, (copy) => copy.writeInt16BE(7, 21))],
    ['plain records said to be gzip', altered(batch, (copy) => copy.writeInt16BE(1, 21))],
    ['a producer but no sequence', altered(batch, (copy) => copy.writeBigInt64BE(5n, 43))],
    ['the control bit', encodeBatch([recordOf('marker', { key: Buffer.from([0, 0, 0, 1]) })], { control: true })],
  ];
}

/** A changed copy with a right checksum. */
function altered(batch: Buffer, change: (copy: Buffer) => unknown): Buffer {
  const copy = Buffer.from(batch);
  change(copy);
  copy.writeUInt32BE(crc32c(copy.subarray(21)), 17);
  return copy;
}
