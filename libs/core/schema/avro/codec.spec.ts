import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { ExactNumber } from '../exact-json.js';
import { AvroFormat } from './avro-format.js';
import { AvroCodec } from './codec.js';
import { AVRO_JSON } from './mapping.js';

const codec = (schema: unknown, ...rest: [typeof AVRO_JSON?, { values?: number }?]): AvroCodec =>
  new AvroCodec(new AvroFormat().parse(JSON.stringify(schema), { validate: false }), ...rest);
const record = (...fields: object[]) => ({ type: 'record', name: 'n.R', fields });
const problems = (run: () => unknown): readonly (readonly [string, string])[] => {
  try {
    run();
  } catch (error) {
    if (!isAppError(error, 'value-does-not-fit-schema')) throw error;
    return error.items.map(({ path, message }) => [path, message]);
  }
  return [];
};

/** Records inside records, each with so many fields of the one before. */
const tower = (levels: number, fields: number, innermost: string, leaf: unknown): unknown =>
  levels === 0
    ? innermost
    : {
        type: 'record',
        name: `R${levels}`,
        fields: Array.from({ length: fields }, (_, n) => ({
          name: `f${n}`,
          type: n === 0 ? tower(levels - 1, fields, innermost, leaf) : levels === 1 ? innermost : `R${levels - 1}`,
          default: levels === 1 ? leaf : {},
        })),
      };

describe('encoding plain JSON', () => {
  it('uses the default of a member that is left out', () => {
    const schema = record(
      { name: 'a', type: 'int' },
      { name: 'b', type: ['null', 'string'], default: null },
      { name: 'c', type: ['null', 'long'], default: 'LONG' },
      { name: 'd', type: 'bytes', default: '\u00ff\u0000' },
      { name: 'e', type: { type: 'map', values: 'int' }, default: { x: 1 } },
    );
    const text = JSON.stringify(schema).replace('"LONG"', '9007199254740993');
    const one = new AvroCodec(new AvroFormat().parse(text));
    expect(one.decode(one.encode({ a: 1 }))).toEqual({ a: 1, b: null, c: '9007199254740993', d: '/wA=', e: { x: 1 } });
  });

  it('names every problem with its place, and no contents', () => {
    const schema = record(
      { name: 'id', type: 'long' },
      { name: 'state', type: { type: 'enum', name: 'S', symbols: ['NEW', 'PAID'] } },
      {
        name: 'lines',
        type: { type: 'array', items: { type: 'record', name: 'L', fields: [{ name: 'q', type: 'int' }] } },
      },
      { name: 'note', type: ['null', 'string', 'int'] },
      { name: 'hash', type: { type: 'fixed', name: 'H', size: 2 } },
    );
    const value = {
      id: 2 ** 60,
      state: 'secret',
      lines: [{ q: 1 }, { q: 1.5 }],
      note: true,
      'h/~sh': 'AAA=',
      hash: 'AA==',
    };
    const found = problems(() => codec(schema).encode(value));
    expect(found.map(([path]) => path)).toEqual(['/id', '/state', '/lines/1/q', '/note', '/hash', '/h~1~0sh']);
    expect(found.map(([, message]) => message)).toEqual([
      'expected an integer of 64 bits (as decimal text beyond ±(2^53 − 1)), got a number',
      'expected one of NEW, PAID, got a text',
      'expected an integer of 32 bits, got a number with a fraction',
      'expected one of null, string, int, got a boolean',
      'expected 2 bytes, got 1',
      "is no field of n.R; did you mean 'hash'?",
    ]);
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('leaves no trace of a value that did not fit', () => {
    const one = codec(record({ name: 'a', type: 'string' }, { name: 'b', type: 'int' }));
    expect(problems(() => one.encode({ a: 'x', b: 'no' }))).toHaveLength(1);
    expect(one.decode(one.encode({ a: 'y', b: 2 }))).toEqual({ a: 'y', b: 2 });
  });

  it('takes no member from the prototype', () => {
    expect(problems(() => codec(record({ name: 'constructor', type: 'string' })).encode({}))).toEqual([
      ['/constructor', 'is missing and has no default'],
    ]);
    const odd = codec(record({ name: '__proto__', type: { type: 'map', values: 'int' } }));
    const value = JSON.parse('{"__proto__":{"__proto__":1}}') as unknown;
    expect(JSON.stringify(odd.decode(odd.encode(value)))).toBe('{"__proto__":{"__proto__":1}}');
  });

  it.each([undefined, [], 'x', 1n, () => 1])('refuses %s for a record', (value) => {
    expect(problems(() => codec(record({ name: 'a', type: 'int' })).encode(value))).toHaveLength(1);
  });
});

describe('longs', () => {
  const long = codec('long');
  it.each([
    0,
    -1,
    1,
    63,
    64,
    -64,
    -65,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 48,
    2 ** 52,
    -(2 ** 52),
    2 ** 53 - 1,
    1 - 2 ** 53,
  ])('%d comes back', (value) => expect(long.decode(long.encode(value))).toBe(value));
  it.each(['9007199254740992', '-9007199254740993', '9223372036854775807', '-9223372036854775808'])(
    '%s comes back as text',
    (value) => {
      expect(long.decode(long.encode(value))).toBe(value);
      expect(long.decode(long.encode(new ExactNumber(value)))).toBe(value);
    },
  );
  it('refuses what a number has rounded already, and what exceeds 64 bits', () => {
    for (const value of [2 ** 53, 1.5, NaN, '9223372036854775808', '1e3', '', '0x10', ' 1', true]) {
      expect(problems(() => long.encode(value))).toHaveLength(1);
    }
  });
});

describe('unions', () => {
  const union = codec([
    'null',
    'string',
    'int',
    'long',
    record({ name: 'a', type: 'int' }),
    { type: 'map', values: 'string' },
  ]);
  it('takes values bare or tagged', () => {
    expect(union.decode(union.encode('x'))).toEqual({ string: 'x' });
    expect(union.encode('x')).toEqual(union.encode({ string: 'x' }));
    expect(union.encode(5)).toEqual(union.encode({ int: 5 }));
    expect(union.encode(2 ** 40)).toEqual(union.encode({ long: 2 ** 40 }));
    expect(union.encode({ a: 1 })).toEqual(union.encode({ 'n.R': { a: 1 } }));
    expect(union.encode({ a: 'x' })).toEqual(union.encode({ map: { a: 'x' } }));
    expect(union.encode(null)).toEqual(Uint8Array.of(0));
  });

  it('shows a value bare where its JSON type tells the branch, and tagged elsewhere', () => {
    const nullable = codec(['null', record({ name: 'a', type: 'int' })]);
    expect(nullable.decode(nullable.encode({ a: 1 }))).toEqual({ a: 1 });
    expect(union.decode(union.encode({ long: 5 }))).toEqual({ long: 5 });
  });

  it('is not fooled by a map whose only key is the name of a branch', () => {
    const nested = codec(['null', { type: 'map', values: { type: 'map', values: 'int' } }]);
    const bytes = nested.encode({ map: { map: { x: 1 } } });
    expect(nested.decode(bytes)).toEqual({ map: { map: { x: 1 } } });
    expect(nested.encode(nested.decode(bytes))).toEqual(bytes);
  });

  it('gives up on branches that only the depths tell apart', () => {
    const tree = (name: string, leaf: string) => ({
      type: 'record',
      name,
      fields: [{ name: 'next', type: ['A', 'B', leaf] }],
    });
    const twins = codec([tree('A', 'int'), tree('B', 'int')]);
    let value: unknown = 'neither';
    for (let i = 0; i < 60; i++) value = { next: value };
    expect(problems(() => twins.encode(value))[0]![1]).toMatch(/union branches apart/);
  });
});

describe("Avro's JSON encoding, as the REST proxy has it", () => {
  const schema = record(
    { name: 'a', type: ['null', 'string'], default: null },
    { name: 'b', type: 'bytes', default: '' },
  );
  const proxy = codec(schema, AVRO_JSON);

  it('wants unions tagged, every member, and bytes as characters', () => {
    const value = { a: { string: 'x' }, b: '\u00ff\u0000' };
    expect(proxy.decode(proxy.encode(value))).toEqual(value);
    expect(problems(() => proxy.encode({ a: 'x', b: '' })).map(([path]) => path)).toEqual(['/a']);
    expect(problems(() => proxy.encode({ a: null }))).toEqual([['/b', 'is missing and has no default']]);
    expect(problems(() => proxy.encode({ a: null, b: 'Ā' })).map(([path]) => path)).toEqual(['/b']);
  });

  it('drops members it does not know', () => {
    expect(proxy.decode(proxy.encode({ a: null, b: '', z: 1 }))).toEqual({ a: null, b: '' });
  });
});

describe('decoding', () => {
  it('leaves a schema of mere bytes alone', () => {
    const bytes = codec('bytes');
    expect([...bytes.encode('AQI=')]).toEqual([1, 2]);
    expect(bytes.decode(Uint8Array.of(0, 0, 0, 0, 7, 1, 2), 5)).toBe('AQI=');
  });

  it('shows numbers that JSON has no digits for by name', () => {
    const doubles = codec({ type: 'array', items: 'double' });
    const value = ['NaN', 'Infinity', '-Infinity', 1.5];
    expect(doubles.decode(doubles.encode(value))).toEqual(value);
    expect(problems(() => codec('float').encode(1e300))).toHaveLength(1);
  });

  const array = codec({ type: 'array', items: 'null' });
  it.each([
    ['a length beyond the end', codec('string'), [0x7e, 1]],
    ['a huge length', codec('string'), [0xfe, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['a negative length', codec('string'), [1]],
    ['an endless varint', codec('long'), new Array<number>(12).fill(0xff)],
    ['too many bits', codec('long'), [...new Array<number>(9).fill(0xff), 0x7f]],
    ['an int of 33 bits', codec('int'), [0x80, 0x80, 0x80, 0x80, 0x10]],
    ['an enum index out of range', codec({ type: 'enum', name: 'E', symbols: ['A'] }), [2]],
    ['a negative enum index', codec({ type: 'enum', name: 'E', symbols: ['A'] }), [1]],
    ['a branch out of range', codec(['null']), [2]],
    ['bytes left over', codec('int'), [2, 2]],
    ['2^31 nulls', array, [0x80, 0x80, 0x80, 0x80, 0x10]],
    [
      'an endless list',
      codec({ type: 'record', name: 'R', fields: [{ name: 'n', type: ['null', 'R'] }] }),
      new Array<number>(100_000).fill(2),
    ],
    ['nothing', codec('double'), []],
  ])('refuses %s', (_what, one, bytes) => {
    expect(() => one.decode(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'payload-does-not-decode' }),
    );
  });

  it('reads blocks with sizes, and counts items over all blocks', () => {
    const ints = codec({ type: 'array', items: 'int' });
    expect(ints.decode(Uint8Array.of(3, 4, 2, 4, 2, 6, 0))).toEqual([1, 2, 3]);
    expect(() =>
      codec({ type: 'array', items: 'null' }, undefined, { values: 10 }).decode(Uint8Array.of(12, 12, 0)),
    ).toThrow(/more than 10 values/);
  });

  it('stand for a bounded number of values, though they be empty', () => {
    expect(() => codec(tower(4, 60, 'null', null)).decode(Uint8Array.of())).toThrow(/more than 250000 values/);
    expect(codec(tower(2, 60, 'null', null)).decode(Uint8Array.of())).toHaveProperty('f59.f59', null);
  });

  it('count names that take a byte by their length', () => {
    const symbols = codec({ type: 'array', items: { type: 'enum', name: 'E', symbols: ['x'.repeat(8_000)] } });
    const zeros = (count: number) =>
      Uint8Array.from([0x80 | ((count * 2) % 128), (count * 2) >> 7, ...Array(count + 1).fill(0)]);
    expect(symbols.decode(zeros(200))).toHaveLength(200);
    expect(() => symbols.decode(zeros(300))).toThrow(/more than 250000 values/);
  });
});

describe('defaults of defaults', () => {
  it('are made once each, and bounded', () => {
    expect(codec(tower(3, 20, 'int', 0)).encode({})).toHaveLength(8_000);
    expect(() => codec(tower(5, 60, 'int', 0)).encode({})).toThrow(
      expect.objectContaining({
        code: 'value-does-not-fit-schema',
        message: expect.stringContaining('16777216 bytes'),
      }),
    );
  });

  it('that need themselves are none', () => {
    const itself = { type: 'record', name: 'R', fields: [{ name: 'r', type: 'R', default: {} }] };
    expect(() => codec(itself).encode({})).toThrow(expect.objectContaining({ code: 'value-does-not-fit-schema' }));
  });
});
