import { refusal } from '../errors.js';
import { membersOf } from '../json-members.js';
import { givenEntry, type GivenRecord } from './record-request.js';

/** Most entries in a batch. */
const MOST_ENTRIES = 10;
const ID = /^[0-9A-Za-z_-]{1,80}$/;

export interface BatchEntry {
  readonly id: string;
  readonly record: GivenRecord;
}

/** `POST …/records:batch` (section 4.5). @throws 42208 for a batch that is refused as a whole; 400, 422 for what cannot be read. */
export function batchEntries(body: unknown): readonly BatchEntry[] {
  if (body === undefined || body === null) throw refusal(42_208, 'Request body is empty. Data is required.');
  const entries = (membersOf(body, new Set(['entries'])).list('entries') ?? []).map(givenEntry);
  if (entries.length === 0) throw refusal(42_208, 'Empty batch.');
  if (entries.length > MOST_ENTRIES) throw refusal(42_208, 'Too many entries in batch.');
  const known = new Set<string>();
  return entries.map(({ id, record }) => {
    if (typeof id !== 'string' || !ID.test(id)) throw refusal(42_208, 'Batch entry identifier is not a valid string.');
    if (known.has(id)) throw refusal(42_208, 'Batch entry IDs are not distinct.');
    known.add(id);
    return { id, record };
  });
}
