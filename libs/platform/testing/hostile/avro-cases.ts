import { asJson, comparing, differing, filled, LONGEST, registering, times, type HostileCase } from './hostile-case.js';

const field = (name: string, type: unknown, more: object = {}): object => ({ name, type, ...more });
const record = (name: string, ...fields: object[]): object => ({ type: 'record', name, fields });

/** A type that holds the one before twice, so often. */
function diamond(levels: number, leaf: string): object {
  let at = record('D0', field('v', leaf));
  for (let i = 1; i <= levels; i++) at = record(`D${i}`, field('l', at), field('r', `D${i - 1}`));
  return at;
}

/** A union of records, each with as many fields. */
const union = (branches: number, fields: number, type: string): object[] =>
  times(branches, (i) => record(`R${i}`, ...times(fields, (j) => field(`f${j}`, type))));

export const AVRO_CASES: readonly HostileCase[] = [
  registering('avro size', 'a million brackets', 'refused', 'AVRO', () => '['.repeat(1_000_000)),
  registering('avro size', 'a hundred thousand objects', 'refused', 'AVRO', () => '{"type":'.repeat(100_000)),
  registering(
    'avro size',
    'sixty thousand fields',
    'refused',
    'AVRO',
    () =>
      `{"type":"record","name":"R","fields":[${filled(LONGEST, (i) => `{"name":"f${i.toString(36)}","type":"int"}`)}]}`,
  ),
  registering(
    'avro size',
    'ten thousand branches',
    'refused',
    'AVRO',
    asJson(times(10_000, (i) => ({ type: 'fixed', name: `F${i}`, size: 1 }))),
  ),
  registering(
    'avro size',
    'properties as large as a text may be',
    'either',
    'AVRO',
    () => `{"type":"record","name":"R","fields":[],"x":[${filled(LONGEST, () => '[1]')}]}`,
  ),
  registering(
    'avro size',
    'small properties',
    'answered',
    'AVRO',
    () => `{"type":"record","name":"R","fields":[],"x":[${filled(15_000, () => '[1]')}]}`,
  ),
  registering(
    'avro size',
    'numbers',
    'either',
    'AVRO',
    () => `{"type":"int","x":[${filled(LONGEST, (i) => `1e-${i % 400}`)}]}`,
  ),
  registering('avro size', 'a long doc', 'either', 'AVRO', () => `{"type":"int","doc":"${'x'.repeat(LONGEST)}"}`),
  registering(
    'avro size',
    'escapes that grow',
    'either',
    'AVRO',
    () => `{"type":"int","doc":"${'\\u0001'.repeat(LONGEST / 6 - 10)}"}`,
  ),
  registering(
    'avro size',
    'one name of a megabyte',
    'either',
    'AVRO',
    () => `{"type":"record","name":"${'a'.repeat(LONGEST)}","fields":[]}`,
  ),
  registering('avro size', 'comments', 'either', 'AVRO', () => `"int"${'/**/'.repeat(LONGEST / 4 - 10)}`),
  registering('avro size', 'a comment without end', 'refused', 'AVRO', () => `/*${'*'.repeat(LONGEST)}`),
  registering(
    'avro size',
    'an enum of 9,999 symbols',
    'either',
    'AVRO',
    asJson({ type: 'enum', name: 'E', symbols: times(9_999, (i) => `SYMBOL_${i}`) }),
  ),
  registering(
    'avro size',
    'aliases',
    'either',
    'AVRO',
    () => `{"type":"fixed","size":1,"name":"F","aliases":[${filled(LONGEST, (i) => `"a${i.toString(36)}"`)}]}`,
  ),
  registering('avro size', 'defaults', 'either', 'AVRO', () =>
    JSON.stringify(record('R', field('a', { type: 'array', items: 'int' }, { default: [] }))).replace(
      '[]}]',
      `[${filled(LONGEST, () => '1')}]}]`,
    ),
  ),
  registering('avro size', 'a wrong default after a megabyte', 'refused', 'AVRO', () =>
    JSON.stringify(record('R', field('a', { type: 'array', items: 'int' }, { default: [] }))).replace(
      '[]}]',
      `[${filled(LONGEST, () => '1')},"x"]}]`,
    ),
  ),

  registering(
    'avro recursion',
    'a list',
    'answered',
    'AVRO',
    asJson(record('L', field('v', 'int'), field('n', ['null', 'L']))),
  ),
  registering(
    'avro recursion',
    'mutual twins',
    'answered',
    'AVRO',
    asJson(record('A', field('b', record('B', field('a', ['null', 'A']))))),
  ),
  registering(
    'avro recursion',
    'a default that needs itself',
    'refused',
    'AVRO',
    asJson(record('R', field('r', 'R', { default: {} }))),
  ),
  registering(
    'avro recursion',
    'a chain of two hundred',
    'refused',
    'AVRO',
    asJson(times(200, (i) => record(`R${i}`, ...(i < 199 ? [field('n', `R${i + 1}`)] : [])))),
  ),
  differing('avro recursion', 'diamonds of thirty levels', 'either', 'AVRO', ['int', 'string'], (word) =>
    JSON.stringify(diamond(30, word)),
  ),
  comparing(
    'avro recursion',
    'recursive unions',
    'either',
    'AVRO',
    asJson(record('A', ...times(40, (i) => field(`f${i}`, ['null', 'A', record(`B${i}`, field('a', ['null', 'A']))])))),
    asJson(record('A', ...times(40, (i) => field(`f${i}`, ['null', record(`B${i}`, field('a', ['null', 'A'])), 'A'])))),
  ),

  differing('avro combinatorics', 'two unions of records alike', 'either', 'AVRO', ['int', 'string'], (word) =>
    JSON.stringify(union(256, 60, word)),
  ),
  differing('avro combinatorics', 'unions in unions', 'either', 'AVRO', ['int', 'string'], (word) =>
    JSON.stringify(
      times(256, (i) =>
        record(
          `R${i}`,
          field(
            'u',
            times(12, (j) => record(`U${i}_${j}`, field('v', word))),
          ),
        ),
      ),
    ),
  ),
  differing('avro combinatorics', 'enums of ten thousand in every branch', 'either', 'AVRO', ['A', 'B'], (word) =>
    JSON.stringify({
      type: 'record',
      name: 'R',
      fields: times(60, (i) =>
        field(`f${i}`, { type: 'enum', name: `E${i}`, symbols: times(1_200, (j) => `${word}${j}`) }),
      ),
    }),
  ),
  comparing(
    'avro combinatorics',
    'one missing enum along a thousand paths',
    'either',
    'AVRO',
    asJson([diamond(24, 'int'), { type: 'enum', name: 'E', symbols: times(5_000, (j) => `A${j}`) }]),
    asJson([{ ...diamond(24, 'string') }, { type: 'enum', name: 'E', symbols: times(5_000, (j) => `B${j}`) }]),
  ),
  differing('avro combinatorics', 'four thousand fields that all differ', 'either', 'AVRO', ['a', 'b'], (word) =>
    JSON.stringify(record('R', ...times(4_000, (i) => field(`${word}${i}`, 'int')))),
  ),
  comparing(
    'avro combinatorics',
    'aliases that meet',
    'either',
    'AVRO',
    asJson(record('R', ...times(2_000, (i) => field(`a${i}`, 'int')))),
    asJson(record('R', ...times(100, (i) => field(`b${i}`, 'int', { aliases: times(300, (j) => `z${j}`) })))),
  ),

  ...['a"b', 'a\nb', '`${1}`', 'process.exit()', "a'b", 'a;b', '..', '', ' ', '\0', 'a-b', '\u202e', '\ud800'].map(
    (name, i) =>
      registering('avro names', `code and dirt ${i}`, 'refused', 'AVRO', asJson(record(name, field('x', 'int')))),
  ),
  registering(
    'avro names',
    'prototypes',
    'answered',
    'AVRO',
    asJson(
      record(
        'constructor',
        ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf'].map((name) =>
          field(name, 'int'),
        ),
      ),
    ),
  ),
  registering(
    'avro names',
    'prototypes as properties',
    'answered',
    'AVRO',
    () =>
      '{"type":"record","name":"R","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"fields":[{"name":"a","type":"int","__proto__":{"polluted":1}}]}',
  ),
  registering(
    'avro names',
    'code in docs',
    'answered',
    'AVRO',
    asJson({ ...record('R'), doc: '"}`${process.exit()}`+"\u2028' }),
  ),
  registering('avro names', 'a member twice', 'answered', 'AVRO', () => '{"type":"int","type":"long"}'),
  registering(
    'avro numbers',
    'extremes as properties',
    'answered',
    'AVRO',
    () => `{"type":"int","a":1e400,"b":-0,"c":9007199254740993,"d":1e-999,"e":${'9'.repeat(100_000)}}`,
  ),
  ...['2147483648', '-1', '1e400', '-0.5', '9007199254740993', 'NaN', '"1"', '1e9'].map((size, i) =>
    registering(
      'avro numbers',
      `a fixed of odd size ${i}`,
      'refused',
      'AVRO',
      () => `{"type":"fixed","name":"F","size":${size}}`,
    ),
  ),
  registering(
    'avro numbers',
    'a default beyond its type',
    'refused',
    'AVRO',
    asJson(record('R', field('a', 'int', { default: 2 ** 31 }))),
  ),
  registering(
    'avro numbers',
    'NaN as text',
    'answered',
    'AVRO',
    asJson(record('R', field('a', 'double', { default: 'NaN' }))),
  ),
];
