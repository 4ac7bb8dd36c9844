import { isModern, type Draft } from './drafts.js';

/**
 * What a schema of a draft looks like, as a schema: for what refers to the address of a draft, or into it. One table of keywords and their types makes all five.
 * @param rules the draft it is written in, that of the schema that refers to it.
 */
export function metaSchemaText(draft: Draft, rules: Draft): { readonly address: string; readonly text: string } {
  const old = draft === 'draft-04';
  const properties = Object.fromEntries(
    KEYWORDS.filter(([, since, until]) => since <= RANK[draft] && (until ?? RANK[draft]) >= RANK[draft]).map(
      ([name, , , type]) => [name, shape(type, draft, rules)],
    ),
  );
  const text = JSON.stringify({
    type: old ? 'object' : ['object', 'boolean'],
    properties,
    // Draft 4 asks for both or none.
    ...(old ? { [isModern(rules) ? 'dependentRequired' : 'dependencies']: BOTH_OR_NONE } : {}),
    ...(isModern(draft) ? {} : { definitions: definitions(draft, rules) }),
  });
  return { address: ADDRESS[draft], text };
}

/** The names that the classic drafts have for parts of theirs, and that others refer to. */
function definitions(draft: Draft, rules: Draft): Readonly<Record<string, object>> {
  const count = draft === 'draft-04' ? 'positiveInteger' : 'nonNegativeInteger';
  return {
    schemaArray: shape('schemas', draft, rules),
    [count]: shape('count', draft, rules),
    [`${count}Default0`]: { allOf: [{ $ref: `#/definitions/${count}` }, { default: 0 }] },
    simpleTypes: SIMPLE_TYPES,
    stringArray: shape('names', draft, rules),
  };
}

const BOTH_OR_NONE = { exclusiveMaximum: ['maximum'], exclusiveMinimum: ['minimum'] };
const SIMPLE_TYPES = { enum: ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'] };

type Shape =
  | 'any'
  | 'boolean'
  | 'count'
  | 'dependencies'
  | 'exclusive'
  | 'items'
  | 'list'
  | 'names'
  | 'number'
  | 'pattern'
  | 'positive'
  | 'schema'
  | 'schema-or-boolean'
  | 'schemas'
  | 'map'
  | 'string'
  | 'type'
  | 'uri'
  | 'names-by-name';

const RANK: Readonly<Record<Draft, number>> = {
  'draft-04': 4,
  'draft-06': 6,
  'draft-07': 7,
  '2019-09': 8,
  '2020-12': 9,
};

const ADDRESS: Readonly<Record<Draft, string>> = {
  'draft-04': 'http://json-schema.org/draft-04/schema',
  'draft-06': 'http://json-schema.org/draft-06/schema',
  'draft-07': 'http://json-schema.org/draft-07/schema',
  '2019-09': 'https://json-schema.org/draft/2019-09/schema',
  '2020-12': 'https://json-schema.org/draft/2020-12/schema',
};

/** Name, first and last draft (by rank), type of value. */
const KEYWORDS: readonly (readonly [name: string, since: number, until: number | null, type: Shape])[] = [
  ['id', 4, 4, 'string'],
  ['$id', 6, null, 'uri'],
  ['$schema', 4, null, 'string'],
  ['$ref', 6, null, 'uri'],
  ['$comment', 7, null, 'string'],
  ['$anchor', 8, null, 'string'],
  ['$recursiveRef', 8, 8, 'uri'],
  ['$recursiveAnchor', 8, 8, 'boolean'],
  ['$dynamicRef', 9, null, 'uri'],
  ['$dynamicAnchor', 9, null, 'string'],
  ['$defs', 8, null, 'map'],
  ['definitions', 4, null, 'map'],
  ['title', 4, null, 'string'],
  ['description', 4, null, 'string'],
  ['default', 4, null, 'any'],
  ['examples', 6, null, 'list'],
  ['readOnly', 7, null, 'boolean'],
  ['writeOnly', 8, null, 'boolean'],
  ['deprecated', 8, null, 'boolean'],
  ['type', 4, null, 'type'],
  ['enum', 4, null, 'list'],
  ['const', 6, null, 'any'],
  ['multipleOf', 4, null, 'positive'],
  ['maximum', 4, null, 'number'],
  ['minimum', 4, null, 'number'],
  ['exclusiveMaximum', 4, null, 'exclusive'],
  ['exclusiveMinimum', 4, null, 'exclusive'],
  ['maxLength', 4, null, 'count'],
  ['minLength', 4, null, 'count'],
  ['pattern', 4, null, 'pattern'],
  ['format', 4, null, 'string'],
  ['maxItems', 4, null, 'count'],
  ['minItems', 4, null, 'count'],
  ['uniqueItems', 4, null, 'boolean'],
  ['items', 4, 8, 'items'],
  ['items', 9, null, 'schema'],
  ['additionalItems', 4, 8, 'schema-or-boolean'],
  ['prefixItems', 9, null, 'schemas'],
  ['contains', 6, null, 'schema'],
  ['maxContains', 8, null, 'count'],
  ['minContains', 8, null, 'count'],
  ['unevaluatedItems', 8, null, 'schema'],
  ['maxProperties', 4, null, 'count'],
  ['minProperties', 4, null, 'count'],
  ['required', 4, null, 'names'],
  ['properties', 4, null, 'map'],
  ['patternProperties', 4, null, 'map'],
  ['additionalProperties', 4, null, 'schema-or-boolean'],
  ['propertyNames', 6, null, 'schema'],
  ['dependencies', 4, null, 'dependencies'],
  ['dependentSchemas', 8, null, 'map'],
  ['dependentRequired', 8, null, 'names-by-name'],
  ['unevaluatedProperties', 8, null, 'schema'],
  ['allOf', 4, null, 'schemas'],
  ['anyOf', 4, null, 'schemas'],
  ['oneOf', 4, null, 'schemas'],
  ['not', 4, null, 'schema'],
  ['if', 7, null, 'schema'],
  ['then', 7, null, 'schema'],
  ['else', 7, null, 'schema'],
  ['contentMediaType', 7, null, 'string'],
  ['contentEncoding', 7, null, 'string'],
  ['contentSchema', 8, null, 'schema'],
];

function shape(type: Shape, draft: Draft, rules: Draft): object {
  const schema = { $ref: '#' };
  const names = {
    type: 'array',
    items: { type: 'string' },
    uniqueItems: true,
    ...(draft === 'draft-04' ? { minItems: 1 } : {}),
  };
  const schemas = { type: 'array', minItems: 1, items: schema };
  switch (type) {
    case 'any':
      return {};
    case 'boolean':
    case 'number':
    case 'string':
      return { type };
    case 'count':
      return { type: 'integer', minimum: 0 };
    case 'dependencies':
      return { type: 'object', additionalProperties: { anyOf: [schema, names] } };
    case 'exclusive':
      return { type: draft === 'draft-04' ? 'boolean' : 'number' };
    case 'items':
      return { anyOf: [schema, schemas] };
    case 'list':
      return { type: 'array' };
    case 'map':
      return { type: 'object', additionalProperties: schema };
    case 'names':
      return names;
    case 'names-by-name':
      return { type: 'object', additionalProperties: names };
    case 'pattern':
      return { type: 'string', format: 'regex' };
    case 'positive':
      return rules === 'draft-04'
        ? { type: 'number', minimum: 0, exclusiveMinimum: true }
        : { type: 'number', exclusiveMinimum: 0 };
    case 'schema':
      return schema;
    case 'schema-or-boolean':
      return { anyOf: [{ type: 'boolean' }, schema] };
    case 'schemas':
      return schemas;
    case 'type':
      return { anyOf: [SIMPLE_TYPES, { type: 'array', items: SIMPLE_TYPES, minItems: 1, uniqueItems: true }] };
    case 'uri':
      return { type: 'string', format: 'uri-reference' };
  }
}
