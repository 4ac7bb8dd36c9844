import { MOST_HEADER_BYTES, type RecordHeader } from '#libs/core/log';
import { ExactNumber } from '#libs/core/schema';
import { badRequest, unhandled } from '../errors.js';
import { membersOf, type Members } from '../json-members.js';
import { base64Bytes, PLAIN_TYPES, type PlainType } from '../produce/data.js';
import { SCHEMA_TYPES, STRATEGIES, type SchemaChoice } from '../produce/schemas.js';

const RECORD = new Set(['partition_id', 'headers', 'key', 'value', 'timestamp', 'original_size']);
const ENTRY = new Set([...RECORD, 'id']);
const HEADER = new Set(['name', 'value']);
const DATA = new Set(['type', 'subject', 'subject_name_strategy', 'schema_id', 'schema_version', 'schema', 'data']);

/** A key or value: data, and how it becomes bytes. */
export type GivenData =
  { readonly type: PlainType; readonly data: unknown } | { readonly schema: SchemaChoice; readonly data: unknown };

/** A record of v3 as it was given (section 4.1). */
export interface GivenRecord {
  readonly partition: number | undefined;
  readonly headers: readonly RecordHeader[];
  /** Undefined: null, and nothing is said of it in the answer. */
  readonly key: GivenData | undefined;
  readonly value: GivenData | undefined;
  /** Epoch ms. */
  readonly timestamp: number | undefined;
}

/** @throws 400, 422 for members nobody knows; 500 as the reference for a null. */
export function givenRecord(value: unknown): GivenRecord {
  if (value === null) throw unhandled();
  return recordOf(membersOf(value, RECORD, 'a record'));
}

/** An entry of a batch: a record with an id. */
export function givenEntry(value: unknown): { readonly id: unknown; readonly record: GivenRecord } {
  const members = membersOf(value, ENTRY, 'an entry');
  const record = recordOf(members);
  return { id: members.required('id', members.raw('id') ?? undefined), record };
}

function recordOf(members: Members): GivenRecord {
  return {
    partition: members.integer('partition_id'),
    headers: headersOf(members.list('headers') ?? []),
    key: dataOf(members.raw('key')),
    value: dataOf(members.raw('value')),
    timestamp: timestampOf(members.raw('timestamp')),
  };
}

/** Headers of one record. */
const MOST_HEADERS = 10_000;

/** @throws 400 as soon as they are too many. */
function headersOf(given: readonly unknown[]): readonly RecordHeader[] {
  const headers: RecordHeader[] = [];
  let bytes = 0;
  for (const one of given) {
    const header = headerOf(one);
    bytes += Buffer.byteLength(header.key) + (header.value?.length ?? 0);
    if (bytes > MOST_HEADER_BYTES || headers.length >= MOST_HEADERS)
      throw badRequest(`The headers of a record take ${MOST_HEADER_BYTES} bytes and are ${MOST_HEADERS} at most.`);
    headers.push(header);
  }
  return headers;
}

function headerOf(given: unknown): RecordHeader {
  const members = membersOf(given, HEADER, 'a header');
  const value = members.raw('value') ?? null;
  return { key: members.required('name', members.text('name')), value: value === null ? null : base64Bytes(value) };
}

/** Section 4.2: which members may stand together. */
function dataOf(given: unknown): GivenData | undefined {
  if (given === undefined || given === null) return undefined;
  const members = membersOf(given, DATA, 'key and value');
  if (!members.has('data')) throw badRequest("Missing required member 'data'.");
  const data = members.raw('data');
  const type = members.word('type', [...PLAIN_TYPES, ...SCHEMA_TYPES]);
  const subject = members.text('subject');
  const strategy = members.word('subject_name_strategy', STRATEGIES);
  const id = members.integer('schema_id');
  const version = members.integer('schema_version');
  const text = members.text('schema');
  const named = { schema_id: id, schema_version: version, schema: text, subject, subject_name_strategy: strategy };
  const plain = PLAIN_TYPES.find((one) => one === type);
  if (plain !== undefined) {
    for (const [name, value] of Object.entries(named))
      if (value !== undefined) throw badRequest(`'type=${plain}' cannot be used with '${name}'.`);
    return { type: plain, data };
  }
  const schemas = Object.entries({ schema_id: id, schema_version: version, schema: text }).filter(
    ([, value]) => value !== undefined,
  );
  if (schemas.length > 1) throw badRequest(`Only one of ${schemas.map(([name]) => name).join(', ')} can be used.`);
  if (subject !== undefined && strategy !== undefined)
    throw badRequest(`'subject=${subject}' cannot be used with 'subject_name_strategy'.`);
  const schemaType = SCHEMA_TYPES.find((one) => one === type);
  if (schemaType !== undefined && text === undefined)
    throw badRequest(`'type=${schemaType}' can be used only with 'schema'.`);
  if (schemaType === undefined && text !== undefined) throw unhandled();
  if (strategy !== undefined && strategy !== 'TOPIC_NAME' && id === undefined && text === undefined)
    throw badRequest(`Cannot use schema_subject_strategy=${strategy} without schema_id or schema.`);
  const under = { subject, strategy: strategy ?? 'TOPIC_NAME' };
  if (schemaType !== undefined && text !== undefined)
    return { schema: { ...under, by: 'text', type: schemaType, text }, data };
  if (id !== undefined) return { schema: { ...under, by: 'id', id }, data };
  if (version !== undefined) return { schema: { ...under, by: 'version', version }, data };
  return { schema: { ...under, by: 'latest' }, data };
}

/** As far from 1970 as a time can be written as text, which the answer does. */
const MOST_MS = 8_640_000_000_000_000;
const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)$/;

/** ISO 8601 with a zone, cut to milliseconds; a bare number is seconds since 1970, also as text. @throws 400. */
export function timestampOf(given: unknown): number | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  const text = given instanceof ExactNumber ? given.text : typeof given === 'number' ? String(given) : given;
  if (typeof text !== 'string') throw badRequest('timestamp must be an ISO 8601 time with a zone.');
  const seconds = /^([+-]?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (seconds !== null) {
    const [, sign, whole, fraction = ''] = seconds;
    const ms = Number(whole) * 1_000 + Number(fraction.slice(0, 3).padEnd(3, '0'));
    if (!(ms <= MOST_MS)) throw badRequest('timestamp is beyond all time.');
    return sign === '-' ? -ms : ms;
  }
  const [, time, fraction = '', zone = ''] = ISO.exec(text) ?? [];
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  const ms = time === undefined ? NaN : Date.parse(`${time}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`);
  if (Number.isNaN(ms)) throw badRequest('timestamp must be an ISO 8601 time with a zone.');
  return ms;
}

/** As the reference writes an instant: without a fraction where there is none. */
export function instantText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
