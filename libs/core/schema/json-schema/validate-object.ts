import { nearest } from '#libs/core/kernel';
import { pointerSegment } from '../json-kind.js';
import { LONGEST_INPUT, type LatePattern } from './regex.js';
import type { Evaluation, Keyword, Subschema } from './subschema.js';
import { patternSteps } from './validate-values.js';

type Members = Readonly<Record<string, unknown>>;

/** `required`, and the part of dependencies that asks for names. */
export class RequiredNames implements Keyword {
  /** @param trigger the member that asks for the names; null: they are always asked for. */
  constructor(
    private readonly names: readonly string[],
    private readonly trigger: string | null,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    if (this.trigger !== null && !Object.hasOwn(value as Members, this.trigger)) return true;
    run.step(this.names.length >> 2);
    for (const name of this.names) if (!Object.hasOwn(value as Members, name)) return false;
    return true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const why = this.trigger === null ? '' : `, which '${this.trigger.slice(0, 100)}' asks for`;
    for (const name of this.names) {
      if (!Object.hasOwn(value as Members, name)) run.problem(at + pointerSegment(name), `is missing${why}`);
    }
  }
}

/** `minProperties`, `maxProperties`. */
export class MemberCount implements Keyword {
  constructor(
    private readonly least: number,
    private readonly most: number,
  ) {}

  test(value: unknown): boolean {
    const count = Object.keys(value as Members).length;
    return count >= this.least && count <= this.most;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const count = Object.keys(value as Members).length;
    const bound = count < this.least ? `at least ${this.least}` : `at most ${this.most}`;
    run.problem(at, `must have ${bound} members, has ${count}`);
  }
}

/**
 * `properties`, `patternProperties` and `additionalProperties`, which hang together. A pattern that is not run (see `regex.ts`) may match any name, so
 * that nothing is refused because of it.
 */
export class DeclaredMembers implements Keyword {
  constructor(
    private readonly properties: ReadonlyMap<string, Subschema>,
    private readonly patterns: readonly { readonly pattern: LatePattern; readonly schema: Subschema }[],
    private readonly additional: Subschema | null,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    const { evaluated } = run;
    for (const name of Object.keys(value as Members)) {
      run.step();
      const member = (value as Members)[name];
      let known = false;
      const declared = this.properties.get(name);
      if (declared !== undefined) {
        known = true;
        if (!run.part(declared, member)) return false;
      }
      for (const { pattern, schema } of this.patterns) {
        const matches = this.#matches(pattern, name, run);
        known ||= matches !== false;
        if (matches === true && !run.part(schema, member)) return false;
      }
      if (!known && this.additional !== null) {
        known = true;
        if (!run.part(this.additional, member)) return false;
      }
      if (known) evaluated?.names.add(name);
    }
    return true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const name of Object.keys(value as Members)) {
      const member = (value as Members)[name];
      const schemas: Subschema[] = [];
      let known = false;
      const declared = this.properties.get(name);
      if (declared !== undefined) schemas.push(declared);
      for (const { pattern, schema } of this.patterns) {
        const matches = this.#matches(pattern, name, run);
        known ||= matches !== false;
        if (matches === true) schemas.push(schema);
      }
      if (declared === undefined && !known && this.additional !== null) {
        if (!run.part(this.additional, member)) this.#reportAdditional(name, member, run, at);
        continue;
      }
      for (const schema of schemas) if (!run.part(schema, member)) run.reportPart(schema, member, at, name);
    }
  }

  #reportAdditional(name: string, member: unknown, run: Evaluation, at: string): void {
    const { additional } = this;
    if (additional === null) return;
    const before = run.problems.length;
    run.reportPart(additional, member, at, name);
    // A bare refusal says nothing; a name that was probably meant does.
    const path = at + pointerSegment(name);
    const last = run.problems.at(-1);
    if (run.problems.length === before + 1 && last?.path === path && last.message === 'is not allowed') {
      const close = nearest(name.slice(0, 200), this.properties.keys());
      run.problems.pop();
      run.problem(path, `is not allowed${close === undefined ? '' : `; did you mean '${close}'?`}`);
    }
  }

  /** Undefined where the pattern is not run. */
  #matches(late: LatePattern, name: string, run: Evaluation): boolean | undefined {
    const pattern = run.ready(late);
    if (pattern === undefined || name.length > LONGEST_INPUT) return undefined;
    run.step(patternSteps(pattern, name));
    return pattern.finds(name);
  }
}

export class MemberNames implements Keyword {
  constructor(private readonly schema: Subschema) {}

  test(value: unknown, run: Evaluation): boolean {
    return Object.keys(value as Members).every((name) => run.part(this.schema, name));
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const name of Object.keys(value as Members)) {
      if (run.part(this.schema, name)) continue;
      const path = at + pointerSegment(name);
      for (const { message } of run.problemsUnder(this.schema, name, '')) {
        run.problem(path, `has a name that ${/^(?:is|must|does)\b/.test(message) ? message : `is wrong: ${message}`}`);
      }
    }
  }
}

/** A schema for the whole object where a member is there: `dependentSchemas`, `dependencies`. */
export class DependentSchema implements Keyword {
  constructor(
    private readonly trigger: string,
    private readonly schema: Subschema,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    return !Object.hasOwn(value as Members, this.trigger) || run.branch(this.schema, value);
  }

  report(value: unknown, run: Evaluation, at: string): void {
    this.schema.report(value, run, at);
  }
}

export class UnevaluatedProperties implements Keyword {
  readonly last = true;

  constructor(private readonly schema: Subschema) {}

  test(value: unknown, run: Evaluation): boolean {
    const { evaluated } = run;
    if (evaluated === null || evaluated.allNames) return true;
    for (const name of Object.keys(value as Members)) {
      if (!evaluated.names.has(name) && !run.part(this.schema, (value as Members)[name])) return false;
    }
    evaluated.allNames = true;
    return true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const name of Object.keys(value as Members)) {
      const member = (value as Members)[name];
      if (run.evaluated?.names.has(name) === true || run.part(this.schema, member)) continue;
      run.reportPart(this.schema, member, at, name);
    }
  }
}
