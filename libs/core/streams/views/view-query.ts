import { createHash } from 'node:crypto';
import { AppError, nearest, type ErrorItem } from '#libs/core/kernel';
import { FILTER_LIMITS, FilterReader, splitItems, unknownColumn, type ColumnTypes, type Filter } from './filter.js';
import { parseRowCursor, type RowPlace } from './row-cursor.js';
import { parseCell } from './column-type.js';
import type { ViewDefinition } from './view-definition.js';

export interface Order {
  readonly column: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A query on the rows of one view; all columns exist and all values fit them. */
export interface ViewQuery {
  readonly where: readonly Filter[];
  /** Completed by the row's identity, in the direction of the last term, so that every order is total. */
  readonly order: readonly Order[];
  readonly limit: number;
  /** The last row of the page before. */
  readonly after: RowPlace | undefined;
  /** Columns in the answer, in this order. */
  readonly select: readonly string[];
  /** Lists of child rows in the answer, after the columns. */
  readonly children: readonly SelectedChild[];
  readonly count: boolean;
  /** Only the row with this identity. */
  readonly identity?: string;
  /** What a cursor is bound to: the view, its version, filters and order. */
  readonly binding: string;
}

/** A list of child rows to be shown in each row. */
export interface SelectedChild {
  readonly name: string;
  readonly columns: readonly string[];
}

/** Which version of which view is asked; cursors are good for it alone. */
export interface QueriedVersion {
  readonly id: string;
  readonly version: number;
}

export const QUERY_LIMITS = { limit: 1_000, order: 20, ...FILTER_LIMITS } as const;

/** Parameters with a meaning of their own, which no column may be named like. */
export const QUERY_PARAMETERS = [
  'order',
  'limit',
  'cursor',
  'select',
  'count',
  'at-least',
  'wait',
  'and',
  'or',
] as const;

/** What an answer is to be: a page, or all rows. */
export interface QueryShape {
  /** Rows unless `limit` says otherwise, and the most it may say. */
  readonly limit: { readonly preset: number; readonly most: number };
  /** Whether lists of child rows can be shown. */
  readonly children: boolean;
}

/** Rows a page at a time. */
export const PAGE: QueryShape = { limit: { preset: 50, most: QUERY_LIMITS.limit }, children: true };
/** All rows in one answer, unless `limit` says otherwise. */
export const WHOLE: QueryShape = {
  limit: { preset: Number.MAX_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER },
  children: false,
};

/**
 * Reads the query parameters of a view: `column=op.value` (also `column=not.op.value`), `and=(…)`, `or=(…)`, `order=a.desc,b`, `select=a,b`, `limit`,
 * `cursor`, `count=exact`.
 * @throws `invalid-query` with an item for each parameter that is wrong; `invalid-cursor`, `cursor-of-another-query`.
 */
export function parseViewQuery(
  view: ViewDefinition,
  version: QueriedVersion,
  parameters: ReadonlyMap<string, readonly string[]>,
  shape: QueryShape = PAGE,
): ViewQuery {
  const items: ErrorItem[] = [];
  const types: ColumnTypes = new Map(view.columns.map((column) => [column.name, column.type]));
  const reader = new QueryReader(view, types, items);
  const filters = new FilterReader(view.name, types, items);
  const where: Filter[] = [];
  let order: readonly Order[] = [];
  let selected: Selected = { columns: [...types.keys()], children: [] };
  let limit = shape.limit.preset;
  let count = false;
  let cursor: string | undefined;
  for (const [name, values] of parameters) {
    const group = /^(not\.)?(and|or)$/.exec(name);
    if (group !== null) {
      for (const value of values)
        where.push(...filters.group(name, group[2] as 'and' | 'or', group[1] !== undefined, value));
      continue;
    }
    if ((QUERY_PARAMETERS as readonly string[]).includes(name) && values.length > 1)
      items.push({ path: name, message: 'is given more than once' });
    const first = values[0] ?? '';
    if (name === 'order') order = reader.order(first);
    else if (name === 'select') selected = reader.select(first, shape);
    else if (name === 'limit') limit = reader.limit(first, shape.limit.most);
    else if (name === 'count') count = reader.count(first);
    else if (name === 'cursor') cursor = first;
    else if (types.has(name)) for (const value of values) where.push(...filters.condition(name, value));
    else items.push({ path: name, message: reader.unknownParameter(name) });
  }
  if (filters.conditions > QUERY_LIMITS.conditions)
    items.push({
      path: '',
      message: `${filters.conditions} conditions are more than the limit of ${QUERY_LIMITS.conditions}`,
    });
  if (items.length > 0) throw invalidQuery(view, items);
  const binding = bindingOf(version, where, order);
  const after = cursor === undefined ? undefined : parseRowCursor(cursor, order, binding);
  return { where, order, limit, select: selected.columns, children: selected.children, count, after, binding };
}

/**
 * The query for one row by its key: the key columns' values separated by commas, quoted where they hold commas; without key columns, the text of the record's key.
 * @throws `invalid-row-key`, `invalid-query` for a wrong `select`.
 */
export function parseRowQuery(
  view: ViewDefinition,
  version: QueriedVersion,
  key: string,
  select: string | undefined,
): ViewQuery {
  const { binding, ...query } = parseViewQuery(
    view,
    version,
    new Map(select === undefined ? [] : [['select', [select]]]),
  );
  // Two, so that a key that is not unique is told from one that is.
  const one = { ...query, binding, limit: 2 };
  if (view.key.length === 0) return { ...one, identity: key };
  const values = view.key.length === 1 && !key.startsWith('"') ? [key] : splitItems(key);
  if (values?.length !== view.key.length)
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-row-key',
      message: `A row of view '${view.name}' is known by ${view.key.join(', ')}; ${values === undefined ? 'a quote is not closed' : `${values.length} values were given`}.`,
      hint: 'Separate the values by commas and put those that hold commas in double quotes.',
      details: { view: view.name, key: view.key },
    });
  const types = new Map(view.columns.map((column) => [column.name, column.type]));
  const where = view.key.map((column, index): Filter => ({
    kind: 'condition',
    column,
    not: false,
    operator: 'eq',
    values: [parseCell(types.get(column)!, column, values[index]!)],
  }));
  return { ...one, where };
}

/** What is to be shown of each row. */
interface Selected {
  readonly columns: readonly string[];
  readonly children: readonly SelectedChild[];
}

class QueryReader {
  constructor(
    private readonly view: ViewDefinition,
    private readonly types: ColumnTypes,
    private readonly items: ErrorItem[],
  ) {}

  order(text: string): readonly Order[] {
    const order: Order[] = [];
    for (const term of text.split(',')) {
      const [, column = '', direction, nulls] = /^(.*?)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?$/.exec(
        term.trim(),
      )!;
      if (column === '' || (!this.types.has(column) && column.includes('.')))
        this.#problem('order', `'${term.slice(0, 80)}' must be column[.asc|.desc][.nullsfirst|.nullslast]`);
      else if (!this.types.has(column)) this.#problem('order', unknownColumn(column, this.view.name, this.types));
      else if (order.some((one) => one.column === column)) this.#problem('order', `has column '${column}' twice`);
      else order.push({ column, descending: direction === 'desc', nullsFirst: nulls === 'nullsfirst' });
    }
    if (order.length > QUERY_LIMITS.order)
      this.#problem('order', `${order.length} columns are more than the limit of ${QUERY_LIMITS.order}`);
    return order;
  }

  /** `a,b,child(x,y)`. */
  select(text: string, shape: QueryShape): Selected {
    const columns: string[] = [];
    const children: SelectedChild[] = [];
    for (const [, list, inner, plain = ''] of text.matchAll(/\s*(?:([^,()]+)\(([^()]*)\)|([^,]*))\s*(?:,|$)/g)) {
      if (list !== undefined) children.push(...this.#child(list, inner!, shape));
      else if (plain === '' && columns.length + children.length > 0) continue;
      else if (!this.types.has(plain)) this.#problem('select', unknownColumn(plain, this.view.name, this.types));
      else columns.push(plain);
    }
    const names = [...columns, ...children.map((child) => child.name)];
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice !== undefined) this.#problem('select', `has '${twice}' twice`);
    return { columns, children };
  }

  #child(name: string, inner: string, shape: QueryShape): SelectedChild[] {
    const child = this.view.children.find((one) => one.name === name);
    if (child === undefined) {
      const close = nearest(
        name,
        this.view.children.map((one) => one.name),
      );
      this.#problem(
        'select',
        `'${name.slice(0, 80)}' is no list of view '${this.view.name}'${close === undefined ? '' : `; did you mean '${close}'?`}`,
      );
      return [];
    }
    if (!shape.children) this.#problem('select', 'lists are shown in pages (application/json), not in lines or CSV');
    const known = new Map(child.columns.map((column) => [column.name, column.field.type]));
    const columns =
      inner.trim() === '' || inner.trim() === '*' ? [...known.keys()] : inner.split(',').map((one) => one.trim());
    for (const column of columns)
      if (!known.has(column))
        this.#problem('select', unknownColumn(column, `${this.view.name}' in its list '${name}`, known));
    return [{ name, columns }];
  }

  limit(text: string, most: number): number {
    const limit = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
    if (limit >= 1 && limit <= most) return limit;
    const bounds = most === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${most}`;
    this.#problem('limit', `must be a number ${bounds}`);
    return 1;
  }

  count(text: string): boolean {
    if (text !== 'exact') this.#problem('count', 'must be exact, or left out');
    return true;
  }

  unknownParameter(name: string): string {
    const close = nearest(name, this.types.keys()) === undefined ? nearest(name, QUERY_PARAMETERS) : undefined;
    return `${unknownColumn(name, this.view.name, this.types)}${close === undefined ? '' : `; did you mean the parameter '${close}'?`}`;
  }

  #problem(path: string, message: string): void {
    this.items.push({ path, message });
  }
}

function bindingOf(version: QueriedVersion, where: readonly Filter[], order: readonly Order[]): string {
  const text = JSON.stringify([version.id, version.version, where, order], (_name, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function invalidQuery(view: ViewDefinition, items: readonly ErrorItem[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-query',
    message: `The query on view '${view.name}' has ${items.length} problem${items.length === 1 ? '' : 's'}.`,
    hint: `Columns: ${view.columns.map((column) => column.name).join(', ')}.`,
    items: items.slice(0, 20),
  });
}
