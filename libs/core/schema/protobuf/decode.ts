import type { DescEnum, DescExtension, DescField, DescMessage } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { isAppError, type JsonValue } from '#libs/core/kernel';
import { payloadInvalid } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import { nameWeight, ValueBudget } from '../value-budget.js';
import { isNullValue, jsonNameOf } from './encode.js';
import { scalarForm } from './json-scalars.js';
import { MESSAGE_DEPTH, type MessageTypes } from './message-types.js';
import { durationText, fieldMaskText, timestampText, wellKnown, type WellKnown } from './well-known.js';

/** A message as it was read. Reading another occurrence of it adds to it, as the wire format has it. */
interface RawMessage {
  readonly reader: MessageReader;
  /** By the place of the field in {@link MessageReader.fields}: a scalar as JSON, a raw message, a list or a map of these. */
  readonly slots: unknown[];
}

interface FieldReader {
  readonly name: string;
  /** What showing the field takes, its value aside. */
  readonly weight: number;
  readonly number: number;
  /** What is shown where nothing was read, of a field without presence. */
  readonly absent: (() => JsonValue) | null;
  /** Whether a value with this wire type belongs to the field; any other is skipped as unknown. */
  accepts(wireType: WireType): boolean;
  /** Reads a value behind its tag. */
  read(slots: unknown[], source: BinaryReader, wireType: WireType, run: Run): void;
  /** What the slot holds as JSON. */
  show(slot: unknown, run: Run): JsonValue;
}

/** Decodes messages of one schema into JSON. Built from closures over descriptors: schema text never becomes code. */
export class ProtoDecoder {
  readonly #readers = new Map<DescMessage, MessageReader>();

  constructor(
    private readonly types: MessageTypes,
    /** Most values that one payload may be shown with. */
    private readonly values: number,
  ) {}

  /** The value that is all of `bytes`. @throws `payload-does-not-decode`; `schema-too-complex` when the steps end first. */
  decode(message: DescMessage, bytes: Uint8Array, steps?: StepBudget): JsonValue {
    const run = new Run(this.values, steps);
    try {
      const value = this.value(message, bytes, run);
      run.settle();
      return value;
    } catch (error) {
      if (isAppError(error)) throw error;
      // The wire library fails where bytes end or make no tag; its texts name positions only.
      throw payloadInvalid('they are no Protobuf message');
    }
  }

  /** One message that is all of `bytes`, within a value that is being read. */
  value(message: DescMessage, bytes: Uint8Array, run: Run): JsonValue {
    const reader = this.reader(message);
    const raw: RawMessage = { reader, slots: [] };
    const source = new BinaryReader(bytes);
    reader.read(raw.slots, source, source.len, null, run);
    return reader.show(raw, run);
  }

  reader(message: DescMessage): MessageReader {
    let reader = this.#readers.get(message);
    if (reader === undefined) {
      reader = new MessageReader(message, this.types, this);
      this.#readers.set(message, reader);
    }
    return reader;
  }
}

/** Reads and shows messages of one type. */
class MessageReader {
  /** In the order of numbers. Made when first needed, since messages may hold themselves. */
  #fields: readonly FieldReader[] | undefined;
  readonly #byNumber = new Map<
    number,
    { readonly field: FieldReader; readonly place: number; readonly others: readonly number[] }
  >();
  readonly #form: WellKnown | undefined;
  #unsafe = false;

  constructor(
    private readonly message: DescMessage,
    private readonly types: MessageTypes,
    private readonly decoder: ProtoDecoder,
  ) {
    this.#form = wellKnown(message);
  }

  get fields(): readonly FieldReader[] {
    if (this.#fields !== undefined) return this.#fields;
    const described = [...this.message.fields, ...this.types.extensionsOf(this.message)].sort(
      (a, b) => a.number - b.number,
    );
    this.#fields = described.map((field, place) => fieldReader(field, place, this.decoder));
    for (const [place, field] of this.#fields.entries()) {
      const { oneof } = described[place]!;
      const others =
        oneof === undefined ? [] : described.flatMap((other, i) => (other.oneof === oneof && i !== place ? [i] : []));
      this.#byNumber.set(field.number, { field, place, others });
      this.#unsafe ||= field.name === '__proto__';
    }
    return this.#fields;
  }

  /** @param group number of the group it ends with; null: at `end`. */
  read(slots: unknown[], source: BinaryReader, end: number, group: number | null, run: Run): void {
    if (++run.depth > MESSAGE_DEPTH) throw payloadInvalid(`they nest deeper than ${MESSAGE_DEPTH} messages`);
    run.spend(1);
    void this.fields;
    while (source.pos < end) {
      const [number, wireType] = source.tag();
      if (wireType === WireType.EndGroup) {
        if (number !== group) throw payloadInvalid('a group ends that did not begin');
        run.depth--;
        return;
      }
      const known = this.#byNumber.get(number);
      if (known === undefined || !known.field.accepts(wireType)) {
        source.skip(wireType, number, MESSAGE_DEPTH - run.depth);
        continue;
      }
      for (const other of known.others) slots[other] = undefined;
      known.field.read(slots, source, wireType, run);
    }
    if (group !== null || source.pos !== end) throw payloadInvalid('they end in the middle of a value');
    run.depth--;
  }

  show(raw: RawMessage, run: Run): JsonValue {
    if (this.#form !== undefined) return this.#special(this.#form, raw, run);
    const value = (this.#unsafe ? Object.create(null) : {}) as Record<string, JsonValue>;
    for (const [place, field] of this.fields.entries()) {
      const slot = raw.slots[place];
      if (slot === undefined && field.absent === null) continue;
      run.spend(field.weight);
      value[field.name] = slot === undefined ? field.absent!() : field.show(slot, run);
    }
    return value;
  }

  #special(form: WellKnown, raw: RawMessage, run: Run): JsonValue {
    const { slots } = raw;
    const shown = (place: number): JsonValue => {
      const field = this.fields[place]!;
      const slot = slots[place];
      return slot === undefined ? (field.absent?.() ?? null) : field.show(slot, run);
    };
    switch (form) {
      case 'timestamp':
      case 'duration': {
        const parts = {
          seconds: BigInt((slots[0] as string | undefined) ?? '0'),
          nanos: (slots[1] as number | undefined) ?? 0,
        };
        const text = form === 'timestamp' ? timestampText(parts) : durationText(parts);
        return text ?? outOfRange(this.message);
      }
      case 'field-mask':
        return fieldMaskText((slots[0] as string[] | undefined) ?? []) ?? outOfRange(this.message);
      case 'wrapper':
      case 'struct':
      case 'list':
        return shown(0);
      case 'value': {
        const place = slots.findIndex((slot) => slot !== undefined);
        return place < 0 ? null : shown(place);
      }
      case 'any':
        return this.#any(String(shown(0)), String(shown(1)), run);
    }
  }

  /** Of a message that the schema does not know, the bytes. */
  #any(address: string, content: string, run: Run): JsonValue {
    const value = Object.create(null) as Record<string, JsonValue>;
    if (address === '' && content === '') return value;
    value['@type'] = address;
    const type = this.types.get(address.slice(address.lastIndexOf('/') + 1));
    if (type === undefined) {
      value['value'] = content;
      return value;
    }
    if (++run.anyDepth > MESSAGE_DEPTH) throw payloadInvalid(`they nest deeper than ${MESSAGE_DEPTH} messages`);
    const inner = this.decoder.value(type, Buffer.from(content, 'base64'), run);
    run.anyDepth--;
    if (wellKnown(type) === undefined) Object.assign(value, inner);
    else value['value'] = inner;
    return value;
  }
}

/** One value being read: how deep it is, and how much it may still grow. */
class Run extends ValueBudget {
  depth = 0;
  anyDepth = 0;
}

/** How a single value, an item or an entry is read. */
interface OneReader {
  readonly wireType: WireType;
  /** Undefined for a number that a closed enum does not have. @param before what an earlier occurrence left, for messages. */
  read(source: BinaryReader, run: Run, before: unknown): unknown;
  show(slot: unknown, run: Run): JsonValue;
  readonly zero: () => unknown;
}

function fieldReader(field: DescField | DescExtension, place: number, decoder: ProtoDecoder): FieldReader {
  const name = jsonNameOf(field);
  const base = { name, weight: 1 + nameWeight(name), number: field.number };
  const one = oneReader(field, decoder, field.number, field.utf8Validation);
  switch (field.fieldKind) {
    case 'list':
      return { ...base, ...listReader(one, place, field.listKind !== 'message') };
    case 'map':
      return { ...base, ...mapReader(field, one, place) };
    default: {
      const implicit = field.presence === FeatureSet_FieldPresence.IMPLICIT && field.fieldKind !== 'message';
      const zero = implicit ? one.show(one.zero(), new Run(Infinity)) : null;
      return {
        ...base,
        absent: implicit ? () => zero : null,
        accepts: (wireType) => wireType === one.wireType,
        read: (slots, source, _wireType, run) => {
          const value = one.read(source, run, slots[place]);
          if (value !== undefined) slots[place] = value;
        },
        show: one.show,
      };
    }
  }
}

function listReader(one: OneReader, place: number, packable: boolean): Omit<FieldReader, 'name' | 'weight' | 'number'> {
  const packed = (wireType: WireType) =>
    packable && wireType === WireType.LengthDelimited && one.wireType !== WireType.LengthDelimited;
  return {
    absent: () => [],
    accepts: (wireType) => wireType === one.wireType || packed(wireType),
    read: (slots, source, wireType, run) => {
      const items = (slots[place] ??= []) as unknown[];
      const add = (): void => {
        run.spend(1);
        const value = one.read(source, run, undefined);
        if (value !== undefined) items.push(value);
      };
      if (!packed(wireType)) return add();
      const end = source.uint32() + source.pos;
      if (end > source.len) throw payloadInvalid('they end in the middle of a value');
      while (source.pos < end) add();
      if (source.pos !== end) throw payloadInvalid('they end in the middle of a value');
    },
    show: (slot, run) => (slot as unknown[]).map((item) => one.show(item, run)),
  };
}

function mapReader(
  field: DescField & { readonly fieldKind: 'map' },
  one: OneReader,
  place: number,
): Omit<FieldReader, 'name' | 'weight' | 'number'> {
  const key = scalarForm(field.mapKey, field.utf8Validation);
  return {
    absent: () => ({}),
    accepts: (wireType) => wireType === WireType.LengthDelimited,
    read: (slots, source, _wireType, run) => {
      const entries = (slots[place] ??= new Map()) as Map<string, unknown>;
      const end = source.uint32() + source.pos;
      if (end > source.len) throw payloadInvalid('they end in the middle of a value');
      run.spend(1);
      let name = String(key.zero);
      let value: unknown;
      let known = true;
      while (source.pos < end) {
        const [number, wireType] = source.tag();
        if (number === 1 && wireType === key.wireType) name = String(key.decode(source));
        else if (number === 2 && wireType === one.wireType) {
          value = one.read(source, run, value);
          known = value !== undefined;
        } else source.skip(wireType, number, MESSAGE_DEPTH - run.depth);
      }
      if (source.pos !== end) throw payloadInvalid('they end in the middle of a value');
      if (known) entries.set(name, value ?? one.zero());
    },
    show: (slot, run) => {
      const value = Object.create(null) as Record<string, JsonValue>;
      for (const [name, entry] of slot as Map<string, unknown>) value[name] = one.show(entry, run);
      return value;
    },
  };
}

function oneReader(
  field: Pick<DescField, 'message' | 'enum' | 'scalar'> & { readonly delimitedEncoding?: boolean },
  decoder: ProtoDecoder,
  number: number,
  utf8: boolean,
): OneReader {
  if (field.message !== undefined) {
    const { message } = field;
    const group = field.delimitedEncoding === true;
    const begun = (): RawMessage => ({ reader: decoder.reader(message), slots: [] });
    return {
      wireType: group ? WireType.StartGroup : WireType.LengthDelimited,
      read: (source, run, before) => {
        const raw = (before as RawMessage | undefined) ?? begun();
        const end = group ? source.len : source.uint32() + source.pos;
        if (end > source.len) throw payloadInvalid('they end in the middle of a value');
        raw.reader.read(raw.slots, source, end, group ? number : null, run);
        return raw;
      },
      show: (slot, run) => (slot as RawMessage).reader.show(slot as RawMessage, run),
      zero: begun,
    };
  }
  if (field.enum !== undefined) return enumReader(field.enum);
  const form = scalarForm(field.scalar!, utf8);
  return {
    wireType: form.wireType,
    read: (source) => form.decode(source),
    show: (slot) => slot as JsonValue,
    zero: () => form.zero,
  };
}

/** A number as its name; one that an open enum does not name, as it is. */
function enumReader(type: DescEnum): OneReader {
  const names = new Map<number, string>();
  for (const { number, jsonName } of type.values) if (!names.has(number)) names.set(number, jsonName);
  const isNull = isNullValue(type);
  return {
    wireType: WireType.Varint,
    read: (source) => {
      const number = source.int32();
      return type.open || names.has(number) ? number : undefined;
    },
    show: (slot, run) => {
      if (isNull) return null;
      const name = names.get(slot as number);
      if (name === undefined) return slot as number;
      run.spend(nameWeight(name));
      return name;
    },
    zero: () => type.values[0]?.number ?? 0,
  };
}

function outOfRange(message: DescMessage): never {
  throw payloadInvalid(`a ${message.typeName} is beyond what it can stand for`);
}
