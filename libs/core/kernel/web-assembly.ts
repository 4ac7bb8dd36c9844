/**
 * A small assembler for WebAssembly: functions put together from expressions, for the few loops that JavaScript does too slowly. There is no compiler and no file to keep up to date; what is
 * wrong with a function (types, an empty stack) the engine says when the module is made.
 *
 * Numbers stand for themselves as 32-bit constants. Everything works on one memory, which the module owns and exports. Only what every supported runtime has: the first version of the
 * format, and 16 bytes moved at a time.
 */
export type ValueType = 'i32' | 'i64';

/** Code that leaves a value, or none. */
export interface Code<T extends ValueType | 'none' = ValueType | 'none'> {
  readonly type: T;
  readonly items: readonly Item[];
}

export type Statement = Code<'none'>;
export type I32 = Code<'i32'> | number;
export type I64 = Code<'i64'>;

/** A variable of a function; as an expression, what it holds. */
export interface Local<T extends ValueType = ValueType> extends Code<T> {
  readonly index: number;
}

/** A byte, or a place in the nesting of blocks: how far a branch reaches is known when all of it is there. */
type Item = number | { readonly opens: Label } | { readonly to: Label } | 'closes';
type Label = Record<never, never>;

const TYPE_CODES = { i32: 0x7f, i64: 0x7e } as const;
const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  return: 0x0f,
  call: 0x10,
  localGet: 0x20,
  localSet: 0x21,
  i32Const: 0x41,
  i64Const: 0x42,
} as const;
const NO_VALUE = 0x40;

function leb(value: bigint | number, items: number[] = []): number[] {
  let rest = BigInt(value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
      items.push(low);
      return items;
    }
    items.push(low | 0x80);
  }
}

/** Of a number that is never negative: no bit is kept for the sign. */
function unsigned(value: number): number[] {
  const items: number[] = [];
  for (let rest = value; ;) {
    const low = rest % 0x80;
    rest = Math.floor(rest / 0x80);
    items.push(rest === 0 ? low : low | 0x80);
    if (rest === 0) return items;
  }
}

function i32Of(value: I32): readonly Item[] {
  return typeof value === 'number' ? [OP.i32Const, ...leb(value | 0)] : value.items;
}

function code<T extends ValueType | 'none'>(type: T, ...parts: (readonly Item[])[]): Code<T> {
  return { type, items: parts.flat() };
}

/** A constant of 64 bits. */
export function i64(value: number): I64 {
  return code('i64', [OP.i64Const], leb(value));
}

const binary32 =
  (op: number) =>
  (a: I32, b: I32): Code<'i32'> =>
    code('i32', i32Of(a), i32Of(b), [op]);
const binary64 =
  (op: number) =>
  (a: I64, b: I64): I64 =>
    code('i64', a.items, b.items, [op]);
const compare64 =
  (op: number) =>
  (a: I64, b: I64): Code<'i32'> =>
    code('i32', a.items, b.items, [op]);

/** Arithmetic of 32 bits. Comparisons answer 1 or 0. */
export const w32 = {
  eq: binary32(0x46),
  ne: binary32(0x47),
  lessSigned: binary32(0x48),
  less: binary32(0x49),
  moreSigned: binary32(0x4a),
  more: binary32(0x4b),
  atLeastSigned: binary32(0x4e),
  atLeast: binary32(0x4f),
  add: binary32(0x6a),
  sub: binary32(0x6b),
  mul: binary32(0x6c),
  div: binary32(0x6e),
  rem: binary32(0x70),
  and: binary32(0x71),
  or: binary32(0x72),
  xor: binary32(0x73),
  shl: binary32(0x74),
  shr: binary32(0x76),
  rotl: binary32(0x77),
  /** Leading zeros. */
  clz: (a: I32): Code<'i32'> => code('i32', i32Of(a), [0x67]),
  /** The low half of 64 bits. */
  low: (a: I64): Code<'i32'> => code('i32', a.items, [0xa7]),
};

/** Arithmetic of 64 bits. */
export const w64 = {
  ne: compare64(0x52),
  lessSigned: compare64(0x53),
  moreSigned: compare64(0x55),
  atLeast: compare64(0x5a),
  add: binary64(0x7c),
  sub: binary64(0x7d),
  mul: binary64(0x7e),
  remSigned: binary64(0x81),
  and: binary64(0x83),
  or: binary64(0x84),
  xor: binary64(0x85),
  shl: binary64(0x86),
  shrSigned: binary64(0x87),
  shr: binary64(0x88),
  clz: (a: I64): I64 => code('i64', a.items, [0x79]),
  /** 32 bits taken as a number without a sign. */
  of: (a: I32): I64 => code('i64', i32Of(a), [0xad]),
};

/** Reading and writing memory, little-endian, wherever a value lies. */
export const memory = {
  byte: (at: I32, offset = 0): Code<'i32'> => code('i32', i32Of(at), [0x2d, 0], unsigned(offset)),
  load16: (at: I32, offset = 0): Code<'i32'> => code('i32', i32Of(at), [0x2f, 0], unsigned(offset)),
  load32: (at: I32, offset = 0): Code<'i32'> => code('i32', i32Of(at), [0x28, 0], unsigned(offset)),
  load64: (at: I32, offset = 0): I64 => code('i64', i32Of(at), [0x29, 0], unsigned(offset)),
  /** A float of 64 bits that is a whole number. */
  loadNumber: (at: I32): I64 => code('i64', i32Of(at), [0x2b, 0, 0, 0xb0]),
  setByte: (at: I32, value: I32): Statement => code('none', i32Of(at), i32Of(value), [0x3a, 0, 0]),
  store16: (at: I32, value: I32, offset = 0): Statement =>
    code('none', i32Of(at), i32Of(value), [0x3b, 0], unsigned(offset)),
  store32: (at: I32, value: I32, offset = 0): Statement =>
    code('none', i32Of(at), i32Of(value), [0x36, 0], unsigned(offset)),
  store64: (at: I32, value: I64, offset = 0): Statement =>
    code('none', i32Of(at), value.items, [0x37, 0], unsigned(offset)),
  copy16: (to: I32, from: I32): Statement => code('none', i32Of(to), i32Of(from), [0xfd, 0x00, 0, 0, 0xfd, 0x0b, 0, 0]),
};

export function set(local: Local<'i32'>, value: I32): Statement;
export function set(local: Local<'i64'>, value: I64): Statement;
export function set(local: Local, value: I32 | I64): Statement {
  return code('none', typeof value === 'number' ? i32Of(value) : value.items, [OP.localSet], unsigned(local.index));
}

/** Ends the function with this answer. */
export function answer(value: I32): Statement {
  return code('none', i32Of(value), [OP.return]);
}

export function when(condition: I32, then: readonly Statement[], otherwise: readonly Statement[] = []): Statement {
  const parts = [i32Of(condition), [OP.if, NO_VALUE, { opens: {} }], ...then.map((one) => one.items)];
  if (otherwise.length > 0) parts.push([OP.else], ...otherwise.map((one) => one.items));
  return code('none', ...parts, [OP.end, 'closes']);
}

/** Statements that are done once, unless they end with one of theirs that goes `again` from the top or `out`. */
export function loop(body: (again: Statement, out: Statement) => readonly Statement[]): Statement {
  const [outer, inner]: Label[] = [{}, {}];
  const branch = (to: Label): Statement => code('none', [OP.br, { to }]);
  return code(
    'none',
    [OP.block, NO_VALUE, { opens: outer! }, OP.loop, NO_VALUE, { opens: inner! }],
    ...body(branch(inner!), branch(outer!)).map((one) => one.items),
    [OP.end, 'closes', OP.end, 'closes'],
  );
}

/** While the condition holds. */
export function repeat(condition: I32, body: readonly Statement[]): Statement {
  return loop((again) => [when(condition, [...body, again])]);
}

/** A function that other functions, and JavaScript, can call. It answers 32 bits. */
export interface WasmFunction {
  (...values: I32[]): Code<'i32'>;
}

interface Defined {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: readonly number[];
}

type Locals<P extends readonly ValueType[]> = { [K in keyof P]: Local<P[K]> };

/** Makes variables of the function at hand. */
export type Variables = <T extends ValueType>(type: T) => Local<T>;

/** A module while it is put together. */
export class WasmModule {
  readonly #functions: Defined[] = [];

  /** Parameters of 64 bits are bigints for JavaScript. The last statement has to be an {@link answer}. */
  define<const P extends readonly ValueType[]>(
    name: string,
    parameters: P,
    build: (variable: Variables, ...given: Locals<P>) => readonly Statement[],
  ): WasmFunction {
    const locals: ValueType[] = [];
    const localAt = <T extends ValueType>(type: T, index: number): Local<T> => {
      return { ...code(type, [OP.localGet], unsigned(index)), index };
    };
    const variable: Variables = (type) => {
      locals.push(type);
      return localAt(type, parameters.length + locals.length - 1);
    };
    const given = parameters.map((type, index) => localAt(type, index)) as unknown as Locals<P>;
    // Behind the last answer nothing is reached; the format wants a value there all the same.
    const statements = [...build(variable, ...given).flatMap((one) => one.items), ...i32Of(0)];
    const index = this.#functions.push({ name, parameters, locals, body: resolved(statements) }) - 1;
    return (...values) => code('i32', ...values.map(i32Of), [OP.call], unsigned(index));
  }

  /** The module in the binary format. */
  bytes(): Uint8Array {
    const types = this.#functions.map(({ parameters }) => {
      return [0x60, ...vector(parameters.map((type) => [TYPE_CODES[type]])), 1, TYPE_CODES.i32];
    });
    const exports = this.#functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]);
    const codes = this.#functions.map(({ locals, body }) => {
      const all = [...vector(locals.map((type) => [1, TYPE_CODES[type]])), ...body, OP.end];
      return [...unsigned(all.length), ...all];
    });
    return Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, vector(types)),
      ...section(3, vector(types.map((_, index) => unsigned(index)))),
      ...section(5, vector([[0, 1]])),
      ...section(7, vector([...exports, [...text('memory'), 2, 0]])),
      ...section(10, vector(codes)),
    ]);
  }
}

/** Branches by how many blocks they leave, instead of by name. */
function resolved(items: readonly Item[]): number[] {
  const open: Label[] = [];
  const bytes: number[] = [];
  for (const item of items) {
    if (typeof item === 'number') bytes.push(item);
    else if (item === 'closes') open.pop();
    else if ('opens' in item) open.push(item.opens);
    else bytes.push(...unsigned(open.length - 1 - open.lastIndexOf(item.to)));
  }
  return bytes;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return vector([...Buffer.from(name)].map((byte) => [byte]));
}

/** What JavaScript sees of an instance. */
export interface WasmInstance {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly functions: Readonly<Record<string, (...values: (number | bigint)[]) => number>>;
}

/** A page of memory. */
export const WASM_PAGE_BYTES = 64 * 1024;

/** The part of the standard that is used; the types of the runtime leave it out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: Record<string, unknown> };
};

/** A module that is compiled when it is first needed, and instances of it, each with a memory of its own. */
export class CompiledModule {
  #module: object | undefined;

  constructor(private readonly assemble: () => WasmModule) {}

  instance(): WasmInstance {
    this.#module ??= new WebAssembly.Module(this.assemble().bytes());
    const { memory: owned, ...functions } = new WebAssembly.Instance(this.#module).exports;
    return { memory: owned, functions } as WasmInstance;
  }
}
