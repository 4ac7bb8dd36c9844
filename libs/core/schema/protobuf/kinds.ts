/** The kinds of difference between two `.proto` files, in the reference's words. `breaking` ones make reader and writer incompatible. */
export const PROTO_KINDS = {
  PACKAGE_CHANGED: 'breaking',
  MESSAGE_ADDED: 'tolerated',
  MESSAGE_REMOVED: 'breaking',
  MESSAGE_MOVED: 'tolerated',
  ENUM_ADDED: 'tolerated',
  ENUM_REMOVED: 'tolerated',
  ENUM_CONST_ADDED: 'tolerated',
  ENUM_CONST_REMOVED: 'tolerated',
  ENUM_CONST_CHANGED: 'tolerated',
  FIELD_ADDED: 'tolerated',
  FIELD_REMOVED: 'tolerated',
  FIELD_NAME_CHANGED: 'tolerated',
  FIELD_KIND_CHANGED: 'breaking',
  FIELD_SCALAR_KIND_CHANGED: 'breaking',
  FIELD_NAMED_TYPE_CHANGED: 'breaking',
  FIELD_NUMERIC_LABEL_CHANGED: 'breaking',
  FIELD_STRING_OR_BYTES_LABEL_CHANGED: 'tolerated',
  REQUIRED_FIELD_ADDED: 'breaking',
  REQUIRED_FIELD_REMOVED: 'breaking',
  ONEOF_ADDED: 'tolerated',
  ONEOF_REMOVED: 'tolerated',
  ONEOF_FIELD_ADDED: 'tolerated',
  ONEOF_FIELD_REMOVED: 'breaking',
  ONEOF_FIELD_MOVED_TO_TOP_LEVEL: 'tolerated',
  MULTIPLE_FIELDS_MOVED_TO_ONEOF: 'breaking',
  FIELD_MOVED_TO_EXISTING_ONEOF: 'breaking',
} as const satisfies Record<string, 'breaking' | 'tolerated'>;

export type ProtoDifferenceKind = keyof typeof PROTO_KINDS;

export function isBreaking(kind: ProtoDifferenceKind): boolean {
  return PROTO_KINDS[kind] === 'breaking';
}
