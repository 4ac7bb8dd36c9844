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
