import { describe, expect, it } from 'vitest';
import type { SchemaSource } from './engine.js';
import type { SchemaType } from './format.js';
import { LocalSchemaEngine } from './local-engine.js';
import { standardFormats } from './standard-formats.js';

const engine = new LocalSchemaEngine(standardFormats());
const source = (schemaType: SchemaType, text: string): SchemaSource => ({
  schemaType,
  text,
  references: [],
  referencesKey: '',
});

/** Writes values with one schema and reads them with another. @returns what failed, as `place by path reason`. */
async function tried(
  type: SchemaType,
  writer: string,
  candidate: string,
  values: readonly unknown[],
  options: { readonly message?: string; readonly inHeader?: boolean } = {},
): Promise<string[]> {
  const encoder = (await engine.codec(source(type, writer))).encoder(options.message);
  const records = values.map((value) => {
    const payload = encoder.encode(value);
    if (options.inHeader === true) return { writer: 0, bytes: payload, payloadAt: 0, indexes: encoder.indexes };
    return { writer: 0, bytes: Buffer.concat([encoder.indexes, payload]), payloadAt: 0, indexes: null };
  });
  const failures = await engine.tried({ candidate: source(type, candidate), writers: [source(type, writer)], records });
  return failures.map(({ record, by, path, reason }) => `${record} ${by} ${path} ${reason}`);
}

describe('a schema tried on what others wrote', () => {
  describe('in Avro', () => {
    const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'R', fields });

    it('reads by resolution, and says where it does not', async () => {
      const writer = record({ name: 'a', type: ['null', 'int'] });
      expect(await tried('AVRO', writer, record({ name: 'a', type: 'int' }), [{ a: 1 }, { a: null }])).toEqual([
        '1 candidate /a written as null, which is not read as int',
      ]);
      const added = record({ name: 'a', type: ['null', 'long'] }, { name: 'b', type: 'int', default: 1 });
      expect(await tried('AVRO', writer, added, [{ a: 1 }, { a: null }])).toEqual([]);
    });

    it('tells bytes that their own schema did not write from those the candidate cannot read', async () => {
      const writers = [source('AVRO', '"string"')];
      const records = [{ writer: 0, bytes: Uint8Array.of(9), payloadAt: 0, indexes: null }];
      expect(await engine.tried({ candidate: source('AVRO', '"string"'), writers, records })).toMatchObject([
        { by: 'writer' },
      ]);
    });
  });

  describe('in JSON Schema', () => {
    it('validates what was written, with its numbers as they were', async () => {
      const writer = '{"type":"object"}';
      const candidate = '{"type":"object","required":["n"],"properties":{"n":{"maximum":9007199254740992}}}';
      const values = [{ n: 1 }, {}, { n: 'text' }];
      expect(await tried('JSON', writer, candidate, values)).toEqual([
        expect.stringContaining('1 candidate /n is missing'),
      ]);
      const records = ['{"n":9007199254740993}', '{"n":9007199254740992}', '{"n":', '\u0000'].map((text) => {
        return { writer: 0, bytes: Buffer.from(text), payloadAt: 0, indexes: null };
      });
      const failures = await engine.tried({
        candidate: source('JSON', candidate),
        writers: [source('JSON', writer)],
        records,
      });
      expect(failures.map(({ record, by, path }) => [record, by, path])).toEqual([
        [0, 'candidate', '/n'],
        [2, 'writer', ''],
        [3, 'writer', ''],
      ]);
    });

    it('gives up a value that would take too long, and says so', async () => {
      const heavy = `{"$ref":"#/definitions/a0","definitions":{${Array.from(
        { length: 24 },
        (_, i) => `"a${i}":{"allOf":[{"$ref":"#/definitions/a${i + 1}"},{"$ref":"#/definitions/a${i + 1}"}]}`,
      ).join(',')},"a24":{}}}`;
      expect(await tried('JSON', '{}', heavy, [1])).toEqual([
        expect.stringMatching(/^0 candidate {2}takes more than \d+ steps/),
      ]);
    });
  });

  describe('in Protobuf', () => {
    const proto = (body: string, syntax = 'proto3') => `syntax = "${syntax}"; ${body}`;
    const message = (fields: string) => proto(`message M { ${fields} }`);
    const legacy = (fields: string) => proto(`message M { ${fields} } enum E { A = 0; B = 1; }`, 'proto2');

    it('reads what has the same meaning, fields that it does not have included', async () => {
      const writer = message('int32 a = 1; string b = 2; repeated int32 c = 3; map<string, M> d = 4; M e = 5;');
      const values = [{ a: -1, b: 'ä', c: [1, 2], d: { k: { a: 1 } }, e: { b: 'x' } }, {}];
      for (const candidate of [
        writer,
        message('int64 a = 1; bytes b = 2; repeated int64 c = 3; map<string, M> d = 4; M e = 5; int32 f = 6;'),
        message(''),
      ]) {
        expect(await tried('PROTOBUF', writer, candidate, values)).toEqual([]);
        expect(await tried('PROTOBUF', writer, candidate, values, { inHeader: true })).toEqual([]);
      }
    });

    it.each([
      [
        'another wire type',
        'string a = 1;',
        'int32 a = 1;',
        { a: 'x' },
        '/a was written as string, which is not read as int32',
      ],
      [
        'another meaning of the same bytes',
        'int32 a = 1;',
        'sint32 a = 1;',
        { a: 1 },
        '/a was written as int32, which is not read as sint32',
      ],
      [
        'a number that is too large',
        'int64 a = 1;',
        'int32 a = 1;',
        { a: '2147483648' },
        '/a is a number that int32 does not hold',
      ],
      [
        'a negative number without a sign',
        'int32 a = 1;',
        'uint32 a = 1;',
        { a: -1 },
        '/a is a number that uint32 does not hold',
      ],
      [
        'a number that is no boolean',
        'int32 a = 1;',
        'bool a = 1;',
        { a: 2 },
        '/a is a number that bool does not hold',
      ],
      ['bytes that are no text', 'bytes a = 1;', 'string a = 1;', { a: '/w==' }, '/a is no text in UTF-8'],
      [
        'text for a message',
        'string a = 1;',
        'M a = 1;',
        { a: 'x' },
        '/a was written as string, which is not read as M',
      ],
      [
        'an item',
        'repeated int64 a = 1;',
        'repeated int32 a = 1;',
        { a: ['1', '2147483648'] },
        '/a/1 is a number that int32 does not hold',
      ],
      [
        'a list of numbers for one',
        'repeated int32 a = 1;',
        'int32 a = 1;',
        { a: [1, 2] },
        '/a was written as repeated int32, which is not read as int32',
      ],
      [
        'a value of a map',
        'map<string, int64> a = 1;',
        'map<string, int32> a = 1;',
        { a: { x: '2147483648' } },
        '/a/* is a number that int32 does not hold',
      ],
      [
        'a field within',
        'M m = 2; int64 a = 1;',
        'M m = 2; int32 a = 1;',
        { m: { m: { a: '-2147483649' } } },
        '/m/m/a is a number that int32 does not hold',
      ],
    ])('trips over %s', async (_what, written, read, value, failure) => {
      expect(await tried('PROTOBUF', message(written), message(read), [{}, value])).toEqual([`1 candidate ${failure}`]);
    });

    it('trips over what proto2 requires and over constants that a closed enum does not have', async () => {
      expect(
        await tried('PROTOBUF', legacy('optional int32 a = 1;'), legacy('required int32 a = 1;'), [{ a: 1 }, {}]),
      ).toEqual(['1 candidate /a is required, and was not written']);
      expect(
        await tried('PROTOBUF', legacy('optional int32 a = 1;'), legacy('optional E a = 1;'), [{ a: 1 }, { a: 7 }]),
      ).toEqual(['1 candidate /a is a number that enum E does not have, and is read as not written']);
    });

    it('looks for the message by its name, wherever it stands in the file', async () => {
      const writer = proto('message A { int32 a = 1; } message B { string b = 1; }');
      const moved = proto('message B { string b = 1; } message C {}');
      expect(await tried('PROTOBUF', writer, moved, [{ b: 'x' }], { message: 'B' })).toEqual([]);
      expect(await tried('PROTOBUF', writer, moved, [{ a: 1 }], { message: 'A' })).toEqual([
        '0 candidate  there is no message A',
      ]);
    });

    it('reads groups and extensions', async () => {
      const writer = proto(
        'message M { optional group G = 1 { optional int64 a = 1; } extensions 10 to 20; } extend M { optional int64 x = 10; }',
        'proto2',
      );
      const values = [{ g: { a: '1' } }, { g: { a: '2147483648' } }, { '[x]': '2147483648' }];
      expect(await tried('PROTOBUF', writer, writer, values)).toEqual([]);
      expect(await tried('PROTOBUF', writer, writer.replaceAll('int64', 'int32'), values)).toEqual([
        '1 candidate /g/a is a number that int32 does not hold',
        '2 candidate /[x] is a number that int32 does not hold',
      ]);
    });
  });
});
