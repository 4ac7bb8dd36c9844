import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroFormat, avroSchema } from './avro-format.js';
import { AvroCodec } from './codec.js';
import { AvroEncoder } from './encode.js';
import { AVRO_JSON } from './mapping.js';
import { sameType } from './equality.js';
import { arbitrarySchema, arbitraryValue, evolutions, type GeneratedSchema } from './testing/arbitrary-schema.js';

const avro = new AvroFormat();
const text = (schema: GeneratedSchema): string => JSON.stringify(schema);
/** avsc as a second opinion, with the options under which it agrees with the reference on names. A fresh options object: it is changed in the call. */
const oracle = (schema: GeneratedSchema): avsc.Type =>
  avsc.Type.forSchema(schema as avsc.Schema, { noAnonymousTypes: true, wrapUnions: true });

describe('laws of Avro schemas', () => {
  it('the canonical text reads back to an equal schema with the same canonical text', () => {
    fc.assert(
      fc.property(arbitrarySchema(), (schema) => {
        const once = avro.parse(text(schema));
        const twice = avro.parse(once.canonical);
        expect(twice.canonical).toBe(once.canonical);
        expect(twice.equivalence).toBe(once.equivalence);
        expect(sameType(once.root, twice.root)).toBe(true);
      }),
    );
  });

  it('normalising twice is normalising once, and changes no verdict', () => {
    fc.assert(
      fc.property(arbitrarySchema(), (schema) => {
        const plain = avro.parse(text(schema));
        const normal = plain.normalised();
        expect(normal.normalised().canonical).toBe(normal.canonical);
        expect(avro.differences(normal, plain)).toEqual([]);
        expect(avro.differences(plain, normal)).toEqual([]);
      }),
    );
  });

  it('a schema reads what it wrote', () => {
    fc.assert(
      fc.property(arbitrarySchema(), (schema) => {
        const one = avro.parse(text(schema));
        expect(avro.differences(one, avro.parse(text(schema)))).toEqual([]);
      }),
    );
  });

  it('where new reads old, a resolver of avsc decodes old data with the new schema', () => {
    let compatible = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        arbitrarySchema('record').chain((old) => fc.tuple(fc.constant(old), evolutions(old), arbitraryValue(old))),
        ([old, next, value]) => {
          const bytes = new AvroEncoder(avro.parse(text(old)).root, AVRO_JSON).encode(value);
          if (avro.differences(avro.parse(text(next)), avro.parse(text(old))).length > 0) {
            refused++;
            return;
          }
          compatible++;
          const [reader, writer] = [oracle(next), oracle(old)];
          const resolver = reader.createResolver(writer);
          expect(() => reader.fromBuffer(Buffer.from(bytes), resolver)).not.toThrow();
        },
      ),
      { numRuns: 200 },
    );
    // Both outcomes occur, or the law would be shown on nothing.
    expect(Math.min(compatible, refused)).toBeGreaterThan(5);
  });

  it('where avsc can resolve, no difference is found', () => {
    fc.assert(
      fc.property(
        arbitrarySchema().chain((old) => fc.tuple(fc.constant(old), evolutions(old))),
        ([old, next]) => {
          const differences = avro.differences(avro.parse(text(next)), avro.parse(text(old)));
          if (differences.length > 0) expect(() => oracle(next).createResolver(oracle(old))).toThrow();
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('laws of Avro data', () => {
  const samples = arbitrarySchema().chain((schema) => fc.tuple(fc.constant(schema), arbitraryValue(schema)));

  it('our bytes are those of avsc', () => {
    fc.assert(
      fc.property(samples, ([schema, value]) => {
        const bytes = new AvroEncoder(avro.parse(text(schema)).root, AVRO_JSON).encode(value);
        const theirs = oracle(schema);
        expect(Buffer.from(bytes).equals(theirs.toBuffer(theirs.fromBuffer(Buffer.from(bytes))))).toBe(true);
      }),
    );
  });

  it('encoding what was decoded gives the same bytes, in both mappings', () => {
    fc.assert(
      fc.property(samples, ([schema, value]) => {
        const parsed = avro.parse(text(schema));
        const tagged = new AvroCodec(parsed, AVRO_JSON);
        const plain = new AvroCodec(parsed);
        const bytes = tagged.encode(value);
        expect(tagged.encode(tagged.decode(bytes))).toEqual(bytes);
        expect(plain.encode(JSON.parse(JSON.stringify(plain.decode(bytes))))).toEqual(bytes);
      }),
    );
  });

  it('bytes at random decode or are refused, never anything else', () => {
    fc.assert(
      fc.property(arbitrarySchema(), fc.uint8Array({ maxLength: 40 }), (schema, bytes) => {
        const codec = new AvroCodec(avro.parse(text(schema)));
        try {
          codec.decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'payload-does-not-decode' });
        }
      }),
    );
  });

  it('JSON at random encodes or is refused, never anything else', () => {
    fc.assert(
      fc.property(arbitrarySchema(), fc.jsonValue(), (schema, value) => {
        try {
          new AvroCodec(avro.parse(text(schema))).encode(value);
        } catch (error) {
          expect(error).toMatchObject({ code: 'value-does-not-fit-schema' });
          expect((error as { items: readonly unknown[] }).items.length).toBeGreaterThan(0);
        }
      }),
    );
  });
});

it('the generator reaches every kind of type', () => {
  const kinds = new Set<string>();
  for (const schema of fc.sample(arbitrarySchema(), 200)) {
    const visit = (type: import('./tree.js').AvroType): void => {
      if (kinds.has(type.kind) && type.kind === 'record') return;
      kinds.add(type.kind);
      if (type.kind === 'array') visit(type.items);
      if (type.kind === 'map') visit(type.values);
      if (type.kind === 'union') type.branches.forEach(visit);
      if (type.kind === 'record') type.fields.forEach((field) => visit(field.type));
    };
    visit(avroSchema(avro.parse(text(schema))).root);
  }
  expect(kinds.size).toBeGreaterThanOrEqual(12);
});
