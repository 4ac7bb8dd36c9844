import { create, createFileRegistry, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Edition,
  FeatureSet_FieldPresence,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import type { ResolvedReference } from '../format.js';
import { descriptorSet } from './descriptor-set.js';
import { indexesOf, messageAt } from './message-indexes.js';
import { ProtobufFormat } from './protobuf-format.js';

const format = new ProtobufFormat();
const proto3 = (body: string): string => `syntax = "proto3";\n${body}`;
const reference = (name: string, text: string): ResolvedReference => ({
  name,
  schemaType: 'PROTOBUF',
  text,
  references: [],
});
const descriptor = (file: MessageInitShape<typeof FileDescriptorProtoSchema>): string =>
  Buffer.from(toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file))).toString('base64');

function problem(text: string, options: Parameters<ProtobufFormat['parse']>[1] = {}): string {
  try {
    format.parse(text, options);
    return '';
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.message;
  }
}

describe('Protobuf text', () => {
  it.each([
    [
      'message A {\n  int32 a = 1;\n}',
      'int32 begins no declaration, and without proto3 a field begins with its label (line 2, column 3)',
    ],
    [proto3('message A {\n\n   int32 a 1;\n}'), "'=' is missing before '1' (line 4, column 12)"],
    [proto3('message A { B b = 1; }'), 'B names no type (line 2, column 13)'],
    [proto3('message A {}\nenum A { Z = 0; }'), 'the name A is taken at line 2, column 1 (line 3, column 1)'],
    [
      proto3('message A { int32 a = 1; /* x */ int32 b = 2; }'),
      'a comment that follows a declaration on its line has to end the line (line 2, column 34)',
    ],
    [
      proto3('message A { map<double, int32> m = 1; }'),
      'a map key must be an integer, a bool or a string (line 2, column 17)',
    ],
    [
      'syntax = "proto2"; message A { optional bytes b = 1 [default = "a b"]; }',
      'the default of b cannot be written without quotes (line 1, column 32)',
    ],
    ['edition = "2023";', 'editions are read from descriptors only; send the file as one (line 1, column 1)'],
    ['option x = "\n\\x', 'an escape names a character by number and has none (line 2, column 3)'],
    ['option x = "\n\\"', 'the string that begins here is not closed (line 1, column 12)'],
    ['  \n ', 'Empty schema'],
  ])('%j is refused with line and column', (text, message) => {
    expect(problem(text)).toBe(message);
  });

  it('reads escapes, strings in pieces, keywords as names, numbers in every spelling and empty statements', () => {
    const text = `
      option a = "\\x41\\101\\n" 'b' "\\q";
      message message { optional message optional = 0x1F; ; optional .message map = -1; enum enum { option = 0; } }
      ;`.replace('enum enum { option = 0; }', 'enum enum { message = 0; }');
    expect(format.parse(text).canonical).toBe(
      [
        '',
        'option a = "AA\\nbq";',
        '',
        'message message {',
        '  optional message optional = 31;',
        '  optional .message map = -1;',
        '',
        '  enum enum {',
        '    message = 0;',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('reads the parts of a type that stand apart from their dots, and semicolons between the members of a value', () => {
    // As wire-schema 6.4.0 does, the parser of the reference.
    const text = `syntax = "proto3"; message M { message A {} M .A a = 1; map<string, M . A> b = 2; oneof o { .M .A c = 3; } }
      service S { rpc R (M .A) returns (stream M .A); } option (x) = { a: 1; b { c: 2 }; };`;
    const { canonical } = format.parse(text, { validate: false });
    expect(canonical).toContain('  M.A a = 1;');
    expect(canonical).toContain('  map<string, M.A> b = 2;');
    expect(canonical).toContain('    .M.A c = 3;');
    expect(canonical).toContain('rpc R (M.A) returns (stream M.A);');
    expect(problem('syntax = "proto3"; message M { int32 .a = 1; }')).toContain('a word is missing');
    expect(problem('option (x) = { a: 1;; };')).toContain('a word is missing');
  });

  it('stores a file without declarations as no text, and reads that back though nobody may send it', () => {
    const { canonical } = format.parse('// nothing\n;');
    expect(canonical).toBe('');
    expect(format.parse(canonical, { validate: false }).canonical).toBe('');
    expect(problem(canonical)).toBe('Empty schema');
  });

  it('writes a zero character as an escape, which reads back', () => {
    const schema = format.parse('option a = "x\\0y\\x001";');
    expect(schema.canonical).toBe('\noption a = "x\\000y\\0001";\n');
    expect(format.parse(schema.canonical).canonical).toBe(schema.canonical);
  });

  it('keeps options in their spelling and, normalised, under their full names in one piece', () => {
    const schema = format.parse(
      proto3(`package p;
        import "google/protobuf/descriptor.proto";
        message O { int32 a = 1; O o = 2; repeated int32 l = 3; extensions 100 to 200; }
        extend O { int32 e = 100; }
        extend google.protobuf.MessageOptions { O o = 50001; }
        message M { option (o).o.a = 010; option (.p.o).l = 1; option (o).l = 2; option (o) = { [p.e]: 1.50 o { l: [], a: 0x2 } }; }`),
    );
    expect(schema.canonical).toContain(
      [
        '  option (o).o.a = 010;',
        '  option (.p.o).l = 1;',
        '  option (o).l = 2;',
        '  option (o) = {',
        '    [p.e]: 1.50,',
        '    o: {',
        '      l: [',
        '      ],',
        '      a: 0x2',
        '    }',
        '  };',
      ].join('\n'),
    );
    expect(schema.normalised().canonical).toContain(
      'option (p.o) = {\n    [p.e]: 1.5,\n    l: [\n      1,\n      2\n    ],\n    o: [',
    );
  });

  it.each([
    ['without a key', 'int32 value = 2;'],
    ['with a key that maps cannot have', 'float key = 1; int32 value = 2;'],
    ['with a key that is a message', 'A key = 1; int32 value = 2;'],
  ])('normalises entries of a map %s to what reads back', (_what, fields) => {
    const entry = `message VEntry { option map_entry = true; ${fields} }`;
    const normal = format.parse(`syntax = "proto3"; message A { ${entry} repeated VEntry v = 1; }`).normalised();
    expect(normal.canonical).toContain('repeated .A.VEntry v = 1;');
    expect(format.parse(normal.canonical).normalised().canonical).toBe(normal.canonical);
  });

  it('looks a type up in the file, in every reference, and in the files that come with it', () => {
    const a = reference('dir/a.proto', proto3('package a.b; message A { message N {} }'));
    const parse = (body: string) => problem(proto3(body), { references: [a] });
    expect(
      parse('message M { a.b.A x = 1; .a.b.A.N y = 2; google.type.Money m = 3; confluent.type.Variant v = 4; }'),
    ).toBe('');
    expect(parse('package a.c; message M { b.A x = 1; }')).toBe('');
    expect(parse('package c; message M { b.A x = 1; }')).toBe('b.A names no type (line 2, column 24)');
    expect(parse('message M { map<string, Nowhere> m = 1; }')).toBe('');
    expect(problem('message M {}', { references: [{ ...a, schemaType: 'AVRO' }] })).toContain('of type AVRO');
    expect(problem('message M {}', { references: [reference('b.proto', '\nmessage {')] })).toBe(
      "a word is missing (line 2, column 9 in reference 'b.proto')",
    );
    // Stored text is read back even where a name has lost its meaning.
    expect(problem(proto3('message M { B b = 1; }'), { validate: false })).toBe('');
  });

  it('counts a schema as the same only with the same imported files', () => {
    const text = proto3('import "a.proto"; message M { A a = 1; }');
    const equivalence = (a: string) => format.parse(text, { references: [reference('a.proto', a)] }).equivalence;
    expect(equivalence('message A {}')).toBe(equivalence('message A { }'));
    expect(equivalence('message A {}')).not.toBe(equivalence('message A { optional int32 a = 1; }'));
  });

  it('names the fields at the top, those of oneofs left out', () => {
    const text = proto3(
      'message A { int32 a = 1; oneof o { int32 b = 2; } message N { int32 c = 3; } } message B { int32 d = 4; }',
    );
    expect(format.parse(text).topLevelFieldNames).toEqual(['a', 'd']);
  });
});

describe('Protobuf descriptors', () => {
  it('of editions are taken, with features as options', () => {
    const schema = format.parse(
      descriptor({
        syntax: 'editions',
        edition: Edition.EDITION_2023,
        options: { features: { fieldPresence: FeatureSet_FieldPresence.IMPLICIT } },
        messageType: [
          {
            name: 'M',
            field: [
              {
                name: 'a',
                number: 1,
                type: FieldDescriptorProto_Type.INT32,
                label: FieldDescriptorProto_Label.OPTIONAL,
              },
            ],
          },
        ],
      }),
    );
    expect(schema.canonical).toBe(
      '\noption features = {\n  field_presence: IMPLICIT\n};\n\nmessage M {\n  optional int32 a = 1;\n}\n',
    );
    expect(format.parse(schema.canonical).formatted('SERIALIZED')).toBe(schema.formatted('serialized'));
  });

  it.each([
    ['of the first edition where the text has features', 'int32 a = 1 [features.field_presence = IMPLICIT];', true],
    ['of proto2 where it has none', 'int32 a = 1;', false],
    [
      'of proto2 where it has a label that editions lack',
      'int32 a = 1 [features.field_presence = IMPLICIT]; required int32 b = 2;',
      false,
    ],
  ])('are %s', (_name, fields, edition) => {
    const serialized = format.parse(`message M { optional ${fields} }`).formatted('serialized');
    const { syntax, ...file } = fromBinary(FileDescriptorProtoSchema, Buffer.from(serialized, 'base64'));
    expect(syntax).toBe(edition ? 'editions' : '');
    expect(file.edition === Edition.EDITION_2023).toBe(edition);
  });

  it('keep groups, annotations, ranges and public imports', () => {
    const text = `syntax = "proto2";
      import public "confluent/meta.proto";
      message M {
        option (confluent.message_meta) = { doc: "d", params: [{ value: "1", key: "scale" }, { key: "k", value: "v" }], tags: ["PII", "X"] };
        extensions 100 to 199;
        optional string s = 1 [(confluent.field_meta).doc = "f", ctype = CORD];
      }`;
    const plain = format.parse(text);
    const sent = format.parse(plain.formatted('serialized'));
    expect(sent.canonical).toContain('import public "confluent/meta.proto";');
    expect(sent.normalised().canonical).toBe(plain.normalised().canonical);
    const group = descriptor({
      messageType: [
        {
          name: 'M',
          field: [
            {
              name: 'g',
              number: 1,
              type: FieldDescriptorProto_Type.GROUP,
              typeName: '.M.G',
              label: FieldDescriptorProto_Label.REPEATED,
            },
          ],
          nestedType: [{ name: 'G', field: [{ name: 'a', number: 2, type: FieldDescriptorProto_Type.BOOL }] }],
        },
      ],
    });
    expect(format.parse(group).canonical).toContain('repeated group G = 1 {\n    optional bool a = 2;\n  }');
  });

  it('for codecs hold every file that is needed, imported or not, and names in full', () => {
    const references = [
      reference('a.proto', proto3('package a; import public "b.proto"; message A { B b = 1; }')),
      reference('b.proto', proto3('package a; enum B { Z = 0; }')),
      reference('unused.proto', proto3('message Unused {}')),
    ];
    const schema = format.parse(
      proto3(
        'import "a.proto"; import "nowhere.proto"; message M { a.A a = 1; map<string, a.B> m_p = 2; google.protobuf.Any any = 3; optional int32 o = 4; }',
      ),
      { references },
    );
    const set = fromBinary(FileDescriptorSetSchema, descriptorSet(schema.scope));
    expect(set.file.map(({ name }) => name)).toEqual(['b.proto', 'a.proto', 'google/protobuf/any.proto', ':schema']);
    const message = createFileRegistry(set).getMessage('M')!;
    expect(message.fields.map(({ name, jsonName, fieldKind }) => [name, jsonName, fieldKind])).toEqual([
      ['a', 'a', 'message'],
      ['m_p', 'mP', 'map'],
      ['any', 'any', 'message'],
      ['o', 'o', 'scalar'],
    ]);
    expect(set.file.at(-1)!.messageType[0]!.oneofDecl.map(({ name }) => name)).toEqual(['_o']);
    expect(() => descriptorSet(format.parse(proto3('message M { map<string, Nowhere> m = 1; }')).scope)).toThrow(
      'Nowhere',
    );
  });

  it('are found by indexes that count messages only, also behind a file that only passes another on', () => {
    const schema = format.parse(
      proto3('package p; enum E { Z = 0; } message A {} message B { enum F { Y = 0; } message C { message D {} } }'),
    );
    expect(messageAt(schema.scope, [1, 0, 0])).toMatchObject({ fullName: 'p.B.C.D' });
    expect(indexesOf(schema.scope, 'p.B.C.D')).toEqual([1, 0, 0]);
    expect(messageAt(schema.scope, [2])).toBeUndefined();
    expect(messageAt(schema.scope, [])).toBeUndefined();
    expect(indexesOf(schema.scope, 'p.E')).toBeUndefined();
    const passing = format.parse(proto3('import public "a.proto";'), {
      references: [reference('a.proto', proto3('package a; message A {}'))],
    });
    expect(messageAt(passing.scope, [0])).toMatchObject({ fullName: 'a.A' });
  });
});

describe('validateFields', () => {
  it.each([
    ['message M { int32 a = 1; int32 b = 1; }', 'M.b: The number 1 is that of "a" in "M".'],
    ['message M { int32 a = 1; oneof o { int32 b = 1; } }', 'M.b: The number 1 is that of "a" in "M".'],
    ['message M { int32 a = 1; int32 a = 2; }', 'M.a: The name "a" is taken in "M".'],
    ['message M { int32 a = 0; }', 'M.a: The number of a field is 1 or more.'],
    ['enum E { Z = 0; } enum F { Z = 0; }', 'Z: The name "Z" is taken.'],
    ['enum E { }', 'E: An enum needs a constant.'],
    ['message M-x {}', 'M-x: "M-x" is no name: letters, digits and _, no digit first.'],
    ['message M { repeated int32 a = 1 [default = 1]; }', 'M.a: A repeated field has no default.'],
    ['message M { int32 a = 1 [default = x]; }', 'M.a: The default "x" is no value of its type.'],
    ['message M { uint32 a = 1 [default = -1]; }', 'M.a: The default "-1" is no value of its type.'],
    ['message M { M m = 1 [default = x]; }', 'M.m: A message has no default.'],
    ['message M { E e = 1 [default = X]; enum E { Z = 0; } }', 'M.e: The default "X" is no constant of its enum.'],
    [
      'message M { repeated string s = 1 [packed = true]; }',
      'M.s: Only repeated numbers, bools and enums can be packed.',
    ],
    [
      'message M { google.protobuf.Any a = 1; }',
      'M.a: "google.protobuf.Any" comes from "google/protobuf/any.proto", which is not imported.',
    ],
    ['message M {} extend M { int32 a = 1; }', 'a: "M" leaves the number 1 to no extension.'],
    ['enum E { Z = 0; } service S { rpc R (E) returns (E); }', 'S.R: "E" is an enum where a message is needed.'],
  ])('refuses %j, which is kept without', (body, reason) => {
    expect(problem(proto3(body))).toBe('');
    expect(problem(proto3(body), { validateFields: true })).toContain(
      `the definition breaks a rule of the language: ${reason}`,
    );
  });

  it('lets pass what the language allows', () => {
    const body = `import "google/protobuf/any.proto";
      message M { google.protobuf.Any a = 1; map<string, M> m = 2; repeated E e = 3 [packed = true]; extensions 100; enum E { Z = 0; } }
      extend M { M x = 100; }
      service S { rpc R (M) returns (stream google.protobuf.Any); }`;
    expect(problem(proto3(body), { validateFields: true })).toBe('');
  });
});
