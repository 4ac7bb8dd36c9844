import {
  answer,
  type I32,
  type I64,
  i64,
  type Local,
  loop,
  memory,
  repeat,
  set,
  type Statement,
  type Variables,
  w32,
  w64,
  type WasmFunction,
  type WasmModule,
  when,
} from '#libs/core/kernel';
import { readVarint, type RecordFields, unfolded } from './record-fields.js';

const { add, and, atLeast, less, lessSigned, more, moreSigned, mul, or, rotl, shl, shr, sub, xor } = w32;

/** The constants of `record-digest.ts`, whose sums these are. */
const [C1, C2, C3, C4] = [0x239b_961b, 0xab0e_9789, 0x38b3_4ae5, 0xa1e3_8b93];
const HEADER_MARK = 0x6865_6164;
const M = 0x5bd1_e995;

/** The state of a digest. */
export interface DigestLanes {
  readonly lanes: readonly [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];
  readonly words: readonly [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];
  readonly blocks: Local<'i32'>;
  readonly cursor: Local<'i32'>;
  readonly until: Local<'i32'>;
  readonly long: Local<'i64'>;
}

export function digestLanes(variable: Variables): DigestLanes {
  const four = () => [variable('i32'), variable('i32'), variable('i32'), variable('i32')] as const;
  return {
    lanes: four(),
    words: four(),
    blocks: variable('i32'),
    cursor: variable('i32'),
    until: variable('i32'),
    long: variable('i64'),
  };
}

/** The bytes from `at` on up to `end`, four at most, filled up with zeros. */
export function defineTail(module: WasmModule): WasmFunction {
  return module.define('tail', ['i32', 'i32'], (variable, at, end) => {
    const length = variable('i32');
    return [
      set(length, sub(end, at)),
      when(lessSigned(length, 1), [answer(0)]),
      when(lessSigned(length, 4), [answer(and(memory.load32(at), sub(shl(1, shl(length, 3)), 1)))]),
      answer(memory.load32(at)),
    ];
  });
}

/** Takes in the four words. */
function block({ lanes: [a, b, c, d], words: [k1, k2, k3, k4], blocks }: DigestLanes): Statement[] {
  const lane = (
    own: Local<'i32'>,
    next: Local<'i32'>,
    word: Local<'i32'>,
    [first, turn, second, turned, more5]: readonly [number, number, number, number, number],
  ): Statement[] => [
    set(own, xor(own, mul(rotl(mul(word, first), turn), second))),
    set(own, add(mul(add(rotl(own, turned), next), 5), more5)),
  ];
  return [
    ...lane(a, b, k1, [C1, 15, C2, 19, 0x561c_cd1b]),
    ...lane(b, c, k2, [C2, 16, C3, 17, 0x0bca_a747]),
    ...lane(c, d, k3, [C3, 17, C4, 15, 0x96cd_1c35]),
    ...lane(d, a, k4, [C4, 18, C1, 13, 0x32ac_3b17]),
    set(blocks, add(blocks, 1)),
  ];
}

function words({ words: to }: DigestLanes, ...from: readonly [I32, I32, I32, I32]): Statement[] {
  return to.map((word, i) => set(word, from[i]!));
}

/** Takes in so many bytes, none where the length is negative. */
function absorb(state: DigestLanes, tail: WasmFunction, at: I32, length: I32): Statement[] {
  const { cursor, until } = state;
  const at4 = (n: number): I32 => memory.load32(cursor, 4 * n);
  const rest = (n: number): I32 => tail(add(cursor, 4 * n), until);
  return [
    when(moreSigned(length, 0), [
      set(cursor, at),
      set(until, add(at, length)),
      repeat(w32.atLeastSigned(sub(until, cursor), 16), [
        ...words(state, at4(0), at4(1), at4(2), at4(3)),
        ...block(state),
        set(cursor, add(cursor, 16)),
      ]),
      when(less(cursor, until), [...words(state, rest(0), rest(1), rest(2), rest(3)), ...block(state)]),
    ]),
  ];
}

/** Adds the digest of a record to four sums. Ends the function with −1 where the name of a header is not plain ASCII: it is told by characters then, not by bytes. */
export function addDigest(
  state: DigestLanes,
  tail: WasmFunction,
  of: RecordFields,
  { source, offset, sums }: { source: I32; offset: I64; sums: readonly Local<'i32'>[] },
): Statement[] {
  const { lanes, blocks, long } = state;
  const [a, b, c, d] = lanes;
  const high = (value: I64): I32 => w32.low(w64.shrSigned(value, i64(32)));
  const mixed = (h: Local<'i32'>): Statement[] => [
    set(h, mul(xor(h, shr(h, 16)), 0x85eb_ca6b)),
    set(h, mul(xor(h, shr(h, 13)), 0xc2b2_ae35)),
    set(h, xor(h, shr(h, 16))),
  ];
  const stirred: Statement[] = [
    set(a, add(add(a, b), add(c, d))),
    set(b, add(b, a)),
    set(c, add(c, a)),
    set(d, add(d, a)),
  ];
  return [
    ...lanes.map((lane) => set(lane, 0)),
    set(blocks, 0),
    set(long, offset),
    ...words(state, source, high(long), w32.low(long), of.headers),
    ...block(state),
    ...words(state, high(of.timestamp), w32.low(of.timestamp), of.keyLength, of.valueLength),
    ...block(state),
    ...absorb(state, tail, of.keyAt, of.keyLength),
    ...absorb(state, tail, of.valueAt, of.valueLength),
    when(of.headers, addHeaders(state, tail, of)),
    ...lanes.map((lane) => set(lane, xor(lane, blocks))),
    ...stirred,
    ...lanes.flatMap(mixed),
    ...stirred,
    ...sums.map((sum, i) => set(sum, add(sum, lanes[i]!))),
  ];
}

/** Walks the headers once more, which were checked by then. `keyAt` and the lengths of key and value are used for them. */
function addHeaders(state: DigestLanes, tail: WasmFunction, of: RecordFields): Statement[] {
  const { cursor, until } = state;
  const { headersAt: at, left, number, keyLength, valueLength } = of;
  const unit = (n: number): I32 => mul(memory.byte(cursor, n), less(add(cursor, n), until));
  return [
    set(left, of.headers),
    loop((again) => [
      ...readVarint(at, number, of),
      set(keyLength, shr(number, 1)),
      set(cursor, at),
      set(until, add(at, keyLength)),
      set(at, until),
      ...readVarint(at, number, of),
      set(valueLength, unfolded(number)),
      ...words(state, keyLength, valueLength, HEADER_MARK, 0),
      ...block(state),
      repeat(less(cursor, until), [
        ...words(state, unit(0), unit(1), unit(2), unit(3)),
        when(more(or(or(state.words[0], state.words[1]), or(state.words[2], state.words[3])), 0x7f), [answer(-1)]),
        ...block(state),
        set(cursor, add(cursor, 4)),
      ]),
      ...absorb(state, tail, at, valueLength),
      when(moreSigned(valueLength, 0), [set(at, add(at, valueLength))]),
      set(left, sub(left, 1)),
      when(left, [again]),
    ]),
  ];
}

/** `murmur2` of partitioner.ts over the key of a record, into `hash`, without its sign. */
export function hashKey(variable: Variables, { keyAt, keyLength }: RecordFields, hash: Local<'i32'>): Statement[] {
  const [at, rest, word] = [variable('i32'), variable('i32'), variable('i32')];
  return [
    set(hash, xor(0x9747_b28c, keyLength)),
    set(at, keyAt),
    set(rest, keyLength),
    repeat(atLeast(rest, 4), [
      set(word, mul(memory.load32(at), M)),
      set(hash, xor(mul(hash, M), mul(xor(word, shr(word, 24)), M))),
      set(at, add(at, 4)),
      set(rest, sub(rest, 4)),
    ]),
    when(atLeast(rest, 3), [set(hash, xor(hash, shl(memory.byte(at, 2), 16)))]),
    when(atLeast(rest, 2), [set(hash, xor(hash, shl(memory.byte(at, 1), 8)))]),
    when(rest, [set(hash, mul(xor(hash, memory.byte(at)), M))]),
    set(hash, mul(xor(hash, shr(hash, 13)), M)),
    set(hash, and(xor(hash, shr(hash, 15)), 0x7fff_ffff)),
  ];
}
