import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import type { ResolvedReference } from '../format.js';
import { descriptorSet } from './descriptor-set.js';
import { ProtobufFormat, type ProtobufSchema } from './protobuf-format.js';

const format = new ProtobufFormat();

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
const parse = (text: string): string => refusal(() => format.parse(text));
const proto3 = (body: string): string => `syntax = "proto3"; ${body}`;
const nested = (levels: number): string => `${'message M {'.repeat(levels)}${'}'.repeat(levels)}`;

describe('hostile Protobuf', () => {
  it.each([
    ['a million braces', 'message M {'.repeat(90_000)],
    ['a million brackets in an option', `option x = ${'['.repeat(1_000_000)}`],
    ['maps in maps', proto3(`message M { ${'map<int32,'.repeat(100_000)} }`)],
    ['40 messages in one another', nested(40)],
    [
      '5,000 fields',
      proto3(`message M { ${Array.from({ length: 5_000 }, (_, i) => `int32 f${i} = ${i};`).join(' ')} }`),
    ],
    ['20,000 constants', `enum E { ${Array.from({ length: 20_000 }, (_, i) => `C${i} = ${i};`).join(' ')} }`],
    ['30,000 messages', Array.from({ length: 30_000 }, (_, i) => `message M${i} {}`).join('\n')],
    [
      '5,000 members of a oneof',
      proto3(`message M { oneof o { ${Array.from({ length: 5_000 }, (_, i) => `int32 f${i} = ${i};`).join(' ')} } }`),
    ],
    ['two megabytes', `// ${'x'.repeat(2_000_000)}\nmessage M {}`],
    ['an unfinished comment', `message M {} /* ${'*'.repeat(1_000_000)}`],
    ['an unfinished string', `option x = "${'\\"'.repeat(500_000)}`],
    ['a megabyte of quotes', `option x = ${'""'.repeat(500_000)}`],
    ['a megabyte of slashes', '/ '.repeat(500_000)],
    ['a megabyte of one word', 'a'.repeat(1_000_001)],
    ['a megabyte of letters that are no descriptor', 'Zm9v'.repeat(250_000)],
    ['zero bytes', '\0'.repeat(1_000_000)],
    ['half a surrogate pair', 'option x = "\ud800";'],
  ])('%s: refused quickly', (_what, text) => {
    expect(['schema-too-large', 'schema-invalid']).toContain(parse(text));
  });

  it('takes nesting up to the limit and no deeper', () => {
    expect(parse(nested(32))).toBe('accepted');
    expect(parse(nested(33))).toBe('schema-too-large');
  });

  it('takes 32 bits as a field number, however spelled, and no more', () => {
    const outcome = (number: string): string => parse(proto3(`message M { int32 a = ${number}; }`));
    for (const number of ['-2147483648', '2147483647', '0x7fffffff', `${'0'.repeat(100_000)}1`]) {
      expect(outcome(number)).toBe('accepted');
    }
    for (const number of ['2147483648', '0x80000000', '1e3', '1.0', `1${'0'.repeat(100_000)}`]) {
      expect(outcome(number)).toBe('schema-invalid');
    }
  });

  it('keeps numbers in options as they are spelled, and normalises huge ones without writing them out', () => {
    const digits = '9'.repeat(10_000);
    const schema = format.parse(`option a = ${digits}; option b = 1e999999999; option c = -0; option d = 1e-999;`);
    expect(schema.canonical).toContain(`a = ${digits};\noption b = 1e999999999;\noption c = -0;`);
    expect(schema.normalised().canonical).toContain('b = 1e999999999;\noption c = 0;\noption d = 1e-999;');
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'])(
    'takes %s as any other name',
    (name) => {
      const text = proto3(
        `package ${name}; option (${name}) = { ${name}: 1 }; message ${name} { ${name} ${name} = 1 [${name} = ${name}, (${name}).${name} = 2]; enum E { ${name} = 0; } }`,
      );
      const schema = format.parse(text);
      expect(format.parse(schema.canonical).canonical).toBe(schema.canonical);
      expect(schema.normalised().canonical).toContain(`.${name}.${name} ${name} = 1`);
      expect(schema.topLevelFieldNames).toEqual([name]);
      expect(schema.formatted('serialized')).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(schema.outline().names).toEqual([`${name}.${name}`, `${name}.${name}.E`]);
      expect(({} as Record<string, unknown>)[name === '__proto__' ? 'polluted' : `${name}x`]).toBeUndefined();
    },
  );

  it('writes nothing of a descriptor that would read back as something else', () => {
    const sent = (name: string, reservedName: string[] = []): string => {
      const file = create(FileDescriptorProtoSchema, { messageType: [{ name, reservedName }] });
      return Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64');
    };
    expect(parse(sent('M'))).toBe('accepted');
    for (const name of ['M {} message N', 'a b', '', 'M{', '// M', 'é', 'M\n}']) {
      expect(parse(sent(name))).toBe('schema-invalid');
    }
    const schema = format.parse(sent('M', ['"; } message N { reserved "']));
    expect(schema.file.types).toHaveLength(1);
    expect(format.parse(schema.canonical).canonical).toBe(schema.canonical);
  });

  it('refuses descriptors that nest without end or lie about lengths', () => {
    let bytes = Buffer.alloc(0);
    for (let i = 0; i < 5_000; i++) bytes = Buffer.concat([Buffer.from([0x1a, ...varint(bytes.length)]), bytes]);
    const file = Buffer.concat([Buffer.from([0x22, ...varint(bytes.length)]), bytes]);
    expect(parse(file.toString('base64'))).toBe('schema-invalid');
    expect(parse(Buffer.from([0x22, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString('base64'))).toBe('schema-invalid');
    expect(parse(Buffer.alloc(500_000, 0x0b).toString('base64'))).toBe('schema-invalid');
    expect(parse(Buffer.alloc(500_000, 0x22).toString('base64'))).toBe('schema-invalid');
  });

  it('reads files that import one another in a circle, and writes each once', () => {
    const reference = (name: string, other: string, type: string): ResolvedReference => ({
      name,
      schemaType: 'PROTOBUF',
      text: proto3(`import "${other}"; message ${type} { ${type === 'A' ? 'B' : 'A'} other = 1; }`),
      references: [],
    });
    const references = [reference('a.proto', 'b.proto', 'A'), reference('b.proto', 'a.proto', 'B')];
    const schema = format.parse(proto3('import "a.proto"; message M { A a = 1; }'), { references });
    expect(schema.normalised().canonical).toContain('.A a = 1;');
    expect(descriptorSet(schema.scope).length).toBeGreaterThan(0);
  });

  it('refuses too many references, and too much text or too many types in them', () => {
    const reference = (text: string, i: number): ResolvedReference => ({
      name: `r${i}.proto`,
      schemaType: 'PROTOBUF',
      text,
      references: [],
    });
    const many = (text: string, count: number): string =>
      refusal(() =>
        format.parse('message M {}', { references: Array.from({ length: count }, (_, i) => reference(text, i)) }),
      );
    expect(many('message R {}', 1_000)).toBe('accepted');
    expect(many('message R {}', 1_025)).toBe('schema-too-large');
    expect(many(`message R {} // ${'x'.repeat(1_000_000)}`, 5)).toBe('schema-too-large');
    expect(many('enum E {} '.replaceAll('E', 'E') + nested(20), 1_000)).toBe('schema-too-large');
    expect(many('syntax', 1)).toBe('schema-invalid');
  });

  it('anything at all is a schema or a refusal, and a schema prints as one', () => {
    const pieces = fc.constantFrom(
      ...'syntax = "proto3"; package import option message enum oneof extend service rpc reserved map < > { } [ ] ( ) = ; , . : 1 to max -7 0x1f a.b "s" optional repeated group // /* */ \n'.split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 40 }).map((list) => list.join(' ')),
        ),
        (text) => {
          let schema: ProtobufSchema;
          try {
            schema = format.parse(text, { validate: false });
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^schema-/) as string });
            return;
          }
          expect(format.parse(schema.canonical, { validate: false }).canonical).toBe(schema.canonical);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}
