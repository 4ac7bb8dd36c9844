import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import fc from 'fast-check';

/** JSON values of a message, in every spelling the JSON mapping takes, as far as 64 bits and names go. */
export function arbitraryMessage(message: DescMessage, depth = 3): fc.Arbitrary<Record<string, unknown>> {
  const oneofs = new Set<object>();
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  const required: string[] = [];
  for (const field of message.fields) {
    if (field.oneof !== undefined) {
      if (oneofs.has(field.oneof)) continue;
      oneofs.add(field.oneof);
    }
    const needed = field.fieldKind !== 'list' && field.fieldKind !== 'map' && field.proto.label === 2;
    if (!needed && field.message !== undefined && depth === 0) continue;
    fields[field.jsonName] = ofField(field, depth);
    if (needed) required.push(field.jsonName);
  }
  return fc.record(fields, { requiredKeys: required, noNullPrototype: true });
}

function ofField(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === 'list') return fc.array(one(field, depth), { maxLength: 3 });
  if (field.fieldKind !== 'map') return one(field, depth);
  const key =
    field.mapKey === ScalarType.BOOL
      ? fc.constantFrom('true', 'false')
      : field.mapKey === ScalarType.STRING
        ? fc.constantFrom('', 'a', '__proto__', 'é')
        : fc.constantFrom('0', '7', '127');
  return fc.dictionary(key, one(field, depth), { maxKeys: 3, noNullPrototype: true });
}

function one(
  field: {
    readonly message?: DescMessage | undefined;
    readonly enum?: DescEnum | undefined;
    readonly scalar?: ScalarType | undefined;
  },
  depth: number,
): fc.Arbitrary<unknown> {
  if (field.message !== undefined) return depth === 0 ? fc.constant({}) : arbitraryMessage(field.message, depth - 1);
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ name }) => name));
  switch (field.scalar!) {
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.oneof(fc.integer(), fc.integer().map(String));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat({ max: 2 ** 32 - 1 });
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    case ScalarType.FLOAT:
      return fc.oneof(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom('NaN', 'Infinity', '-Infinity'),
      );
    case ScalarType.DOUBLE:
      return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom('NaN', '-Infinity', '1.5'));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return fc.string({ unit: 'grapheme' });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  }
}
