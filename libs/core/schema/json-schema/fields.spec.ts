import { describe, expect, it } from 'vitest';
import type { ResolvedReference } from '../format.js';
import { propertyFields } from './fields.js';
import { JsonSchemaFormat } from './json-schema-format.js';

const shape = (schema: object, references: readonly ResolvedReference[] = []) =>
  propertyFields(new JsonSchemaFormat().parse(JSON.stringify(schema), { references }));
const kinds = (schema: object) =>
  Object.fromEntries(
    (shape(schema)?.fields ?? []).map((one) => [one.path.join('.'), `${one.kind}${one.nullable ? '?' : ''}`]),
  );
const MODERN = 'https://json-schema.org/draft/2020-12/schema';

describe('the properties of objects', () => {
  it('come with kind and nullability, nested objects followed by their own', () => {
    const schema = {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'integer' },
        price: { type: ['number', 'null'] },
        at: { type: 'string', format: 'date-time' },
        state: { enum: ['new', 'paid', null] },
        flag: { const: true },
        tags: { type: 'array', items: { type: 'string' } },
        to: { type: 'object', properties: { zip: { type: 'string' } }, additionalProperties: false },
        either: { type: ['string', 'integer'] },
        whatever: {},
      },
    };
    expect(kinds(schema)).toEqual({
      id: 'integer',
      price: 'number?',
      at: 'timestamp',
      state: 'string?',
      flag: 'boolean',
      tags: 'array',
      to: 'object',
      'to.zip': 'string',
      either: 'any',
      whatever: 'any',
    });
    const { fields, open } = shape(schema)!;
    expect(open).toBe(true);
    expect(fields.filter((one) => one.required).map((one) => one.path)).toEqual([['id']]);
    expect(fields.filter((one) => !one.open).map((one) => one.path)).toEqual([['to']]);
  });

  it('are also those of what is referred to and of all that holds at once', () => {
    const address: ResolvedReference = {
      name: 'address.json',
      schemaType: 'JSON',
      text: '{"properties":{"zip":{"$ref":"#/definitions/z"}},"definitions":{"z":{"type":"string"}}}',
      references: [],
    };
    const schema = {
      allOf: [{ properties: { a: { $ref: '#/definitions/n' } } }, { properties: { b: { $ref: 'address.json' } } }],
      definitions: { n: { anyOf: [{ type: 'null' }, { type: 'integer' }] } },
    };
    expect(shape(schema, [address])?.fields.map((one) => [one.path.join('.'), one.kind, one.nullable])).toEqual([
      ['a', 'integer', true],
      ['b', 'object', false],
      ['b.zip', 'string', false],
    ]);
  });

  it('end where an object holds itself', () => {
    expect(kinds({ properties: { next: { $ref: '#' }, n: { type: 'number' } } })).toEqual({
      next: 'object',
      n: 'number',
    });
    const loop = {
      properties: { a: { $ref: '#/definitions/x' } },
      definitions: { x: { properties: { b: { $ref: '#/definitions/x' } } } },
    };
    expect(kinds(loop)).toEqual({ a: 'object', 'a.b': 'object' });
    expect(
      kinds({
        definitions: { x: { allOf: [{ $ref: '#/definitions/x' }] } },
        properties: { a: { $ref: '#/definitions/x' } },
      }),
    ).toEqual({ a: 'any' });
  });

  it('of the newer drafts can stand beside a reference, and a format is a remark there', () => {
    const schema = {
      $schema: MODERN,
      $ref: '#/$defs/base',
      properties: { at: { type: 'string', format: 'date-time' } },
      unevaluatedProperties: false,
      $defs: { base: { properties: { id: { type: 'string' } } } },
    };
    expect(kinds(schema)).toEqual({ at: 'string', id: 'string' });
    expect(shape(schema)?.open).toBe(false);
  });

  it('are none of a schema of anything else', () => {
    expect(shape({ type: 'string' })).toBeUndefined();
    expect(propertyFields(new JsonSchemaFormat().parse('true'))).toBeUndefined();
  });
});
