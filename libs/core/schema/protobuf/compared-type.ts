import type { ProtoDeclaration, ProtoScope, ProtoSource } from './scope.js';
import { isMapEntry, type ProtoFieldType, type ProtoMessage, type ProtoScalar } from './tree.js';

/** Scalars that share a wire format, so that one may stand where another was written. */
export type WireGroup = 'number' | 'signed number' | 'text or bytes' | 'fixed32' | 'fixed64' | 'float' | 'double';

/** What a field's type is to the comparison. */
export type ComparedType =
  /** Enums are numbers. */
  | { readonly kind: 'scalar'; readonly group: WireGroup }
  /** Written as `map<…>` or as a repeated entry message. `entry` is that message. */
  | {
      readonly kind: 'map';
      readonly key: ProtoFieldType;
      readonly value: ProtoFieldType;
      readonly entry: ProtoMessage | null;
    }
  /** `declaration` is undefined where the name leads nowhere. */
  | { readonly kind: 'message'; readonly name: string; readonly declaration: ProtoDeclaration | undefined };

/** What `type` stands for when it is written in the message `within`. */
export function comparedType(scope: ProtoScope, type: ProtoFieldType, within: ProtoDeclaration): ComparedType {
  if (type.kind === 'scalar') return { kind: 'scalar', group: WIRE_GROUPS[type.scalar] };
  if (type.kind === 'map') return { ...type, entry: null };
  const declaration = scope.resolve(type.name, within.fullName);
  if (declaration === undefined) return { kind: 'message', name: type.name, declaration };
  if (declaration.type.kind === 'enum') return { kind: 'scalar', group: 'number' };
  return mapEntry(declaration.type) ?? { kind: 'message', name: type.name, declaration };
}

/**
 * Whether messages of one name in the two need no comparing: those of the schemas themselves are compared where they are declared, and one subject version is
 * what it is on both sides. What only references need is compared even so, as in the reference.
 */
export function isSameSource(read: ProtoSource, written: ProtoSource): boolean {
  if (read.origin === 'own' || written.origin === 'own') return read.origin === written.origin;
  const [one, other] = [read.direct, written.direct];
  if (one === undefined || other === undefined) return false;
  return one.subject === other.subject && one.version === other.version && read.text === written.text;
}

function mapEntry(message: ProtoMessage): ComparedType | undefined {
  if (!isMapEntry(message)) return undefined;
  const [key, value] = ['key', 'value'].map((name) => message.fields.find((field) => field.name === name));
  if (key === undefined || value === undefined) return undefined;
  return { kind: 'map', key: key.type, value: value.type, entry: message };
}

const WIRE_GROUPS: Readonly<Record<ProtoScalar, WireGroup>> = {
  bool: 'number',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
  sint32: 'signed number',
  sint64: 'signed number',
  string: 'text or bytes',
  bytes: 'text or bytes',
  fixed32: 'fixed32',
  sfixed32: 'fixed32',
  fixed64: 'fixed64',
  sfixed64: 'fixed64',
  float: 'float',
  double: 'double',
};
