import { AppError } from '#libs/core/kernel';
import type { CellValue } from '#libs/core/streams';

/**
 * A cell as part of a statement: for defaults of columns, which no database takes as a bound value. Text holds no quote that is not doubled, and no zero, at which SQLite would end.
 * PostgreSQL reads it as it stands as long as `standard_conforming_strings` is on.
 */
export function literal(value: CellValue): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value === 'string' && !value.includes('\0')) return `'${value.replaceAll("'", "''")}'`;
  throw new AppError({ kind: 'internal', code: 'no-literal', message: 'A cell cannot stand in a statement.' });
}
