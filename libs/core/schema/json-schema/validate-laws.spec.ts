import { Ajv } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import ajvDraft4 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Draft } from './drafts.js';
import { JsonSchemaFormat } from './json-schema-format.js';
import { arbitraryJson, arbitraryJsonSchema, type GeneratedJsonSchema } from './testing/arbitrary-schema.js';
import { JsonValidator } from './validate.js';

const format = new JsonSchemaFormat();
const OPTIONS = { strict: false, logger: false, allErrors: true } as const;

/** ajv as a second opinion. It writes code from schema text, so it has a place in tests only. */
function oracle(draft: Draft, schema: GeneratedJsonSchema): (value: unknown) => boolean | undefined {
  const classes = { 'draft-04': ajvDraft4.default, '2019-09': Ajv2019, '2020-12': Ajv2020 } as const;
  const Class = (classes as Partial<Record<Draft, typeof Ajv>>)[draft] ?? Ajv;
  const ajv = new Class({ ...OPTIONS, validateFormats: !draft.startsWith('20') });
  ajvFormats.default(ajv as Ajv);
  if (draft === 'draft-06') ajv.addMetaSchema(draft6);
  const check = ajv.compile(schema as object);
  return (value) => {
    try {
      return check(value) as boolean;
    } catch (error) {
      // The code it writes for `unevaluatedProperties` sometimes fails.
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  };
}

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
          const check = oracle(draft, schema);
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
