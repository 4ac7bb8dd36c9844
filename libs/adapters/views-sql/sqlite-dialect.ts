import type { SqlDialect } from './dialect.js';
import { tableName } from './physical-names.js';
import { globOf } from './query-sql.js';

export const SQLITE: SqlDialect = {
  table: tableName,
  // LIKE of SQLite never tells case apart.
  like: (left, pattern) => ({ sql: `${left} glob ?`, values: [globOf(pattern)] }),
  ilike: (left, pattern) => ({ sql: `${left} like ? escape '\\'`, values: [pattern] }),
};
