import type { Evaluation, Keyword, Subschema } from './subschema.js';
import { valueKey } from './validate-values.js';

type Items = readonly unknown[];

/** `minItems`, `maxItems`. */
export class ItemCount implements Keyword {
  constructor(
    private readonly least: number,
    private readonly most: number,
  ) {}

  test(value: unknown): boolean {
    const { length } = value as Items;
    return length >= this.least && length <= this.most;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const { length } = value as Items;
    const bound = length < this.least ? `at least ${this.least}` : `at most ${this.most}`;
    run.problem(at, `must have ${bound} items, has ${length}`);
  }
}

/** `prefixItems` and `items`; in the older drafts both forms of `items`, and `additionalItems`. */
export class ListedItems implements Keyword {
  constructor(
    private readonly prefix: readonly Subschema[],
    private readonly rest: Subschema | null,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    const items = value as Items;
    const { prefix, rest } = this;
    const looked = rest === null ? Math.min(prefix.length, items.length) : items.length;
    for (let i = 0; i < looked; i++) {
      run.step();
      if (!run.part(prefix[i] ?? rest!, items[i])) return false;
    }
    const { evaluated } = run;
    if (evaluated !== null) {
      if (rest !== null) evaluated.allIndexes = true;
      else for (let i = 0; i < looked; i++) evaluated.indexes.add(i);
    }
    return true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const [i, item] of (value as Items).entries()) {
      const schema = this.prefix[i] ?? this.rest;
      if (run.full || schema === null) return;
      if (!run.part(schema, item)) run.reportPart(schema, item, at, i);
    }
  }
}

export class UniqueItems implements Keyword {
  test(value: unknown, run: Evaluation): boolean {
    return firstTwins(value as Items, run) === undefined;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const [one, other] = firstTwins(value as Items, run)!;
    run.problem(at, `must have no equal items; ${one} and ${other} are`);
  }
}

/** `contains` with `minContains` and `maxContains`. */
export class ContainsItems implements Keyword {
  constructor(
    private readonly schema: Subschema,
    private readonly least: number,
    private readonly most: number,
    /** Whether what is found counts as evaluated (2020-12). */
    private readonly evaluates: boolean,
  ) {}

  test(value: unknown, run: Evaluation): boolean {
    const { evaluated } = run;
    const notes = this.evaluates && evaluated !== null;
    let found = 0;
    for (const [i, item] of (value as Items).entries()) {
      run.step();
      if (!run.part(this.schema, item)) continue;
      found++;
      if (notes) evaluated.indexes.add(i);
      else if (found >= this.least && this.most === Infinity) return true;
      if (found > this.most) return false;
    }
    return found >= this.least;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    const found = (value as Items).filter((item) => run.part(this.schema, item)).length;
    const bound = found < this.least ? `at least ${this.least}` : `at most ${this.most}`;
    run.problem(at, `must have ${bound} items that fit 'contains', has ${found}`);
  }
}

export class UnevaluatedItems implements Keyword {
  readonly last = true;

  constructor(private readonly schema: Subschema) {}

  test(value: unknown, run: Evaluation): boolean {
    const { evaluated } = run;
    if (evaluated === null || evaluated.allIndexes) return true;
    for (const [i, item] of (value as Items).entries()) {
      if (!evaluated.indexes.has(i) && !run.part(this.schema, item)) return false;
    }
    evaluated.allIndexes = true;
    return true;
  }

  report(value: unknown, run: Evaluation, at: string): void {
    for (const [i, item] of (value as Items).entries()) {
      if (run.evaluated?.indexes.has(i) !== true && !run.part(this.schema, item)) {
        run.reportPart(this.schema, item, at, i);
      }
    }
  }
}

function firstTwins(items: Items, run: Evaluation): readonly [number, number] | undefined {
  const seen = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const key = valueKey(item, run);
    const twin = seen.get(key);
    if (twin !== undefined) return [twin, i];
    seen.set(key, i);
  }
  return undefined;
}
