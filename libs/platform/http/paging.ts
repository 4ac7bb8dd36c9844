import { z } from 'zod';
import { AppError } from '#libs/core/kernel';

/** One page of a list: `next` is the cursor of the following one, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 1_000;
const MAX_CURSOR = 4_096;

/** Query members every list has; spread them into a strict object. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE).describe('Most entries in the answer.'),
  cursor: z.string().max(MAX_CURSOR).optional().describe('`next` of the page before.'),
};

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * A page of a list that is ordered by `keyOf` (as JavaScript compares text) without two equal keys. The cursor holds the last key, so that entries that
 * come or go in between neither repeat nor hide others.
 * @throws `invalid-cursor`.
 */
export function pageOf<T>(ordered: readonly T[], request: PageRequest, keyOf: (item: T) => string): Page<T> {
  const after = request.cursor === undefined ? undefined : parseCursor(request.cursor);
  const start = after === undefined ? 0 : firstAfter(ordered, after, keyOf);
  const items = ordered.slice(start, start + request.limit);
  const last = items.at(-1);
  return {
    items,
    next: last === undefined || start + request.limit >= ordered.length ? null : formatCursor(keyOf(last)),
  };
}

/** Binary search: the first place whose key lies after `key`. */
function firstAfter<T>(ordered: readonly T[], key: string, keyOf: (item: T) => string): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(ordered[middle]!) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A key as a cursor: versioned, opaque, safe in URLs. For lists that a store pages by itself. */
export function formatCursor(key: string): string {
  return Buffer.from(`1${key}`, 'utf8').toString('base64url');
}

/** The key in a cursor. @throws `invalid-cursor`. */
export function parseCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!text.startsWith('1') || formatCursor(text.slice(1)) !== cursor) {
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-cursor',
      message: 'The cursor cannot be read.',
      hint: 'Pass `next` of an earlier answer unchanged, or leave it out to begin anew.',
    });
  }
  return text.slice(1);
}
