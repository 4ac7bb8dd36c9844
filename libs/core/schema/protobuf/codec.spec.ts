import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { parseExact } from '../exact-json.js';
import type { ResolvedReference } from '../format.js';
import { ProtobufCodec } from './codec.js';
import { ProtobufFormat } from './protobuf-format.js';

const codecOf = (text: string, references: readonly ResolvedReference[] = [], elements?: number) =>
  new ProtobufCodec(new ProtobufFormat().parse(text, { references }), elements);
const message = (...fields: string[]) => `syntax = "proto3";\npackage p;\nmessage M { ${fields.join(' ')} }`;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text, 'hex');
const shown = (text: string, payload: string) => codecOf(text).decodeBare(bytes(payload), Uint8Array.of(0)).value;
const roundTrip = (text: string, value: unknown) => {
  const codec = codecOf(text);
  return codec.decodeBare(codec.encoder().encode(value), Uint8Array.of(0)).value;
};

function problems(text: string, value: unknown): readonly string[] {
  try {
    codecOf(text).encoder().encode(value);
  } catch (error) {
    if (isAppError(error, 'value-does-not-fit-schema')) return error.items.map((one) => `${one.path}: ${one.message}`);
    throw error;
  }
  return [];
}

describe('a schema of an edition', () => {
  const value = { numbers: [1, 2], apart: [3, 4], inner: { numbers: [5] } };
  const text = (features: string) => `message M {
    repeated int32 numbers = 1; repeated int32 apart = 2 ${features}; optional M inner = 3;
  }`;

  it('is written by its rules where its features tell that it is one, else as proto2', () => {
    const edition = codecOf(text('[features.repeated_field_encoding = EXPANDED]'));
    expect(hex(edition.encoder().encode(value))).toBe('0a020102' + '10031004' + '1a030a0105');
    expect(hex(codecOf(text('')).encoder().encode(value))).toBe('08010802' + '10031004' + '1a020805');
  });

  it('is read whichever way its numbers are written', () => {
    for (const payload of ['0a020102', '08010802']) {
      for (const features of ['', '[features.repeated_field_encoding = EXPANDED]']) {
        expect(shown(text(features), payload)).toMatchObject({ numbers: [1, 2] });
      }
    }
  });

  it('writes what is delimited between tags', () => {
    const delimited =
      'message M { optional M inner = 1 [features.message_encoding = DELIMITED]; optional int32 n = 2; }';
    expect(
      hex(
        codecOf(delimited)
          .encoder()
          .encode({ inner: { n: 1 } }),
      ),
    ).toBe('0b10010c');
    expect(shown(delimited, '0b10010c')).toEqual({ inner: { n: 1 } });
  });
});

describe('which message is meant', () => {
  const text = `syntax = "proto3"; package p;
    enum NotCounted { ZERO = 0; }
    message A { message Inner { int32 x = 1; } message Other { string y = 1; } }
    message B { string z = 1; }`;
  it.each([
    [undefined, '00', 'p.A', {}],
    ['p.A', '00', 'p.A', {}],
    ['p.A.Inner', '040000', 'p.A.Inner', { x: 5 }],
    ['p.A.Other', '040002', 'p.A.Other', { y: 's' }],
    ['p.B', '0202', 'p.B', { z: 't' }],
  ])('%s stands behind the indexes %s', (name, indexes, fullName, value) => {
    const codec = codecOf(text);
    const writer = codec.encoder(name);
    expect([hex(writer.indexes), writer.message]).toEqual([indexes, fullName]);
    const payload = writer.encode(value);
    expect(codec.decode(Buffer.concat([writer.indexes, payload]), 0)).toEqual({ message: fullName, value });
    expect(codec.decodeBare(payload, writer.indexes)).toEqual({ message: fullName, value });
  });

  it('is told when the schema has no such message', () => {
    expect(() => codecOf(text).encoder('p.C')).toThrow(expect.objectContaining({ code: 'message-unknown' }));
    expect(() => codecOf('syntax = "proto3"; enum E { Z = 0; }').encoder()).toThrow('The schema has no message.');
    expect(() => codecOf(text).decode(bytes('0204'), 0)).toThrow(/no message at the indexes 2/);
    expect(() => codecOf(text).decode(bytes('02'), 0)).toThrow(expect.objectContaining({ code: 'envelope-invalid' }));
  });

  it('is that of the imported file where a file does nothing but import it publicly', () => {
    const inner: ResolvedReference = {
      name: 'inner.proto',
      schemaType: 'PROTOBUF',
      text: message('int32 a = 1;'),
      references: [],
    };
    const codec = codecOf('syntax = "proto3"; import public "inner.proto";', [inner]);
    expect(codec.encoder().message).toBe('p.M');
  });
});

describe('values', () => {
  it('keep integers of 64 bits, given as numbers, as text or exactly', () => {
    const text = message('int64 a = 1; uint64 b = 2; sfixed64 c = 3;');
    const value = parseExact('{"a": 9007199254740993, "b": "18446744073709551615", "c": -9223372036854775808}', 10);
    expect(roundTrip(text, value)).toEqual({
      a: '9007199254740993',
      b: '18446744073709551615',
      c: '-9223372036854775808',
    });
    expect(problems(text, { a: 2 ** 53 })).toHaveLength(1);
  });

  it('of fields without presence are always shown, of others when they are there', () => {
    const text = message('int32 a = 1; optional int32 b = 2; repeated int32 c = 3; map<string, int32> d = 4; M e = 5;');
    expect(shown(text, '')).toEqual({ a: 0, c: [], d: {} });
    expect(roundTrip(text, { b: 0, e: {} })).toEqual({ a: 0, b: 0, c: [], d: {}, e: { a: 0, c: [], d: {} } });
  });

  it('may be given under the name of the schema, and null is none', () => {
    const text = message('int32 in_cents = 1; optional string to_whom = 2;');
    expect(roundTrip(text, { in_cents: 5, toWhom: null })).toEqual({ inCents: 5 });
    expect(problems(text, { in_cents: 5, inCents: 6 })).toEqual(["/in_cents: is given twice, also as 'inCents'"]);
  });

  it('of names that JavaScript objects have are members like any other', () => {
    const text = message('map<string, int32> m = 1; int32 a = 2 [json_name = "__proto__"];');
    const value: unknown = JSON.parse('{"m":{"__proto__":1,"constructor":2},"__proto__":3}');
    expect(JSON.stringify(roundTrip(text, value))).toBe('{"m":{"__proto__":1,"constructor":2},"__proto__":3}');
  });

  it('of closed enums are those declared, of open ones any', () => {
    const closed = 'syntax = "proto2"; message M { optional E e = 1; enum E { A = 1; } }';
    expect(shown(closed, '0805')).toEqual({});
    expect(problems(closed, { e: 5 })).toEqual(['/e: expected one of A, got a number']);
    const open = message('E e = 1; enum E { A = 0; B = 1; }');
    expect(shown(open, '0805')).toEqual({ e: 5 });
    expect(roundTrip(open, { e: 'B' })).toEqual({ e: 'B' });
  });

  it('of groups and extensions have their names', () => {
    const text = `syntax = "proto2"; package p;
      message M { optional group Item = 1 { required int32 x = 2; } extensions 100 to 200; }
      extend M { optional string note = 100; }`;
    const value = { item: { x: 1 }, '[p.note]': 'n' };
    expect(roundTrip(text, value)).toEqual(value);
    expect(problems(text, { item: {} })).toEqual(['/item/x: is missing and required']);
  });

  it.each([
    [
      'google.protobuf.Timestamp',
      'timestamp',
      ['2024-02-29T12:30:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z'],
      ['2023-02-29T00:00:00Z', '2024-01-01', 5],
    ],
    [
      'google.protobuf.Duration',
      'duration',
      ['0s', '1.500s', '-0.000000001s', '315576000000s'],
      ['1', '315576000001s', '1.0000000001s'],
    ],
    ['google.protobuf.FieldMask', 'field_mask', ['', 'a,fooBar.baz'], ['foo_bar', 5]],
    ['google.protobuf.Struct', 'struct', [{ a: [1, 'x', null, { b: true }] }], ['x', [1]]],
    ['google.protobuf.Value', 'struct', [null, 1.5, 'x', [], {}], []],
    ['google.protobuf.ListValue', 'struct', [[1, [2]]], [{}]],
    ['google.protobuf.Int64Value', 'wrappers', ['0', '9223372036854775807'], ['x', 1.5]],
    ['google.protobuf.BytesValue', 'wrappers', ['', '/+8='], ['!']],
    ['google.protobuf.Empty', 'empty', [{}], [{ a: 1 }]],
  ])('of %s have its form', (type, file, right, wrong) => {
    const text = `syntax = "proto3"; import "google/protobuf/${file}.proto"; message M { ${type} v = 1; }`;
    for (const v of right) expect(roundTrip(text, { v })).toEqual({ v });
    for (const v of wrong) expect(problems(text, { v })).toHaveLength(1);
  });

  it('of Any are those of the message it names', () => {
    const text = `syntax = "proto3"; package p; import "google/protobuf/any.proto"; import "google/protobuf/duration.proto";
      message M { google.protobuf.Any v = 1; google.protobuf.Duration d = 2; } message Inner { int32 x = 1; }`;
    for (const v of [
      { '@type': 'type.example/p.Inner', x: 5 },
      { '@type': 'type.example/google.protobuf.Duration', value: '1.500s' },
      {},
    ]) {
      expect(roundTrip(text, { v })).toEqual({ v });
    }
    expect(problems(text, { v: { '@type': 'type.example/p.None' } })).toEqual([
      '/v/@type: must be a prefix, a slash and the full name of a message that the schema knows',
    ]);
    expect(problems(text, { v: { '@type': 'type.example/p.Inner', x: 'y' } })).toHaveLength(1);
    // Bytes of a message that the schema does not know are shown as such.
    expect(shown(text, '0a080a03782f791201ff')).toEqual({ v: { '@type': 'x/y', value: '/w==' } });
  });
});

describe('what is wrong with a value', () => {
  it('is told with its place, all at once, without its content', () => {
    const text = message(
      'int32 count = 1; repeated M list = 2; map<int32, string> m = 3; oneof o { string a = 4; string b = 5; }',
    );
    expect(
      problems(text, { cout: 1, list: [{ count: 'secret' }, null], m: { x: 'y', '1': 5 }, a: 'x', b: 'y' }),
    ).toEqual([
      '/list/0/count: expected an integer of 32 bits, got a text',
      '/list/1: is null, which a list cannot hold',
      '/m/1: expected well-formed text, got a number',
      '/m/x: has a name that is not an integer of 32 bits',
      "/b: excludes 'a': one member of o at most",
      "/cout: is no field of p.M; did you mean 'count'?",
    ]);
    expect(problems(text, [])).toEqual([': expected an object (p.M), got an array']);
    expect(problems(text, { list: Array.from({ length: 50 }, () => 1) })).toHaveLength(20);
  });

  it('includes that it nests too deeply', () => {
    let value: object = {};
    for (let i = 0; i < 101; i++) value = { m: value };
    expect(problems(message('M m = 1;'), value)[0]).toMatch(/nests deeper than 100 messages/);
  });
});

describe('hostile bytes', () => {
  const text = message('int32 a = 1; M m = 2; repeated int32 r = 3; string s = 4; map<string, int32> d = 5;');

  it.each([
    ['cut off', '08'],
    ['a length beyond the end', '2205aa'],
    ['a huge length', '22ffffffff0f'],
    ['a message longer than the one around it', '12020a05'],
    ['a packed list that ends in a number', '1a0180'],
    ['an end without a beginning', '0c'],
    ['a field number of zero', '0008'],
    ['text that is no UTF-8', '2201ff'],
  ])('%s are refused', (_what, payload) => {
    expect(() => shown(text, payload)).toThrow(expect.objectContaining({ code: 'payload-does-not-decode' }));
  });

  it('of another wire type, and of unknown fields, are skipped', () => {
    expect(shown(text, '0d00000000' + 'f80605' + 'fb0608057bfc06'.replace('7b', ''))).toMatchObject({ a: 0 });
  });

  it('nest a hundred messages deep at most, groups that nobody knows included', () => {
    let nested = Buffer.alloc(0);
    for (let i = 0; i < 120; i++) {
      const length = nested.length < 128 ? [nested.length] : [(nested.length & 0x7f) | 0x80, nested.length >> 7];
      nested = Buffer.concat([Buffer.from([0x12, ...length]), nested]);
    }
    expect(() => shown(text, hex(nested))).toThrow(/nest deeper than 100 messages/);
    expect(() => shown(text, 'fb06'.repeat(5_000))).toThrow(
      expect.objectContaining({ code: 'payload-does-not-decode' }),
    );
  });

  it('hold a bounded number of values, those that take no bytes included', () => {
    const wide = message(...Array.from({ length: 1_000 }, (_, i) => `int32 f${i} = ${i + 10};`), 'repeated M m = 2;');
    const codec = codecOf(wide);
    expect(() => codec.decodeBare(bytes('1200'.repeat(100_000)), Uint8Array.of(0))).toThrow(/more than 250000 values/);
  });
});
