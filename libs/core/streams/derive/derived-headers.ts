import type { RecordHeader } from '#libs/core/log';
import type { Version } from './state-order.js';

/** What a change does to its key. `undelete`: the first state after a deletion. */
export type ChangeType = 'create' | 'update' | 'delete' | 'undelete';

/** Number of a state of a versioned stream, from 1 for each key, as decimal text. */
export const NUMBER_HEADER = 'weir-version';
/** {@link ChangeType} of a state of a versioned stream. */
export const CHANGE_HEADER = 'weir-change';
/** Epoch ms from which a state of a versioned stream is the one that holds, as decimal text. */
export const VALID_FROM_HEADER = 'weir-valid-from';
/** The version by which a deletion was ordered, as JSON, where the value that said it is gone with the key. */
export const ORDER_HEADER = 'weir-order';

const OURS: ReadonlySet<string> = new Set([NUMBER_HEADER, CHANGE_HEADER, VALID_FROM_HEADER, ORDER_HEADER]);

/** The headers that the source wrote: without those that tell about a state of a derived stream. The same list when there are none of them. */
export function sourceHeaders(headers: readonly RecordHeader[]): readonly RecordHeader[] {
  return headers.some((header) => OURS.has(header.key)) ? headers.filter((header) => !OURS.has(header.key)) : headers;
}

/** A header that holds text. */
export const textHeader = (key: string, text: string): RecordHeader => ({ key, value: Buffer.from(text) });

/** What stands in a header, or undefined. */
export function headerText(headers: readonly RecordHeader[], key: string): string | undefined {
  const value = headers.find((header) => header.key === key)?.value;
  return value === undefined || value === null ? undefined : Buffer.from(value).toString('utf8');
}

/** The version a deletion was ordered by; undefined where the record does not say. */
export function orderOf(headers: readonly RecordHeader[]): Version | undefined {
  const text = headerText(headers, ORDER_HEADER);
  return text === undefined ? undefined : (JSON.parse(text) as Version);
}
