import { ScalarType, type DescEnum, type DescExtension, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { WireType } from '@bufbuild/protobuf/wire';
import { nearest } from '#libs/core/kernel';
import { valuesInvalid } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import { ExactNumber } from '../exact-json.js';
import { jsonKind } from '../json-kind.js';
import { ENOUGH, lengthDelimited, REPORTED_PROBLEMS, Run, type Members, type WriteMessage } from './encode-run.js';
import { secondsNanos, writeListValue, writeStruct, writeValue } from './encode-well-known.js';
import { mapKey, scalarForm, wholeNumber, type ScalarForm } from './json-scalars.js';
import { MESSAGE_DEPTH, type MessageTypes } from './message-types.js';
import { durationOf, fieldMaskOf, timestampOf, wellKnown, type WellKnown } from './well-known.js';

/** Writes a field that is given, with its tag. */
type WriteField = (value: unknown, run: Run) => void;
/** Writes one value of a kind of field, with a tag. */
interface WriteOne {
  readonly write: (value: unknown, run: Run, number: number) => void;
  /** JSON null is a value of its own, and not the absence of one. */
  readonly takesNull: boolean;
}

/** Encodes JSON values as messages of one schema. Built from closures over descriptors: schema text never becomes code. */
export class ProtoEncoder {
  readonly #writers = new Map<DescMessage, WriteMessage>();

  constructor(private readonly types: MessageTypes) {}

  /**
   * @param steps what it may take; only the limits when absent.
   * @throws `value-does-not-fit-schema` with an item for each problem, paths as JSON pointers; `schema-too-complex` when the steps end first.
   */
  encode(message: DescMessage, value: unknown, steps?: StepBudget): Uint8Array {
    const run = new Run(steps);
    try {
      this.#writer(message)(value, run);
    } catch (error) {
      if (error !== ENOUGH) throw error;
    }
    if (run.problems.length > 0) throw valuesInvalid(run.problems);
    return run.out.finish();
  }

  #writer(message: DescMessage): WriteMessage {
    const known = this.#writers.get(message);
    if (known !== undefined) return known;
    // Registered before its parts are made, so that recursion finds it.
    this.#writers.set(message, (value, run) => made(value, run));
    const form = wellKnown(message);
    const write = form === undefined ? this.#fields(message) : this.#wellKnown(form, message);
    const made: WriteMessage = (value, run) => {
      if (++run.depth > MESSAGE_DEPTH) run.problem(`nests deeper than ${MESSAGE_DEPTH} messages`);
      else write(value, run);
      run.depth--;
    };
    this.#writers.set(message, made);
    return made;
  }

  #fields(message: DescMessage): WriteMessage {
    const fields = [...message.fields, ...this.types.extensionsOf(message)]
      .sort((a, b) => a.number - b.number)
      .map((field) => ({
        jsonName: jsonNameOf(field),
        otherName: field.kind === 'field' && field.name !== field.jsonName ? field.name : null,
        oneof: field.oneof,
        required: field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED,
        one: this.#field(field),
      }));
    const names = new Set(
      fields.flatMap(({ jsonName, otherName }) => [jsonName, ...(otherName === null ? [] : [otherName])]),
    );
    return (value, run) => {
      if (jsonKind(value) !== 'object') return run.expected(`an object (${message.typeName})`, value);
      const members = value as Members;
      run.steps?.spend(fields.length);
      const oneofs = message.oneofs.length > 0 ? new Map<object, string>() : null;
      let seen = 0;
      for (const { jsonName, otherName, oneof, required, one } of fields) {
        let name = jsonName;
        if (Object.hasOwn(members, jsonName)) {
          seen++;
          if (otherName !== null && Object.hasOwn(members, otherName)) {
            seen++;
            run.within(otherName, () => run.problem(`is given twice, also as '${jsonName}'`));
          }
        } else if (otherName !== null && Object.hasOwn(members, otherName)) {
          seen++;
          name = otherName;
        } else {
          if (required) run.within(jsonName, () => run.problem('is missing and required'));
          continue;
        }
        const given = members[name];
        if (given === null && !one.takesNull) {
          if (required) run.within(name, () => run.problem('is null and required'));
          continue;
        }
        run.path.push(name);
        if (oneof !== undefined && oneofs !== null) {
          const other = oneofs.get(oneof);
          if (other !== undefined) run.problem(`excludes '${other}': one member of ${oneof.name} at most`);
          oneofs.set(oneof, name);
        }
        one.write(given, run);
        run.path.pop();
      }
      if (seen !== Object.keys(members).length) unknownMembers(members, names, message, run);
    };
  }

  #field(field: DescField | DescExtension): { readonly write: WriteField; readonly takesNull: boolean } {
    if (field.fieldKind === 'list') return { write: this.#list(field), takesNull: false };
    if (field.fieldKind === 'map') return { write: this.#map(field), takesNull: false };
    if (field.presence === FeatureSet_FieldPresence.IMPLICIT) {
      if (field.fieldKind === 'scalar') {
        return { write: implicit(scalarForm(field.scalar), field.number), takesNull: false };
      }
      if (field.fieldKind === 'enum') {
        return { write: implicitEnum(field.enum, field.number), takesNull: isNullValue(field.enum) };
      }
    }
    const one = this.#one(field);
    return { write: (value, run) => one.write(value, run, field.number), takesNull: one.takesNull };
  }

  /** A single value, an item of a list, or the value of a map's entry. */
  #one(field: Valued): WriteOne {
    if (field.message !== undefined) {
      const write = this.#writer(field.message);
      const takesNull = wellKnown(field.message) === 'value';
      if (field.delimitedEncoding === true) {
        return {
          write: (value, run, number) => {
            run.out.tag(number, WireType.StartGroup);
            write(value, run);
            run.out.tag(number, WireType.EndGroup);
          },
          takesNull,
        };
      }
      return { write: (value, run, number) => lengthDelimited(run, number, () => write(value, run)), takesNull };
    }
    if (field.enum !== undefined) {
      const read = enumReader(field.enum);
      return {
        write: (value, run, number) => {
          const known = read(value, run);
          if (known !== undefined) run.out.tag(number, WireType.Varint).int32(known);
        },
        takesNull: isNullValue(field.enum),
      };
    }
    const form = scalarForm(field.scalar!);
    return {
      write: (value, run, number) => {
        const read = form.read(value);
        if (read === undefined) return run.expected(form.expected, value);
        run.out.tag(number, form.wireType);
        form.write(read, run.out);
      },
      takesNull: false,
    };
  }

  #list(field: (DescField | DescExtension) & { readonly fieldKind: 'list' }): WriteField {
    const { number } = field;
    const one = field.packed ? packedOne(field) : this.#one(field);
    const items = (value: readonly unknown[], run: Run): void => {
      run.steps?.spend(value.length);
      value.forEach((item, i) => {
        run.path.push(i);
        if (item === null && !one.takesNull) run.problem('is null, which a list cannot hold');
        else one.write(item, run, number);
        run.path.pop();
      });
    };
    return (value, run) => {
      if (!Array.isArray(value)) run.expected('an array', value);
      else if (!field.packed) items(value, run);
      else if (value.length > 0) lengthDelimited(run, number, () => items(value, run));
    };
  }

  #map(field: DescField & { readonly fieldKind: 'map' }): WriteField {
    const key = scalarForm(field.mapKey);
    const one = this.#one(field);
    return (value, run) => {
      if (jsonKind(value) !== 'object') return run.expected('an object', value);
      const keys = new Set<unknown>();
      run.steps?.spend(Object.keys(value as Members).length);
      for (const [name, member] of Object.entries(value as Members)) {
        run.path.push(name);
        const read = mapKey(field.mapKey, name);
        if (read === undefined) run.problem(`has a name that is not ${key.expected}`);
        else if (keys.has(read)) run.problem('is given twice');
        else if (member === null && !one.takesNull) run.problem('is null, which a map cannot hold');
        else {
          keys.add(read);
          lengthDelimited(run, field.number, () => {
            run.out.tag(1, key.wireType);
            key.write(read, run.out);
            one.write(member, run, 2);
          });
        }
        run.path.pop();
      }
    };
  }

  #wellKnown(form: WellKnown, message: DescMessage): WriteMessage {
    switch (form) {
      case 'timestamp':
        return secondsNanos(timestampOf, 'a time such as 2024-01-31T12:00:00Z');
      case 'duration':
        return secondsNanos(durationOf, 'seconds such as 1.5s');
      case 'field-mask':
        return (value, run) => {
          const paths = fieldMaskOf(value);
          if (paths === undefined) return run.expected('paths in camel case, joined by commas', value);
          for (const path of paths) run.out.tag(1, WireType.LengthDelimited).string(path);
        };
      case 'wrapper':
        return implicit(scalarForm(message.fields[0]!.scalar!), 1);
      case 'struct':
        return writeStruct;
      case 'list':
        return writeListValue;
      case 'value':
        return writeValue;
      case 'any':
        return this.#any();
    }
  }

  /** The members of the message it holds, or its special form as `value`, beside its address. */
  #any(): WriteMessage {
    return (value, run) => {
      if (jsonKind(value) !== 'object') return run.expected('an object with @type', value);
      const { '@type': address, ...rest } = value as Members;
      if (address === undefined && Object.keys(rest).length === 0) return;
      const name = typeof address === 'string' ? address.slice(address.lastIndexOf('/') + 1) : '';
      const type = this.types.get(name);
      if (typeof address !== 'string' || !address.includes('/') || type === undefined) {
        run.within('@type', () =>
          run.problem('must be a prefix, a slash and the full name of a message that the schema knows'),
        );
        return;
      }
      run.out.tag(1, WireType.LengthDelimited).string(address);
      lengthDelimited(run, 2, () => {
        if (wellKnown(type) === undefined) this.#writer(type)(rest, run);
        else run.within('value', () => this.#writer(type)(rest['value'], run));
      });
    };
  }
}

/** What a field, an item or an entry has in common: one of the three is set. */
interface Valued {
  readonly message: DescMessage | undefined;
  readonly enum: DescEnum | undefined;
  readonly scalar: ScalarType | undefined;
  readonly delimitedEncoding?: boolean;
}

/** Name of a field in JSON; that of an extension stands in brackets. */
export function jsonNameOf(field: DescField | DescExtension): string {
  return field.kind === 'extension' ? `[${field.typeName}]` : field.jsonName;
}

export function isNullValue(type: DescEnum): boolean {
  return type.typeName === 'google.protobuf.NullValue';
}

function implicit(form: ScalarForm, number: number): WriteField {
  return (value, run) => {
    const read = form.read(value);
    if (read === undefined) return run.expected(form.expected, value);
    if (form.isZero(read)) return;
    run.out.tag(number, form.wireType);
    form.write(read, run.out);
  };
}

function implicitEnum(type: DescEnum, number: number): WriteField {
  const read = enumReader(type);
  return (value, run) => {
    const known = read(value, run);
    if (known !== undefined && known !== 0) run.out.tag(number, WireType.Varint).int32(known);
  };
}

function packedOne(field: Valued): WriteOne {
  if (field.enum !== undefined) {
    const read = enumReader(field.enum);
    return {
      write: (value, run) => {
        const known = read(value, run);
        if (known !== undefined) run.out.int32(known);
      },
      takesNull: isNullValue(field.enum),
    };
  }
  const form = scalarForm(field.scalar!);
  return {
    write: (value, run) => {
      const read = form.read(value);
      if (read === undefined) run.expected(form.expected, value);
      else form.write(read, run.out);
    },
    takesNull: false,
  };
}

function enumReader(type: DescEnum): (value: unknown, run: Run) => number | undefined {
  const numbers = new Map<unknown, number>();
  for (const { jsonName, name, number } of type.values) numbers.set(jsonName, number).set(name, number);
  const declared = new Set(type.values.map(({ number }) => number));
  const [low, high] = [-(2n ** 31n), 2n ** 31n - 1n];
  return (value, run) => {
    const known = value === null && isNullValue(type) ? 0 : numbers.get(value);
    if (known !== undefined) return known;
    const number =
      typeof value === 'number' || value instanceof ExactNumber ? wholeNumber(value, low, high) : undefined;
    if (number !== undefined && (type.open || declared.has(Number(number)))) return Number(number);
    const names = type.values.slice(0, REPORTED_PROBLEMS).map(({ name }) => name);
    run.expected(`one of ${names.join(', ')}${type.values.length > names.length ? ', …' : ''}`, value);
    return undefined;
  };
}

function unknownMembers(members: Members, names: ReadonlySet<string>, message: DescMessage, run: Run): void {
  for (const name of Object.keys(members)) {
    if (names.has(name)) continue;
    const near = nearest(name.slice(0, 200), names);
    const hint = near === undefined ? '' : `; did you mean '${near}'?`;
    run.within(name, () => run.problem(`is no field of ${message.typeName}${hint}`));
  }
}
