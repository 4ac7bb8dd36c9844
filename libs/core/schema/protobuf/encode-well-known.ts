import { ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { ExactNumber } from '../exact-json.js';
import { jsonKind } from '../json-kind.js';
import { deeper, lengthDelimited, type Members, type Run, type WriteMessage } from './encode-run.js';
import { scalarForm } from './json-scalars.js';
import type { SecondsNanos } from './well-known.js';

/** Writing of well-known messages that JSON has forms of its own for: times and durations, and any JSON value. */

/** A message of seconds and nanoseconds. @param read from its form in JSON. @param expected what that is, in words. */
export function secondsNanos(read: (text: unknown) => SecondsNanos | undefined, expected: string): WriteMessage {
  return (value, run) => {
    const known = read(value);
    if (known === undefined) return run.expected(expected, value);
    if (known.seconds !== 0n) run.out.tag(1, WireType.Varint).int64(known.seconds);
    if (known.nanos !== 0) run.out.tag(2, WireType.Varint).int32(known.nanos);
  };
}

/** A `google.protobuf.Struct` from an object. */
export function writeStruct(value: unknown, run: Run): void {
  if (jsonKind(value) !== 'object') return run.expected('an object', value);
  run.steps?.spend(Object.keys(value as Members).length);
  for (const [name, member] of Object.entries(value as Members)) {
    run.within(name, () => {
      if (TEXT.read(name) === undefined) return run.problem('has a name that is no well-formed text');
      lengthDelimited(run, 1, () => {
        run.out.tag(1, WireType.LengthDelimited).string(name);
        lengthDelimited(run, 2, () => deeper(run, () => writeValue(member, run)));
      });
    });
  }
}

/** A `google.protobuf.ListValue` from an array. */
export function writeListValue(value: unknown, run: Run): void {
  if (!Array.isArray(value)) return run.expected('an array', value);
  run.steps?.spend(value.length);
  value.forEach((item, i) =>
    run.within(i, () => lengthDelimited(run, 1, () => deeper(run, () => writeValue(item, run)))),
  );
}

/** A `google.protobuf.Value` from anything. */
export function writeValue(value: unknown, run: Run): void {
  switch (jsonKind(value)) {
    case 'null':
      return void run.out.tag(1, WireType.Varint).int32(0);
    case 'number':
      if (value instanceof ExactNumber && value.integral) return run.problem('is a number that a double cannot hold');
      return void run.out
        .tag(2, WireType.Bit64)
        .double(value instanceof ExactNumber ? Number(value.text) : (value as number));
    case 'string': {
      const text = TEXT.read(value);
      if (text === undefined) return run.expected(TEXT.expected, value);
      return void run.out.tag(3, WireType.LengthDelimited).string(text as string);
    }
    case 'boolean':
      return void run.out.tag(4, WireType.Varint).bool(value as boolean);
    case 'object':
      return lengthDelimited(run, 5, () => deeper(run, () => writeStruct(value, run)));
    case 'array':
      return lengthDelimited(run, 6, () => deeper(run, () => writeListValue(value, run)));
    default:
      run.expected('a JSON value', value);
  }
}

const TEXT = scalarForm(ScalarType.STRING);
