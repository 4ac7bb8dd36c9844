import type { JsonValue } from '#libs/core/kernel';
import { payloadInvalid } from '../errors.js';
import { VALUE_DEPTH } from './fit.js';
import { branchTable, jsonKind, onlyKey, type AvroJsonMapping } from './mapping.js';
import { doubleJson } from './scalars.js';
import { typeName, type AvroRecord, type AvroType, type AvroUnion } from './tree.js';

export interface AvroDecodeLimits {
  /** Items of arrays and maps in one value, those that take no bytes included. */
  readonly elements: number;
}

export const AVRO_DECODE_LIMITS: AvroDecodeLimits = { elements: 1_000_000 };

type Decode = (source: ByteReader) => JsonValue;

/** Decodes values of one schema into JSON. Built from closures over the schema's own types: schema text never becomes code. */
export class AvroDecoder {
  readonly #decoders = new Map<AvroType, Decode>();
  readonly #root: Decode;

  constructor(
    type: AvroType,
    private readonly mapping: AvroJsonMapping,
    private readonly limits: AvroDecodeLimits,
  ) {
    this.#root = this.#decoder(type);
  }

  /** The value that is all of `bytes` from `start` on. @throws `payload-does-not-decode`. */
  decode(bytes: Uint8Array, start = 0): JsonValue {
    const source = new ByteReader(bytes, start, this.limits.elements);
    const value = this.#root(source);
    source.end();
    return value;
  }

  #decoder(type: AvroType): Decode {
    const known = this.#decoders.get(type);
    if (known !== undefined) return known;
    // Registered before its parts are made, so that recursion finds it.
    this.#decoders.set(type, (source) => made(source));
    const made = this.#make(type);
    this.#decoders.set(type, made);
    return made;
  }

  #make(type: AvroType): Decode {
    const { bytes: form } = this.mapping;
    switch (type.kind) {
      case 'null':
        return () => null;
      case 'boolean':
        return (source) => source.boolean();
      case 'int':
        return (source) => source.int();
      case 'long':
        return (source) => source.long();
      case 'float':
        return (source) => doubleJson(source.float());
      case 'double':
        return (source) => doubleJson(source.double());
      case 'string':
        return (source) => source.text(source.length(), 'utf8');
      case 'bytes':
        return (source) => source.text(source.length(), form);
      case 'fixed':
        return (source) => source.text(type.size, form);
      case 'enum': {
        const { symbols, name } = type;
        return (source) => symbols[source.int()] ?? fail(`a value of enum ${name.full} is no index of its symbols`);
      }
      case 'array': {
        const item = this.#decoder(type.items);
        return nested((source) => {
          const items: JsonValue[] = [];
          for (let count = source.block(); count > 0; count = source.block()) {
            for (; count > 0; count--) items.push(item(source));
          }
          return items;
        });
      }
      case 'map': {
        const item = this.#decoder(type.values);
        return nested((source) => {
          const members = Object.create(null) as Record<string, JsonValue>;
          for (let count = source.block(); count > 0; count = source.block()) {
            for (; count > 0; count--) members[source.text(source.length(), 'utf8')] = item(source);
          }
          return members;
        });
      }
      case 'union':
        return this.#union(type);
      case 'record':
        return this.#record(type);
    }
  }

  #union(type: AvroUnion): Decode {
    const table = branchTable(type);
    const names = new Set(type.branches.map(typeName));
    const branches = type.branches.map((branch) => ({
      decode: this.#decoder(branch),
      tag: typeName(branch),
      isNull: branch.kind === 'null',
    }));
    const alwaysTagged = this.mapping.unions === 'tagged';
    return nested((source) => {
      const branch = branches[source.int()] ?? fail('a union has no branch of that index');
      const value = branch.decode(source);
      if (branch.isNull) return value;
      if (!alwaysTagged) {
        const kind = jsonKind(value)!;
        // Bare where the JSON type can only mean this branch, and the value cannot be taken for a tagged one.
        if (table[kind].length === 1 && (kind !== 'object' || !names.has(onlyKey(value as object) ?? ''))) return value;
      }
      return tagged(branch.tag, value);
    });
  }

  #record(type: AvroRecord): Decode {
    const fields = type.fields.map((field) => ({ name: field.name, decode: this.#decoder(field.type) }));
    const unsafe = fields.some((field) => field.name === '__proto__');
    return nested((source) => {
      const value: Record<string, JsonValue> = unsafe ? (Object.create(null) as Record<string, JsonValue>) : {};
      for (const field of fields) value[field.name] = field.decode(source);
      return value;
    });
  }
}

/** Reads Avro's binary encoding. Lengths and counts are checked against what is there before anything is made of them. */
class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  #elementsLeft: number;
  depth = 0;

  constructor(
    bytes: Uint8Array,
    start: number,
    private readonly elements: number,
  ) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#elementsLeft = elements;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) fail(`${left} bytes are left over`);
  }

  boolean(): boolean {
    const byte = this.#byte();
    if (byte > 1) fail('a boolean is neither 0 nor 1');
    return byte === 1;
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'string' || (value | 0) !== value) fail('an int exceeds 32 bits');
    return value as number;
  }

  /** A number, or decimal text where a number would round. */
  long(): number | string {
    const bytes = this.#bytes;
    let byte = this.#byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let scale = 0x80;
    // Seven bytes hold 49 bits, which a number takes exactly.
    for (let i = 1; i < 7; i++) {
      byte = bytes[this.#at++] ?? this.#short();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 0x80;
    }
    let wide = BigInt(value);
    for (let shift = 49n; ; shift += 7n) {
      byte = this.#byte();
      wide += BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      if (shift === 63n) fail('a long takes more than ten bytes');
    }
    if (wide >= 1n << 64n) fail('a long exceeds 64 bits');
    const signed = (wide >> 1n) ^ -(wide & 1n);
    const narrow = Number(signed);
    return Number.isSafeInteger(narrow) ? narrow : String(signed);
  }

  float(): number {
    return this.#bytes.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  length(): number {
    const length = this.long();
    if (typeof length === 'string' || length < 0) fail('a length is negative or too large');
    return length as number;
  }

  text(length: number, form: 'utf8' | 'base64' | 'latin1'): string {
    const start = this.#take(length);
    return this.#bytes.toString(form, start, start + length);
  }

  /** Number of items in the next block of an array or map; 0 at its end. */
  block(): number {
    let count = this.long();
    if (typeof count === 'string') return fail('a block count exceeds every limit');
    if (count < 0) {
      this.length();
      count = -count;
    }
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) fail(`arrays and maps hold more than ${this.elements} items`);
    return count;
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? this.#short();
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) this.#short();
    this.#at = start + length;
    return start;
  }

  #short(): never {
    return fail('they end in the middle of a value');
  }
}

function nested(decode: Decode): Decode {
  return (source) => {
    if (++source.depth > VALUE_DEPTH) fail(`they nest deeper than ${VALUE_DEPTH}`);
    const value = decode(source);
    source.depth--;
    return value;
  };
}

function tagged(tag: string, value: JsonValue): JsonValue {
  const object = Object.create(null) as Record<string, JsonValue>;
  object[tag] = value;
  return object;
}

function fail(reason: string): never {
  throw payloadInvalid(reason);
}
