import { AppError, type JsonValue } from '#libs/core/kernel';
import type { ViewDefinition } from './view-definition.js';

/** A statement of a user over views, and what it may take. */
export interface SqlRequest {
  readonly statement: string;
  /** The views it may name, by their names; each with the id of its tables. */
  readonly views: readonly { readonly id: string; readonly view: ViewDefinition }[];
  /** Rows at most; what there is beyond is left out. */
  readonly limit: number;
  readonly timeoutMs: number;
}

export interface SqlAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly JsonValue[])[];
  /** Whether there were more rows, or more bytes, than an answer may have. */
  readonly truncated: boolean;
}

export const SQL_LIMITS = { characters: 20_000, rows: 10_000, bytes: 8 * 1024 * 1024 } as const;

/** Words that a statement which only reads can begin with. */
const READING = ['select', 'with', 'values'];

/**
 * The statement without what may follow it (white space, a semicolon).
 * @throws `sql-not-allowed` for one that does not begin as reading does. What else it may do is up to the database, which is asked through a connection that can only read.
 */
export function readingStatement(text: string): string {
  if (text.length > SQL_LIMITS.characters)
    throw new AppError({
      kind: 'too-large',
      code: 'sql-too-long',
      message: `The statement has ${text.length} characters; the limit is ${SQL_LIMITS.characters}.`,
      details: { limit: SQL_LIMITS.characters, value: text.length },
    });
  const begin = text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()*/, '');
  const [word = ''] = /^[a-z]*/i.exec(begin) ?? [];
  if (!READING.includes(word.toLowerCase()) || text.includes('\0'))
    throw new AppError({
      kind: 'invalid',
      code: 'sql-not-allowed',
      message: `A statement must begin with ${READING.join(', ').replace(/, (\w+)$/, ' or $1')}; it can read and nothing else.`,
    });
  let end = text.length;
  // One by one: an expression that ends with $ is tried from each place of every run of spaces.
  while (end > 0 && /[\s;]/.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

export const sqlRefused = (why: string, cause?: unknown): AppError =>
  new AppError({ kind: 'invalid', code: 'sql-refused', message: `The statement was refused: ${why}.`, cause });

export const sqlTooLong = (timeoutMs: number): AppError =>
  new AppError({
    kind: 'timeout',
    code: 'sql-too-slow',
    message: `The statement took longer than ${timeoutMs} ms and was ended.`,
    hint: 'Filter by the columns of an index, or ask for less.',
    details: { timeoutMs },
  });

export const sqlBusy = (running: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'sql-busy',
    message: `${running} statements are running, and no more do at the same time.`,
    hint: 'Ask again in a moment.',
    details: { limit: running },
    retryable: true,
    retryAfterMs: 2_000,
  });
