import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  type DescField,
  type DescMessage,
  type JsonObject,
} from '@bufbuild/protobuf';
import { reflect, type ReflectList, type ReflectMap, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { descriptorSet } from './descriptor-set.js';
import { ProtobufFormat, type ProtobufSchema } from './protobuf-format.js';

const format = new ProtobufFormat();

/**
 * Judgements of the reference that are unsound: it calls the pair compatible, and values are lost or change. Each comes with a warning of its own, and where one
 * is given the law below promises nothing.
 */
const UNSOUND: readonly string[] = [
  'protobuf/unsound-cardinality',
  'protobuf/unsound-bytes-as-text',
  'protobuf/unsound-narrower-number',
  'protobuf/unsound-required',
];

const GROUPS = [
  ['int32', 'int64', 'uint32', 'uint64', 'bool', 'Color', 'Shade'],
  ['sint32', 'sint64'],
  ['string', 'bytes'],
  ['fixed32', 'sfixed32'],
  ['fixed64', 'sfixed64'],
  ['float'],
  ['double'],
  ['Point'],
  ['Spot'],
  ['map<string, int32>', 'map<string, int64>'],
];
const TYPES = GROUPS.flat();

interface Field {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  readonly label: '' | 'optional' | 'repeated' | 'required';
  readonly oneof: string | null;
}

const DECLARED = `
enum Color { RED = 0; GREEN = 1; }
enum Shade { DARK = 0; LIGHT = 1; PALE = 2; }
message Point { %int32 x = 1; %string y = 2; }
message Spot { %int32 x = 1; }
`;

/** A file with one message of these fields. */
function fileText(syntax: 'proto2' | 'proto3', fields: readonly Field[]): string {
  const line = ({ number, name, type, label, oneof }: Field): string => {
    const plain = type.startsWith('map') || oneof !== null;
    const said = plain ? '' : syntax === 'proto2' && label === '' ? 'optional' : label;
    return `${said} ${type} ${name} = ${number};`;
  };
  const oneofs = [...new Set(fields.flatMap(({ oneof }) => oneof ?? []))];
  return [
    `syntax = "${syntax}";`,
    'message M {',
    ...fields.filter(({ oneof }) => oneof === null).map(line),
    ...oneofs.map(
      (name) =>
        `oneof ${name} { ${fields
          .filter(({ oneof }) => oneof === name)
          .map(line)
          .join(' ')} }`,
    ),
    '}',
    DECLARED.replaceAll('%', syntax === 'proto2' ? 'optional ' : ''),
  ].join('\n');
}

const arbitraryField = (syntax: 'proto2' | 'proto3', number: number): fc.Arbitrary<Field> =>
  fc
    .record({
      type: fc.constantFrom(...TYPES),
      label: fc.constantFrom(
        ...(syntax === 'proto2'
          ? (['optional', 'repeated', 'required'] as const)
          : (['', 'optional', 'repeated'] as const)),
      ),
      oneof: fc.option(fc.constantFrom('c', 'd'), { freq: 3 }),
    })
    .map(({ type, label, oneof }) => {
      const inOneof = oneof !== null && !type.startsWith('map');
      return { number, name: `f${number}`, type, label: inOneof ? '' : label, oneof: inOneof ? oneof : null };
    });

/** What becomes of a field; most changes are small, so that many pairs are compatible. */
function arbitraryChange(syntax: 'proto2' | 'proto3', field: Field): fc.Arbitrary<Field | null> {
  const relatives = GROUPS.find((group) => group.includes(field.type))!;
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant(field) },
    { weight: 3, arbitrary: fc.constantFrom(...relatives).map((type) => ({ ...field, type })) },
    { weight: 1, arbitrary: fc.constant({ ...field, name: `${field.name}_renamed` }) },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: arbitraryField(syntax, field.number) },
    {
      weight: 1,
      arbitrary: arbitraryField(syntax, field.number).map(({ label, oneof }) =>
        field.type.startsWith('map') ? field : { ...field, label, oneof },
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('c', 'd', null)
        .map((oneof) => (field.type.startsWith('map') ? field : { ...field, label: '' as const, oneof })),
    },
  );
}

const arbitraryPair = fc.constantFrom('proto2' as const, 'proto3' as const).chain((syntax) =>
  fc.tuple(...[1, 2, 3, 4].map((number) => arbitraryField(syntax, number))).chain((writer) =>
    fc.record({
      syntax: fc.constant(syntax),
      writer: fc.constant(writer),
      reader: fc
        .tuple(...writer.map((field) => arbitraryChange(syntax, field)), fc.option(arbitraryField(syntax, 5)))
        .map((fields) => fields.filter((field) => field !== null)),
    }),
  ),
);

/** Values in Protobuf's JSON form, within what the type can hold. */
function arbitraryValue(type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 6 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'float':
      return fc.float({ noNaN: true, noDefaultInfinity: true });
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'Color':
      return fc.constantFrom(0, 1);
    case 'Shade':
      return fc.constantFrom(0, 1, 2);
    case 'Point':
      return fc.record({ x: arbitraryValue('int32'), y: arbitraryValue('string') });
    case 'Spot':
      return fc.record({ x: arbitraryValue('int32') });
    default: {
      const [bits, signed] = [type.endsWith('64') ? 64n : 32n, !/^(?:u|f)/.test(type)];
      const [min, max] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
      return fc.oneof(fc.constantFrom(min, max, 0n, 1n), fc.bigInt({ min, max })).map(String);
    }
  }
}

/** A message of the writer: every field set or left out, of a oneof one at most. */
function arbitraryMessage(fields: readonly Field[]): fc.Arbitrary<JsonObject> {
  const members = fields.map((field) => {
    const { type, label } = field;
    const value = type.startsWith('map')
      ? fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), arbitraryValue(type.slice(12, -1)), { maxKeys: 2 })
      : label === 'repeated'
        ? fc.array(arbitraryValue(type), { maxLength: 3 })
        : arbitraryValue(type);
    const left = label === 'required' ? value : fc.option(value, { nil: undefined });
    return left.map((one) => [field, one] as const);
  });
  return fc.tuple(...members).map((values) => {
    const taken = new Set<string>();
    const kept = values.filter(([{ oneof }, value]) => {
      if (value === undefined || (oneof !== null && taken.has(oneof))) return false;
      if (oneof !== null) taken.add(oneof);
      return true;
    });
    return Object.fromEntries(kept.map(([{ name }, value]) => [name, value])) as JsonObject;
  });
}

function messageOf(schema: ProtobufSchema): DescMessage {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet(schema.scope)));
  return registry.getMessage('M')!;
}

/** Values by number as text that is equal for equal values whatever the type they are held in; zeros are as good as nothing. */
type Values = Map<number, string>;

function scalarText(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number' || typeof value === 'bigint') return Object.is(value, -0) ? '-0' : String(value);
  return `x${Buffer.from(value as string | Uint8Array).toString('hex')}`;
}

const isZero = (text: string): boolean => text === '0' || text === 'x';

function valuesOf(message: ReflectMessage): Values {
  const values: Values = new Map();
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const text = valueText(field, message.get(field));
    const explicit = field.fieldKind === 'message';
    if (text !== '[]' && text !== '{}' && (explicit || !isZero(text))) values.set(field.number, text);
  }
  return values;
}

function valueText(field: DescField, value: unknown): string {
  const inner = (one: unknown): string => textOf(valuesOf(one as ReflectMessage));
  switch (field.fieldKind) {
    case 'list': {
      const items = [...(value as ReflectList)];
      return `[${items.map((item) => (field.listKind === 'message' ? inner(item) : scalarText(item))).join()}]`;
    }
    case 'map':
      return mapText([...(value as ReflectMap)]);
    case 'message':
      return inner(value);
    default:
      return scalarText(value);
  }
}

const mapText = (entries: readonly (readonly [unknown, unknown])[]): string =>
  `{${entries
    .map(([key, one]) => `${scalarText(key)}:${scalarText(one)}`)
    .sort()
    .join()}}`;
const textOf = (values: Values): string => `(${[...values].map(([number, text]) => `${number}=${text}`).join()})`;

/** The same, as protobufjs decodes it. */
function valuesByOther(type: protobuf.Type, message: Record<string, unknown>): Values {
  const plain = (value: unknown): unknown => (value instanceof protobuf.util.Long ? BigInt(String(value)) : value);
  const values: Values = new Map();
  for (const field of [...type.fieldsArray].sort((one, other) => one.id - other.id)) {
    if (!Object.hasOwn(message, field.name)) continue;
    const value = message[field.name];
    const nested = field.resolvedType instanceof protobuf.Type ? field.resolvedType : null;
    const one = (item: unknown): string =>
      nested === null ? scalarText(plain(item)) : textOf(valuesByOther(nested, item as Record<string, unknown>));
    const text = field.map
      ? mapText(Object.entries(value as object).map(([key, item]) => [key, plain(item)]))
      : Array.isArray(value)
        ? `[${value.map(one).join()}]`
        : one(value);
    if (text !== '[]' && text !== '{}' && (nested !== null || !isZero(text))) values.set(field.id, text);
  }
  return values;
}

function shared(values: Values, numbers: ReadonlySet<number>): readonly (readonly [number, string])[] {
  return [...values].filter(([number]) => numbers.has(number)).sort(([one], [other]) => one - other);
}

interface Seen {
  compatible: number;
  excused: number;
}

/** Whether the law holds for one pair and message; counts what it was asked about. */
function readsBack(
  pair: { readonly syntax: 'proto2' | 'proto3'; readonly writer: readonly Field[]; readonly reader: readonly Field[] },
  message: JsonObject,
  excuses: readonly string[],
  seen: Seen,
): boolean {
  const [writerText, readerText] = [fileText(pair.syntax, pair.writer), fileText(pair.syntax, pair.reader)];
  const [writer, reader] = [format.parse(writerText), format.parse(readerText)];
  if (format.differences(reader, writer).some(({ breaking }) => breaking)) return true;
  if (format.doubts(reader, writer, 'new-reads-old').some(({ ruleId }) => excuses.includes(ruleId))) {
    seen.excused++;
    return true;
  }
  seen.compatible++;
  const written = messageOf(writer);
  // Names of fields are the JSON names here, but for the underscore.
  const value = fromJson(written, message);
  const bytes = toBinary(written, value);
  const known = new Set(pair.reader.map(({ number }) => number));
  const expected = JSON.stringify(shared(valuesOf(reflect(written, value)), known));
  try {
    const read = messageOf(reader);
    if (JSON.stringify(shared(valuesOf(reflect(read, fromBinary(read, bytes))), known)) !== expected) return false;
    const { root } = protobuf.parse(readerText, { keepCase: true });
    const other = root.lookupType('M');
    const decoded = valuesByOther(other, other.decode(bytes) as unknown as Record<string, unknown>);
    return JSON.stringify(shared(decoded, known)) === expected;
  } catch {
    return false;
  }
}

const lone = (type: string, label: Field['label'] = ''): Field => ({ number: 1, name: 'f1', type, label, oneof: null });

const UNSOUND_EXAMPLES: readonly {
  readonly rule: string;
  readonly syntax: 'proto2' | 'proto3';
  readonly before: Field;
  readonly after: Field;
  readonly message: JsonObject;
}[] = [
  {
    rule: 'protobuf/unsound-cardinality',
    syntax: 'proto3',
    before: lone('int32', 'repeated'),
    after: lone('int32'),
    message: { f1: [1, 2] },
  },
  {
    rule: 'protobuf/unsound-bytes-as-text',
    syntax: 'proto3',
    before: lone('bytes'),
    after: lone('string'),
    message: { f1: '/w==' },
  },
  {
    rule: 'protobuf/unsound-narrower-number',
    syntax: 'proto3',
    before: lone('int64'),
    after: lone('int32'),
    message: { f1: '4294967297' },
  },
  {
    rule: 'protobuf/unsound-required',
    syntax: 'proto2',
    before: lone('string', 'optional'),
    after: lone('string', 'required'),
    message: {},
  },
];

const arbitraryCase = arbitraryPair.chain((pair) =>
  fc.record({ pair: fc.constant(pair), message: arbitraryMessage(pair.writer) }),
);

describe('where a new Protobuf schema reads an old one', () => {
  it('two other implementations decode old bytes with the new schema, values preserved', () => {
    const seen = { compatible: 0, excused: 0 };
    fc.assert(
      fc.property(arbitraryCase, ({ pair, message }) => readsBack(pair, message, UNSOUND, seen)),
      { numRuns: 250 },
    );
    // Neither kind of pair is the only one.
    expect(seen.compatible).toBeGreaterThan(40);
    expect(seen.excused).toBeGreaterThan(10);
  });

  it.each(UNSOUND_EXAMPLES)(
    'without the excuse of $rule it would not hold',
    ({ rule, syntax, before, after, message }) => {
      const pair = { syntax, writer: [before], reader: [after] };
      const [others, seen] = [UNSOUND.filter((one) => one !== rule), { compatible: 0, excused: 0 }];
      expect(readsBack(pair, message, UNSOUND, seen)).toBe(true);
      expect(seen).toEqual({ compatible: 0, excused: 1 });
      expect(readsBack(pair, message, others, seen)).toBe(false);
    },
  );

  it('every excuse has an example', () => {
    expect(UNSOUND_EXAMPLES.map(({ rule }) => rule)).toEqual(UNSOUND);
  });
});
