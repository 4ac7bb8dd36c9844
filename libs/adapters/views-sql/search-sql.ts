import type { CellValue, TableSearch } from '#libs/core/streams';
import { cell } from './physical-names.js';
import type { Statement } from './query-sql.js';

/** The statement of a search in one table: identity and all cells. */
export function searchSql(table: string, search: TableSearch): Statement {
  const { column, equals, from, below, by, descending, after, before, limit } = search;
  const where: string[] = [];
  const values: CellValue[] = [];
  if (column !== undefined) {
    where.push(`${cell(column)} ${below === undefined ? '=' : '<'} ?`);
    values.push(below === undefined ? (equals ?? null) : below);
    if (from !== undefined) {
      where.push(`${cell(column)} >= ?`);
      values.push(from);
    }
  }
  if (by !== undefined) where.push(`${cell(by)} is not null`);
  if (after !== undefined) {
    where.push('identity > ?');
    values.push(after);
  }
  if (before !== undefined) {
    where.push('identity < ?');
    values.push(before);
  }
  const order = by === undefined ? 'identity' : `${cell(by)}${descending === true ? ' desc' : ''}, identity`;
  return {
    sql: `select * from ${table} ${where.length === 0 ? '' : `where ${where.join(' and ')} `}order by ${order} limit ?`,
    values: [...values, limit],
  };
}
