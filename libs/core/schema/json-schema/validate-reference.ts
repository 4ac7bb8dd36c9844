import type { Evaluation, Keyword, Scope, SchemaResource, Subschema } from './subschema.js';

/** `$ref`. The target is set once everything is read. */
export class Reference implements Keyword {
  #target: Subschema | undefined;

  lead(target: Subschema): void {
    this.#target = target;
  }

  test(value: unknown, run: Evaluation): boolean {
    return this.#target!.test(value, run);
  }

  report(value: unknown, run: Evaluation, at: string): void {
    this.#target!.report(value, run, at);
  }
}

/**
 * `$dynamicRef` and `$recursiveRef`: where the schema they lead to at first sight can be overridden, the outermost resource entered on the way that
 * overrides it decides.
 */
export class DynamicReference implements Keyword {
  #target: Subschema | undefined;

  /** @param overriding what a resource has in place of the target. */
  constructor(private readonly overriding: (resource: SchemaResource) => (() => Subschema) | null | undefined) {}

  lead(target: Subschema): void {
    this.#target = target;
  }

  test(value: unknown, run: Evaluation): boolean {
    return this.#chosen(run).test(value, run);
  }

  report(value: unknown, run: Evaluation, at: string): void {
    this.#chosen(run).report(value, run, at);
  }

  #chosen(run: Evaluation): Subschema {
    let chosen = this.#target!;
    for (let scope: Scope | null = run.scope; scope !== null; scope = scope.outer) {
      run.step();
      const other = this.overriding(scope.resource);
      if (other !== null && other !== undefined) chosen = other();
    }
    return chosen;
  }
}
