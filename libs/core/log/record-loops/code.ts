import {
  answer,
  CompiledModule,
  i64,
  type I64,
  type Local,
  memory,
  repeat,
  set,
  type Statement,
  type Variables,
  w32,
  w64,
  WasmModule,
  when,
} from '#libs/core/kernel';
import { readRecord, recordFields, type RecordsGiven } from './record-fields.js';
import { addDigest, defineTail, digestLanes, hashKey } from './record-hashes.js';

const { add, and, atLeast, eq, less, lessSigned, more, moreSigned, mul, ne, or, rem, shl, shr, sub } = w32;

/** Where a loop leaves what it found, in bytes from the start of the memory. */
export const RESULT = { sums: 0, bytes: 16, flags: 20, end: 32 } as const;
/** Flags of the result. */
export const FLAG = { scattered: 1 } as const;

/** What `route` notes of a record: its timestamp, where its fields lie, and where it goes. */
export const COLUMN = { timestamp: 0, fieldsAt: 8, end: 12, bytes: 16 } as const;

/** A batch that is being put together in memory: where its next record goes, how far it may reach, and what its header will say. */
export const SLOT = { at: 0, limit: 4, count: 8, base: 16, latest: 24, bytes: 32 } as const;

/** Most bytes before the fields of a record, as `MAX_RECORD_HEAD_BYTES`. */
const HEAD_BYTES = 21;
/** What is read and written behind an end at most, 16 bytes at a time: nothing else may lie there. */
export const SLACK_BYTES = 64;

/** The loops over the records of a batch. Each answers −1, with nothing done that counts, for a batch that JavaScript has to look at. */
export const RECORD_LOOPS = new CompiledModule(() => {
  const module = new WasmModule();
  const tail = defineTail(module);

  /** The records of a batch: (at, limit, count, base, stamped). */
  const each = (
    variable: Variables,
    given: RecordsGiven,
    count: Local<'i32'>,
    body: (of: ReturnType<typeof recordFields>) => readonly Statement[],
  ): Statement[] => {
    const of = recordFields(variable);
    return [
      set(of.index, 0),
      repeat(less(of.index, count), [...readRecord(given, of), ...body(of), set(of.index, add(of.index, 1))]),
      when(ne(given.at, given.limit), [answer(-1)]),
    ];
  };

  // Where each record goes, by the hash of its key, and the digests of all of them. A record without a key goes to (base + step × (its offset mod modulus)); with modulus 0 there must be none.
  module.define(
    'route',
    [
      ...(['i32', 'i32', 'i32', 'i64', 'i32'] as const),
      // source, base offset; where records with a key go, and those without; columns, routes, the longest record.
      ...(['i32', 'i64', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const),
    ],
    (
      variable,
      at,
      limit,
      count,
      base,
      stamped,
      source,
      baseOffset,
      first,
      partitions,
      keyless,
      step,
      modulus,
      columns,
      routes,
      longest,
    ) => {
      const state = digestLanes(variable);
      const sums = [variable('i32'), variable('i32'), variable('i32'), variable('i32')];
      const [route, same, flags, bytes] = [variable('i32'), variable('i32'), variable('i32'), variable('i32')];
      const offset = variable('i64');
      const above0 = (length: Local<'i32'>) => mul(length, moreSigned(length, 0));
      return [
        set(same, -1),
        ...each(variable, { at, limit, base, stamped }, count, (of) => [
          when(more(sub(of.end, of.fieldsAt), longest), [answer(-1)]),
          set(offset, w64.add(baseOffset, w64.of(of.index))),
          when(
            lessSigned(of.keyLength, 0),
            [
              when(eq(modulus, 0), [answer(-1)]),
              set(route, add(keyless, mul(step, w32.low(w64.remSigned(offset, w64.of(modulus)))))),
            ],
            [...hashKey(variable, of, route), set(route, add(first, rem(route, partitions)))],
          ),
          when(ne(route, same), [when(of.index, [set(flags, FLAG.scattered)]), set(same, route)]),
          memory.store16(routes, route),
          set(routes, add(routes, 2)),
          memory.store64(columns, of.timestamp, COLUMN.timestamp),
          memory.store32(columns, of.fieldsAt, COLUMN.fieldsAt),
          memory.store32(columns, of.end, COLUMN.end),
          set(columns, add(columns, COLUMN.bytes)),
          set(bytes, add(bytes, add(16, add(above0(of.keyLength), above0(of.valueLength))))),
          ...addDigest(state, tail, of, { source, offset, sums }),
        ]),
        ...sums.map((sum, i) => memory.store32(RESULT.sums + 4 * i, sum)),
        memory.store32(RESULT.bytes, bytes),
        memory.store32(RESULT.flags, flags),
        answer(count),
      ];
    },
  );

  // The digests of records that came from these offsets, floats of 64 bits; each has to lie in the partition its key belongs to, if it has one.
  module.define(
    'compare',
    [
      ...(['i32', 'i32', 'i32', 'i64', 'i32'] as const),
      // source, where the offsets stand, partitions (0: any will do), the one it is.
      ...(['i32', 'i32', 'i32', 'i32'] as const),
    ],
    (variable, at, limit, count, base, stamped, source, offsets, partitions, partition) => {
      const state = digestLanes(variable);
      const sums = [variable('i32'), variable('i32'), variable('i32'), variable('i32')];
      const hash = variable('i32');
      return [
        ...each(variable, { at, limit, base, stamped }, count, (of) => [
          when(and(moreSigned(of.keyLength, -1), ne(partitions, 0)), [
            ...hashKey(variable, of, hash),
            when(ne(rem(hash, partitions), partition), [answer(-1)]),
          ]),
          ...addDigest(state, tail, of, { source, offset: memory.loadNumber(offsets), sums }),
          set(offsets, add(offsets, 8)),
        ]),
        ...sums.map((sum, i) => memory.store32(RESULT.sums + 4 * i, sum)),
        answer(count),
      ];
    },
  );

  // Deals records out to the batches of their targets, from a given one on. Answers which record found no room in its batch, or the count.
  module.define('scatter', ['i32', 'i32', 'i32', 'i32', 'i32'], (variable, index, count, columns, routes, slots) => {
    const [slot, at, records, from, end, size] = Array.from({ length: 6 }, () => variable('i32')) as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
    ];
    const number = variable('i32');
    const [timestamp, long] = [variable('i64'), variable('i64')];
    const zigzag = (value: I64): I64 => w64.xor(w64.shl(value, i64(1)), w64.shrSigned(value, i64(63)));
    return [
      set(columns, add(columns, mul(index, COLUMN.bytes))),
      set(routes, add(routes, mul(index, 2))),
      repeat(less(index, count), [
        set(slot, add(slots, mul(memory.load16(routes), SLOT.bytes))),
        set(from, memory.load32(columns, COLUMN.fieldsAt)),
        set(end, memory.load32(columns, COLUMN.end)),
        set(timestamp, memory.load64(columns, COLUMN.timestamp)),
        set(at, memory.load32(slot, SLOT.at)),
        set(records, memory.load32(slot, SLOT.count)),
        when(more(add(at, add(sub(end, from), HEAD_BYTES)), memory.load32(slot, SLOT.limit)), [answer(index)]),
        when(eq(records, 0), [
          memory.store64(slot, timestamp, SLOT.base),
          memory.store64(slot, timestamp, SLOT.latest),
        ]),
        when(w64.moreSigned(timestamp, memory.load64(slot, SLOT.latest)), [
          memory.store64(slot, timestamp, SLOT.latest),
        ]),
        set(long, zigzag(w64.sub(timestamp, memory.load64(slot, SLOT.base)))),
        set(number, shl(records, 1)),
        // Attributes, timestamp, place, fields. Seven bits go into each byte of a varint.
        set(size, add(sub(end, from), 1)),
        set(size, add(size, w32.div(sub(70, w32.low(w64.clz(w64.or(long, i64(1))))), 7))),
        set(size, add(size, w32.div(sub(38, w32.clz(or(number, 1))), 7))),
        ...writeVarint(at, shl(size, 1), size),
        memory.setByte(at, 0),
        set(at, add(at, 1)),
        repeat(w64.atLeast(long, i64(0x80)), [
          memory.setByte(at, or(and(w32.low(long), 0x7f), 0x80)),
          set(long, w64.shr(long, i64(7))),
          set(at, add(at, 1)),
        ]),
        memory.setByte(at, w32.low(long)),
        set(at, add(at, 1)),
        ...writeVarint(at, number, number),
        memory.store32(slot, add(at, sub(end, from)), SLOT.at),
        memory.store32(slot, add(records, 1), SLOT.count),
        repeat(less(from, end), [memory.copy16(at, from), set(at, add(at, 16)), set(from, add(from, 16))]),
        set(index, add(index, 1)),
        set(columns, add(columns, COLUMN.bytes)),
        set(routes, add(routes, 2)),
      ]),
      answer(count),
    ];
  });
  return module;
});

/** Writes a number that has no sign as a varint, with `number` to work in. */
function writeVarint(
  at: Local<'i32'>,
  value: ReturnType<typeof shl> | Local<'i32'>,
  number: Local<'i32'>,
): Statement[] {
  return [
    set(number, value),
    repeat(atLeast(number, 0x80), [
      memory.setByte(at, or(and(number, 0x7f), 0x80)),
      set(number, shr(number, 7)),
      set(at, add(at, 1)),
    ]),
    memory.setByte(at, number),
    set(at, add(at, 1)),
  ];
}
