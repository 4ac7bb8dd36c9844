import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro-format.js';
import { AvroCodec } from './codec.js';
import { AvroEncoder } from './encode.js';
import { AVRO_JSON } from './mapping.js';
import { AvroResolver } from './resolve.js';
import type { AvroType } from './tree.js';
import { arbitrarySchema, arbitraryValue, evolutions, type GeneratedSchema } from './testing/arbitrary-schema.js';

const avro = new AvroFormat();
const parse = (schema: unknown) => avro.parse(JSON.stringify(schema), { validate: false });
const oracle = (schema: GeneratedSchema): avsc.Type =>
  avsc.Type.forSchema(schema as avsc.Schema, { noAnonymousTypes: true, wrapUnions: true });

/** What becomes of a value (plain JSON) written with one schema and read with another. */
function resolved(writer: unknown, reader: unknown, value: unknown): unknown {
  const bytes = new AvroCodec(parse(writer)).encode(value);
  return new AvroResolver(parse(writer), parse(reader)).decode(bytes);
}

/** Unions in which one written kind has several takers: avsc uses the first, the Java library the one of the same kind. We go with Java. */
function hasSeveralTakers(type: AvroType, seen = new Set<AvroType>()): boolean {
  if (seen.has(type)) return false;
  seen.add(type);
  switch (type.kind) {
    case 'array':
      return hasSeveralTakers(type.items, seen);
    case 'map':
      return hasSeveralTakers(type.values, seen);
    case 'record':
      return type.fields.some((field) => hasSeveralTakers(field.type, seen));
    case 'union': {
      const count = (kinds: string[]) => type.branches.filter((branch) => kinds.includes(branch.kind)).length;
      const several = count(['int', 'long', 'float', 'double']) > 1 || count(['string', 'bytes']) > 1;
      return several || type.branches.some((branch) => hasSeveralTakers(branch, seen));
    }
    default:
      return false;
  }
}

const record = (fields: unknown[], more: object = {}) => ({ type: 'record', name: 'R', fields, ...more });

describe('resolving Avro data', () => {
  it('gives what a resolver of avsc gives, wherever new reads old', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        arbitrarySchema('record').chain((old) => fc.tuple(fc.constant(old), evolutions(old), arbitraryValue(old))),
        ([old, next, value]) => {
          const [writer, reader] = [parse(old), parse(next)];
          const bytes = new AvroEncoder(writer.root, AVRO_JSON).encode(value);
          if (avro.differences(reader, writer).length > 0 || hasSeveralTakers(reader.root)) return;
          compared++;
          const ours = new AvroResolver(writer, reader, AVRO_JSON).decode(bytes);
          const second = oracle(next);
          const theirs: unknown = second.fromBuffer(Buffer.from(bytes), second.createResolver(oracle(old)));
          const again = Buffer.from(new AvroEncoder(reader.root, AVRO_JSON).encode(ours));
          expect(again.equals(second.toBuffer(theirs))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(20);
  });

  it('reads or refuses with a place, whatever the two schemas and the bytes are', () => {
    const codes = new Set<string>();
    fc.assert(
      fc.property(
        arbitrarySchema().chain((old) => fc.tuple(fc.constant(old), evolutions(old), arbitraryValue(old))),
        fc.option(fc.uint8Array({ maxLength: 30 })),
        ([old, next, value], noise) => {
          const bytes = noise ?? new AvroEncoder(parse(old).root, AVRO_JSON).encode(value);
          try {
            new AvroResolver(parse(old), parse(next)).decode(bytes);
            codes.add('read');
          } catch (error) {
            codes.add((error as { code: string }).code);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect([...codes].sort()).toEqual(['payload-does-not-decode', 'read', 'value-not-readable']);
  });

  it('fills in what the writer did not have, and drops what the reader does not want', () => {
    const writer = record([
      { name: 'a', type: 'int' },
      { name: 'gone', type: { type: 'map', values: 'string' } },
      { name: 'b', type: 'string' },
    ]);
    const reader = record([
      { name: 'b', type: 'string' },
      { name: 'tags', type: { type: 'array', items: 'string' }, default: ['x'] },
      { name: 'a', type: 'double' },
    ]);
    expect(resolved(writer, reader, { a: 7, gone: { k: 'v' }, b: 'text' })).toEqual({ b: 'text', tags: ['x'], a: 7 });
  });

  it('promotes as the specification says', () => {
    expect(resolved('int', 'long', 5)).toBe(5);
    expect(resolved('long', 'double', '9007199254740993')).toBe(9007199254740992);
    expect(resolved('int', 'float', 16777217)).toBe(16777216);
    expect(resolved('string', 'bytes', 'hé')).toBe(Buffer.from('hé').toString('base64'));
    expect(resolved('bytes', 'string', Buffer.from('hé').toString('base64'))).toBe('hé');
    expect(resolved('int', ['null', 'string', 'double'], 5)).toBe(5);
  });

  it('prefers the branch of the same kind to one it could be promoted to', () => {
    expect(resolved(['double', 'int'], ['double', 'int', 'string'], { int: 5 })).toEqual({ int: 5 });
  });

  it('follows aliases, also when one written field feeds two', () => {
    const writer = record([{ name: 'old', type: 'int' }]);
    const reader = record([
      { name: 'renamed', type: 'long', aliases: ['old'] },
      { name: 'old', type: 'int' },
    ]);
    expect(resolved(writer, reader, { old: 3 })).toEqual({ renamed: 3, old: 3 });
    const aliased = record([{ name: 'old', type: 'int' }], { name: 'New', aliases: ['R'] });
    expect(resolved(writer, aliased, { old: 3 })).toEqual({ old: 3 });
  });

  it('fails only the values that hold what the reader does not know', () => {
    const colours = (symbols: string[], more = {}) => ({ type: 'enum', name: 'Colour', symbols, ...more });
    expect(resolved(colours(['red', 'blue']), colours(['red']), 'red')).toBe('red');
    expect(() => resolved(colours(['red', 'blue']), colours(['red']), 'blue')).toThrow(/symbol blue is unknown/);
    expect(resolved(colours(['red', 'blue']), colours(['red'], { default: 'red' }), 'blue')).toBe('red');
    expect(resolved(['int', 'string'], 'int', 4)).toBe(4);
    expect(() => resolved(['int', 'string'], 'int', 'four')).toThrow(/written as string/);
    expect(resolved(['null', 'string'], ['string'], 'x')).toBe('x');
    expect(() => resolved(['null', 'string'], ['string'], null)).toThrow(/no branch of the union takes null/);
  });

  it('names the place as a pointer into what the reader wants, and no key of a map', () => {
    const lines = (price: unknown) =>
      record([
        {
          name: 'lines',
          type: {
            type: 'array',
            items: { type: 'map', values: record([{ name: 'price', type: price }], { name: 'L' }) },
          },
        },
      ]);
    const value = { lines: [{}, { secret: { price: 5 } }] };
    try {
      resolved(lines(['int', 'string']), lines('string'), value);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'value-not-readable', details: { path: '/lines/1/*/price' } });
      expect((error as Error).message).not.toContain('secret');
    }
  });

  it('says which field has neither been written nor a default', () => {
    expect(() => resolved(record([]), record([{ name: 'new', type: 'int' }]), {})).toThrow(/at \/new: not written/);
  });

  it('reads a schema that is just bytes, whose payload is bare', () => {
    const bytes = Buffer.from([1, 2, 3]);
    const resolver = new AvroResolver(parse('bytes'), parse(['null', 'bytes']));
    expect(resolver.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), bytes]), 5)).toBe(bytes.toString('base64'));
  });

  it('reads recursive types', () => {
    const list = (more: unknown[]) =>
      record([{ name: 'next', type: ['null', 'R'], default: null }, { name: 'n', type: 'int' }, ...more]);
    const value = { n: 1, next: { n: 2, next: null } };
    expect(resolved(list([]), list([{ name: 'm', type: 'int', default: 9 }]), value)).toEqual({
      next: { next: null, n: 2, m: 9 },
      n: 1,
      m: 9,
    });
  });
});
