import {
  aggregatesOf,
  storedFields,
  type CellValue,
  type Condition,
  type Order,
  type ViewColumn,
  type ViewDefinition,
  type ViewQuery,
} from '#libs/core/streams';
import { aggregate, cell, tableName } from './physical-names.js';

/** A statement with its values, in the order of its `?`. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly CellValue[];
}

/** The SQL of queries on one view. Everything in the text is generated; every value is bound. */
export class QuerySql {
  readonly #from: string;
  readonly #expressions: ReadonlyMap<string, string>;

  constructor(id: string, view: ViewDefinition) {
    this.#expressions = new Map(view.columns.map((column) => [column.name, expression(view, column)]));
    const main = storedFields(view, 0);
    const joins = view.joins.map((_, index) => {
      const key = cell(main.length - view.joins.length + index);
      return `left join ${tableName(id, index + 1)} t${index + 1} on t${index + 1}.identity = t0.${key}`;
    });
    this.#from = `from ${tableName(id, 0)} t0 ${joins.join(' ')}`;
  }

  /** Rows of a page and one more, to tell whether there is another. First the identity, then the order columns, then the selected ones. */
  page(query: ViewQuery): Statement {
    const wanted = [...query.order.map((term) => term.column), ...query.select].map((name) => this.expression(name));
    const where = query.where.map((condition) => this.condition(condition));
    if (query.after !== undefined) where.push(this.after(query.order, query.after));
    const order = query.order.flatMap((term) => {
      const by = this.expression(term.column);
      return [`(${by}) is null`, `${by} ${term.descending ? 'desc' : 'asc'}`];
    });
    return {
      sql: `select ${['t0.identity', ...wanted].join(', ')} ${this.#from}${whereClause(where)} order by ${[...order, 't0.identity'].join(', ')} limit ?`,
      values: [...where.flatMap((one) => one.values), query.limit + 1],
    };
  }

  /** How many rows meet the conditions, whatever the page. */
  count(query: ViewQuery): Statement {
    const where = query.where.map((condition) => this.condition(condition));
    return { sql: `select count(*) ${this.#from}${whereClause(where)}`, values: where.flatMap((one) => one.values) };
  }

  private expression(column: string): string {
    return this.#expressions.get(column)!;
  }

  private condition(condition: Condition): Statement {
    const positive = this.positive(condition);
    return condition.not ? { sql: `not (${positive.sql})`, values: positive.values } : positive;
  }

  private positive({ column, operator, values }: Condition): Statement {
    const left = this.expression(column);
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
        return { sql: `${left} glob ?`, values: [globOf(String(value))] };
      case 'ilike':
        return { sql: `${left} like ?`, values: [value] };
      case 'in':
        return { sql: `${left} in (${values.map(() => '?').join(', ')})`, values };
      case 'is':
        return { sql: `${left} is ?`, values: [value] };
    }
  }

  /** Rows that come after the given one: equal in the first terms, later in the next, nulls last. */
  private after(order: readonly Order[], { cells, identity }: NonNullable<ViewQuery['after']>): Statement {
    const alternatives: Statement[] = [];
    let equal: Statement[] = [];
    order.forEach((term, index) => {
      const left = this.expression(term.column);
      const value = cells[index] ?? null;
      if (value !== null) {
        const later = { sql: `(${left} ${term.descending ? '<' : '>'} ? or ${left} is null)`, values: [value] };
        alternatives.push(all([...equal, later]));
      }
      equal = [...equal, { sql: `${left} is ?`, values: [value] }];
    });
    alternatives.push(all([...equal, { sql: 't0.identity > ?', values: [identity] }]));
    return {
      sql: `(${alternatives.map((one) => one.sql).join(' or ')})`,
      values: alternatives.flatMap((one) => one.values),
    };
  }
}

function expression(view: ViewDefinition, column: ViewColumn): string {
  switch (column.kind) {
    case 'field':
      return `t0.${cell(storedFields(view, 0).findIndex((field) => field === column))}`;
    case 'join': {
      const source = view.joins.findIndex((join) => join.as === column.join) + 1;
      return `t${source}.${cell(storedFields(view, source).findIndex((field) => field === column))}`;
    }
    case 'aggregate': {
      const { n, sum, low, high } = aggregate(aggregatesOf(view).indexOf(column));
      switch (column.aggregate) {
        case 'count':
          return `t0.${n}`;
        case 'sum':
          return `case when t0.${n} = 0 then null else t0.${sum} end`;
        case 'avg':
          return `case when t0.${n} = 0 then null else cast(t0.${sum} as real) / t0.${n} end`;
        case 'min':
          return `t0.${low}`;
        case 'max':
          return `t0.${high}`;
      }
    }
  }
}

function whereClause(conditions: readonly Statement[]): string {
  return conditions.length === 0 ? '' : ` where ${conditions.map((one) => one.sql).join(' and ')}`;
}

function all(conditions: readonly Statement[]): Statement {
  return {
    sql: `(${conditions.map((one) => one.sql).join(' and ')})`,
    values: conditions.flatMap((one) => one.values),
  };
}

/** A pattern of LIKE as one of GLOB, which tells case apart. */
function globOf(pattern: string): string {
  return pattern
    .replace(/[*?[\]]/g, (special) => (special === ']' ? special : `[${special}]`))
    .replace(/[%_]/g, (wild) => (wild === '%' ? '*' : '?'));
}
