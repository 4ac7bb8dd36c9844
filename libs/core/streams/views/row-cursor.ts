import { AppError } from '#libs/core/kernel';
import type { CellValue } from './column-type.js';
import type { Order, ViewQuery } from './view-query.js';

/** Where a page ended: the cells of the order columns and the identity of its last row. */
export interface RowPlace {
  readonly cells: readonly CellValue[];
  readonly identity: string;
}

/** The cursor after a row, bound to what was asked and of which version of which view. */
export function formatRowCursor(query: Pick<ViewQuery, 'binding'>, place: RowPlace): string {
  const cells = place.cells.map((cell) => (typeof cell === 'bigint' ? { int: String(cell) } : cell));
  return Buffer.from(JSON.stringify([2, query.binding, cells, place.identity])).toString('base64url');
}

/** @throws `invalid-cursor` for text that is none, `cursor-of-another-query` for one that was made under other filters, another order or another version of the view. */
export function parseRowCursor(text: string, order: readonly Order[], binding: string): RowPlace {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (cause) {
    throw unreadable(cause);
  }
  if (!Array.isArray(parsed) || parsed[0] !== 2 || !Array.isArray(parsed[2]) || typeof parsed[3] !== 'string')
    throw unreadable();
  if (parsed[1] !== binding || parsed[2].length !== order.length)
    throw new AppError({
      kind: 'invalid',
      code: 'cursor-of-another-query',
      message: 'The cursor was made under other filters, another order or another version of the view.',
      hint: 'Repeat the query it came from and change only limit and select, or leave the cursor out to begin anew.',
    });
  const cells = (parsed[2] as unknown[]).map((cell): CellValue => {
    if (cell === null || typeof cell === 'string' || typeof cell === 'number') return cell;
    const int = typeof cell === 'object' ? (cell as { int?: unknown }).int : undefined;
    if (typeof int === 'string' && /^-?[0-9]{1,19}$/.test(int)) return BigInt(int);
    throw unreadable();
  });
  return { cells, identity: parsed[3] };
}

function unreadable(cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: 'The cursor cannot be read.',
    hint: 'Pass `next` of the page before unchanged, or leave it out.',
    cause,
  });
}
