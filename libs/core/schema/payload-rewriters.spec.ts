import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { AvroCodec } from './avro/codec.js';
import { AvroEncoder } from './avro/encode.js';
import { AVRO_JSON } from './avro/mapping.js';
import { AvroResolver } from './avro/resolve.js';
import { arbitrarySchema, arbitraryValue, evolutions } from './avro/testing/arbitrary-schema.js';
import type { SchemaSource } from './engine.js';
import type { SchemaType } from './format.js';
import { LocalSchemaEngine } from './local-engine.js';
import { payloadRewriter } from './payload-rewriters.js';
import { standardFormats } from './standard-formats.js';

const engine = new LocalSchemaEngine(standardFormats());
const source = (schemaType: SchemaType, text: string): SchemaSource => ({
  schemaType,
  text,
  references: [],
  referencesKey: '',
});

/** Writes a value with one schema, has it written anew with another, and reads it with that. @returns the value, or why there is none. */
async function rewritten(
  type: SchemaType,
  writer: string,
  reader: string,
  value: unknown,
  { message, inHeader = false }: { readonly message?: string; readonly inHeader?: boolean } = {},
): Promise<unknown> {
  const encoder = (await engine.codec(source(type, writer))).encoder(message);
  const payload = encoder.encode(value);
  const record = inHeader
    ? { writer: 0, bytes: payload, payloadAt: 0, indexes: encoder.indexes }
    : { writer: 0, bytes: Buffer.concat([encoder.indexes, payload]), payloadAt: 0, indexes: null };
  const [one] = await engine.rewritten({
    reader: source(type, reader),
    writers: [source(type, writer)],
    records: [record],
  });
  if (!('payload' in one!)) return `${one!.by} ${one!.path} ${one!.reason}`;
  return (await engine.codec(source(type, reader))).decodeBare(one.payload, one.indexes).value;
}

describe('a payload written anew with another schema', () => {
  describe('in Avro', () => {
    const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'R', fields });

    it('has what a reader has: defaults, promotions, aliases, and nothing that the reader does not know', async () => {
      const writer = record(
        { name: 'id', type: 'string' },
        { name: 'n', type: 'int' },
        { name: 'card', type: 'string' },
      );
      const reader = record(
        { name: 'land', type: ['null', 'string'], default: null },
        { name: 'number', aliases: ['n'], type: 'long' },
        { name: 'id', type: ['string', 'null'] },
      );
      expect(await rewritten('AVRO', writer, reader, { id: 'a', n: 7, card: '4111' })).toEqual({
        land: null,
        number: 7,
        id: 'a',
      });
    });

    it('says where a value has no place in the reader, and leaves the others to it', async () => {
      const writer = record({ name: 'a', type: ['null', 'int'] });
      const reader = record({ name: 'a', type: 'int' });
      expect(await rewritten('AVRO', writer, reader, { a: 3 })).toEqual({ a: 3 });
      expect(await rewritten('AVRO', writer, reader, { a: null })).toBe(
        'candidate /a written as null, which is not read as int',
      );
    });

    it('stands for the same value as the one its reader resolves, whatever the schemas', () => {
      const avro = new AvroFormat();
      const parse = (schema: unknown) => avro.parse(JSON.stringify(schema), { validate: false });
      let compared = 0;
      fc.assert(
        fc.property(
          arbitrarySchema().chain((old) => fc.tuple(fc.constant(old), evolutions(old), arbitraryValue(old))),
          ([old, next, value]) => {
            const [writer, reader] = [parse(old), parse(next)];
            // A schema that is just bytes has them bare.
            if (writer.canonical === '"bytes"') return;
            const bytes = new AvroEncoder(writer.root, AVRO_JSON).encode(value);
            const one = payloadRewriter(writer, reader).rewritten({ writer: 0, bytes, payloadAt: 0, indexes: null });
            let expected: unknown;
            try {
              expected = new AvroResolver(writer, reader).decode(bytes);
            } catch {
              expect('by' in one && one.by).toBe('candidate');
              return;
            }
            compared++;
            expect('payload' in one && new AvroCodec(reader).decode(one.payload)).toEqual(expected);
          },
        ),
        { numRuns: 400 },
      );
      expect(compared).toBeGreaterThan(100);
    });
  });

  describe('in JSON Schema', () => {
    it('stays the text it was where it fits, and is refused where it does not', async () => {
      const records = ['{"n": 9007199254740993.10, "more": 1}', '{"n": "text"}'].map((text) => ({
        writer: 0,
        bytes: Buffer.from(`!${text}`),
        payloadAt: 1,
        indexes: null,
      }));
      const made = await engine.rewritten({
        reader: source('JSON', '{"type":"object","properties":{"n":{"type":"number"}}}'),
        writers: [source('JSON', '{"type":"object"}')],
        records,
      });
      expect('payload' in made[0]! && Buffer.from(made[0].payload).toString()).toBe(
        '{"n": 9007199254740993.10, "more": 1}',
      );
      expect(made[1]).toMatchObject({ by: 'candidate', path: '/n' });
    });
  });

  describe('in Protobuf', () => {
    const file = (messages: string) => `syntax = "proto3"; ${messages}`;

    it('goes by numbers and by the name of its message, and has no field that the reader does not have', async () => {
      const writer = file('message A { int32 x = 1; } message B { string card = 1; int32 n = 2; }');
      const reader = file('message B { int64 number = 2; string land = 3; }');
      for (const inHeader of [false, true]) {
        const options = { message: 'B', inHeader };
        expect(await rewritten('PROTOBUF', writer, reader, { card: '4111', n: 7 }, options)).toEqual({
          number: '7',
          land: '',
        });
      }
      expect(await rewritten('PROTOBUF', writer, reader, { x: 1 }, { message: 'A' })).toBe(
        'candidate  there is no message A',
      );
    });

    it('is refused where the reader would take a number for another', async () => {
      const [writer, reader] = [file('message A { string x = 1; }'), file('message A { int32 x = 1; }')];
      expect(await rewritten('PROTOBUF', writer, reader, { x: 'text' })).toBe(
        'candidate /x was written as string, which is not read as int32',
      );
    });
  });

  it('of another language is refused', async () => {
    const made = await engine.rewritten({
      reader: source('JSON', '{}'),
      writers: [source('AVRO', '"string"')],
      records: [{ writer: 0, bytes: Uint8Array.of(2, 97), payloadAt: 0, indexes: null }],
    });
    expect(made).toEqual([
      {
        by: 'candidate',
        path: '',
        reason: 'it was written with a schema of type AVRO, and is to be read with one of type JSON',
      },
    ]);
  });
});
