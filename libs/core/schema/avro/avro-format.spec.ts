import { describe, expect, it } from 'vitest';
import type { ResolvedReference } from '../format.js';
import { AvroFormat } from './avro-format.js';

const avro = new AvroFormat();
const canonical = (schema: unknown, options = {}): string => avro.parse(JSON.stringify(schema), options).canonical;
const record = (...fields: object[]) => ({ type: 'record', name: 'R', fields });
const reference = (name: string, schema: unknown): ResolvedReference => ({
  name,
  schemaType: 'AVRO',
  text: JSON.stringify(schema),
  references: [],
});

describe('names', () => {
  it('finds a name in its namespace first and in the null namespace last', () => {
    const inner = { type: 'record', name: 'n.B', fields: [] };
    const bare = { type: 'record', name: 'B', namespace: '', fields: [{ name: 'x', type: 'int' }] };
    const last = { name: 'c', type: 'B' };
    const a = (...fields: object[]) => ({ type: 'record', name: 'A', namespace: 'n', fields });
    expect(canonical(a({ name: 'b', type: inner }, last))).toContain('{"name":"c","type":"B"}');
    expect(canonical(a({ name: 'b', type: bare }, last))).toContain('{"name":"c","type":"B"}');
    expect(() => canonical(a(last))).toThrow(/Undefined schema: n\.B/);
  });

  it('takes a name before its definition, inside one schema', () => {
    const text = canonical(
      record({ name: 'a', type: ['null', 'E'] }, { name: 'b', type: { type: 'enum', name: 'E', symbols: ['X'] } }),
    );
    expect(text).toBe(
      '{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"enum","name":"E","symbols":["X"]}]},{"name":"b","type":"E"}]}',
    );
  });

  it('takes an equal redefinition, spelled as a name where it is printed, and no other', () => {
    const point = (doc: string, type = 'int') => ({ type: 'record', name: 'P', doc, fields: [{ name: 'x', type }] });
    expect(canonical(record({ name: 'a', type: point('one') }, { name: 'b', type: point('two') }))).toContain(
      '{"name":"b","type":"P"}',
    );
    expect(() => canonical(record({ name: 'a', type: point('') }, { name: 'b', type: point('', 'long') }))).toThrow(
      /Can't redefine: P/,
    );
  });

  it('takes no redefinition inside the type itself, also where both call themselves by a name that has no meaning yet', () => {
    const add = (right: unknown) => ({ type: 'record', name: 'Add', fields: [{ name: 'r', type: right }] });
    expect(() => canonical(record({ name: 'e', type: add(['int', add('R')]) }))).toThrow(/Can't redefine: Add/);
    const twice = (inner: unknown) => ({
      ...record({ name: 'a', type: 'Later' }, { name: 'b', type: inner }),
      name: 'T',
    });
    expect(() => canonical(twice(['int', twice('int')]))).toThrow(/Can't redefine: T/);
  });

  it('takes names that JavaScript objects have already', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'];
    const schema = record(
      ...names.map((name) => ({ name, type: { type: 'enum', name: `T.${name}`, symbols: names } })),
    );
    const parsed = avro.parse(JSON.stringify(schema));
    expect(parsed.topLevelFieldNames).toEqual(names);
    expect(avro.parse(parsed.canonical).canonical).toBe(parsed.canonical);
    expect(avro.differences(parsed, parsed)).toEqual([]);
    expect(() => canonical('constructor')).toThrow(/Undefined schema: constructor/);
  });

  it('lets stored names hold any letter, new ones only ASCII', () => {
    const schema = { type: 'record', name: 'Größe', fields: [{ name: '名前', type: 'int' }] };
    expect(canonical(schema, { validate: false })).toContain('名前');
    expect(() => canonical(schema)).toThrow(/Illegal character in: Größe/);
    expect(() => canonical({ ...schema, name: 'a-b' }, { validate: false })).toThrow(/Illegal character/);
  });
});

describe('references', () => {
  const user = { type: 'record', name: 'acme.User', fields: [{ name: 'id', type: 'int' }] };

  it('provides the types of all references, the first where a name occurs twice', () => {
    const references = [reference('u', user), reference('u', { ...user, fields: [] })];
    const order = record({ name: 'u', type: 'acme.User' });
    expect(canonical(order, { references })).toBe(
      '{"type":"record","name":"R","fields":[{"name":"u","type":"acme.User"}]}',
    );
    const parsed = avro.parse(JSON.stringify(order), { references });
    expect(parsed.formatted('RESOLVED')).toContain('{"name":"id","type":"int"}');
    expect(parsed.formatted('nonsense')).toBe(parsed.canonical);
  });

  it('names the reference whose text is at fault', () => {
    const references = [reference('acme.User', { ...user, fields: 'none' })];
    expect(() => canonical('acme.User', { references })).toThrow(
      expect.objectContaining({
        code: 'schema-invalid',
        details: expect.objectContaining({ reference: 'acme.User' }) as object,
      }),
    );
    expect(() => canonical('int', { references: [{ ...reference('j', {}), schemaType: 'JSON' }] })).toThrow(
      /of type JSON/,
    );
  });

  it('is the same schema whether a part is written out or referred to', () => {
    const referring = avro.parse(JSON.stringify(record({ name: 'u', type: 'acme.User' })), {
      references: [reference('acme.User', user)],
    });
    const inlined = avro.parse(JSON.stringify(record({ name: 'u', type: user })));
    expect(referring.canonical).not.toBe(inlined.canonical);
    expect(referring.equivalence).toBe(inlined.equivalence);
  });
});

describe('sameness', () => {
  const base = { type: 'record', name: 'R', doc: 'd', fields: [{ name: 'f', type: 'int', default: 1, x: 1, y: 2 }] };
  const key = (schema: unknown): string => avro.parse(JSON.stringify(schema)).equivalence;

  it('ignores order of members, white space and spelling of names', () => {
    const other = {
      fields: [{ y: 2, x: 1, default: 1, type: { type: 'int' }, name: 'f' }],
      namespace: '',
      doc: 'd',
      name: 'R',
      type: 'record',
    };
    expect(key(other)).toBe(key(base));
  });

  it('sees docs, aliases, defaults and properties', () => {
    const field = base.fields[0]!;
    const others = [
      { ...base, doc: 'e' },
      { ...base, aliases: ['Q'] },
      { ...base, fields: [{ ...field, default: 2 }] },
      { ...base, fields: [{ ...field, x: 3 }] },
      { ...base, fields: [{ ...field, order: 'ignore' }] },
    ];
    expect(new Set([base, ...others].map(key)).size).toBe(6);
  });
});

describe('defaults', () => {
  it('are not looked at where validation is off', () => {
    const schema = record({ name: 'f', type: 'int', default: 'x' });
    expect(() => canonical(schema)).toThrow(/Invalid default for field f: "x" not a int/);
    expect(canonical(schema, { validate: false })).toContain('"default":"x"');
  });

  it('count where they stand: to them a type that is defined later is a record without fields, as in Java', () => {
    const text = (type: string, value: string, later: string) =>
      `{"type":"record","name":"A","fields":[{"name":"x","type":${type},"default":${value}},{"name":"y","type":${later}}]}`;
    const symbols = '{"type":"enum","name":"B","symbols":["Q"]}';
    const record = '{"type":"record","name":"B","fields":[]}';
    expect(() => avro.parse(text('["null","B"]', 'null', symbols))).not.toThrow();
    expect(() => avro.parse(text('["null","B"]', '{}', record))).not.toThrow();
    expect(() => avro.parse(text('{"type":"array","items":"B"}', '[{}]', record))).not.toThrow();
    expect(() => avro.parse(text('["null","B"]', '"Q"', symbols))).toThrow('Invalid default');
    expect(() => avro.parse(text('{"type":"map","values":"B"}', '{"a":"Q"}', symbols))).toThrow('Invalid default');
    expect(() => avro.parse(text('["null","B"]', '{}', symbols))).toThrow('Invalid default');
    expect(() => avro.parse(text('["null","B"]', '"Q"', symbols), { validate: false })).not.toThrow();
  });

  it('of a record that needs itself are refused, and do not hang', () => {
    expect(() => canonical(record({ name: 'r', type: 'R', default: {} }))).toThrow(/Invalid default/);
    expect(canonical(record({ name: 'r', type: ['null', 'R'], default: null }))).toContain('"default":null');
    expect(canonical(record({ name: 'r', type: { type: 'array', items: 'R' }, default: [] }))).toContain('[]');
  });
});

describe('errors', () => {
  it.each([
    ['{"type":"record","name":"R",\n "fields":[\n  {"name":"a","type":"nope"}]}', 3, 22, /Undefined schema: nope/],
    ['{"type":"record","name":"R",\n "fields":[{"name":"a b","type":"int"}]}', 2, 12, /Illegal character in: a b/],
    ['{"type":"string",}', 1, 18, /member name in double quotes/],
    ['string', 1, 1, /type name needs double quotes/],
  ])('say where: %j', (text, line, column, message) => {
    expect(() => avro.parse(text)).toThrow(
      expect.objectContaining({ code: 'schema-invalid', details: expect.objectContaining({ line, column }) as object }),
    );
    expect(() => avro.parse(text)).toThrow(message);
  });
});
