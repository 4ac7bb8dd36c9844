import { DECIMAL_DIGITS, plainInteger, scaleOf, type CellValue } from './column-type.js';
import { doubleOf, integerOf, minus, plus, sumOf, type ExactSum } from './exact-sum.js';
import { AGGREGATE_CELLS } from './table-shapes.js';
import type { AggregateColumn } from './view-definition.js';

/** What a group knows of one aggregate. */
export interface GroupPart {
  readonly result: CellValue;
  /** How many values took part. */
  readonly n: number;
  /** The exact sum; the order of the latest; null for others. */
  readonly state: string | null;
  /** The result was taken away: it has to be looked for among what is left. */
  readonly stale: boolean;
}

export const EMPTY_PART: GroupPart = { result: null, n: 0, state: null, stale: false };

/** A record's share in one aggregate: its value and its order in time. */
export interface Share {
  readonly input: CellValue;
  readonly order: string;
}

/** The part with one more value. Null takes no part, except in counts. */
export function withShare(column: AggregateColumn, part: GroupPart, { input, order }: Share): GroupPart {
  if (column.aggregate === 'count') return counted(part, part.n + 1);
  if (input === null) return part;
  const n = part.n + 1;
  switch (column.aggregate) {
    case 'sum':
    case 'avg':
      return summed(column, n, plus(part.state, shareOf(column, input)));
    case 'min':
      return { ...part, n, result: part.result === null || isLess(input, part.result) ? input : part.result };
    case 'max':
      return { ...part, n, result: part.result === null || isLess(part.result, input) ? input : part.result };
    case 'latest':
      return part.state === null || order > part.state ? { ...part, n, result: input, state: order } : { ...part, n };
  }
}

/** The part without a value that had taken part. Extremes that went with it are stale. */
export function withoutShare(column: AggregateColumn, part: GroupPart, { input, order }: Share): GroupPart {
  if (column.aggregate === 'count') return counted(part, part.n - 1);
  if (input === null) return part;
  const n = part.n - 1;
  if (n === 0) return EMPTY_PART;
  switch (column.aggregate) {
    case 'sum':
    case 'avg':
      return summed(column, n, minus(part.state, shareOf(column, input)));
    case 'min':
    case 'max':
      return { ...part, n, stale: part.stale || isSame(part.result, input) };
    case 'latest':
      return { ...part, n, stale: part.stale || part.state === order };
  }
}

/** The cells a part is stored in. */
export function partCells(part: GroupPart): CellValue[] {
  return [part.result, part.n, part.state];
}

export function partIn(cells: readonly CellValue[], first: number, aggregate: number): GroupPart {
  const [result, n, state] = cells.slice(first + AGGREGATE_CELLS * aggregate) as [CellValue, number, string | null];
  return { result, n: Number(n ?? 0), state, stale: false };
}

const counted = (part: GroupPart, n: number): GroupPart => ({ ...part, n, result: n });

/** Whether values are added up as doubles. */
const isReal = (column: AggregateColumn): boolean => column.of?.type === 'real';

function shareOf(column: AggregateColumn, input: NonNullable<CellValue>): ExactSum {
  return sumOf(typeof input === 'string' ? BigInt(input) : input, isReal(column));
}

/** What does not fit the column is null until it fits again; the sum itself goes on. */
function summed(column: AggregateColumn, n: number, state: ExactSum): GroupPart {
  return { result: column.aggregate === 'avg' ? mean(column, n, state) : total(column, state), n, state, stale: false };
}

function mean(column: AggregateColumn, n: number, state: ExactSum): CellValue {
  const scale = column.of === null ? undefined : scaleOf(column.of.type)?.scale;
  const value = doubleOf(state) / n / 10 ** (scale ?? 0);
  return Number.isFinite(value) ? value : null;
}

/** The first number with more digits than a decimal has place for. */
const TOO_LONG = 10n ** BigInt(DECIMAL_DIGITS);

function total(column: AggregateColumn, state: ExactSum): CellValue {
  if (isReal(column)) {
    const value = doubleOf(state);
    return Number.isFinite(value) ? value : null;
  }
  const value = integerOf(state);
  const isDecimal = scaleOf(column.type) !== undefined;
  const fits = isDecimal ? value > -TOO_LONG && value < TOO_LONG : BigInt.asIntN(64, value) === value;
  return fits ? plainInteger(value) : null;
}

/** Cells of one type, none of them null. Text is compared as its bytes are, as databases do. */
export function isLess(one: NonNullable<CellValue>, than: NonNullable<CellValue>): boolean {
  if (typeof one === 'string' && typeof than === 'string')
    return Buffer.compare(Buffer.from(one), Buffer.from(than)) < 0;
  return one < than;
}

/** A number may come as bigint from one side only. */
function isSame(one: CellValue, other: CellValue): boolean {
  if (one === null || other === null || typeof one === 'string' || typeof other === 'string') return one === other;
  return !(one < other) && !(one > other);
}
