import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Whether bytes are a message of this type in every part that the type knows: each length ends where its message ends, each known field has its wire type,
 * messages nest at most `depth` deep, and there are no groups. The decoder reads on over all of these.
 */
export function isWellFormed(schema: DescMessage, bytes: Uint8Array, depth: number): boolean {
  try {
    return hasOnlyFields(schema, bytes, depth);
  } catch {
    // The reader throws where the bytes end early, or a number is too long.
    return false;
  }
}

function hasOnlyFields(schema: DescMessage, bytes: Uint8Array, depth: number): boolean {
  if (depth === 0) return false;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = fieldOf(schema, number);
    if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) return false;
    if (field !== undefined && !takes(field, wireType)) return false;
    if (field?.message === undefined) reader.skip(wireType, number);
    else if (!hasOnlyFields(field.message, reader.bytes(), depth - 1)) return false;
  }
  return reader.pos === reader.len;
}

function takes(field: DescField, wireType: WireType): boolean {
  if (field.message !== undefined) return wireType === WireType.LengthDelimited;
  const packed = field.fieldKind === 'list' && wireType === WireType.LengthDelimited;
  return packed || wireType === wireTypeOf(field.scalar);
}

/** Of an enum too, which has no scalar type. */
function wireTypeOf(scalar: ScalarType | undefined): WireType {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

const fieldsByNumber = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldOf(schema: DescMessage, number: number): DescField | undefined {
  let fields = fieldsByNumber.get(schema);
  if (fields === undefined) {
    fields = new Map(schema.fields.map((field) => [field.number, field]));
    fieldsByNumber.set(schema, fields);
  }
  return fields.get(number);
}
