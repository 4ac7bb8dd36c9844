import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#libs/core/kernel';
import { AvroFormat } from '../avro/avro-format.js';
import { AvroCodec } from '../avro/codec.js';
import { exactValue } from '../exact-json.js';
import { jsonNode } from '../json-node.js';
import { SchemaInference } from './inference.js';
import type { ProposalOptions } from './propose-avro.js';

const OPTIONS: ProposalOptions = { name: 'Order', namespace: '', enums: false };

function inferred(samples: readonly JsonValue[]): SchemaInference {
  const inference = new SchemaInference();
  for (const sample of samples) inference.add(jsonNode(sample));
  return inference;
}

const proposed = (
  samples: readonly JsonValue[],
  options: Partial<ProposalOptions> = {},
  type: 'AVRO' | 'JSON' = 'AVRO',
) => JSON.parse(inferred(samples).propose(type, { ...OPTIONS, ...options })) as Record<string, unknown>;

const stats = (samples: readonly JsonValue[], path: string) =>
  inferred(samples)
    .fields()
    .find((field) => field.path === path);

/** Samples as people have them: objects of a few members, some of them odd, with texts of many forms. */
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(2 ** 60, -(2 ** 63), 2 ** 64, 1e300),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.uuid(),
  fc
    .date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2100-01-01') })
    .map((date) => date.toISOString()),
  fc.emailAddress(),
  fc.ipV4(),
  fc.webUrl(),
  fc.constantFrom('12', '-0.50', '2024-02-30', '2024-02-29', '23:59:60Z', '12:00:00+01:00'),
);
/** Without `__proto__`, which the other validators overlook. */
const names = fc.constantFrom(
  'id',
  'a_b',
  'aB',
  'Order',
  'line-items',
  'lines',
  'constructor',
  'map',
  'array',
  '9',
  'é',
  'a b',
  'google',
  'string',
);
const { sample } = fc.letrec<{ sample: JsonValue; object: JsonValue }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'sample' },
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(tie('sample'), { maxLength: 3, depthIdentifier: 'sample' }) },
    { weight: 2, arbitrary: tie('object') },
  ),
  object: fc
    .uniqueArray(fc.tuple(names, tie('sample')), { maxLength: 5, selector: ([name]) => name })
    .map((entries) => Object.fromEntries(entries)),
}));
const objects = fc
  .uniqueArray(fc.tuple(names, sample), { maxLength: 6, selector: ([name]) => name })
  .map((entries): JsonValue => Object.fromEntries(entries));

describe('a proposal takes every sample', () => {
  it('in Avro: each is encoded and comes back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(sample, objects), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (samples, enums) => {
          const text = inferred(samples).propose('AVRO', { ...OPTIONS, namespace: 'com.example', enums });
          const codec = new AvroCodec(new AvroFormat().parse(text));
          for (const one of samples) codec.decode(codec.encode(exactValue(jsonNode(one))));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('in JSON Schema: another validator says so, formats included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(sample, objects), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (samples, enums) => {
          const ajv = new Ajv({ strict: false, ownProperties: true });
          addFormats.default(ajv);
          const validate = ajv.compile(JSON.parse(inferred(samples).propose('JSON', { ...OPTIONS, enums })) as object);
          for (const one of samples) expect([validate(one), validate.errors]).toEqual([true, null]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('in Protobuf: another implementation parses the file and knows every member', () => {
    fc.assert(
      fc.property(fc.array(objects, { minLength: 1, maxLength: 6 }), (samples) => {
        const text = inferred(samples).propose('PROTOBUF', { ...OPTIONS, namespace: 'com.google' });
        const { root } = protobuf.parse(text, { keepCase: true });
        const order = root.lookupType('com.google.Order');
        const known = order.fieldsArray.flatMap((field) => [
          field.name,
          String((field.options as Record<string, unknown> | undefined)?.['json_name'] ?? field.name),
        ]);
        for (const one of samples) expect(Object.keys(one as object).filter((key) => !known.includes(key))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('and one made from fewer samples need not take them all', () => {
    const codec = new AvroCodec(new AvroFormat().parse(inferred([{ a: 1 }]).propose('AVRO', OPTIONS)));
    expect(() => codec.encode({ a: 'text' })).toThrow(/does not fit/);
  });
});

describe('what a proposal looks like', () => {
  it('is the same text for the same samples', () => {
    fc.assert(
      fc.property(fc.array(objects, { minLength: 1, maxLength: 5 }), (samples) => {
        for (const type of ['AVRO', 'JSON', 'PROTOBUF'] as const)
          expect(inferred(samples).propose(type, OPTIONS)).toBe(inferred(samples).propose(type, OPTIONS));
      }),
      { numRuns: 50 },
    );
  });

  it('names nested records after their place and fills in null for what may be missing', () => {
    const samples: JsonValue[] = [
      { id: 7, lines: [{ price: 1.5, note: null }] },
      { id: 8, lines: [], paid: true },
    ];
    expect(proposed(samples, { namespace: 'shop' })).toEqual({
      type: 'record',
      name: 'Order',
      namespace: 'shop',
      fields: [
        { name: 'id', type: 'long' },
        {
          name: 'lines',
          type: {
            type: 'array',
            items: {
              type: 'record',
              name: 'OrderLines',
              fields: [
                { name: 'price', type: 'double' },
                { name: 'note', type: ['null', 'string'], default: null },
              ],
            },
          },
        },
        { name: 'paid', type: ['null', 'boolean'], default: null },
      ],
    });
  });

  it('keeps a text a text where numbers occur too', () => {
    const codec = new AvroCodec(new AvroFormat().parse(inferred([{ a: 12 }, { a: '12' }]).propose('AVRO', OPTIONS)));
    expect(codec.decode(codec.encode({ a: '12' }))).toEqual({ a: { string: '12' } });
    expect(codec.decode(codec.encode({ a: 12 }))).toEqual({ a: 12 });
  });

  it('takes rare members that hold one kind of value for keys of a map', () => {
    const samples = Array.from({ length: 60 }, (_, n) => ({ stock: { [`sku${n}`]: n } }));
    expect(proposed(samples)).toMatchObject({ fields: [{ name: 'stock', type: { type: 'map', values: 'long' } }] });
    const many = Array.from({ length: 600 }, (_, n) => ({ [`k${n}`]: n % 2 === 0 ? n : 'text' }));
    expect(proposed(many)).toEqual({ type: 'map', values: ['string', 'long'] });
  });

  it('closes objects in JSON Schema and asks only for what was always there', () => {
    expect(proposed([{ id: 1, at: '2024-05-01T10:00:00Z' }, { id: 2 }], {}, 'JSON')).toEqual({
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: 'Order',
      type: 'object',
      properties: { id: { type: 'integer' }, at: { type: 'string', format: 'date-time' } },
      required: ['id'],
      additionalProperties: false,
    });
  });

  it('gives Protobuf fields labels, nested messages and names for JSON', () => {
    const samples = [{ id: 7, 'line-items': [{ price: 1.5 }], tags: ['a'], at: null, odd: [1, 'x'] }];
    expect(inferred(samples).propose('PROTOBUF', { ...OPTIONS, namespace: 'shop' })).toBe(
      `syntax = "proto3";
package shop;

import "google/protobuf/struct.proto";

message Order {
  int64 id = 1;
  repeated LineItems line_items = 2 [json_name = "line-items"];
  repeated string tags = 3;
  optional string at = 4;
  google.protobuf.ListValue odd = 5;
  message LineItems {
    double price = 1;
  }
}
`,
    );
    expect(() => inferred([1]).propose('PROTOBUF', OPTIONS)).toThrow(/no JSON object/);
  });

  it('makes enumerations only when asked to', () => {
    const samples = Array.from({ length: 30 }, (_, n) => ({ state: n % 3 === 0 ? 'OPEN' : 'DONE' }));
    expect(stats(samples, '/state')).toMatchObject({ texts: { enum: ['DONE', 'OPEN'], distinct: 2 } });
    expect(proposed(samples)).toMatchObject({ fields: [{ name: 'state', type: 'string' }] });
    const field = { name: 'state', type: { type: 'enum', name: 'OrderState', symbols: ['DONE', 'OPEN'] } };
    expect(proposed(samples, { enums: true })).toMatchObject({ fields: [field] });
  });
});

describe('statistics', () => {
  it('count what was there, missing and null, and how wide numbers are', () => {
    const samples: JsonValue[] = [{ n: 1, x: 1.25 }, { n: 3_000_000_000, x: 2 }, { x: null }];
    expect(stats(samples, '/n')).toMatchObject({
      seen: 2,
      missing: 1,
      optional: true,
      nullable: false,
      kinds: { integer: 2 },
      numbers: { width: 'int64', least: '1', greatest: '3000000000' },
    });
    expect(stats(samples, '/x')).toMatchObject({
      missing: 0,
      nullable: true,
      kinds: { null: 1, integer: 1, number: 1 },
      numbers: { width: 'double', fractionDigits: 2 },
    });
  });

  it('tell 1 from 1.0 and keep long integers, when samples come as text', () => {
    const inference = new SchemaInference();
    inference.addText('{"a": 1.0, "b": 9223372036854775807, "c": 9223372036854775808}');
    expect(JSON.parse(inference.propose('AVRO', OPTIONS))).toMatchObject({
      fields: [{ type: 'double' }, { type: 'long' }, { type: 'double' }],
    });
    expect(inference.conflicts()).toEqual([
      { path: '/b', message: expect.stringContaining('write them as text') as string },
      { path: '/c', message: expect.stringContaining('beyond 64 bits') as string },
    ]);
  });

  it('recognise forms that all texts of a place have', () => {
    const at = (texts: string[]) =>
      stats(
        texts.map((text) => ({ text })),
        '/text',
      )?.texts?.forms;
    expect(at(['095d71cf-1255-6b9d-5e33-0ad575b3df5d'])).toEqual(['uuid']);
    expect(at(['2024-02-29T12:00:00.5+02:00', '2024-01-01T00:00:00Z'])).toEqual(['date-time']);
    expect(at(['2024-02-29', '2024-02-30'])).toEqual([]);
    expect(at(['a.b@example.org', 'x@example.org'])).toEqual(['email']);
    expect(at(['10.0.0.1', '10.0.0.256'])).toEqual([]);
    expect(at(['12', '-3'])).toEqual(['integer']);
  });

  it('list places that hold several kinds, or nothing', () => {
    const conflicts = inferred([
      { a: 1, b: [], c: null, d: {} },
      { a: 'x', b: [], c: null, d: {} },
    ]).conflicts();
    expect(conflicts.map(({ path }) => path)).toEqual(['/a', '/b', '/c', '/d']);
  });
});

describe('hostile samples', () => {
  it('that nest too deep or never repeat a place are refused, naming the limit', () => {
    let deep: JsonValue = 1;
    for (let n = 0; n < 22; n++) deep = [deep];
    expect(() => inferred([deep])).toThrow(/deeper than 20/);
    const branch = (level: number, prefix: string): JsonValue =>
      level === 0
        ? 1
        : Object.fromEntries(
            Array.from({ length: 30 }, (_, n) => [`${prefix}${n}`, branch(level - 1, `${prefix}${n}_`)]),
          );
    expect(() => inferred([branch(3, 'm')])).toThrow(/more than 10000 different places/);
  });

  it('that are no JSON are refused with their place', () => {
    const inference = new SchemaInference();
    expect(() => inference.addText('{"a": }')).toThrow(/line 1, column 7/);
    expect(() => inference.addText('['.repeat(50_000))).toThrow(/deeper than 20/);
    expect(() => inference.addText('"\ud800"')).toThrow(/surrogate/);
    expect(() => inference.addText(`"${'x'.repeat(1024 * 1024)}"`)).toThrow(/1048576/);
    expect(inference.samples).toBe(0);
  });

  it('leave no trace on objects, whose every name is a member like any other', () => {
    const sample = JSON.parse('{"__proto__": {"polluted": 1}}') as JsonValue;
    for (const type of ['JSON', 'PROTOBUF'] as const) {
      expect(inferred([sample]).propose(type, OPTIONS)).toContain('__proto__');
    }
    const codec = new AvroCodec(new AvroFormat().parse(inferred([sample]).propose('AVRO', OPTIONS)));
    expect(JSON.stringify(codec.decode(codec.encode(sample)))).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
