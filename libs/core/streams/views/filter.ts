import { AppError, type ErrorItem, nearest } from '#libs/core/kernel';
import { hasOrder, parseCell, type CellValue, type ColumnType } from './column-type.js';
import { parsePattern } from './like-pattern.js';

/** Comparison of a column with a value, in the words of PostgREST. `is` compares with null, true or false. */
export const OPERATORS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'in', 'is'] as const;
export type Operator = (typeof OPERATORS)[number];

/** One column compared. All values fit the column; of `like` and `ilike` it is the pattern of LIKE with a backslash as escape. `in` may have none and fits nothing then. */
export interface Condition {
  readonly kind: 'condition';
  readonly column: string;
  readonly not: boolean;
  readonly operator: Operator;
  readonly values: readonly CellValue[];
}

/** Conditions of which all or any must hold. Never empty. */
export interface FilterGroup {
  readonly kind: 'group';
  readonly not: boolean;
  readonly combine: 'and' | 'or';
  readonly filters: readonly Filter[];
}

export type Filter = Condition | FilterGroup;

export const FILTER_LIMITS = { conditions: 100, depth: 10, values: 200 } as const;

/** Columns by name, with their types. */
export type ColumnTypes = ReadonlyMap<string, ColumnType>;

/** Operators that say something of a column of this type. */
export function operatorsFor(type: ColumnType): readonly Operator[] {
  if (type === 'text') return OPERATORS;
  return hasOrder(type) ? OPERATORS.filter((one) => one !== 'like' && one !== 'ilike') : ['eq', 'neq', 'in', 'is'];
}

/** What is said of a column that is not there: it, the nearest one that is, and whose it is not. */
export function unknownColumn(column: string, view: string, types: ColumnTypes): string {
  const close = nearest(column, types.keys());
  const shown = column.length > 80 ? `${column.slice(0, 80)}…` : column;
  return `'${shown}' is not a column of view '${view}'${close === undefined ? '' : `; did you mean '${close}'?`}`;
}

/** Reads the filters of a query. What is wrong goes to `items`, and what is read of it stands for nothing then. */
export class FilterReader {
  /** Conditions read so far. */
  conditions = 0;

  constructor(
    private readonly view: string,
    private readonly types: ColumnTypes,
    private readonly items: ErrorItem[],
  ) {}

  /** `column=op.value` or `column=not.op.value`; the value is everything that follows, as it is. */
  condition(column: string, text: string): Filter[] {
    const match = /^(not\.)?([a-z]+)\.(.*)$/s.exec(text);
    if (match === null) return this.#problem(column, this.#expected(column, text));
    return this.#read(column, column, match[1] !== undefined, match[2]!, () => match[3]!);
  }

  /** `and=(…)`, `or=(…)`, `not.and=(…)`, `not.or=(…)`. */
  group(parameter: string, combine: 'and' | 'or', not: boolean, text: string): Filter[] {
    const scanner = new Scanner(text);
    try {
      const group = this.#group(parameter, combine, not, scanner, 1);
      if (!scanner.atEnd) throw scanner.expected('the end');
      return group;
    } catch (error) {
      if (!(error instanceof GroupSyntax)) throw error;
      return this.#problem(
        parameter,
        `${error.message}; a group is (column.op.value,…), e.g. ${parameter}=(a.eq.1,or(b.gt.2,c.is.null))`,
      );
    }
  }

  #group(parameter: string, combine: 'and' | 'or', not: boolean, scanner: Scanner, depth: number): Filter[] {
    if (depth > FILTER_LIMITS.depth)
      throw new GroupSyntax(`groups lie deeper than the limit of ${FILTER_LIMITS.depth}`);
    const filters: Filter[] = [];
    scanner.take('(');
    do filters.push(...this.#member(parameter, scanner, depth));
    while (scanner.accept(','));
    scanner.take(')');
    return filters.length === 0 ? [] : [{ kind: 'group', not, combine, filters }];
  }

  #member(parameter: string, scanner: Scanner, depth: number): Filter[] {
    const inner = scanner.groupHead();
    if (inner !== undefined) return this.#group(parameter, inner.combine, inner.not, scanner, depth + 1);
    const column = scanner.name();
    scanner.take('.');
    const { not, operator } = scanner.operator();
    const value = scanner.value();
    return this.#read(parameter, column, not, operator, () => value);
  }

  #read(path: string, column: string, not: boolean, operator: string, value: () => string): Filter[] {
    const type = this.types.get(column);
    if (type === undefined) return this.#problem(path, unknownColumn(column, this.view, this.types));
    if (!isOperator(operator) || !operatorsFor(type).includes(operator))
      return this.#problem(path, this.#expected(column, `${operator}.${value()}`));
    if (++this.conditions > FILTER_LIMITS.conditions) return [];
    try {
      return [{ kind: 'condition', column, not, operator, values: valuesOf(column, type, operator, value()) }];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return this.#problem(path, error.message);
    }
  }

  #expected(column: string, given: string): string {
    const type = this.types.get(column);
    if (type === undefined) return unknownColumn(column, this.view, this.types);
    const operators = operatorsFor(type);
    const [word] = given.split('.', 1);
    const close = word === undefined || word === given ? undefined : nearest(word, operators);
    return (
      `must be op.value, with op one of ${operators.join(', ')} for a column of type ${type}, or not. before it` +
      (close === undefined ? '' : `; did you mean '${close}'?`)
    );
  }

  #problem(path: string, message: string): Filter[] {
    this.items.push({ path, message });
    return [];
  }
}

function isOperator(word: string): word is Operator {
  return (OPERATORS as readonly string[]).includes(word);
}

/** What `is` compares with. */
const TRUTHS: ReadonlyMap<string, CellValue> = new Map([
  ['null', null],
  ['true', 1],
  ['false', 0],
]);

function valuesOf(column: string, type: ColumnType, operator: Operator, text: string): readonly CellValue[] {
  switch (operator) {
    case 'is': {
      const cell = TRUTHS.get(text);
      if (cell === undefined || (cell !== null && type !== 'boolean'))
        throw badValue(column, 'is', type === 'boolean' ? 'null, true or false' : 'null');
      return [cell];
    }
    case 'in': {
      const list = splitList(text);
      if (list === undefined) throw badValue(column, 'in', 'a list in parentheses, such as in.(a,b) or in.("a,b",c)');
      if (list.length > FILTER_LIMITS.values) throw badValue(column, 'in', `at most ${FILTER_LIMITS.values} values`);
      return list.map((each) => parseCell(type, column, each));
    }
    case 'like':
    case 'ilike':
      return [parsePattern(column, operator, text)];
    default:
      return [parseCell(type, column, text)];
  }
}

/** The items of `(a,"b,c")`: one in double quotes may hold commas and parentheses, and \" for a quote. Undefined for what is no such list. */
function splitList(text: string): string[] | undefined {
  const inner = /^\((.*)\)$/s.exec(text)?.[1];
  return inner === undefined ? undefined : splitItems(inner);
}

/** Items separated by commas, possibly quoted. Undefined when a quote is not closed or something follows it. */
export function splitItems(text: string): string[] | undefined {
  if (text === '') return [];
  const items: string[] = [];
  const item = /("((?:[^"\\]|\\.)*)"|[^",]*)(,|$)/gsy;
  for (let end = false; !end;) {
    const match = item.exec(text);
    if (match === null) return undefined;
    items.push(match[2]?.replace(/\\(.)/gs, '$1') ?? match[1]!);
    end = match[3] === '';
  }
  return items;
}

function badValue(column: string, operator: string, needs: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-filter-value',
    message: `${operator} on column '${column}' needs ${needs}.`,
  });
}

/** What is wrong with the form of a group. */
class GroupSyntax extends Error {}

/** Goes over the text of a group. */
class Scanner {
  #at = 0;

  constructor(private readonly text: string) {}

  get atEnd(): boolean {
    return this.#at === this.text.length;
  }

  accept(mark: string): boolean {
    if (!this.text.startsWith(mark, this.#at)) return false;
    this.#at += mark.length;
    return true;
  }

  take(mark: string): void {
    if (!this.accept(mark)) throw this.expected(`'${mark}'`);
  }

  /** `and(`, `or(`, with `not.` before it or not; the parenthesis stays. */
  groupHead(): { combine: 'and' | 'or'; not: boolean } | undefined {
    const match = this.#match(/(not\.)?(and|or)(?=\()/y);
    return match && { combine: match[2] as 'and' | 'or', not: match[1] !== undefined };
  }

  /** A column, quoted or up to the next dot. */
  name(): string {
    const match = this.#match(/"((?:[^"\\]|\\.)*)"|([^.,()"]+)/sy);
    if (match === undefined) throw this.expected('a column');
    return match[1]?.replace(/\\(.)/gs, '$1') ?? match[2]!;
  }

  operator(): { not: boolean; operator: string } {
    const match = this.#match(/(not\.)?([a-z]+)\./y);
    if (match === undefined) throw this.expected('an operator and a dot');
    return { not: match[1] !== undefined, operator: match[2]! };
  }

  /** A list in parentheses as it stands, a quoted text without its quotes, or what comes before the next comma or parenthesis. */
  value(): string {
    const match = this.#match(/\((?:"(?:[^"\\]|\\.)*"|[^"()])*\)|"((?:[^"\\]|\\.)*)"|[^,()"]*/sy);
    if (match === undefined) throw this.expected('a value');
    return match[1]?.replace(/\\(.)/gs, '$1') ?? match[0];
  }

  expected(what: string): GroupSyntax {
    return new GroupSyntax(`${what} is missing at character ${this.#at + 1}`);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }
}
