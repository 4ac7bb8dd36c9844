import fc from 'fast-check';
import { isModern, type Draft } from '../drafts.js';

/** A JSON Schema as a value. */
export type GeneratedJsonSchema = boolean | { readonly [keyword: string]: unknown };

export const DRAFT_ADDRESSES: Readonly<Record<Draft, string>> = {
  'draft-04': 'http://json-schema.org/draft-04/schema#',
  'draft-06': 'http://json-schema.org/draft-06/schema#',
  'draft-07': 'http://json-schema.org/draft-07/schema#',
  '2019-09': 'https://json-schema.org/draft/2019-09/schema',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
};

const NAMES = ['a', 'b', 'ab', 'c1'];
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];
const PATTERNS = ['^a', 'b$', '[0-9]', '^.{2,3}$', 'a|c'];
const TEXTS = ['', 'a', 'b', 'ab', 'abc', '🙂', 'c1', '2024-02-29', '2023-02-29', '127.0.0.1', 'x@y.org', 'http://h/p'];

/** Schemas in schemas. */
const DEPTH = 2;

const name = fc.constantFrom(...NAMES);
const count = fc.nat({ max: 3 });
const number = fc.oneof(fc.integer({ min: -3, max: 5 }), fc.constantFrom(0.5, 1.5, 2.25));

/** Values that small schemas have something to say about. */
export function arbitraryJson(depth = 2): fc.Arbitrary<unknown> {
  const scalar = fc.oneof(fc.constantFrom(null, true, false), number, fc.constantFrom(...TEXTS));
  if (depth === 0) return scalar;
  const inner = arbitraryJson(depth - 1);
  return fc.oneof(
    scalar,
    fc.array(inner, { maxLength: 4 }),
    fc.dictionary(name, inner, { maxKeys: 4, noNullPrototype: true }),
  );
}

/**
 * Schemas of a draft with most of its keywords, references to definitions (recursive ones included) among them. None has both `contains` and
 * `unevaluatedItems`, or one `unevaluated…` under another for the same value: there the second opinion is wrong.
 */
export function arbitraryJsonSchema(draft: Draft): fc.Arbitrary<GeneratedJsonSchema> {
  const definitions = isModern(draft) ? '$defs' : 'definitions';
  return fc
    .constantFrom('contains', 'unevaluatedItems')
    .chain((without) => {
      const object = objectSchema(draft, without, DEPTH);
      return fc.tuple(object, object, object);
    })
    .map(([root, x, y]) => ({ $schema: DRAFT_ADDRESSES[draft], [definitions]: { x, y }, ...root }));
}

/** A schema object of a few keywords: with all of them hardly a value would fit. */
function objectSchema(
  draft: Draft,
  without: string,
  depth: number,
): fc.Arbitrary<{ readonly [keyword: string]: unknown }> {
  const keywords = keywordsOf(draft, without, depth);
  const names = Object.keys(keywords).filter((keyword) => keyword !== without);
  return fc
    .subarray(names, { minLength: 1, maxLength: 4 })
    .chain((chosen) => fc.record(Object.fromEntries(chosen.map((keyword) => [keyword, keywords[keyword]!()]))))
    .map(withoutIdleCondition);
}

/** An `if` without consequences still evaluates members and items, and so does an empty schema; the second opinion forgets both. */
function withoutIdleCondition(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const consequence = [schema['then'], schema['else']].some(
    (one) => one === false || (typeof one === 'object' && Object.keys(one as object).length > 0),
  );
  if (consequence) return schema;
  const rest = Object.entries(schema).filter(([keyword]) => keyword !== 'if');
  return rest.length > 0 ? Object.fromEntries(rest) : { minLength: 0 };
}

function keywordsOf(
  draft: Draft,
  without: string,
  depth: number,
): Readonly<Record<string, () => fc.Arbitrary<unknown>>> {
  const modern = isModern(draft);
  const definitions = modern ? '$defs' : 'definitions';
  const trivial = draft === 'draft-04' ? fc.constant({}) : fc.boolean();
  const schema = (): fc.Arbitrary<GeneratedJsonSchema> =>
    depth === 0 ? trivial : fc.oneof(trivial, { arbitrary: objectSchema(draft, without, depth - 1), weight: 4 });
  // References stand where the value gets smaller, so that recursion ends.
  const part = (): fc.Arbitrary<GeneratedJsonSchema> =>
    fc.oneof(fc.constantFrom({ $ref: `#/${definitions}/x` }, { $ref: `#/${definitions}/y` }), {
      arbitrary: schema(),
      weight: 3,
    });
  const several = (one: fc.Arbitrary<unknown>) => fc.array(one, { minLength: 1, maxLength: 3 });
  const byName = (one: fc.Arbitrary<unknown>) =>
    fc.dictionary(name, one, { minKeys: 1, maxKeys: 3, noNullPrototype: true });
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 2 });
  const type = fc.constantFrom(...TYPES);
  return {
    type: () => fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: () =>
      fc.uniqueArray(arbitraryJson(), { minLength: 1, maxLength: 4, selector: (value) => JSON.stringify(value) }),
    minimum: () => number,
    maximum: () => number,
    multipleOf: () => fc.constantFrom(1, 2, 0.5),
    minLength: () => count,
    maxLength: () => count,
    pattern: () => fc.constantFrom(...PATTERNS),
    minItems: () => count,
    maxItems: () => count,
    uniqueItems: () => fc.boolean(),
    minProperties: () => count,
    maxProperties: () => count,
    required: () => names,
    properties: () => byName(part()),
    patternProperties: () =>
      fc.dictionary(fc.constantFrom(...PATTERNS), schema(), { maxKeys: 2, noNullPrototype: true }),
    additionalProperties: part,
    allOf: () => several(schema()),
    anyOf: () => several(schema()),
    oneOf: () => several(schema()),
    not: schema,
    // The reference refuses the list form in 2019-09.
    items: () => (modern ? part() : fc.oneof(part(), several(part()))),
    ...(draft === '2020-12' ? { prefixItems: () => several(part()) } : { additionalItems: part }),
    ...(draft === 'draft-04'
      ? {}
      : {
          const: arbitraryJson,
          contains: part,
          propertyNames: schema,
          exclusiveMinimum: () => number,
          exclusiveMaximum: () => number,
        }),
    ...(draft === 'draft-04' || draft === 'draft-06' ? {} : { if: schema, then: schema, else: schema }),
    ...(modern
      ? {
          dependentSchemas: () => byName(schema()),
          dependentRequired: () => byName(names),
          ...(depth === DEPTH ? { unevaluatedProperties: part, unevaluatedItems: part } : {}),
          minContains: () => count,
          maxContains: () => count,
        }
      : {
          dependencies: () => byName(fc.oneof(schema(), names)),
          format: () => fc.constantFrom('ipv4', 'email', ...(draft === 'draft-07' ? ['date'] : [])),
        }),
  };
}
