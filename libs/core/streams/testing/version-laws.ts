import type { StoredRecord } from '#libs/core/log';
import { stateDigest } from '../derive/state-order.js';
import { sourceHeaders } from '../derive/derived-headers.js';
import { versionHeaders } from '../derive/versioned-stream.js';

/** What is wrong with the records of a versioned stream, partition after partition: numbers dense from 1, intervals that touch, no state twice in a row, changes named as they are. */
export function brokenVersionLaws(records: readonly StoredRecord[]): readonly string[] {
  const last = new Map<string, { number: number; validFrom: number; digest: string | null }>();
  const broken: string[] = [];
  for (const record of records) {
    const key = Buffer.from(record.key!).toString('latin1');
    const before = last.get(key);
    const { number, change, validFrom } = versionHeaders(record);
    const digest = stateDigest({ ...record, headers: sourceHeaders(record.headers) });
    const where = `${key} ${number}`;
    if (number !== (before?.number ?? 0) + 1) broken.push(`${where}: after ${before?.number ?? 'nothing'}`);
    if (validFrom < (before?.validFrom ?? 0)) broken.push(`${where}: holds from before the one before it`);
    if (before !== undefined && before.digest === digest) broken.push(`${where}: changes nothing`);
    const ended = before?.digest === null;
    const expected = before === undefined ? 'create' : digest === null ? 'delete' : ended ? 'undelete' : 'update';
    if (change !== expected) broken.push(`${where}: says ${change}, is ${expected}`);
    last.set(key, { number, validFrom, digest });
  }
  return broken;
}
