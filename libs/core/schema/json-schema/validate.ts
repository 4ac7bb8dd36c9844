import type { ErrorItem } from '#libs/core/kernel';
import { schemaLimits, type SchemaLimits } from '../limits.js';
import type { JsonSchema } from './json-schema-format.js';
import { Evaluation, OutOfSteps, type Subschema } from './subschema.js';
import { SubschemaCompiler } from './validate-compile.js';

/**
 * Tells whether JSON values fit one JSON Schema, by the rules of its draft. Interprets: the keywords become objects, nothing becomes code. Patterns run in
 * linear time, or not at all; the value pays for every step from a budget; nothing is fetched.
 *
 * Values are what `JSON.parse` gives, or `parseExact`.
 */
export class JsonValidator {
  readonly #root: Subschema;

  constructor(schema: JsonSchema, limits?: Partial<SchemaLimits>) {
    this.#root = new SubschemaCompiler(schema.documents, schemaLimits(limits)).compile();
  }

  /**
   * What is wrong with the value (20 problems at most), paths as JSON pointers into it; empty when it fits. Contents are never quoted.
   * @param steps keywords, members, items and characters looked at before giving up; 1,000,000 take some 50 ms.
   */
  problems(value: unknown, steps: number): readonly ErrorItem[] {
    const accepted = this.accepts(value, steps);
    if (accepted === undefined) return [{ path: '', message: `takes more than ${steps} steps to check` }];
    return accepted ? [] : this.#explained(value, steps);
  }

  /** Whether the value fits; undefined when it takes more steps to tell. */
  accepts(value: unknown, steps: number): boolean | undefined {
    try {
      return this.#root.test(value, new Evaluation(steps));
    } catch (error) {
      if (!(error instanceof OutOfSteps)) throw error;
      return undefined;
    }
  }

  /** Looks again, for the reasons: so the common case pays nothing for them. */
  #explained(value: unknown, steps: number): readonly ErrorItem[] {
    const run = new Evaluation(steps);
    try {
      this.#root.report(value, run, '');
    } catch (error) {
      if (!(error instanceof OutOfSteps)) throw error;
    }
    return run.problems.length > 0 ? run.problems : [{ path: '', message: 'does not fit the schema' }];
  }
}
