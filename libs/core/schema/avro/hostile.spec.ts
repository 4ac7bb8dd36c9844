import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { SchemaFormats } from '../formats.js';
import { judge } from '../levels.js';
import { AvroFormat } from './avro-format.js';

const avro = new AvroFormat();
const record = (name: string, ...fields: object[]) => ({ type: 'record', name, fields });
const f = (name: string, type: unknown) => ({ name, type });

/** The code of the refusal. That it comes soon is checked by the test's own time limit; how soon, by the benchmarks. */
function refusal(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.code;
  }
}
const parse = (schema: unknown): string => refusal(() => avro.parse(JSON.stringify(schema)));

describe('hostile Avro', () => {
  it.each([
    ['a million brackets', () => avro.parse('['.repeat(1_000_000))],
    ['a million nested objects', () => avro.parse('{"type":'.repeat(100_000))],
    [
      '100,000 fields',
      () =>
        avro.parse(
          JSON.stringify(record('R', ...Array.from({ length: 100_000 }, (_, i) => f(`f${i}`, 'int')))).slice(
            0,
            1_000_000,
          ) + 'x',
        ),
    ],
    [
      '5,000 fields',
      () => avro.parse(JSON.stringify(record('R', ...Array.from({ length: 5_000 }, (_, i) => f(`f${i}`, 'int'))))),
    ],
    [
      'a union of 10,000 branches',
      () =>
        avro.parse(
          JSON.stringify(Array.from({ length: 10_000 }, (_, i) => ({ type: 'fixed', name: `F${i}`, size: 1 }))),
        ),
    ],
    [
      '20,000 symbols',
      () =>
        avro.parse(
          JSON.stringify({ type: 'enum', name: 'E', symbols: Array.from({ length: 20_000 }, (_, i) => `S${i}`) }),
        ),
    ],
    ['two megabytes', () => avro.parse(JSON.stringify({ type: 'int', doc: 'x'.repeat(2_000_000) }))],
    [
      '100,000 maps in a list',
      () =>
        avro.parse(
          JSON.stringify(
            record(
              'R',
              ...Array.from({ length: 200 }, (_, i) =>
                f(
                  `f${i}`,
                  Array.from({ length: 200 }, (_, j) => ({ type: 'fixed', name: `F${i}_${j}`, size: 1 })),
                ),
              ),
            ),
          ),
        ),
    ],
  ])('%s are refused quickly', (_what, run) => {
    expect(['schema-too-large', 'schema-invalid']).toContain(refusal(run));
  });

  it('refuses types that would nest deeper when written out than the text did', () => {
    const chain = Array.from({ length: 200 }, (_, i) => record(`R${i}`, ...(i < 199 ? [f('next', `R${i + 1}`)] : [])));
    expect(parse(chain)).toBe('schema-too-large');
    expect(parse(chain.slice(160))).toBe('accepted');
    // The other way round everything is known before it is used.
    expect(parse([...chain].reverse())).toBe('accepted');
  });

  it('takes extreme numbers as data', () => {
    const text = '{"type":"int","a":1e400,"b":-0,"c":9007199254740993,"d":1e-999,"e":' + '9'.repeat(10_000) + '}';
    expect(avro.parse(text).canonical).toContain('"a":"Infinity","b":0,"c":9007199254740993,"d":0.0,"e":9');
  });

  it('carries quotes, newlines and code in names and docs without harm', () => {
    for (const name of ['a"b', 'a\nb', '`${1}`', 'process.exit()', "a'b", 'a;b']) {
      expect(parse(record(name, f('x', 'int')))).toBe('schema-invalid');
      expect(parse(record('R', f(name, 'int')))).toBe('schema-invalid');
    }
    expect(parse({ ...record('R'), doc: '"}`${process.exit()}' })).toBe('accepted');
  });

  it('compares recursive schemas, mutual ones and diamonds', () => {
    const list = (type: string) => record('List', f('v', type), f('next', ['null', 'List']));
    const twins = (type: string) => record('A', f('b', record('B', f('a', ['null', 'A']), f('v', type))));
    const diamond = (type: string) => {
      let at: object = record('D0', f('v', type));
      for (let i = 1; i <= 28; i++) at = record(`D${i}`, f('l', at), f('r', `D${i - 1}`));
      return at;
    };
    for (const make of [list, twins, diamond]) {
      const [ints, strings] = [make('int'), make('string')].map((schema) => avro.parse(JSON.stringify(schema)));
      expect(avro.differences(ints!, ints!)).toEqual([]);
      const differences = avro.differences(ints!, strings!);
      expect(differences.length).toBeGreaterThan(0);
      // One fault reached along 2^28 paths is listed often, but not 2^28 times.
      expect(differences.length).toBeLessThanOrEqual(10_000);
    }
  });

  it('ends a comparison whose unions multiply', () => {
    const union = (type: string) =>
      Array.from({ length: 256 }, (_, i) => record(`R${i}`, ...Array.from({ length: 30 }, (_, j) => f(`f${j}`, type))));
    const [ints, strings] = [union('int'), union('string')].map((schema) => avro.parse(JSON.stringify(schema)));
    const limits = { comparisonSteps: 100_000 };
    expect(refusal(() => avro.differences(ints!, strings!, { limits }))).toBe('schema-too-complex');
    expect(refusal(() => avro.differences(ints!, strings!, { limits: { comparisonSteps: 10 } }))).toBe(
      'schema-too-complex',
    );
  });

  it('follows types through a thousand references without overflowing', () => {
    const references = Array.from({ length: 1_000 }, (_, i) => ({
      name: `R${i}`,
      schemaType: 'AVRO' as const,
      text: JSON.stringify(
        record(`R${i}`, ...(i === 0 ? [f('v', 'int')] : [f('inner', { type: 'array', items: `R${i - 1}` })])),
      ),
      references: [],
    }));
    const schema = avro.parse('"R999"', { references });
    expect(schema.canonical).toBe('"R999"');
    expect(refusal(() => avro.differences(schema, avro.parse('"R999"', { references })))).toBe('schema-too-complex');
    expect(refusal(() => schema.formatted('resolved'))).toBe('schema-too-large');
    expect(refusal(() => schema.equivalence)).toBe('schema-too-large');
  });

  it('judges a thousand versions in reasonable time', () => {
    const formats = new SchemaFormats([avro]);
    const version = (n: number) =>
      avro.parse(
        JSON.stringify(record('R', ...Array.from({ length: 20 }, (_, i) => ({ ...f(`f${i}`, 'int'), doc: `v${n}` })))),
      );
    const earlier = Array.from({ length: 1_000 }, (_, i) => ({ version: 1_000 - i, schema: () => version(i) }));
    expect(judge(formats, { level: 'FULL_TRANSITIVE', candidate: version(0), earlier }).compatible).toBe(true);
  });
});
