import type { JsonValue } from '#libs/core/kernel';
import { payloadInvalid, valueUnreadable } from '../errors.js';
import type { ParsedSchema } from '../format.js';
import { avroSchema } from './avro-format.js';
import { nameWeight, ValueBudget } from '../value-budget.js';
import { ByteReader, nested } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { AVRO_DECODE_LIMITS, AvroDecoder, type AvroDecodeLimits } from './decode.js';
import { DefaultBytes } from './encode.js';
import { branchValues, PLAIN_JSON, type AvroJsonMapping } from './mapping.js';
import { doubleJson } from './scalars.js';
import { isNamed, typeName, type AvroField, type AvroNamedType, type AvroRecord, type AvroType } from './tree.js';

type Read = (source: ByteReader) => JsonValue;

/** Why one value cannot be read, with the place in the reader's schema. Turned into an `AppError` where the value ends. */
class Unreadable extends Error {
  readonly path: string[] = [];

  constructor(readonly reason: string) {
    super(reason);
  }
}

/**
 * Reads payloads that one schema wrote as values of another: Avro's schema resolution (specification 1.12), names matched as the compatibility rules
 * match them (simple name or reader's alias). What a value does not contain does no harm: a branch, a symbol or a record that only the writer knows
 * fails the values that hold it and no other.
 *
 * Built from closures over the two graphs; schema text never becomes code.
 */
export class AvroResolver {
  readonly #reads = new Map<AvroType, Map<AvroType, Read>>();
  readonly #skips = new Map<AvroType, Read>();
  readonly #defaults = new DefaultBytes();
  readonly #mapping: AvroJsonMapping;
  readonly #limits: AvroDecodeLimits;
  readonly #root: Read;
  readonly #bare: boolean;

  /** Both schemas are of type AVRO. */
  constructor(
    writer: ParsedSchema,
    reader: ParsedSchema,
    mapping: AvroJsonMapping = PLAIN_JSON,
    limits: Partial<AvroDecodeLimits> = {},
  ) {
    this.#mapping = mapping;
    this.#limits = { ...AVRO_DECODE_LIMITS, ...limits };
    const written = avroSchema(writer).root;
    this.#bare = written.kind === 'bytes';
    this.#root = this.#read(written, avroSchema(reader).root);
  }

  /**
   * The value that is all of `bytes` from `start` on, as the reader has it.
   * @throws `value-not-readable` with the place as a JSON pointer into the reader's value; `payload-does-not-decode` for bytes the writer's schema cannot have
   * written.
   */
  decode(bytes: Uint8Array, start = 0): JsonValue {
    if (start > bytes.length) throw payloadInvalid('they end before the value begins');
    const payload = this.#bare ? withLength(bytes.subarray(start)) : bytes;
    const source = new ByteReader(payload, this.#bare ? 0 : start, new ValueBudget(this.#limits.values));
    try {
      const value = this.#root(source);
      source.end();
      return value;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      throw valueUnreadable(error.path.map((segment) => `/${segment}`).join(''), error.reason);
    }
  }

  #read(writer: AvroType, reader: AvroType): Read {
    let known = this.#reads.get(writer);
    if (known === undefined) this.#reads.set(writer, (known = new Map()));
    const read = known.get(reader);
    if (read !== undefined) return read;
    // Registered before its parts are made, so that recursion finds it.
    known.set(reader, (source) => made(source));
    const made = this.#make(writer, reader);
    known.set(reader, made);
    return made;
  }

  #make(writer: AvroType, reader: AvroType): Read {
    if (writer.kind === 'union') {
      const branches = writer.branches.map((branch) => this.#read(branch, reader));
      return nested((source) => {
        const read = branches[source.int()];
        if (read === undefined) throw payloadInvalid('a union has no branch of that index');
        return read(source);
      });
    }
    if (reader.kind === 'union') {
      const index = branchFor(writer, reader.branches);
      if (index === undefined) return unreadable(`no branch of the union takes ${described(writer)}`);
      const read = this.#read(writer, reader.branches[index]!);
      const shown = branchValues(reader, this.#mapping);
      return nested((source) => shown(index, read(source)));
    }
    if (isNamed(writer) && isNamed(reader) && writer.kind === reader.kind && !sameName(writer, reader)) {
      return unreadable(`written as ${writer.name.full}, which is neither ${reader.name.full} nor an alias of it`);
    }
    if (writer.kind === 'record' && reader.kind === 'record') return this.#record(writer, reader);
    if (writer.kind === 'array' && reader.kind === 'array') return this.#array(this.#read(writer.items, reader.items));
    if (writer.kind === 'map' && reader.kind === 'map') return this.#map(this.#read(writer.values, reader.values));
    return this.#scalar(writer, reader);
  }

  #scalar(writer: AvroType, reader: AvroType): Read {
    const { bytes: form } = this.#mapping;
    const mismatch = unreadable(`written as ${described(writer)}, which is not read as ${described(reader)}`);
    switch (reader.kind) {
      case 'null':
        return writer.kind === 'null' ? () => null : mismatch;
      case 'boolean':
        return writer.kind === 'boolean' ? (source) => source.boolean() : mismatch;
      case 'int':
        return writer.kind === 'int' ? (source) => source.int() : mismatch;
      case 'long':
        return writer.kind === 'int' || writer.kind === 'long' ? (source) => source.long() : mismatch;
      case 'float':
        if (writer.kind === 'float') return (source) => doubleJson(source.float());
        return isInteger(writer) ? (source) => doubleJson(Math.fround(Number(source.long()))) : mismatch;
      case 'double':
        if (writer.kind === 'double') return (source) => doubleJson(source.double());
        if (writer.kind === 'float') return (source) => doubleJson(source.float());
        return isInteger(writer) ? (source) => Number(source.long()) : mismatch;
      case 'string':
        return isTextual(writer) ? (source) => source.text(source.length(), 'utf8') : mismatch;
      case 'bytes':
        return isTextual(writer) ? (source) => source.text(source.length(), form) : mismatch;
      case 'fixed': {
        if (writer.kind !== 'fixed') return mismatch;
        const { size } = reader;
        if (writer.size !== size) return unreadable(`written with ${writer.size} bytes instead of ${size}`);
        return (source) => source.text(size, form);
      }
      case 'enum': {
        if (writer.kind !== 'enum') return mismatch;
        const known = new Set(reader.symbols);
        const { symbols, name } = writer;
        const fallback = reader.defaultSymbol;
        return (source) => {
          const symbol = symbols[source.int()];
          if (symbol === undefined) throw payloadInvalid(`a value of enum ${name.full} is no index of its symbols`);
          if (known.has(symbol)) return symbol;
          if (fallback === null) throw new Unreadable(`symbol ${symbol} is unknown and there is no default`);
          return fallback;
        };
      }
      default:
        return mismatch;
    }
  }

  #array(item: Read): Read {
    return nested((source) => {
      const items: JsonValue[] = [];
      try {
        for (let count = source.block(); count > 0; count = source.block()) {
          for (; count > 0; count--) items.push(item(source));
        }
      } catch (error) {
        throw within(error, String(items.length));
      }
      return items;
    });
  }

  #map(item: Read): Read {
    return nested((source) => {
      const members = Object.create(null) as Record<string, JsonValue>;
      for (let count = source.block(); count > 0; count = source.block()) {
        for (; count > 0; count--) {
          const key = source.text(source.length(), 'utf8');
          try {
            members[key] = item(source);
          } catch (error) {
            // Keys are contents of the record, which no error text holds.
            throw within(error, '*');
          }
        }
      }
      return members;
    });
  }

  /** The writer's fields in their order: each read for the reader's fields that mean it, or passed over. Then what only the reader has. */
  #record(writer: AvroRecord, reader: AvroRecord): Read {
    const written = new Map(writer.fields.map((field) => [field.name, field]));
    const wanted = new Map<AvroField, { readonly slot: number; readonly name: string; readonly read: Read }[]>();
    const added: { readonly slot: number; readonly name: string; readonly make: Read }[] = [];
    for (const [slot, field] of reader.fields.entries()) {
      const source = written.get(field.name) ?? field.aliases.map((alias) => written.get(alias)).find(Boolean);
      if (source === undefined) {
        const bytes = this.#defaults.of(field);
        if (bytes === undefined) return unreadable('not written, and there is no default', field.name);
        const decoder = new AvroDecoder(field.type, this.#mapping, this.#limits);
        added.push({ slot, name: field.name, make: (source) => decoder.within(bytes, 0, source.values) });
        continue;
      }
      const uses = wanted.get(source) ?? [];
      wanted.set(source, uses);
      uses.push({ slot, name: field.name, read: this.#read(source.type, field.type) });
    }
    const steps = writer.fields.map((field) => ({ uses: wanted.get(field) ?? [], skip: this.#skip(field.type) }));
    const names = reader.fields.map((field) => field.name);
    const unsafe = names.includes('__proto__');
    const weight = names.reduce((sum, name) => sum + 1 + nameWeight(name), 0);
    return nested((source) => {
      source.values.spend(weight);
      const values = new Array<JsonValue>(names.length);
      for (const { uses, skip } of steps) {
        const at = source.position;
        if (uses.length === 0) skip(source);
        for (const { slot, name, read } of uses) {
          source.position = at;
          try {
            values[slot] = read(source);
          } catch (error) {
            throw within(error, name);
          }
        }
      }
      for (const { slot, make } of added) values[slot] = make(source);
      const value: Record<string, JsonValue> = unsafe ? (Object.create(null) as Record<string, JsonValue>) : {};
      names.forEach((name, slot) => (value[name] = values[slot]!));
      return value;
    });
  }

  /** Passes over a value of the writer that the reader does not want. */
  #skip(type: AvroType): Read {
    let skip = this.#skips.get(type);
    if (skip === undefined) {
      skip = new AvroDecoder(type, this.#mapping, this.#limits).reading;
      this.#skips.set(type, skip);
    }
    return skip;
  }
}

/** The branch of a reader's union for a writer's type: its own kind under its full name, then under a name that counts, then a promotion. */
function branchFor(writer: AvroType, branches: readonly AvroType[]): number | undefined {
  const same = branches.flatMap((branch, index) => (branch.kind === writer.kind ? [{ branch, index }] : []));
  const exact = same.find(({ branch }) => typeName(branch) === typeName(writer));
  const named = same.find(({ branch }) => isNamed(branch) && isNamed(writer) && sameName(writer, branch));
  const found = exact ?? named;
  if (found !== undefined) return found.index;
  const promoted = branches.findIndex((branch) => PROMOTIONS.get(writer.kind)?.includes(branch.kind) === true);
  return promoted < 0 ? undefined : promoted;
}

/** Writer kind to the kinds it may be read as. */
const PROMOTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['int', ['long', 'float', 'double']],
  ['long', ['float', 'double']],
  ['float', ['double']],
  ['string', ['bytes']],
  ['bytes', ['string']],
]);

function sameName(writer: AvroNamedType, reader: AvroNamedType): boolean {
  return reader.name.simple === writer.name.simple || reader.aliases.some((alias) => alias.full === writer.name.full);
}

function isInteger(type: AvroType): boolean {
  return type.kind === 'int' || type.kind === 'long';
}

function isTextual(type: AvroType): boolean {
  return type.kind === 'string' || type.kind === 'bytes';
}

function described(type: AvroType): string {
  return isNamed(type) ? `${type.kind} ${type.name.full}` : type.kind;
}

/** Fails every value it is asked for, with the place of a member if given. */
function unreadable(reason: string, member?: string): Read {
  return () => {
    const error = new Unreadable(reason);
    throw member === undefined ? error : within(error, member);
  };
}

function within(error: unknown, segment: string): unknown {
  if (error instanceof Unreadable) error.path.unshift(segment.replaceAll('~', '~0').replaceAll('/', '~1'));
  return error;
}

/** A bare payload (a schema that is just `bytes`) as Avro's encoding has it. */
function withLength(payload: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  out.bytes(payload);
  return out.taken();
}
