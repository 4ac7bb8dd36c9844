/**
 * A `.proto` file as a tree, as written: names are not resolved (see `scope.ts`), option values keep their spelling, and what the
 * canonical text leaves out (comments, documentation) is not held. Built by `parse` and `from-descriptor`, never changed afterwards.
 *
 * Lists of one kind keep their source order; the canonical text prints kind after kind, so the order between kinds is held only where two kinds
 * share a list (`types`).
 */

export const PROTO_SCALARS = [
  'bool',
  'bytes',
  'double',
  'fixed32',
  'fixed64',
  'float',
  'int32',
  'int64',
  'sfixed32',
  'sfixed64',
  'sint32',
  'sint64',
  'string',
  'uint32',
  'uint64',
] as const;
export type ProtoScalar = (typeof PROTO_SCALARS)[number];

interface Node {
  /** Index in the text where the declaration starts; -1 for one that was not read from text. */
  readonly at: number;
}

export interface ProtoFile {
  /** As declared. Null when there is no declaration: the rules of proto2 hold, and the canonical text has no such line either. */
  readonly syntax: 'proto2' | 'proto3' | null;
  /** As written; null when there is none. */
  readonly packageName: string | null;
  /** Index in the text where the package is declared; -1 where it is not. */
  readonly packageAt: number;
  readonly imports: readonly ProtoImport[];
  readonly options: readonly ProtoOption[];
  /** Messages and enums of the file level, in source order. */
  readonly types: readonly ProtoType[];
  readonly extends: readonly ProtoExtend[];
  readonly services: readonly ProtoService[];
}

export interface ProtoImport extends Node {
  readonly path: string;
  readonly kind: 'plain' | 'public' | 'weak';
}

export type ProtoType = ProtoMessage | ProtoEnum;

export interface ProtoMessage extends Node {
  readonly kind: 'message';
  readonly name: string;
  readonly options: readonly ProtoOption[];
  /** One item for each `reserved` statement. */
  readonly reserved: readonly ProtoReserved[];
  /** Fields outside oneofs, map fields included; groups are apart. */
  readonly fields: readonly ProtoField[];
  readonly oneofs: readonly ProtoOneof[];
  readonly groups: readonly ProtoGroup[];
  /** One item for each `extensions` statement. */
  readonly extensions: readonly ProtoExtensions[];
  readonly extends: readonly ProtoExtend[];
  /** Nested messages and enums, in source order. */
  readonly types: readonly ProtoType[];
}

export interface ProtoField extends Node {
  /** Null: a proto3 field without keyword, a member of a oneof, a map field. */
  readonly label: 'required' | 'optional' | 'repeated' | null;
  readonly type: ProtoFieldType;
  readonly name: string;
  /** Any 32 bit integer: the range that the language allows is not checked. */
  readonly number: number;
  /** Value of the option `default`, unescaped and without quotes; null when there is none. */
  readonly defaultValue: string | null;
  /** Value of the option `json_name`; null when there is none. */
  readonly jsonName: string | null;
  /** Without `default` and `json_name`. */
  readonly options: readonly ProtoOption[];
}

export type ProtoFieldType =
  | { readonly kind: 'scalar'; readonly scalar: ProtoScalar }
  /** A message or enum by its name as written, with or without leading dot. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'map'; readonly key: ProtoFieldType; readonly value: ProtoFieldType };

export interface ProtoOneof extends Node {
  readonly name: string;
  readonly options: readonly ProtoOption[];
  /** Without label. */
  readonly fields: readonly ProtoField[];
  readonly groups: readonly ProtoGroup[];
}

/** A field and the type of its value in one declaration. */
export interface ProtoGroup extends Node {
  /** Null in a oneof. */
  readonly label: ProtoField['label'];
  readonly name: string;
  readonly number: number;
  readonly fields: readonly ProtoField[];
}

/** Numbers, both ends included. */
export interface ProtoRange {
  readonly from: number;
  /** Equal to `from` for a single number. {@link LAST_FIELD_NUMBER} where the text says `max`. */
  readonly to: number;
}

export interface ProtoReserved extends Node {
  /** A name, a single number, or a range; a range of one number written as such stays a range. */
  readonly items: readonly (string | number | ProtoRange)[];
}

export interface ProtoExtensions extends Node {
  readonly items: readonly (number | ProtoRange)[];
  readonly options: readonly ProtoOption[];
}

export interface ProtoExtend extends Node {
  /** The message that gets the fields, by its name as written. */
  readonly extendee: string;
  readonly fields: readonly ProtoField[];
}

export interface ProtoEnum extends Node {
  readonly kind: 'enum';
  readonly name: string;
  readonly options: readonly ProtoOption[];
  readonly reserved: readonly ProtoReserved[];
  readonly constants: readonly ProtoEnumConstant[];
}

export interface ProtoEnumConstant extends Node {
  readonly name: string;
  readonly number: number;
  readonly options: readonly ProtoOption[];
}

export interface ProtoService extends Node {
  readonly name: string;
  readonly options: readonly ProtoOption[];
  readonly rpcs: readonly ProtoRpc[];
}

export interface ProtoRpc extends Node {
  readonly name: string;
  readonly request: string;
  readonly requestStreaming: boolean;
  readonly response: string;
  readonly responseStreaming: boolean;
  readonly options: readonly ProtoOption[];
}

export interface ProtoOption {
  /** Up to the first dot outside parentheses, without the parentheses: `cfg` for `(cfg).a = 1`, whose value is the option `a`. */
  readonly name: string;
  /** Written in parentheses: the name of an extension. */
  readonly custom: boolean;
  readonly value: ProtoOptionValue;
}

export type ProtoOptionValue =
  | { readonly kind: 'string'; readonly value: string }
  /** `text` as spelled: numbers keep their form. */
  | { readonly kind: 'boolean' | 'number' | 'enum'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly ProtoOptionValue[] }
  /** `{ name: value }`. An extension as key is held with its brackets. */
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, ProtoOptionValue> }
  /** What follows a dot in the name of the option around it. */
  | { readonly kind: 'option'; readonly option: ProtoOption };

/** What `max` stands for. */
export const LAST_FIELD_NUMBER = 536_870_911;

export function isProtoScalar(name: string): name is ProtoScalar {
  return (PROTO_SCALARS as readonly string[]).includes(name);
}

/** The messages among types, in source order: what message indexes count. */
export function messagesOf(types: readonly ProtoType[]): readonly ProtoMessage[] {
  return types.filter((type) => type.kind === 'message');
}

export function enumsOf(types: readonly ProtoType[]): readonly ProtoEnum[] {
  return types.filter((type) => type.kind === 'enum');
}

/** Whether the message is the expanded form of a map's entries: `option map_entry = true`. */
export function isMapEntry(message: ProtoMessage): boolean {
  return message.options.some(
    ({ name, custom, value }) => name === 'map_entry' && !custom && value.kind === 'boolean' && value.text === 'true',
  );
}

/** The type as it is written in a field: `map<string, int32>`. */
export function typeText(type: ProtoFieldType): string {
  if (type.kind === 'map') return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
  return type.kind === 'scalar' ? type.scalar : type.name;
}

/** Whether maps of the language can have keys of this type. */
export function isMapKey(type: ProtoFieldType): boolean {
  return type.kind === 'scalar' && type.scalar !== 'bytes' && type.scalar !== 'double' && type.scalar !== 'float';
}
