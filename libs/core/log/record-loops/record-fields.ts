import {
  answer,
  type I32,
  i64,
  type Local,
  loop,
  memory,
  set,
  type Statement,
  type Variables,
  w32,
  w64,
  when,
} from '#libs/core/kernel';

const { add, and, atLeast, less, lessSigned, more, mul, ne, or, shl, shr, sub, xor } = w32;

/** Longest varints that are taken: 28 bits, and 49 bits for a timestamp. Others are left to JavaScript. */
const MOST_BYTES = 4;
const MOST_LONG_BYTES = 7;
const SAFE = 2 ** 53 - 1;

/** What a loop works on. */
export interface RecordsGiven {
  /** Where the first record begins; afterwards where the present one ends. */
  readonly at: Local<'i32'>;
  /** Where the last one has to end. */
  readonly limit: Local<'i32'>;
  /** What timestamps are relative to, or with `stamped` the timestamp of all of them. */
  readonly base: Local<'i64'>;
  readonly stamped: Local<'i32'>;
}

/** The present record, field by field; lengths are −1 for null. */
export interface RecordFields {
  readonly index: Local<'i32'>;
  readonly timestamp: Local<'i64'>;
  /** Where key, value and headers begin, and where they end. */
  readonly fieldsAt: Local<'i32'>;
  readonly end: Local<'i32'>;
  readonly keyAt: Local<'i32'>;
  readonly keyLength: Local<'i32'>;
  readonly valueAt: Local<'i32'>;
  readonly valueLength: Local<'i32'>;
  readonly headers: Local<'i32'>;
  readonly headersAt: Local<'i32'>;
  /** Places to work with. */
  readonly left: Local<'i32'>;
  readonly number: Local<'i32'>;
  readonly byte: Local<'i32'>;
  readonly shift: Local<'i32'>;
  readonly long: Local<'i64'>;
}

export function recordFields(variable: Variables): RecordFields {
  return {
    index: variable('i32'),
    timestamp: variable('i64'),
    fieldsAt: variable('i32'),
    end: variable('i32'),
    keyAt: variable('i32'),
    keyLength: variable('i32'),
    valueAt: variable('i32'),
    valueLength: variable('i32'),
    headers: variable('i32'),
    headersAt: variable('i32'),
    left: variable('i32'),
    number: variable('i32'),
    byte: variable('i32'),
    shift: variable('i32'),
    long: variable('i64'),
  };
}

/** 32 bits out of their zigzag form. */
export function unfolded(value: I32): I32 {
  return xor(shr(value, 1), sub(0, and(value, 1)));
}

/** Reads a varint as it stands, not unfolded. */
export function readVarint(at: Local<'i32'>, to: Local<'i32'>, { byte, shift }: RecordFields): Statement[] {
  const next = [set(byte, memory.byte(at)), set(at, add(at, 1))];
  return [
    ...next,
    set(to, byte),
    when(atLeast(byte, 0x80), [
      set(to, and(to, 0x7f)),
      set(shift, 7),
      loop((again) => [
        ...next,
        set(to, or(to, shl(and(byte, 0x7f), shift))),
        set(shift, add(shift, 7)),
        when(atLeast(byte, 0x80), [when(less(shift, MOST_BYTES * 7), [again]), answer(-1)]),
      ]),
    ]),
  ];
}

function readVarlong(at: Local<'i32'>, { byte, shift, long }: RecordFields): Statement[] {
  return [
    set(long, i64(0)),
    set(shift, 0),
    loop((again) => [
      set(byte, memory.byte(at)),
      set(at, add(at, 1)),
      set(long, w64.or(long, w64.shl(w64.of(and(byte, 0x7f)), w64.of(shift)))),
      set(shift, add(shift, 7)),
      when(atLeast(byte, 0x80), [when(less(shift, MOST_LONG_BYTES * 7), [again]), answer(-1)]),
    ]),
  ];
}

/** A length that has to stay within the record, and what it is the length of is passed over. */
function readField(at: Local<'i32'>, field: { at: Local<'i32'>; length: Local<'i32'> }, of: RecordFields): Statement[] {
  return [
    ...readVarint(at, of.number, of),
    set(field.length, unfolded(of.number)),
    set(field.at, at),
    when(
      lessSigned(field.length, 0),
      [when(lessSigned(field.length, -1), [answer(-1)])],
      [set(at, add(at, field.length))],
    ),
    when(more(at, of.end), [answer(-1)]),
  ];
}

/**
 * Reads the record at `at` and checks it to its last header. Ends the function with −1 for anything but the usual: numbers that are longer, places that do not count up from 0, and of course whatever
 * is wrong. It reads behind `limit` where a record is cut off, some bytes and never beyond the memory.
 */
export function readRecord({ at, limit, base, stamped }: RecordsGiven, of: RecordFields): Statement[] {
  const { index, timestamp, fieldsAt, end, headers, headersAt, left, number, long } = of;
  const key = { at: of.keyAt, length: of.keyLength };
  const value = { at: of.valueAt, length: of.valueLength };
  return [
    ...readVarint(at, number, of),
    set(end, add(at, shr(number, 1))),
    when(or(and(number, 1), more(end, limit)), [answer(-1)]),
    // Attributes of records: none are defined.
    set(at, add(at, 1)),
    ...readVarlong(at, of),
    set(timestamp, w64.add(base, w64.xor(w64.shr(long, i64(1)), w64.sub(i64(0), w64.and(long, i64(1)))))),
    when(stamped, [set(timestamp, base)]),
    when(or(w64.moreSigned(timestamp, i64(SAFE)), w64.lessSigned(timestamp, i64(-SAFE))), [answer(-1)]),
    ...readVarint(at, number, of),
    when(ne(number, mul(index, 2)), [answer(-1)]),
    set(fieldsAt, at),
    when(more(at, end), [answer(-1)]),
    ...readField(at, key, of),
    ...readField(at, value, of),
    ...readVarint(at, number, of),
    when(and(number, 1), [answer(-1)]),
    set(headers, shr(number, 1)),
    set(headersAt, at),
    set(left, headers),
    loop((again) => [
      when(left, [
        ...readVarint(at, number, of),
        set(at, add(at, shr(number, 1))),
        when(or(and(number, 1), more(at, end)), [answer(-1)]),
        ...readVarint(at, number, of),
        // 1 is null, which has no bytes; other odd numbers are lengths below that.
        when(more(number, 1), [when(and(number, 1), [answer(-1)]), set(at, add(at, shr(number, 1)))]),
        when(more(at, end), [answer(-1)]),
        set(left, sub(left, 1)),
        again,
      ]),
    ]),
    when(ne(at, end), [answer(-1)]),
  ];
}
