import type { ParsedSchema } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { jsonNameOf } from './json-name.js';
import { indexedMessages, type IndexedMessage } from './message-indexes.js';
import { protobufSchema } from './protobuf-format.js';
import { nameIn, type ProtoScope } from './scope.js';
import { isMapEntry, type ProtoField, type ProtoGroup, type ProtoMessage, type ProtoScalar } from './tree.js';

/** A field of a message, as a table column or a data mapping needs it. */
export interface MessageField {
  /** Names in the JSON form, from the message down; more than one where messages nest. */
  readonly path: readonly string[];
  /** As declared. */
  readonly name: string;
  readonly number: number;
  /**
   * Kind of one value. The types of `google/protobuf` that have a JSON form of their own are what that form is: a wrapper its scalar, a timestamp or
   * duration text of that meaning, `Struct`, `Value`, `ListValue` and `Any` any JSON.
   */
  readonly kind: ProtoScalar | 'enum' | 'message' | 'map' | 'timestamp' | 'duration' | 'json';
  readonly repeated: boolean;
  /** Whether a message can be without it: optional fields, members of oneofs, messages. A field of proto3 without label has its zero instead. */
  readonly nullable: boolean;
  /** Whether it has no presence: a message that was written without it has its zero. Of single values without label, as those of proto3. */
  readonly implicit: boolean;
  readonly oneof: string | null;
  /** Enums only, in order. */
  readonly symbols: readonly string[] | null;
  /** Full name of a message or enum. */
  readonly typeName: string | null;
  /** A message that holds itself here: its fields are listed where it first occurs and not again. */
  readonly recursive: boolean;
}

/** Fields listed at most. */
const LISTED_FIELDS = 10_000;

/**
 * The fields of every message of a schema that stands at the level of the file, in order of declaration, nested messages followed by their own fields. Fields inside
 * lists and maps are not listed: there is no single value of theirs in a message.
 *
 * @throws `schema-too-complex` when the steps end first.
 */
export function messageFields(schema: ParsedSchema, steps?: StepBudget): ReadonlyMap<string, readonly MessageField[]> {
  const { scope } = protobufSchema(schema);
  const listed = new Map<string, readonly MessageField[]>();
  for (const one of indexedMessages(scope)) {
    if (one.indexes.length === 1) listed.set(one.fullName, new FieldList(scope, steps).of(one));
  }
  return listed;
}

/** A message or group and the name under which its types are looked up. */
interface Container {
  readonly parts: ProtoMessage | ProtoGroup;
  readonly within: string;
}

class FieldList {
  readonly #fields: MessageField[] = [];

  constructor(
    private readonly scope: ProtoScope,
    private readonly steps: StepBudget | undefined,
  ) {}

  of({ message, fullName }: IndexedMessage): readonly MessageField[] {
    const container = { parts: message, within: fullName };
    this.#collect(container, [], [container.parts]);
    return this.#fields;
  }

  #collect({ parts, within }: Container, path: readonly string[], around: readonly object[]): void {
    for (const { member, oneof } of membersOf(parts)) {
      if (this.#fields.length >= LISTED_FIELDS) return;
      const { inner, ...described } = this.#described(member, within);
      this.steps?.spend(1 + path.length);
      const here = [...path, jsonName(member)];
      const single = inner !== undefined && !described.repeated;
      const recursive = single && around.includes(inner.parts);
      const nullable = oneof !== null || inner !== undefined || member.label === 'optional' || described.wrapped;
      this.#fields.push({
        path: here,
        name: 'type' in member ? member.name : member.name.toLowerCase(),
        number: member.number,
        kind: described.kind,
        repeated: described.repeated,
        nullable: nullable && !described.repeated && described.kind !== 'map',
        implicit: !nullable && member.label === null && described.kind !== 'map' && described.kind !== 'message',
        oneof,
        symbols: described.symbols,
        typeName: described.typeName,
        recursive,
      });
      if (single && !recursive) this.#collect(inner, here, [...around, inner.parts]);
    }
  }

  #described(member: ProtoField | ProtoGroup, within: string): Described {
    const repeated = member.label === 'repeated';
    const plain = { repeated, wrapped: false, symbols: null, typeName: null };
    if (!('type' in member)) {
      const name = nameIn(within, member.name);
      return { ...plain, kind: 'message', typeName: name, inner: { parts: member, within } };
    }
    if (member.type.kind === 'map') return { ...plain, kind: 'map' };
    if (member.type.kind === 'scalar') return { ...plain, kind: member.type.scalar };
    const meant = this.scope.resolve(member.type.name, within);
    if (meant === undefined) return { ...plain, kind: 'message' };
    const typeName = meant.fullName;
    if (meant.type.kind === 'enum') {
      return { ...plain, kind: 'enum', typeName, symbols: meant.type.constants.map(({ name }) => name) };
    }
    if (isMapEntry(meant.type)) return { ...plain, kind: 'map', repeated: false };
    const known = JSON_FORMS.get(typeName);
    if (known !== undefined) return { ...plain, kind: known, typeName, wrapped: true };
    return { ...plain, kind: 'message', typeName, inner: { parts: meant.type, within: typeName } };
  }
}

interface Described extends Pick<MessageField, 'kind' | 'repeated' | 'symbols' | 'typeName'> {
  /** A message, though its JSON form is none. */
  readonly wrapped: boolean;
  readonly inner?: Container;
}

/** In order: fields, members of oneofs, groups; as the canonical text has them. */
function membersOf(
  parts: ProtoMessage | ProtoGroup,
): readonly { readonly member: ProtoField | ProtoGroup; readonly oneof: string | null }[] {
  const alone = (member: ProtoField | ProtoGroup) => ({ member, oneof: null });
  if (!('oneofs' in parts)) return parts.fields.map(alone);
  const inOneofs = parts.oneofs.flatMap(({ name, fields, groups }) =>
    [...fields, ...groups].map((member) => ({ member, oneof: name })),
  );
  return [...parts.fields.map(alone), ...inOneofs, ...parts.groups.map(alone)];
}

function jsonName(member: ProtoField | ProtoGroup): string {
  return 'type' in member ? (member.jsonName ?? jsonNameOf(member.name)) : jsonNameOf(member.name.toLowerCase());
}

const JSON_FORMS: ReadonlyMap<string, MessageField['kind']> = new Map<string, MessageField['kind']>(
  Object.entries({
    Timestamp: 'timestamp',
    Duration: 'duration',
    FieldMask: 'string',
    Struct: 'json',
    Value: 'json',
    ListValue: 'json',
    Any: 'json',
    DoubleValue: 'double',
    FloatValue: 'float',
    Int64Value: 'int64',
    UInt64Value: 'uint64',
    Int32Value: 'int32',
    UInt32Value: 'uint32',
    BoolValue: 'bool',
    StringValue: 'string',
    BytesValue: 'bytes',
  } as const).map(([name, kind]) => [`google.protobuf.${name}`, kind]),
);
