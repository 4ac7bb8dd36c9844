import { z } from 'zod';
import { AppError, isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { MOST_HEADER_BYTES } from '#libs/core/log';
import { FORMATS, fromBase64, Problems, SCHEMA_PLACES, type PartRequest, type SchemaPlace } from '#libs/core/records';

/** One record as the writer gave it: still JSON, numbers as they were written (`parseExact`). */
export interface GivenRecord {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  /** Epoch ms; undefined: the time of the request. */
  readonly timestamp: number | undefined;
  readonly partition: number | undefined;
}

export interface ProduceRequest {
  readonly key: PartRequest;
  readonly value: PartRequest;
  readonly schemaIn: SchemaPlace;
  readonly records: readonly GivenRecord[];
}

/** Query of `POST …/records`. */
export const produceQuery = z.strictObject({
  atomic: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('`true`: all records in one commit over partitions, or none.'),
  acks: z
    .enum(['all'])
    .optional()
    .describe('Only `all`: an answer never promises less than the topic does. The level reached is `durability`.'),
  durability: z
    .enum(['durable', 'buffered', 'none'])
    .optional()
    .describe(
      'Asks for at least this level, where the topic (`weir.durability`) promises less; a weaker one has no effect. The level reached is `durability` in the answer.',
    ),
  keyFormat: z.enum(FORMATS).optional().describe('Of lines; a JSON body says it itself, as it does what follows.'),
  valueFormat: z.enum(FORMATS).optional(),
  keySchemaId: z.coerce.number().int().min(1).optional(),
  valueSchemaId: z.coerce.number().int().min(1).optional(),
  keyMessage: z.string().max(1_024).optional(),
  valueMessage: z.string().max(1_024).optional(),
  schemaIn: z.enum(SCHEMA_PLACES).optional(),
  partition: z.coerce.number().int().min(0).max(100_000).optional().describe('Of record batches as bytes.'),
});
export type ProduceQuery = z.infer<typeof produceQuery>;

/** The request body as documentation; bodies are read by {@link parseProduceRequest}, which is quicker on thousands of records. */
export const produceBody = z.strictObject({
  keyFormat: z.enum(FORMATS).default('auto'),
  valueFormat: z.enum(FORMATS).default('auto'),
  keySchemaId: z.int().min(1).optional(),
  valueSchemaId: z.int().min(1).optional(),
  keyMessage: z.string().optional().describe('Full name of the Protobuf message; the first of the schema when absent.'),
  valueMessage: z.string().optional(),
  schemaIn: z
    .enum(SCHEMA_PLACES)
    .default('prefix')
    .describe(
      '`header`: the schema is named by its GUID in `__key_schema_id` and `__value_schema_id`, payloads stay bare.',
    ),
  records: z
    .array(
      z.strictObject({
        key: z.json().optional().describe('Absent or null: no key.'),
        value: z.json().describe('null: a tombstone.'),
        headers: z
          .array(
            z.strictObject({
              key: z.string(),
              value: z.union([z.string(), z.null(), z.strictObject({ base64: z.string() })]),
            }),
          )
          .optional(),
        timestamp: z.union([z.int(), z.iso.datetime({ offset: true })]).optional(),
        partition: z.int().min(0).optional(),
      }),
    )
    .min(1)
    .max(10_000),
});

/** Most records in one request. */
export const MAX_RECORDS = 10_000;

const REQUEST_MEMBERS = new Set([
  'keyFormat',
  'valueFormat',
  'keySchemaId',
  'valueSchemaId',
  'keyMessage',
  'valueMessage',
  'schemaIn',
  'records',
]);
const RECORD_MEMBERS = new Set(['key', 'value', 'headers', 'timestamp', 'partition']);

/** @throws `invalid-request` with one item for each problem (the first 20), each naming the JSON pointer of its place. */
export function parseProduceRequest(body: unknown): ProduceRequest {
  const problems = new Problems();
  if (!isJsonObject(body)) throw problems.add('', 'must be an object with a member `records`').error();
  problems.unknownMembers(body, REQUEST_MEMBERS, '');
  const key = partRequest(body, 'key', problems);
  const value = partRequest(body, 'value', problems);
  const schemaIn = oneOf(body, 'schemaIn', SCHEMA_PLACES, problems);
  const given = body['records'];
  if (!Array.isArray(given) || given.length === 0)
    throw problems.add('/records', 'must be a list with at least one record').error();
  if (given.length > MAX_RECORDS) {
    throw new AppError({
      kind: 'too-large',
      code: 'too-many-records',
      message: `${given.length} records in one request are more than the limit of ${MAX_RECORDS}.`,
      details: { limit: MAX_RECORDS, measured: given.length },
    });
  }
  const records = given.map((record, index) => parseRecord(record, index, problems));
  problems.raise();
  return { key, value, schemaIn, records };
}

function parseRecord(given: JsonValue, index: number, problems: Problems): GivenRecord {
  const at = `/records/${index}`;
  if (!isJsonObject(given)) {
    problems.add(at, 'must be an object');
    return { key: null, value: null, headers: [], timestamp: undefined, partition: undefined };
  }
  problems.unknownMembers(given, RECORD_MEMBERS, at);
  if (!Object.hasOwn(given, 'value')) problems.add(`${at}/value`, 'is missing; write null for a tombstone');
  const { partition } = given;
  if (partition !== undefined && !isNatural(partition)) problems.add(`${at}/partition`, 'must be a number from 0');
  return {
    key: given['key'] ?? null,
    value: given['value'] ?? null,
    headers: given['headers'] === undefined ? [] : headers(given['headers'], `${at}/headers`, problems),
    timestamp:
      given['timestamp'] === undefined ? undefined : timestamp(given['timestamp'], `${at}/timestamp`, problems),
    partition: partition as number | undefined,
  };
}

function headers(given: JsonValue, at: string, problems: Problems): GivenRecord['headers'] {
  if (!Array.isArray(given)) {
    problems.add(at, 'must be a list of {key, value}');
    return [];
  }
  const read = readHeaders(given, at, problems);
  const bytes = read.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + (value?.length ?? 0), 0);
  if (bytes > MOST_HEADER_BYTES) problems.add(at, `take ${bytes} bytes; ${MOST_HEADER_BYTES} are the limit`);
  return read;
}

function readHeaders(given: readonly JsonValue[], at: string, problems: Problems): GivenRecord['headers'] {
  return given.map((header, index) => {
    const value = isJsonObject(header) ? header['value'] : undefined;
    if (!isJsonObject(header) || typeof header['key'] !== 'string' || value === undefined) {
      problems.add(`${at}/${index}`, 'must be {key, value} with a text key');
      return { key: '', value: null };
    }
    const key = header['key'];
    if (value === null) return { key, value };
    if (typeof value === 'string') return { key, value: Buffer.from(value, 'utf8') };
    const bytes = isJsonObject(value) && typeof value['base64'] === 'string' ? fromBase64(value['base64']) : undefined;
    if (bytes === undefined) problems.add(`${at}/${index}/value`, 'must be text, null or {"base64": "…"}');
    return { key, value: bytes ?? null };
  });
}

function timestamp(given: JsonValue, at: string, problems: Problems): number | undefined {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given;
  const parsed = typeof given === 'string' && /^\d{4}-\d\d-\d\dT/.test(given) ? Date.parse(given) : NaN;
  if (Number.isNaN(parsed)) problems.add(at, 'must be epoch milliseconds or an ISO 8601 time with offset');
  return parsed;
}

function partRequest(body: JsonObject, part: 'key' | 'value', problems: Problems): PartRequest {
  const message = body[`${part}Message`];
  if (message !== undefined && typeof message !== 'string') {
    problems.add(`/${part}Message`, 'must be the full name of a message');
  }
  return {
    format: oneOf(body, `${part}Format`, FORMATS, problems),
    schemaId: schemaId(body, `${part}SchemaId`, problems),
    message: typeof message === 'string' ? message : undefined,
  };
}

/** A word of a list, the first when none is given. */
function oneOf<T extends string>(body: JsonObject, member: string, words: readonly T[], problems: Problems): T {
  const given = body[member] ?? words[0]!;
  const word = words.find((one) => one === given);
  if (word === undefined) problems.add(`/${member}`, `must be one of ${words.join(', ')}`);
  return word ?? words[0]!;
}

function schemaId(body: JsonObject, member: string, problems: Problems): number | undefined {
  const given = body[member];
  if (given === undefined) return undefined;
  if (!isNatural(given) || given < 1) problems.add(`/${member}`, 'must be a schema id');
  return given as number;
}

function isNatural(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
