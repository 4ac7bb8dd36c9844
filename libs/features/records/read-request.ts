import { z } from 'zod';
import { AppError } from '#libs/core/kernel';
import type { ReadFrom, ReadVector } from '#libs/core/log';

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
  limit: z.coerce.number().int().min(1).max(10_000).default(100).describe('Most records in the answer.'),
  wait: z.coerce.number().int().min(0).max(30_000).default(0).describe('Longest wait in ms for a first record.'),
  cursor: z.string().max(32_768).optional().describe('`next` of the page before; instead of from and partition.'),
  format: z
    .enum(['auto', 'binary'])
    .default('auto')
    .describe('`auto` decodes by schema, JSON or text; `binary` gives base64.'),
});
export type ReadQuery = z.infer<typeof readQuery>;

/** Meaning of the `from` parameter. @throws `invalid-position`, with the forms there are. */
export function parseFrom(text: string | undefined): ReadFrom {
  if (text === undefined || text === 'start') return { kind: 'start' };
  if (text === 'end') return { kind: 'end' };
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return { kind: 'offset', offset: Number(text) };
  if (/^-[1-9][0-9]{0,9}$/.test(text)) return { kind: 'last', count: Number(text.slice(1)) };
  if (text.startsWith('@')) {
    const time = text.slice(1);
    const timestampMs = /^[0-9]{1,15}$/.test(time) ? Number(time) : Date.parse(time);
    if (Number.isSafeInteger(timestampMs)) return { kind: 'time', timestampMs };
  }
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-position',
    message: `'${text}' is not a position to read from.`,
    hint: 'Use start, end, an offset such as 120, -10 for the last ten, or @2001-01-05T00:00:00Z.',
  });
}

/** A cursor as text: versioned, opaque, safe in URLs. */
export function formatCursor(vector: ReadVector): string {
  return Buffer.from(
    JSON.stringify([1, vector.generation, [...vector.positions].map(([p, offset]) => [p, String(offset)])]),
  ).toString('base64url');
}

/** @throws `invalid-cursor`. */
export function parseCursor(text: string): ReadVector {
  try {
    const [version, generation, list] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [
      unknown,
      unknown,
      unknown,
    ];
    if (version === 1 && isNatural(generation) && Array.isArray(list) && list.length > 0) {
      const positions = new Map<number, number>();
      for (const entry of list as [unknown, unknown][]) {
        const offset = /^[0-9]{1,16}$/.test(String(entry[1])) ? Number(entry[1]) : -1;
        if (!isNatural(entry[0]) || !isNatural(offset)) throw invalidCursor();
        positions.set(entry[0], offset);
      }
      return { generation, positions };
    }
  } catch (cause) {
    throw invalidCursor(cause);
  }
  throw invalidCursor();
}

function isNatural(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function invalidCursor(cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: 'The cursor cannot be read.',
    hint: 'Pass `next` of an earlier answer unchanged, or leave it out to begin anew.',
    cause,
  });
}
