import { createHash } from 'node:crypto';

/** Names what is drawn, in every process of a run: `WEIR_TEST_DRAW`, or `all` for everything. Runs by hand draw the same each time. */
const DRAW = process.env['WEIR_TEST_DRAW'] ?? '1';

/**
 * Some of many cases that each cost seconds: so many are drawn anew for each run, which prints what they are drawn with, so that they all have their turn; in their order.
 * @param what names these cases among others
 * @param count all, where there are no more
 */
export function drawn<T>(what: string, cases: readonly T[], count: number, draw = DRAW): readonly T[] {
  if (draw === 'all' || cases.length <= count) return cases;
  const lots = cases.map((_, i) => createHash('sha256').update(`${draw} ${what} ${i}`).digest('hex'));
  const least = new Set([...lots].sort().slice(0, count));
  return cases.filter((_, i) => least.has(lots[i]!));
}
