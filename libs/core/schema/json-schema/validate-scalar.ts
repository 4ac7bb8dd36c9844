import type { ExactNumber } from '../exact-json.js';
import { jsonText } from '../json-text.js';
import { kindInWords } from '../json-kind.js';
import type { JsonNode } from '../lossless-json.js';
import type { Evaluation, Keyword } from './subschema.js';
import { LONGEST_INPUT, type LatePattern } from './regex.js';
import type { FormatCheck } from './validate-formats.js';
import { compareNumbers, isMultiple, isWhole, SchemaNumber } from './validate-numbers.js';
import { isValue, patternSteps } from './validate-values.js';

/** Values listed in a text. */
const LISTED = 20;

/** Refuses every value of the types it is added for. */
export class WrongType implements Keyword {
  constructor(private readonly expected: string) {}

  test(): boolean {
    return false;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    run.problem(at, `expected ${this.expected}, got ${kindInWords(value)}`);
  }
}

/** `type: integer`, for numbers. */
export class WholeNumber implements Keyword {
  test(value: unknown): boolean {
    return isWhole(value as number | ExactNumber);
  }

  report(_value: unknown, run: Evaluation, at: string): void {
    run.problem(at, 'expected an integer, got a number with a fraction');
  }
}

/** `enum`, and `const` as an enum of one. */
export class OneOfValues implements Keyword {
  /** The values, where all are scalars that compare by themselves. */
  readonly #scalars: ReadonlySet<unknown> | null;

  constructor(private readonly values: readonly JsonNode[]) {
    const scalars = values.map(scalarOf);
    this.#scalars = scalars.includes(undefined) ? null : new Set(scalars);
  }

  test(value: unknown, run: Evaluation): boolean {
    return this.#scalars === null ? this.values.some((node) => isValue(node, value, run)) : this.#scalars.has(value);
  }

  report(_value: unknown, run: Evaluation, at: string): void {
    const listed = this.values.slice(0, LISTED).map((node) => jsonText(node).slice(0, 100));
    const more = this.values.length > LISTED ? ', …' : '';
    run.problem(at, `expected ${listed.length === 1 ? '' : 'one of '}${listed.join(', ')}${more}`);
  }
}

/** `minimum`, `maximum` and their exclusive forms. */
export class Bound implements Keyword {
  constructor(
    private readonly side: 'least' | 'most',
    private readonly bound: SchemaNumber,
    private readonly exclusive: boolean,
  ) {}

  test(value: unknown): boolean {
    const order = compareNumbers(value as number | ExactNumber, this.bound);
    return order === 0 ? !this.exclusive : order > 0 === (this.side === 'least');
  }

  report(_value: unknown, run: Evaluation, at: string): void {
    const words =
      this.side === 'least' ? (this.exclusive ? 'greater than' : 'at least') : this.exclusive ? 'less than' : 'at most';
    run.problem(at, `must be ${words} ${this.bound.text}`);
  }
}

export class MultipleOf implements Keyword {
  constructor(private readonly of: SchemaNumber) {}

  test(value: unknown): boolean {
    return isMultiple(value as number | ExactNumber, this.of) === true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const undecided = isMultiple(value as number | ExactNumber, this.of) === undefined;
    const why = undecided ? ', which cannot be told of a number that far away' : '';
    run.problem(at, `must be a multiple of ${this.of.text}${why}`);
  }
}

/** `minLength`, `maxLength`: in code points. */
export class TextLength implements Keyword {
  constructor(
    private readonly least: number,
    private readonly most: number,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    const { length } = value as string;
    // A code point takes one or two units, so that most lengths need no counting.
    if (length <= this.most && length >= this.least * 2) return true;
    if (length < this.least || length > this.most * 2) return false;
    run.step(length >> 4);
    const points = codePoints(value as string);
    return points >= this.least && points <= this.most;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const points = codePoints(value as string);
    const bound = points < this.least ? `at least ${this.least}` : `at most ${this.most}`;
    run.problem(at, `must have ${bound} characters, has ${points}`);
  }
}

/** A pattern that is not run (see `regex.ts`) refuses nothing. */
export class MatchesPattern implements Keyword {
  constructor(private readonly pattern: LatePattern) {}

  test(value: unknown, run: Evaluation): boolean {
    const text = value as string;
    const pattern = run.ready(this.pattern);
    if (pattern === undefined) return true;
    if (text.length > LONGEST_INPUT) return false;
    run.step(patternSteps(pattern, text));
    return pattern.finds(text);
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const long = (value as string).length > LONGEST_INPUT;
    run.problem(
      at,
      long
        ? `is longer than the ${LONGEST_INPUT} characters that patterns are run on`
        : `does not match the pattern ${this.pattern.text}`,
    );
  }
}

export class HasFormat implements Keyword {
  constructor(
    private readonly name: string,
    private readonly check: FormatCheck,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    run.step((value as string).length >> 4);
    return this.check(value as string);
  }

  report(_value: unknown, run: Evaluation, at: string): void {
    run.problem(at, `is not of the format ${this.name}`);
  }
}

/** Undefined for lists, objects and numbers that a double would change. */
function scalarOf(node: JsonNode): unknown {
  if (node.kind === 'null') return null;
  if (node.kind === 'string' || node.kind === 'boolean') return node.value;
  return node.kind === 'number' ? (new SchemaNumber(node.text).double ?? undefined) : undefined;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}
