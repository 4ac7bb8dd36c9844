const numbered = new Map<string, string>();

/** Rewrites `?` placeholders to PostgreSQL's `$1`, `$2`, …; statements are constants, so each is rewritten once. */
export function numberPlaceholders(sql: string): string {
  let text = numbered.get(sql);
  if (text === undefined) {
    let n = 0;
    text = sql.replace(/\?/g, () => `$${++n}`);
    numbered.set(sql, text);
  }
  return text;
}

/** Values in one statement at most; longer lists are cut into pieces, so that there are few different statements. */
export const MAX_LIST = 200;

const lists: string[] = [];
const listsOfPairs: string[] = [];

/** `count` placeholders for an `in (…)` list. */
export function list(count: number): string {
  return (lists[count] ??= Array.from({ length: count }, () => '?').join(', '));
}

/** `count` pairs of placeholders, for `(a, b) in (…)`. */
export function pairs(count: number): string {
  return (listsOfPairs[count] ??= `values ${Array.from({ length: count }, () => '(?, ?)').join(', ')}`);
}

/** `count` rows of `width` placeholders, for an `insert … values …`. */
export function rowsOf(count: number, width: number): string {
  const row = `(${list(width)})`;
  return Array.from({ length: count }, () => row).join(', ');
}

/** The items in pieces of at most `size`. */
export function pieces<T>(items: readonly T[], size = MAX_LIST): readonly (readonly T[])[] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += size) result.push(items.slice(at, at + size));
  return result;
}
