import type { Evaluation, Keyword, Subschema } from './subschema.js';

/** Alternatives looked at for the one that was probably meant. */
const CONSIDERED = 64;

export class AllOf implements Keyword {
  constructor(private readonly schemas: readonly Subschema[]) {}

  test(value: unknown, run: Evaluation): boolean {
    return this.schemas.every((schema) => run.branch(schema, value));
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const schema of this.schemas) if (!run.branch(schema, value)) schema.report(value, run, at);
  }
}

export class AnyOf implements Keyword {
  constructor(private readonly schemas: readonly Subschema[]) {}

  test(value: unknown, run: Evaluation): boolean {
    // What each that fits evaluated counts, so none can be left out while somebody asks.
    if (run.evaluated === null) return this.schemas.some((schema) => schema.test(value, run));
    return this.schemas.filter((schema) => run.branch(schema, value)).length > 0;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    reportNone(this.schemas, value, run, at, 'anyOf');
  }
}

export class OneOf implements Keyword {
  constructor(private readonly schemas: readonly Subschema[]) {}

  test(value: unknown, run: Evaluation): boolean {
    let found = 0;
    for (const schema of this.schemas) if (run.branch(schema, value) && ++found > 1) return false;
    return found === 1;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const fitting = this.schemas.flatMap((schema, i) => (run.branch(schema, value) ? [i] : []));
    if (fitting.length === 0) reportNone(this.schemas, value, run, at, 'oneOf');
    else run.problem(at, `fits several alternatives of 'oneOf' (${fitting.slice(0, 5).join(', ')}), and must fit one`);
  }
}

export class Not implements Keyword {
  constructor(private readonly schema: Subschema) {}

  test(value: unknown, run: Evaluation): boolean {
    // What a failing schema evaluates counts for nothing, so neither does what this one does.
    return !run.part(this.schema, value);
  }

  report(_value: unknown, run: Evaluation, at: string): void {
    run.problem(at, "is what 'not' excludes");
  }
}

/** `if`, `then`, `else`. */
export class Conditional implements Keyword {
  constructor(
    private readonly condition: Subschema,
    private readonly then: Subschema | null,
    private readonly otherwise: Subschema | null,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    const schema = run.branch(this.condition, value) ? this.then : this.otherwise;
    return schema === null || run.branch(schema, value);
  }

  report(value: unknown, run: Evaluation, at: string): void {
    (run.branch(this.condition, value) ? this.then : this.otherwise)?.report(value, run, at);
  }
}

/** The problems of the alternative that comes nearest, where one does; otherwise that there is none. */
function reportNone(
  schemas: readonly Subschema[],
  value: unknown,
  run: Evaluation,
  at: string,
  keyword: 'anyOf' | 'oneOf',
): void {
  const found = schemas.slice(0, CONSIDERED).map((schema) => run.problemsUnder(schema, value, at));
  const inside = found.filter((problems) => problems.every(({ path }) => path !== at));
  const fewest = Math.min(...inside.map((problems) => problems.length));
  const nearest = inside.filter((problems) => problems.length === fewest);
  if (nearest.length === 1) nearest[0]!.forEach(({ path, message }) => run.problem(path, message));
  else run.problem(at, `fits none of the ${schemas.length} alternatives of '${keyword}'`);
}
