import { describe, expect, it } from 'vitest';
import { readingStatement, SQL_LIMITS } from './view-sql.js';

describe('a statement of a user', () => {
  it.each([
    ['select 1', 'select 1'],
    [' select 1 ;\n; ', ' select 1'],
    ['-- why\n/* and how */ (select 1)', '-- why\n/* and how */ (select 1)'],
    ['WITH a as (select 1) select * from a;', 'WITH a as (select 1) select * from a'],
    [`select 1${' '.repeat(SQL_LIMITS.characters - 9)}x`, `select 1${' '.repeat(SQL_LIMITS.characters - 9)}x`],
  ])('begins as reading does, and loses what may follow it (%#)', (text, left) => {
    expect(readingStatement(text)).toBe(left);
  });

  it.each(['', ';', 'delete from t', 'attach "x" as y', 'selected', '-- select 1', 'pragma query_only', 'select \0'])(
    'is refused when it begins otherwise (%j)',
    (text) => {
      expect(() => readingStatement(text)).toThrow(expect.objectContaining({ code: 'sql-not-allowed' }));
    },
  );

  it('has a bound', () => {
    const text = `select ${'1'.repeat(SQL_LIMITS.characters)}`;
    expect(() => readingStatement(text)).toThrow(expect.objectContaining({ code: 'sql-too-long' }));
  });
});
