import type { SqlDialect } from './dialect.js';
import { tableName } from './physical-names.js';

/** @param data the schema of the tables. */
export function postgresDialect(data: string): SqlDialect {
  return {
    table: (id, table) => `${data}.${tableName(id, table)}`,
    // Backslash is the escape of LIKE by itself.
    like: (left, pattern) => ({ sql: `${left} like ?`, values: [pattern] }),
    // Upper and lower case as the database has it: the collation C knows ASCII only.
    ilike: (left, pattern) => ({ sql: `${left} collate "default" ilike ?`, values: [pattern] }),
  };
}

/** `?` as `$1`, `$2`, …: generated text has no other question marks. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replaceAll('?', () => `$${++n}`);
}
