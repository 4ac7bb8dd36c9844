import { AppError, isAppError, type JsonValue } from '#libs/core/kernel';
import { dayOf, isoDate, isoMicros, isoMillis, isoTime, microsOf, millisOf, timeOf } from './column-times.js';

/**
 * The types a column can have, beside `decimal(p,s)`. Inside, `timestamp` is epoch milliseconds, `timestamp_us` microseconds, `date` days since 1970, `time` microseconds of the day,
 * `decimal(p,s)` the unscaled number, `decimal` its text, `bytes` base64 text, `json` JSON text. Answers have times as ISO 8601, decimals as text and JSON as JSON.
 */
export const COLUMN_TYPES = [
  'text',
  'integer',
  'real',
  'boolean',
  'timestamp',
  'timestamp_us',
  'date',
  'time',
  'uuid',
  'bytes',
  'decimal',
  'json',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number] | `decimal(${number},${number})`;

/** Digits of a decimal that is kept as a number; longer ones are kept as text and have no order. */
export const DECIMAL_DIGITS = 18;

/** How a value that is decoded stands for the type: Avro's decimals are base64 of the unscaled number, some times count other units. */
export type Reading = `unscaled(${number})` | 'millis' | 'nanos';

/** The type of a field, and how its values are read. */
export interface FieldType {
  readonly type: ColumnType;
  readonly reading?: Reading;
  /** The value, as it would be decoded, of records that were written without the field. Null unless given. */
  readonly default?: JsonValue;
}

/** What a cell holds in the view's tables. */
export type CellValue = string | number | bigint | null;

/** What a database has to hold for a type. */
export type CellKind = 'integer' | 'real' | 'text';

/** Digits in all and after the point of a `decimal(p,s)`; undefined for other types. */
export function scaleOf(type: ColumnType): { readonly precision: number; readonly scale: number } | undefined {
  const match = /^decimal\(([0-9]{1,2}),([0-9]{1,2})\)$/.exec(type);
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

/** The type of this name, undefined when there is none. */
export function parseColumnType(text: string): ColumnType | undefined {
  const plain = COLUMN_TYPES.find((one) => one === text);
  if (plain !== undefined) return plain;
  const scaled = scaleOf(text.replaceAll(' ', '') as ColumnType);
  if (scaled === undefined || scaled.precision < 1 || scaled.scale > scaled.precision) return undefined;
  return scaled.precision > DECIMAL_DIGITS ? undefined : `decimal(${scaled.precision},${scaled.scale})`;
}

export function cellKind(type: ColumnType): CellKind {
  if (scaleOf(type) !== undefined) return 'integer';
  switch (type) {
    case 'integer':
    case 'boolean':
    case 'timestamp':
    case 'timestamp_us':
    case 'date':
    case 'time':
      return 'integer';
    case 'real':
      return 'real';
    default:
      return 'text';
  }
}

/** Whether cells of the type can be told apart as less and more. */
export const hasOrder = (type: ColumnType): boolean => type !== 'json' && type !== 'decimal' && type !== 'bytes';

/** Whether cells of the type can be added up. */
export const isNumber = (type: ColumnType): boolean =>
  type === 'integer' || type === 'real' || scaleOf(type) !== undefined;

/** The cell for a decoded value. @throws `column-mismatch`, saying what was found; contents are not repeated. */
export function toCell(field: FieldType, value: JsonValue | undefined): CellValue {
  return cellReader(field)(value);
}

/** {@link toCell} for a field, for many values. */
export function cellReader(field: FieldType): (value: JsonValue | undefined) => CellValue {
  const { type, reading } = field;
  const scaled = scaleOf(type);
  const absent = absentCell(field);
  return (value) => {
    if (value === undefined) return absent;
    if (value === null) return null;
    const given = reading === undefined ? value : read(reading, value);
    const cell = scaled === undefined ? cellOf(type, given) : scaledCell(scaled, given);
    if (cell === undefined) throw mismatch(type, value);
    return cell;
  };
}

/** The cell of a record that was written without the field. @throws `column-mismatch` for a default that does not fit the type. */
function absentCell({ default: given, ...field }: FieldType): CellValue {
  return given === undefined ? null : cellReader(field)(given);
}

/** Whether every database can hold a text: it has no zero character and no half of a pair of surrogates. */
export function isStorable(text: string): boolean {
  // With the u flag the range matches lone surrogates only.
  return !/[\0\ud800-\udfff]/u.test(text);
}

/** The field with its default, or without it where that is nothing a cell of the type can hold in every database. */
export function withUsableDefault(field: FieldType): FieldType {
  if (field.default === undefined) return field;
  const plain: FieldType =
    field.reading === undefined ? { type: field.type } : { type: field.type, reading: field.reading };
  try {
    const cell = absentCell(field);
    return typeof cell === 'string' && !isStorable(cell) ? plain : field;
  } catch (error) {
    if (isAppError(error, 'column-mismatch')) return plain;
    throw error;
  }
}

function scaledCell(
  { precision, scale }: { readonly precision: number; readonly scale: number },
  value: JsonValue | undefined,
): CellValue | undefined {
  return value === undefined ? undefined : unscaledCell(value, precision, scale);
}

/** Of a type without a scale. */
function cellOf(type: ColumnType, value: JsonValue | undefined): CellValue | undefined {
  if (value === undefined) return undefined;
  switch (type) {
    case 'text':
      if (typeof value === 'string') return value;
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
    case 'integer':
      return integerCell(value);
    case 'real':
      return typeof value === 'number' ? value : realCell(value);
    case 'boolean':
      return typeof value === 'boolean' ? Number(value) : undefined;
    case 'timestamp':
      return typeof value === 'string' ? millisOf(value) : integerCell(value);
    case 'timestamp_us':
      return typeof value === 'string' ? (microsOf(value) ?? integerCell(value)) : integerCell(value);
    case 'date':
      return typeof value === 'string' ? dayOf(value) : integerCell(value);
    case 'time':
      return typeof value === 'string' ? timeOf(value) : integerCell(value);
    case 'uuid':
      return typeof value === 'string' && UUID.test(value) ? value.toLowerCase() : undefined;
    case 'bytes':
      return typeof value === 'string' ? base64Cell(value) : undefined;
    case 'decimal':
      if (typeof value === 'string' && DECIMAL.test(value)) return value;
      return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
    default:
      return JSON.stringify(value);
  }
}

/** The value of a cell in answers. */
export function fromCell(type: ColumnType, cell: CellValue): JsonValue {
  if (cell === null) return null;
  const scaled = scaleOf(type);
  if (scaled !== undefined) return scaledText(BigInt(cell), scaled.scale);
  switch (type) {
    case 'boolean':
      return Number(cell) !== 0;
    case 'timestamp':
      return isoMillis(Number(cell));
    case 'timestamp_us':
      return isoMicros(BigInt(cell));
    case 'date':
      return isoDate(Number(cell));
    case 'time':
      return isoTime(Number(cell));
    case 'json':
      return JSON.parse(String(cell)) as JsonValue;
    case 'integer':
    case 'real':
      if (typeof cell !== 'bigint') return cell as number;
      return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
    default:
      return String(cell);
  }
}

/** Meaning of a filter's text for a column, as a cell. @throws `invalid-filter-value`. */
export function parseCell(type: ColumnType, column: string, text: string): CellValue {
  const cell = cellInText(type, text);
  if (cell !== undefined) return cell;
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-filter-value',
    message: `'${text.slice(0, 100)}' cannot be compared with column '${column}', which is of type ${type}.`,
    details: { column, type },
  });
}

function cellInText(type: ColumnType, text: string): CellValue | undefined {
  switch (type) {
    case 'text':
    case 'json':
    case 'decimal':
    case 'bytes':
      return text;
    case 'integer':
      return integerCell(text);
    case 'real':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' || text === 'false' ? Number(text === 'true') : undefined;
    case 'timestamp':
      return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : millisOf(text);
    default: {
      const scaled = scaleOf(type);
      return scaled === undefined ? cellOf(type, text) : scaledCell(scaled, text);
    }
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const DECIMAL = /^-?[0-9]+(\.[0-9]+)?$/;

/** Beyond 2^53 the decoder hands out text, so that nothing is rounded. */
function integerCell(value: JsonValue): CellValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !/^-?[0-9]{1,19}$/.test(value)) return undefined;
  return BigInt.asIntN(64, BigInt(value)) === BigInt(value) ? plainInteger(BigInt(value)) : undefined;
}

/** Filled up to whole groups, as every database reads it. */
function base64Cell(text: string): CellValue | undefined {
  if (!BASE64.test(text)) return undefined;
  const bare = text.replace(/=+$/, '');
  return bare.length % 4 === 1 ? undefined : bare.padEnd(Math.ceil(bare.length / 4) * 4, '=');
}

/** Integers beyond 2^53 are handed out as text: the nearest double is what a column of doubles has of them. */
function realCell(value: JsonValue): CellValue | undefined {
  if (typeof value !== 'string' || !/^-?[0-9]{16,400}$/.test(value)) return undefined;
  return Number.isFinite(Number(value)) ? Number(value) : undefined;
}

/** A number where it is exact as one. */
export function plainInteger(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Digits after the point that the type has no place for must be zeros: nothing is rounded in silence. */
function unscaledCell(value: JsonValue, precision: number, scale: number): CellValue | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  const match = typeof text === 'string' ? /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text) : null;
  if (match === null) return undefined;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > scale) return undefined;
  const digits = (match[2]! + fraction.padEnd(scale, '0')).replace(/^0+(?=.)/, '');
  return digits.length > precision ? undefined : plainInteger(BigInt(`${match[1]}${digits}`));
}

/** A number with its point put in. */
export function scaledText(unscaled: bigint, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function read(reading: Reading, value: JsonValue): JsonValue | undefined {
  if (reading === 'millis') return typeof value === 'number' ? value * 1_000 : undefined;
  const whole = integerCell(value);
  if (reading === 'nanos')
    return whole === undefined || whole === null ? undefined : String(floorDivided(BigInt(whole), 1_000n));
  if (typeof value !== 'string' || !BASE64.test(value)) return undefined;
  const scale = Number(/\(([0-9]+)\)/.exec(reading)![1]);
  return scaledText(twosComplement(Buffer.from(value, 'base64')), scale);
}

function twosComplement(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

function floorDivided(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

function mismatch(type: ColumnType, value: JsonValue): AppError {
  const found = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  return new AppError({
    kind: 'unprocessable',
    code: 'column-mismatch',
    message: `${found} does not fit a column of type ${type}`,
  });
}
