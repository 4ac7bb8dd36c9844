import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Draft } from './drafts.js';
import { JsonSchemaFormat } from './json-schema-format.js';
import { arbitraryJson, arbitraryJsonSchema } from './testing/arbitrary-schema.js';
import { secondOpinion } from './testing/second-opinion.js';
import { JsonValidator } from './validate.js';

const format = new JsonSchemaFormat();
describe.each<Draft>(['draft-04', 'draft-06', 'draft-07', '2019-09', '2020-12'])('values under %s', (draft) => {
  it('fit where ajv says so, and nowhere else', () => {
    let fitting = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        arbitraryJsonSchema(draft),
        fc.array(arbitraryJson(), { minLength: 10, maxLength: 10 }),
        (schema, values) => {
          const validator = new JsonValidator(format.parse(JSON.stringify(schema)));
          const check = secondOpinion(draft, schema);
          for (const value of values) {
            const problems = validator.problems(value, 100_000);
            const expected = check(value);
            if (expected === undefined) continue;
            if (expected) fitting++;
            else refused++;
            if ((problems.length === 0) !== expected) {
              throw new Error(`${JSON.stringify(value)}: ajv ${expected}, ours ${JSON.stringify(problems)}`);
            }
          }
        },
      ),
      // The same cases each time: the second opinion has faults of its own, which turn up once in thousands.
      { numRuns: 100, seed: 4 },
    );
    // Neither answer is the only one that was compared.
    expect(Math.min(fitting, refused)).toBeGreaterThan(100);
  });
});
