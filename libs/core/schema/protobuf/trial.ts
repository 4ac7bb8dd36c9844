import { ScalarType, type DescEnum, type DescExtension, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { isAppError } from '#libs/core/kernel';
import { readMessageIndexes } from '../envelope.js';
import { pointerSegment } from '../json-kind.js';
import { recordFault, TrialReader, type ReadingFailure, type TrialRecord } from '../trial.js';
import { ProtobufCodec } from './codec.js';
import { jsonNameOf } from './encode.js';
import { scalarForm } from './json-scalars.js';
import { messageAt } from './message-indexes.js';
import { MESSAGE_DEPTH, MessageTypes } from './message-types.js';
import type { ProtobufSchema } from './protobuf-format.js';

type Field = DescField | DescExtension;

/** Why the candidate does not read a value, found at a place of it. */
class Trip extends Error {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(reason);
  }
}

/**
 * Looks at messages of one schema as a reader with another would: what it cannot parse, what it skips although it has a field of that number, numbers that its type
 * does not hold, and what it requires and is not there. Fields that the candidate does not have do it no harm.
 */
export class ProtoTrialReader extends TrialReader {
  readonly #types: MessageTypes;
  readonly #written: MessageTypes;
  readonly #codec: ProtobufCodec;
  readonly #fields = new Map<DescMessage, ReadonlyMap<number, Field>>();

  /** @throws `schema-invalid` where no message can be read with one of the two. */
  constructor(
    private readonly writer: ProtobufSchema,
    candidate: ProtobufSchema,
  ) {
    super();
    this.#types = new MessageTypes(candidate.scope);
    this.#written = new MessageTypes(writer.scope);
    this.#codec = new ProtobufCodec(writer);
  }

  failure({ bytes, payloadAt, indexes }: TrialRecord): ReadingFailure | undefined {
    let payload: Uint8Array;
    let name: string;
    try {
      const { path, payloadAt: at } = readMessageIndexes(indexes ?? bytes, indexes === null ? payloadAt : 0);
      payload = bytes.subarray(indexes === null ? at : payloadAt);
      // What its own schema cannot read says nothing about the candidate.
      this.#codec.decodeBare(payload, indexes ?? bytes.subarray(payloadAt, at));
      name = messageAt(this.writer.scope, path)!.fullName;
    } catch (error) {
      return recordFault(error);
    }
    const message = this.#types.get(name);
    if (message === undefined) return { by: 'candidate', path: '', reason: `there is no message ${name}` };
    try {
      this.#message(this.#written.get(name), message, new BinaryReader(payload), null, '', 0);
      return undefined;
    } catch (error) {
      if (error instanceof Trip) return { by: 'candidate', path: error.path, reason: error.reason };
      if (isAppError(error)) throw error;
      // The wire library fails where bytes end or make no tag; its texts name positions only.
      return { by: 'candidate', path: '', reason: `the bytes are no message ${name}` };
    }
  }

  /** @param group number of the group that the message is; null: it ends with the bytes. */
  #message(
    written: DescMessage | undefined,
    message: DescMessage,
    source: BinaryReader,
    group: number | null,
    path: string,
    depth: number,
  ): void {
    if (depth >= MESSAGE_DEPTH) throw new Trip(path, `nests deeper than ${MESSAGE_DEPTH} messages`);
    const known = this.#fieldsOf(message, this.#types);
    const before = written && this.#fieldsOf(written, this.#written);
    const counts = new Map<number, number>();
    while (group !== null || source.pos < source.len) {
      const [number, wireType] = source.tag();
      if (wireType === WireType.EndGroup) {
        if (number !== group) throw new Trip(path, 'a group ends that did not begin');
        break;
      }
      const field = known.get(number);
      if (field === undefined) {
        source.skip(wireType, number);
        continue;
      }
      const count = counts.get(number) ?? 0;
      counts.set(number, count + 1);
      this.#field(before?.get(number), field, source, wireType, path + pointerSegment(jsonNameOf(field)), count, depth);
    }
    for (const field of known.values()) {
      const isRequired = field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;
      if (isRequired && !counts.has(field.number)) {
        throw new Trip(path + pointerSegment(jsonNameOf(field)), 'is required, and was not written');
      }
    }
  }

  #field(
    before: Field | undefined,
    field: Field,
    source: BinaryReader,
    wireType: WireType,
    path: string,
    count: number,
    depth: number,
  ): void {
    const own = wireTypeOf(field);
    const packed =
      field.fieldKind === 'list' &&
      wireType === WireType.LengthDelimited &&
      own !== WireType.LengthDelimited &&
      own !== WireType.StartGroup;
    if (wireType !== own && !packed) throw new Trip(path, mismatch(before, field));
    if (before !== undefined && groupOf(before) !== groupOf(field)) throw new Trip(path, mismatch(before, field));
    if (packed) {
      const end = source.uint32() + source.pos;
      for (let i = count; source.pos < end; i++) this.#scalar(before, field, source, `${path}/${i}`);
      return;
    }
    const at = field.fieldKind === 'list' ? `${path}/${count}` : field.fieldKind === 'map' ? `${path}/*` : path;
    if (field.fieldKind === 'map') return this.#entry(before, field, source.bytes(), at, depth);
    if (field.message === undefined) return this.#scalar(before, field, source, at);
    if (own === WireType.StartGroup) {
      return this.#message(before?.message, field.message, source, field.number, at, depth + 1);
    }
    this.#message(before?.message, field.message, new BinaryReader(source.bytes()), null, at, depth + 1);
  }

  #entry(
    before: Field | undefined,
    field: Field & { readonly fieldKind: 'map' },
    bytes: Uint8Array,
    path: string,
    depth: number,
  ): void {
    const source = new BinaryReader(bytes);
    const map = before?.fieldKind === 'map' ? before : undefined;
    while (source.pos < source.len) {
      const [number, wireType] = source.tag();
      if (number === 1) {
        const form = scalarForm(field.mapKey, field.utf8Validation);
        if (wireType !== Number(form.wireType)) throw new Trip(path, 'its keys were written as another type');
        this.#number(map?.mapKey, field.mapKey, source, path, field.utf8Validation);
      } else if (number !== 2) source.skip(wireType, number);
      else if (wireType !== valueWireType(field)) throw new Trip(path, mismatch(before, field));
      else if (field.message !== undefined) {
        this.#message(map?.message, field.message, new BinaryReader(source.bytes()), null, path, depth + 1);
      } else if (field.enum !== undefined) this.#constant(field.enum, source, path);
      else this.#number(map?.scalar, field.scalar, source, path, field.utf8Validation);
    }
  }

  #scalar(before: Field | undefined, field: Field, source: BinaryReader, path: string): void {
    if (field.enum !== undefined) this.#constant(field.enum, source, path);
    else this.#number(before?.scalar, field.scalar!, source, path, field.utf8Validation);
  }

  #constant(type: DescEnum, source: BinaryReader, path: string): void {
    const value = BigInt(source.int64());
    if (value < -(1n << 31n) || value >= 1n << 31n) throw new Trip(path, `is a number beyond enum ${type.typeName}`);
    if (!type.open && !(Number(value) in type.value)) {
      throw new Trip(path, `is a number that enum ${type.typeName} does not have, and is read as not written`);
    }
  }

  /** @param before undefined where it was an enum or is not known. */
  #number(before: ScalarType | undefined, scalar: ScalarType, source: BinaryReader, path: string, utf8: boolean): void {
    const range = RANGES.get(scalar);
    if (range === undefined || before === scalar) {
      try {
        scalarForm(scalar, utf8).decode(source);
      } catch {
        throw new Trip(path, scalar === ScalarType.STRING ? 'is no text in UTF-8' : 'ends in the middle');
      }
      return;
    }
    const written = NUMBERS.get(before ?? (range.zigzag ? ScalarType.SINT64 : ScalarType.INT64))!;
    const value = BigInt(written(source));
    if (value < range.from || value > range.to)
      throw new Trip(path, `is a number that ${nameOf(scalar)} does not hold`);
  }

  #fieldsOf(message: DescMessage, types: MessageTypes): ReadonlyMap<number, Field> {
    let fields = this.#fields.get(message);
    if (fields === undefined) {
      fields = new Map([...message.fields, ...types.extensionsOf(message)].map((field) => [field.number, field]));
      this.#fields.set(message, fields);
    }
    return fields;
  }
}

interface Range {
  readonly from: bigint;
  readonly to: bigint;
  readonly zigzag: boolean;
}

const signed = (bits: bigint, zigzag = false): Range => ({
  from: -(1n << (bits - 1n)),
  to: (1n << (bits - 1n)) - 1n,
  zigzag,
});
const unsigned = (bits: bigint): Range => ({ from: 0n, to: (1n << bits) - 1n, zigzag: false });

/** Whole numbers that each type holds. Those of four and eight bytes keep their bits, which another sign makes another number. */
const RANGES: ReadonlyMap<ScalarType, Range> = new Map([
  [ScalarType.BOOL, unsigned(1n)],
  [ScalarType.INT32, signed(32n)],
  [ScalarType.UINT32, unsigned(32n)],
  [ScalarType.SINT32, signed(32n, true)],
  [ScalarType.INT64, signed(64n)],
  [ScalarType.UINT64, unsigned(64n)],
  [ScalarType.SINT64, signed(64n, true)],
  [ScalarType.FIXED32, unsigned(32n)],
  [ScalarType.SFIXED32, signed(32n)],
  [ScalarType.FIXED64, unsigned(64n)],
  [ScalarType.SFIXED64, signed(64n)],
]);

type ReadNumber = (source: BinaryReader) => bigint | number | string | boolean;

/** How the writer's type reads a number: the value that was meant. */
const NUMBERS: ReadonlyMap<ScalarType, ReadNumber> = new Map<ScalarType, ReadNumber>([
  [ScalarType.BOOL, (source) => source.uint64()],
  [ScalarType.INT32, (source) => source.int64()],
  [ScalarType.UINT32, (source) => source.uint64()],
  [ScalarType.SINT32, (source) => source.sint64()],
  [ScalarType.INT64, (source) => source.int64()],
  [ScalarType.UINT64, (source) => source.uint64()],
  [ScalarType.SINT64, (source) => source.sint64()],
  [ScalarType.FIXED32, (source) => source.fixed32()],
  [ScalarType.SFIXED32, (source) => source.sfixed32()],
  [ScalarType.FIXED64, (source) => source.fixed64()],
  [ScalarType.SFIXED64, (source) => source.sfixed64()],
]);

/** Types of one group mean the same bytes alike, but for their size and sign. */
function groupOf(field: Field): string {
  if (field.fieldKind === 'map') return 'map';
  if (field.message !== undefined) return isGroup(field) ? 'group' : 'message';
  if (field.enum !== undefined) return 'number';
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 'text or bytes';
    case ScalarType.SINT32:
    case ScalarType.SINT64:
      return 'signed number';
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 'fixed32';
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 'fixed64';
    case ScalarType.FLOAT:
      return 'float';
    case ScalarType.DOUBLE:
      return 'double';
    default:
      return 'number';
  }
}

function isGroup(field: Field): boolean {
  return (
    (field.fieldKind === 'message' || field.fieldKind === 'list') &&
    field.message !== undefined &&
    field.delimitedEncoding
  );
}

/** Of one value or item. */
function wireTypeOf(field: Field): WireType {
  if (field.fieldKind === 'map') return WireType.LengthDelimited;
  return isGroup(field) ? WireType.StartGroup : valueWireType(field);
}

function valueWireType(field: Field): WireType {
  if (field.message !== undefined) return WireType.LengthDelimited;
  if (field.enum !== undefined) return WireType.Varint;
  return scalarForm(field.scalar!, false).wireType as WireType;
}

function mismatch(before: Field | undefined, field: Field): string {
  const written = before === undefined ? 'another type' : described(before);
  return `was written as ${written}, which is not read as ${described(field)}`;
}

function described(field: Field): string {
  const one = field.message?.typeName ?? field.enum?.typeName ?? nameOf(field.scalar!);
  if (field.fieldKind === 'map') return `map<${nameOf(field.mapKey)}, ${one}>`;
  return field.fieldKind === 'list' ? `repeated ${one}` : one;
}

function nameOf(scalar: ScalarType): string {
  return ScalarType[scalar].toLowerCase();
}
