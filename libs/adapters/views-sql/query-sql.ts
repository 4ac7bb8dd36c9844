import {
  childTables,
  joinedTables,
  likeParts,
  placeOf,
  type CellValue,
  type Condition,
  type Filter,
  type Order,
  type RowPlace,
  type SelectedChild,
  type ViewColumn,
  type ViewDefinition,
  type ViewQuery,
} from '#libs/core/streams';
import type { SqlDialect } from './dialect.js';
import { cell } from './physical-names.js';

/** Child rows in one answer. */
export const MOST_CHILD_ROWS = 10_000;

/** A statement with its values, in the order of its `?`. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly CellValue[];
}

/** A part of a page. */
interface Part {
  readonly wanted: readonly string[];
  readonly where: readonly Statement[];
  readonly order: readonly string[];
  readonly limit: number;
  /** Values in what is wanted. */
  readonly before?: readonly CellValue[];
}

/** The SQL of queries on one view. Everything in the text is generated; every value is bound. */
export class QuerySql {
  readonly #from: string;
  readonly #expressions: ReadonlyMap<string, string>;

  constructor(
    private readonly id: string,
    private readonly view: ViewDefinition,
    private readonly dialect: SqlDialect,
  ) {
    this.#expressions = new Map(view.columns.map((column) => [column.name, expression(view, column)]));
    const joins = joinedTables(view).map(
      ({ table, on }) => ` left join ${dialect.table(id, table)} t${table} on t${table}.identity = t0.${cell(on)}`,
    );
    this.#from = `from ${dialect.table(id, 0)} t0${joins.join('')}`;
  }

  /**
   * Statements that give the rows of a page one after the other, and one row more, to tell whether there is another page: to be run in one transaction until that many have
   * come. First the identity, then the order columns, then the selected ones.
   *
   * Rows with and without a value in the first column of the order are asked for apart: each part is a range of an index, wherever nulls are to be.
   * @param beside asked for with each row, behind all others.
   */
  page(query: ViewQuery, beside?: Statement): Statement[] {
    return this.#parts(query).map((part) =>
      beside === undefined
        ? this.#select(part)
        : this.#select({ ...part, wanted: [...part.wanted, `(${beside.sql})`], before: beside.values }),
    );
  }

  #parts(query: ViewQuery): Part[] {
    const [first, ...rest] = query.order;
    if (first === undefined) return [this.#part(query, [], query.after, [])];
    const left = this.#expression(first.column);
    const { after } = query;
    const value = after?.cells[0] ?? null;
    const valued = (): Part => {
      const guard =
        after === undefined
          ? { sql: `${left} is not null`, values: [] }
          : { sql: `${left} ${first.descending ? '<=' : '>='} ?`, values: [value] };
      return this.#part(query, query.order, after, [guard], first);
    };
    const nulls = (place: RowPlace | undefined): Part =>
      this.#part(query, rest, place && { ...place, cells: place.cells.slice(1) }, [
        { sql: `${left} is null`, values: [] },
      ]);
    if (after === undefined) return first.nullsFirst ? [nulls(undefined), valued()] : [valued(), nulls(undefined)];
    if (value !== null) return first.nullsFirst ? [valued()] : [valued(), nulls(undefined)];
    if (!first.nullsFirst) return [nulls(after)];
    return [
      nulls(after),
      this.#part(query, query.order, undefined, [{ sql: `${left} is not null`, values: [] }], first),
    ];
  }

  /** All rows in their order, or as many as the limit says; the selected columns only. */
  whole(query: ViewQuery): Statement {
    const where = [...this.#where(query), ...this.#after(query.order, query.after, this.#lastDescends(query))];
    const order = [...query.order.map((term) => this.#term(term)), this.#identityTerm(query)];
    const limited = query.limit < Number.MAX_SAFE_INTEGER;
    return {
      sql: `select ${query.select.map((name) => this.#expression(name)).join(', ')} ${this.#from}${whereClause(where)} order by ${order.join(', ')}${limited ? ' limit ?' : ''}`,
      values: [...valuesOf(where), ...(limited ? [query.limit] : [])],
    };
  }

  /** Child rows of some rows: identity of the row, then the selected columns, in the order of the list. One more than an answer may have, to tell that there are too many. */
  children(child: SelectedChild, identities: readonly string[]): Statement {
    const { table, columns } = childTables(this.view).find((one) => one.name === child.name)!;
    const cells = child.columns.map((name) => cell(columns.find((column) => column.name === name)!.cell));
    return {
      sql: `select ${[cell(0), ...cells].join(', ')} from ${this.dialect.table(this.id, table)} where ${cell(0)} in (${identities.map(() => '?').join(', ')}) order by ${cell(0)}, ${cell(1)} limit ?`,
      values: [...identities, MOST_CHILD_ROWS + 1],
    };
  }

  /** How many rows meet the conditions, whatever the page. */
  count(query: ViewQuery): Statement {
    const where = this.#where(query);
    return { sql: `select count(*) ${this.#from}${whereClause(where)}`, values: valuesOf(where) };
  }

  /** @param valued the first term, when rows without a value in it are left out: its nulls need no place then. */
  #part(
    query: ViewQuery,
    order: readonly Order[],
    after: RowPlace | undefined,
    more: readonly Statement[],
    valued?: Order,
  ): Part {
    const columns = [...query.order.map((term) => term.column), ...query.select].map((name) => this.#expression(name));
    const where = [...this.#where(query), ...more, ...this.#after(order, after, this.#lastDescends(query))];
    const terms = order.map((term) => (term === valued ? this.#direction(term) : this.#term(term)));
    return {
      wanted: ['t0.identity', ...columns],
      where,
      order: [...terms, this.#identityTerm(query)],
      limit: query.limit + 1,
    };
  }

  #select({ wanted, where, order, limit, before = [] }: Part): Statement {
    return {
      sql: `select ${wanted.join(', ')} ${this.#from}${whereClause(where)} order by ${order.join(', ')} limit ?`,
      values: [...before, ...valuesOf(where), limit],
    };
  }

  #lastDescends(query: ViewQuery): boolean {
    return query.order.at(-1)?.descending ?? false;
  }

  #identityTerm(query: ViewQuery): string {
    return `t0.identity${this.#lastDescends(query) ? ' desc' : ''}`;
  }

  #direction(term: Order): string {
    return `${this.#expression(term.column)}${term.descending ? ' desc' : ''}`;
  }

  #term(term: Order): string {
    return `${this.#direction(term)} nulls ${term.nullsFirst ? 'first' : 'last'}`;
  }

  #expression(column: string): string {
    return this.#expressions.get(column)!;
  }

  #where(query: ViewQuery): Statement[] {
    const identity = query.identity === undefined ? [] : [{ sql: 't0.identity = ?', values: [query.identity] }];
    return [...identity, ...query.where.map((filter) => this.#filter(filter))];
  }

  #filter(filter: Filter): Statement {
    const positive =
      filter.kind === 'condition'
        ? this.#condition(filter)
        : joined(
            filter.filters.map((one) => this.#filter(one)),
            filter.combine,
          );
    return filter.not ? { sql: `not (${positive.sql})`, values: positive.values } : positive;
  }

  #condition({ column, operator, values }: Condition): Statement {
    const left = this.#expression(column);
    const value = values[0] ?? null;
    switch (operator) {
      case 'eq':
        return { sql: `${left} = ?`, values: [value] };
      case 'neq':
        return { sql: `${left} <> ?`, values: [value] };
      case 'gt':
        return { sql: `${left} > ?`, values: [value] };
      case 'gte':
        return { sql: `${left} >= ?`, values: [value] };
      case 'lt':
        return { sql: `${left} < ?`, values: [value] };
      case 'lte':
        return { sql: `${left} <= ?`, values: [value] };
      case 'like':
        return this.dialect.like(left, String(value));
      case 'ilike':
        return this.dialect.ilike(left, String(value));
      case 'in':
        return values.length === 0
          ? { sql: '1 = 0', values: [] }
          : { sql: `${left} in (${values.map(() => '?').join(', ')})`, values };
      case 'is':
        return value === null
          ? { sql: `${left} is null`, values: [] }
          : { sql: `(${left} is not null and ${left} = ?)`, values: [value] };
    }
  }

  /** Rows that come after the given one: equal in the first terms, later in the next, nulls where the order has them. */
  #after(order: readonly Order[], after: RowPlace | undefined, descending: boolean): Statement[] {
    if (after === undefined) return [];
    const alternatives: Statement[] = [];
    const equal: Statement[] = [];
    order.forEach((term, index) => {
      const left = this.#expression(term.column);
      const value = after.cells[index] ?? null;
      const later = laterThan(left, term, value);
      if (later !== undefined) alternatives.push(joined([...equal, later], 'and'));
      equal.push(value === null ? { sql: `${left} is null`, values: [] } : { sql: `${left} = ?`, values: [value] });
    });
    const last = { sql: `t0.identity ${descending ? '<' : '>'} ?`, values: [after.identity] };
    alternatives.push(joined([...equal, last], 'and'));
    return [joined(alternatives, 'or')];
  }
}

/** What lies behind a value in one term of the order; undefined when nothing does. */
function laterThan(left: string, term: Order, value: CellValue): Statement | undefined {
  if (value === null) return term.nullsFirst ? { sql: `${left} is not null`, values: [] } : undefined;
  const beyond = { sql: `${left} ${term.descending ? '<' : '>'} ?`, values: [value] };
  return term.nullsFirst ? beyond : { sql: `(${beyond.sql} or ${left} is null)`, values: beyond.values };
}

function expression(view: ViewDefinition, column: ViewColumn): string {
  const { table, cell: place } = placeOf(view, column);
  return `t${table}.${cell(place)}`;
}

function whereClause(conditions: readonly Statement[]): string {
  return conditions.length === 0 ? '' : ` where ${conditions.map((one) => one.sql).join(' and ')}`;
}

function valuesOf(conditions: readonly Statement[]): CellValue[] {
  return conditions.flatMap((one) => one.values);
}

function joined(conditions: readonly Statement[], word: 'and' | 'or'): Statement {
  return { sql: `(${conditions.map((one) => one.sql).join(` ${word} `)})`, values: valuesOf(conditions) };
}

/** A pattern of LIKE as one of GLOB, which tells case apart. */
export function globOf(pattern: string): string {
  return likeParts(pattern)
    .map((part) =>
      part === 'any' ? '*' : part === 'one' ? '?' : part.text.replaceAll(/[*?[]/g, (special) => `[${special}]`),
    )
    .join('');
}
