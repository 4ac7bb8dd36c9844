import type { JsonValue } from '#libs/core/kernel';
import { payloadInvalid } from '../errors.js';
import { ByteReader, nested } from './byte-reader.js';
import type { StepBudget } from '../step-budget.js';
import { nameWeight, PAYLOAD_VALUES, ValueBudget } from '../value-budget.js';
import { branchValues, type AvroJsonMapping } from './mapping.js';
import { doubleJson } from './scalars.js';
import { typeName, type AvroEnum, type AvroRecord, type AvroType, type AvroUnion } from './tree.js';

export interface AvroDecodeLimits {
  /** Items of arrays and maps and fields of records in one value. */
  readonly values: number;
}

export const AVRO_DECODE_LIMITS: AvroDecodeLimits = { values: PAYLOAD_VALUES };

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

  /** The value that is all of `bytes` from `start` on. @throws `payload-does-not-decode`; `schema-too-complex` when the steps end first. */
  decode(bytes: Uint8Array, start = 0, steps?: StepBudget): JsonValue {
    const values = new ValueBudget(this.limits.values, steps);
    const value = this.within(bytes, start, values);
    values.settle();
    return value;
  }

  /** As {@link decode}, as a part of a value that is being read. */
  within(bytes: Uint8Array, start: number, values: ValueBudget): JsonValue {
    const source = new ByteReader(bytes, start, values);
    const value = this.#root(source);
    source.end();
    return value;
  }

  /** Reads one value at the reader's position, whatever follows it. */
  get reading(): (source: ByteReader) => JsonValue {
    return this.#root;
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
      case 'enum':
        return symbolReader(type);
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
    const branches = type.branches.map((branch) => this.#decoder(branch));
    const shown = branchValues(type, this.mapping);
    const weights = type.branches.map((branch) => nameWeight(typeName(branch)));
    return nested((source) => {
      const index = source.int();
      const decode = branches[index] ?? fail('a union has no branch of that index');
      source.values.spend(weights[index]!);
      return shown(index, decode(source));
    });
  }

  #record(type: AvroRecord): Decode {
    const fields = type.fields.map((field) => ({ name: field.name, decode: this.#decoder(field.type) }));
    const unsafe = fields.some((field) => field.name === '__proto__');
    const weight = fields.reduce((sum, { name }) => sum + 1 + nameWeight(name), 0);
    return nested((source) => {
      source.values.spend(weight);
      const value: Record<string, JsonValue> = unsafe ? (Object.create(null) as Record<string, JsonValue>) : {};
      for (const field of fields) value[field.name] = field.decode(source);
      return value;
    });
  }
}

function symbolReader({ symbols, name }: AvroEnum): Decode {
  const weights = symbols.map(nameWeight);
  return (source) => {
    const index = source.int();
    const symbol = symbols[index] ?? fail(`a value of enum ${name.full} is no index of its symbols`);
    source.values.spend(weights[index]!);
    return symbol;
  };
}

function fail(reason: string): never {
  throw payloadInvalid(reason);
}
