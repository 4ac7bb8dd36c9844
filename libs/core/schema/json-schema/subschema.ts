import type { ErrorItem } from '#libs/core/kernel';
import { jsonKind, kindInWords, pointerSegment, type JsonKind } from '../json-kind.js';
import type { StepBudget } from '../step-budget.js';
import type { LatePattern, LinearPattern } from './regex.js';

/** Problems reported at once. */
const REPORTED_PROBLEMS = 20;
/** Schemas inside schemas that one value may lead through. A schema that leads to itself without going into the value has no end. */
const DEEPEST_EVALUATION = 1_000;

/** What a keyword (or several that belong together) asks of the values it applies to. */
export interface Keyword {
  /** Whether the value keeps to it. Notes what it evaluated, where somebody asks. */
  test(value: unknown, run: Evaluation): boolean;
  /** Adds what is wrong with a value that has just failed the test. */
  report(value: unknown, run: Evaluation, at: string): void;
  /** It rests on what all other keywords evaluated: there is nothing to report where one of them failed. */
  readonly last?: true;
}

/** Members and items of one value that some keyword looked at: what `unevaluatedProperties` and `unevaluatedItems` leave alone. */
export class Evaluated {
  readonly names = new Set<string>();
  readonly indexes = new Set<number>();
  allNames = false;
  allIndexes = false;

  add(other: Evaluated): void {
    this.allNames ||= other.allNames;
    this.allIndexes ||= other.allIndexes;
    for (const name of other.names) this.names.add(name);
    for (const index of other.indexes) this.indexes.add(index);
  }
}

/** A schema with an identity of its own, as `$id` gives it: what `$dynamicRef` and `$recursiveRef` look for. */
export interface SchemaResource {
  /** Schemas by `$dynamicAnchor`. */
  readonly dynamic: ReadonlyMap<string, () => Subschema>;
  /** The root, where it carries `$recursiveAnchor: true`. */
  readonly recursive: (() => Subschema) | null;
}

/** Resources entered on the way to a schema, the innermost first. */
export interface Scope {
  readonly resource: SchemaResource;
  readonly outer: Scope | null;
}

/** The evaluation ran out of steps. */
export class OutOfSteps extends Error {}

/** One value being looked at: what is left of its budget, where evaluation stands, what was found. */
export class Evaluation {
  readonly problems: ErrorItem[] = [];
  scope: Scope | null = null;
  /** Where to note what is evaluated of the value at hand; null when nobody asks. */
  evaluated: Evaluated | null = null;
  #depth = 0;
  #left: number;

  /** @param outer pays for what is made once, and then serves every value. */
  constructor(
    private readonly steps: number,
    private readonly outer?: StepBudget,
  ) {
    this.#left = steps;
  }

  /** Steps so far. */
  get taken(): number {
    return this.steps - Math.max(0, this.#left);
  }

  /** @throws {@link OutOfSteps} */
  step(count = 1): void {
    this.#left -= count;
    if (this.#left < 0) throw new OutOfSteps();
  }

  /** The pattern, ready to be run. What a value may take does not depend on which came before it, so making patterns ready is nothing it pays for. */
  ready(pattern: LatePattern): LinearPattern | undefined {
    return pattern.ready((steps) => this.outer?.spend(steps));
  }

  /** Goes into a schema. @returns false when there is no going deeper. */
  enter(): boolean {
    this.step();
    return ++this.#depth <= DEEPEST_EVALUATION;
  }

  leave(): void {
    this.#depth--;
  }

  get full(): boolean {
    return this.problems.length >= REPORTED_PROBLEMS;
  }

  problem(path: string, message: string): void {
    if (!this.full && !this.problems.some((one) => one.path === path && one.message === message)) {
      this.problems.push({ path, message });
    }
  }

  /** Looks at a part of the value at hand. What is evaluated there is nobody's business here. */
  part(schema: Subschema, value: unknown): boolean {
    const kept = this.evaluated;
    this.evaluated = null;
    const fits = schema.test(value, this);
    this.evaluated = kept;
    return fits;
  }

  reportPart(schema: Subschema, value: unknown, at: string, segment: string | number): void {
    const kept = this.evaluated;
    this.evaluated = null;
    schema.report(value, this, at + pointerSegment(segment));
    this.evaluated = kept;
  }

  /** Looks at the value at hand with a schema that it need not fit; what that evaluated counts only when it does. */
  branch(schema: Subschema, value: unknown): boolean {
    const kept = this.evaluated;
    if (kept === null) return schema.test(value, this);
    const inner = (this.evaluated = new Evaluated());
    const fits = schema.test(value, this);
    this.evaluated = kept;
    if (fits) kept.add(inner);
    return fits;
  }

  /** The problems of the value at hand under a schema that it does not fit, apart from those found so far. */
  problemsUnder(schema: Subschema, value: unknown, at: string): readonly ErrorItem[] {
    const [found, evaluated] = [this.problems.splice(0), this.evaluated];
    this.evaluated = evaluated === null ? null : new Evaluated();
    schema.report(value, this, at);
    this.evaluated = evaluated;
    const problems = this.problems.splice(0);
    this.problems.push(...found);
    return problems;
  }
}

/** A schema ready to look at values: its keywords, sorted by the types of values they apply to. */
export class Subschema {
  readonly #keywords: Readonly<Record<JsonKind, Keyword[]>> = {
    null: [],
    boolean: [],
    number: [],
    string: [],
    array: [],
    object: [],
  };
  #verdict: boolean | null = null;
  #collects = false;

  constructor(
    /** Where the schema lives; null when no keyword asks for that. */
    private readonly resource: SchemaResource | null,
  ) {}

  /** A schema that is just `true` or `false`. */
  decide(verdict: boolean): void {
    this.#verdict = verdict;
  }

  /** In the order in which values are to be looked at. */
  add(kinds: readonly JsonKind[], keyword: Keyword): void {
    for (const kind of kinds) this.#keywords[kind].push(keyword);
  }

  /** The schema asks what its keywords evaluated. */
  collect(): void {
    this.#collects = true;
  }

  test(value: unknown, run: Evaluation): boolean {
    if (this.#verdict !== null) return this.#verdict;
    const { scope, evaluated } = run;
    if (!run.enter()) return this.#tooDeep(run);
    this.#scope(run);
    if (this.#collects) run.evaluated = new Evaluated();
    let fits = true;
    for (const keyword of this.#of(value)) {
      if (!keyword.test(value, run)) {
        fits = false;
        break;
      }
    }
    if (this.#collects) {
      if (fits) evaluated?.add(run.evaluated!);
      run.evaluated = evaluated;
    }
    run.scope = scope;
    run.leave();
    return fits;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    if (this.#verdict === false) return run.problem(at, 'is not allowed');
    const { scope, evaluated } = run;
    if (!run.enter()) {
      run.problem(at, 'leads through the schema without end');
      return void this.#tooDeep(run);
    }
    this.#scope(run);
    if (this.#collects) run.evaluated = new Evaluated();
    let failed = false;
    for (const keyword of this.#of(value)) {
      if (run.full || (failed && keyword.last === true)) break;
      if (keyword.test(value, run)) continue;
      failed = true;
      keyword.report(value, run, at);
    }
    run.evaluated = evaluated;
    run.scope = scope;
    run.leave();
  }

  #of(value: unknown): readonly Keyword[] {
    const kind = jsonKind(value);
    return kind === undefined ? NO_VALUE : this.#keywords[kind];
  }

  #scope(run: Evaluation): void {
    const { resource } = this;
    if (resource !== null && run.scope?.resource !== resource) run.scope = { resource, outer: run.scope };
  }

  #tooDeep(run: Evaluation): false {
    run.leave();
    return false;
  }
}

/** Refuses what no JSON text denotes. */
const NO_VALUE: readonly Keyword[] = [
  {
    test: () => false,
    report: (value, run, at) => run.problem(at, `expected a JSON value, got ${kindInWords(value)}`),
  },
];

export const EVERY_KIND: readonly JsonKind[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];
