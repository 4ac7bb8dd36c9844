import type { Statement } from './query-sql.js';

/** What SQLite and PostgreSQL write differently. */
export interface SqlDialect {
  /** The table of a source of a view, as statements name it. */
  table(id: string, source: number): string;
  /** Whether a text fits a pattern of LIKE (backslash as escape), telling case apart. */
  like(left: string, pattern: string): Statement;
  /** The same without telling case apart. */
  ilike(left: string, pattern: string): Statement;
}
