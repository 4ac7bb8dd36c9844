import { AppError, nearest, type ErrorItem } from '#libs/core/kernel';
import { parseCell, type CellValue, type ColumnType } from './column-type.js';
import type { ViewDefinition } from './view-definition.js';

/** Comparison of a column with a value, in the words of PostgREST. `is` compares with null, true or false. */
export const OPERATORS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'in', 'is'] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  readonly column: string;
  readonly not: boolean;
  readonly operator: Operator;
  readonly values: readonly CellValue[];
}

export interface Order {
  readonly column: string;
  readonly descending: boolean;
}

/** A query on the rows of one view; all columns exist and all values fit them. */
export interface ViewQuery {
  readonly where: readonly Condition[];
  /** Completed by the row's identity, so that every order is total. Nulls come last, whatever the direction. */
  readonly order: readonly Order[];
  readonly limit: number;
  /** Cells of the order columns and the identity of the last row of the page before. */
  readonly after: { readonly cells: readonly CellValue[]; readonly identity: string } | undefined;
  /** Columns in the answer, in this order. */
  readonly select: readonly string[];
  readonly count: boolean;
}

export const QUERY_LIMITS = { limit: 1_000, conditions: 30, values: 200 } as const;

/**
 * Reads the query parameters of a view: `column=op.value` (also `column=not.op.value`), `order=a.desc,b`, `select=a,b`, `limit`, `cursor`, `count=true`.
 * @throws `invalid-query` with an item for each parameter that is wrong.
 */
export function parseViewQuery(view: ViewDefinition, parameters: ReadonlyMap<string, readonly string[]>): ViewQuery {
  const items: ErrorItem[] = [];
  const types = new Map(view.columns.map((column) => [column.name, column.type]));
  const where: Condition[] = [];
  let order: Order[] = [];
  let select = view.columns.map((column) => column.name);
  let limit = 50;
  let count = false;
  let cursor: string | undefined;
  const known = (column: string, parameter: string): boolean => {
    if (types.has(column)) return true;
    const close = nearest(column, types.keys());
    items.push({
      path: parameter,
      message: `'${column}' is not a column of view '${view.name}'${close === undefined ? '' : `; did you mean '${close}'?`}`,
    });
    return false;
  };
  for (const [name, values] of parameters) {
    const first = values[0] ?? '';
    if (name === 'order') order = first.split(',').flatMap((term) => parseOrder(term, known, items));
    else if (name === 'select') select = first.split(',').filter((column) => known(column, 'select'));
    else if (name === 'limit') limit = parseLimit(first, items);
    else if (name === 'cursor') cursor = first;
    else if (name === 'count') count = first === 'true';
    else if (known(name, name))
      for (const value of values) where.push(...parseCondition(name, types.get(name)!, value, items));
  }
  if (where.length > QUERY_LIMITS.conditions)
    items.push({
      path: '',
      message: `${where.length} conditions are more than the limit of ${QUERY_LIMITS.conditions}`,
    });
  if (items.length > 0) throw invalidQuery(view, items);
  return {
    where,
    order,
    limit,
    select,
    count,
    after: cursor === undefined ? undefined : parseRowCursor(cursor, order),
  };
}

/** The cursor after a row: bound to the order it was made under. */
export function formatRowCursor(order: readonly Order[], cells: readonly CellValue[], identity: string): string {
  const plain = cells.map((cell) => (typeof cell === 'bigint' ? { int: String(cell) } : cell));
  return Buffer.from(JSON.stringify([1, orderText(order), plain, identity])).toString('base64url');
}

function parseRowCursor(text: string, order: readonly Order[]): NonNullable<ViewQuery['after']> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (cause) {
    throw invalidCursor('cannot be read', cause);
  }
  if (!Array.isArray(parsed) || parsed[0] !== 1 || !Array.isArray(parsed[2]) || typeof parsed[3] !== 'string')
    throw invalidCursor('cannot be read');
  if (parsed[1] !== orderText(order)) throw invalidCursor('was made under another order');
  const cells = (parsed[2] as unknown[]).map((cell): CellValue => {
    if (cell === null || typeof cell === 'string' || typeof cell === 'number') return cell;
    const int = (cell as { int?: unknown }).int;
    if (typeof int === 'string' && /^-?[0-9]{1,19}$/.test(int)) return BigInt(int);
    throw invalidCursor('cannot be read');
  });
  if (cells.length !== order.length) throw invalidCursor('was made under another order');
  return { cells, identity: parsed[3] };
}

function orderText(order: readonly Order[]): string {
  return order.map((term) => `${term.column}${term.descending ? ' desc' : ''}`).join(',');
}

function parseOrder(term: string, known: (column: string, parameter: string) => boolean, items: ErrorItem[]): Order[] {
  const match = /^(.*?)(?:\.(asc|desc))?$/.exec(term.trim());
  if (match === null || match[1] === '') {
    items.push({ path: 'order', message: 'must be columns with an optional .asc or .desc, separated by commas' });
    return [];
  }
  return known(match[1]!, 'order') ? [{ column: match[1]!, descending: match[2] === 'desc' }] : [];
}

function parseLimit(text: string, items: ErrorItem[]): number {
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= QUERY_LIMITS.limit) return limit;
  items.push({ path: 'limit', message: `must be a number from 1 to ${QUERY_LIMITS.limit}` });
  return 1;
}

function parseCondition(column: string, type: ColumnType, text: string, items: ErrorItem[]): Condition[] {
  const match = /^(not\.)?([a-z]+)\.(.*)$/s.exec(text);
  const operator = match?.[2] as Operator | undefined;
  if (match === null || operator === undefined || !OPERATORS.includes(operator)) {
    items.push({
      path: column,
      message: `must be op.value with op one of ${OPERATORS.join(', ')}, e.g. ${column}=eq.${text.slice(0, 20) || '1'}`,
    });
    return [];
  }
  const not = match[1] !== undefined;
  const value = match[3]!;
  try {
    switch (operator) {
      case 'is': {
        const cell = { null: null, true: 1, false: 0 }[value];
        if (cell === undefined || (cell !== null && type !== 'boolean'))
          throw badValue(column, 'is', 'null, or true or false for a boolean column');
        return [{ column, not, operator, values: [cell] }];
      }
      case 'in': {
        const list = /^\((.*)\)$/s.exec(value)?.[1];
        if (list === undefined) throw badValue(column, 'in', 'a list in parentheses, such as in.(a,b)');
        const values = splitList(list).map((each) => parseCell(type, column, each));
        if (values.length > QUERY_LIMITS.values) throw badValue(column, 'in', `at most ${QUERY_LIMITS.values} values`);
        return [{ column, not, operator, values }];
      }
      case 'like':
      case 'ilike':
        if (type !== 'text') throw badValue(column, operator, 'a text column');
        return [{ column, not, operator, values: [value.replaceAll('*', '%')] }];
      default:
        return [{ column, not, operator, values: [parseCell(type, column, value)] }];
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    items.push({ path: column, message: error.message });
    return [];
  }
}

/** Items separated by commas; one in double quotes may hold commas, and \" for a quote. */
function splitList(list: string): string[] {
  return [...list.matchAll(/(?:^|,)(?:"((?:[^"\\]|\\.)*)"|([^,]*))/gs)].map(
    (match) => match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '',
  );
}

function badValue(column: string, operator: string, needs: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-filter-value',
    message: `${operator} on column '${column}' needs ${needs}.`,
  });
}

function invalidQuery(view: ViewDefinition, items: readonly ErrorItem[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-query',
    message: `The query on view '${view.name}' has ${items.length} problem${items.length === 1 ? '' : 's'}.`,
    hint: `Columns: ${view.columns.map((column) => column.name).join(', ')}.`,
    items,
  });
}

function invalidCursor(why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: `The cursor ${why}.`,
    hint: 'Pass `next` of the page before with the same order, or leave it out.',
    cause,
  });
}
