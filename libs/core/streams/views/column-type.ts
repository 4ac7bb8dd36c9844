import { AppError, type JsonValue } from '#libs/core/kernel';

/**
 * The types a column can have. `timestamp` is epoch milliseconds inside and ISO 8601 text in answers; `decimal` is kept as its text; `json` as JSON
 * text inside and as JSON in answers.
 */
export const COLUMN_TYPES = ['text', 'integer', 'real', 'boolean', 'timestamp', 'decimal', 'json'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** What a cell holds in the view's tables. */
export type CellValue = string | number | bigint | null;

/** The cell for a decoded value. @throws `column-mismatch`, saying what was found; contents are not repeated. */
export function toCell(type: ColumnType, value: JsonValue | undefined): CellValue {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'text':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      break;
    case 'integer':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      // Beyond 2^53 the decoder hands out text, so that nothing is rounded.
      if (
        typeof value === 'string' &&
        /^-?[0-9]{1,19}$/.test(value) &&
        BigInt.asIntN(64, BigInt(value)) === BigInt(value)
      )
        return BigInt(value);
      break;
    case 'real':
      if (typeof value === 'number') return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value ? 1 : 0;
      break;
    case 'timestamp': {
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      const parsed = typeof value === 'string' ? Date.parse(value) : NaN;
      if (!Number.isNaN(parsed)) return parsed;
      break;
    }
    case 'decimal':
      if (typeof value === 'string' && /^-?[0-9]+(\.[0-9]+)?$/.test(value)) return value;
      if (typeof value === 'number' && Number.isFinite(value)) return String(value);
      break;
    case 'json':
      return JSON.stringify(value);
  }
  throw mismatch(type, value);
}

/** The value of a cell in answers. */
export function fromCell(type: ColumnType, cell: CellValue): JsonValue {
  if (cell === null) return null;
  switch (type) {
    case 'boolean':
      return Number(cell) !== 0;
    case 'timestamp':
      return isoTime(Number(cell));
    case 'json':
      return JSON.parse(String(cell)) as JsonValue;
    case 'text':
    case 'decimal':
      return String(cell);
    case 'integer':
    case 'real':
      return typeof cell === 'bigint'
        ? Number.isSafeInteger(Number(cell))
          ? Number(cell)
          : String(cell)
        : (cell as number);
  }
}

/** Meaning of a filter's text for a column, as a cell. @throws `invalid-filter-value`. */
export function parseCell(type: ColumnType, column: string, text: string): CellValue {
  switch (type) {
    case 'text':
    case 'json':
    case 'decimal':
      return text;
    case 'integer':
      if (/^-?[0-9]{1,19}$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
      break;
    case 'real':
      if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
      break;
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true' ? 1 : 0;
      break;
    case 'timestamp': {
      const ms = /^-?[0-9]{1,15}$/.test(text) ? Number(text) : Date.parse(text);
      if (!Number.isNaN(ms)) return ms;
      break;
    }
  }
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-filter-value',
    message: `'${text.slice(0, 100)}' cannot be compared with column '${column}', which is of type ${type}.`,
    details: { column, type },
  });
}

function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

function mismatch(type: ColumnType, value: JsonValue): AppError {
  const found = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  return new AppError({
    kind: 'unprocessable',
    code: 'column-mismatch',
    message: `${found} does not fit a column of type ${type}`,
  });
}
