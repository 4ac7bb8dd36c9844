import { z } from 'zod';
import { AppError } from '#libs/core/kernel';
import type { ReadFrom, ReadUntil } from '#libs/core/log';
import { MAX_FILTER_LENGTH, MAX_FILTERS } from '#libs/core/records';

/** Query of `GET /v1/topics/{topic}/records`. */
export const readQuery = z.strictObject({
  from: z
    .string()
    .max(64)
    .optional()
    .describe(
      '`start` (default), `end`, an offset, `-N` for the last N records of each partition, `@` and a time (ISO 8601 or epoch ms).',
    ),
  partition: z.coerce
    .number()
    .int()
    .min(0)
    .max(100_000)
    .optional()
    .describe('One partition; all of them unless given.'),
  until: z
    .string()
    .max(64)
    .optional()
    .describe('Where to end, without the record there: `end` as of now, an offset, `@` and a time.'),
  key: z.string().max(MAX_FILTER_LENGTH).optional().describe('Only records with this key, as it is shown.'),
  filter: z
    .union([z.string(), z.array(z.string()).max(MAX_FILTERS)])
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .optional()
    .describe(
      'Only records of which this holds: `value.country=DE`, `key=o1`, `header.trace=f00d`. Repeated: all must hold.',
    ),
  limit: z.coerce.number().int().min(1).max(10_000).default(100).describe('Most records in the answer.'),
  wait: z.coerce.number().int().min(0).max(30_000).default(0).describe('Longest wait in ms for a first record.'),
  cursor: z
    .string()
    .max(32_768)
    .optional()
    .describe(
      '`next` of the page before; instead of from, until, partition, key and filter. One too long for a URL goes into the body of `records:read`.',
    ),
  format: z
    .enum(['auto', 'binary'])
    .default('auto')
    .describe('`auto` decodes by schema, JSON or text; `binary` gives base64.'),
});
export type ReadQuery = z.infer<typeof readQuery>;

/** Characters of a cursor in a body: more than that of any topic the service makes. */
const MAX_SENT_CURSOR = 4 * 1024 * 1024;

/** Body of `POST /v1/topics/{topic}/records:read`: the query, with a cursor of any length. */
export const readBody = readQuery.extend({
  cursor: z
    .string()
    .max(MAX_SENT_CURSOR)
    .optional()
    .describe('`next` of the page before; instead of from, until, partition, key and filter.'),
});

/** Meaning of the `from` parameter. @throws `invalid-position`, with the name of the parameter and the forms there are. */
export function parseFrom(text: string | undefined): ReadFrom {
  return parsePosition('from', text);
}

function parsePosition(name: 'from' | 'until', text: string | undefined): ReadFrom {
  if (text === undefined || text === 'start') return { kind: 'start' };
  if (text === 'end') return { kind: 'end' };
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return { kind: 'offset', offset: Number(text) };
  if (/^-[1-9][0-9]{0,9}$/.test(text)) return { kind: 'last', count: Number(text.slice(1)) };
  if (text.startsWith('@')) {
    const time = text.slice(1);
    const timestampMs = /^[0-9]{1,15}$/.test(time) ? Number(time) : Date.parse(time);
    if (Number.isSafeInteger(timestampMs)) return { kind: 'time', timestampMs };
  }
  throw notAPosition(name, text);
}

/** Meaning of the `until` parameter. @throws `invalid-position`. */
export function parseUntil(text: string | undefined): ReadUntil | undefined {
  if (text === undefined) return undefined;
  const until = parsePosition('until', text);
  if (until.kind === 'start' || until.kind === 'last') throw notAPosition('until', text);
  return until;
}

const POSITIONS = {
  from: 'Use start, end, an offset such as 120, -10 for the last ten, or @2001-01-05T00:00:00Z.',
  until: 'Use end, an offset such as 120, or @2001-01-05T00:00:00Z.',
};

function notAPosition(name: 'from' | 'until', text: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-position',
    message: `'${text}' is not a position for '${name}'.`,
    hint: POSITIONS[name],
    details: { parameter: name },
  });
}

/** Query of `GET /v1/topics/{topic}/stream`. */
export const streamQuery = readQuery.omit({ limit: true, wait: true }).extend({
  from: readQuery.shape.from.describe('As for reading records; `end` unless given.'),
});
export type StreamQuery = z.infer<typeof streamQuery>;
