import type { TableSearch } from '#libs/core/streams';
import { cell } from './physical-names.js';
import type { Statement } from './query-sql.js';

/** The statement of a search in one table: identity and all cells. */
export function searchSql(table: string, search: TableSearch): Statement {
  const { column, equals, below, by, descending, after, limit } = search;
  const where = [`${cell(column)} ${below === undefined ? '=' : '<'} ?`];
  const values = [below === undefined ? (equals ?? null) : below];
  if (by !== undefined) where.push(`${cell(by)} is not null`);
  if (after !== undefined) {
    where.push('identity > ?');
    values.push(after);
  }
  const direction = descending === true ? ' desc' : '';
  const order = by === undefined ? `identity` : `${cell(by)}${direction}, identity${direction}`;
  return {
    sql: `select * from ${table} where ${where.join(' and ')} order by ${order} limit ?`,
    values: [...values, limit],
  };
}
