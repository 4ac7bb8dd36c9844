import { isAppError } from '#libs/core/kernel';
import { valueInvalid, valuesInvalid } from '../errors.js';
import { exactValue } from '../exact-json.js';
import { jsonKind } from '../json-kind.js';
import { ByteWriter } from './byte-writer.js';
import { VALUE_DEPTH } from '../limits.js';
import type { StepBudget } from '../step-budget.js';
import { AvroFit } from './fit.js';
import { branchTable, DEFAULT_JSON, type AvroJsonMapping } from './mapping.js';
import { asBytes, asDouble, asFloat, asInt, asLong, asText } from './scalars.js';
import type { AvroEnum, AvroField, AvroRecord, AvroType, AvroUnion } from './tree.js';

type Encode = (value: unknown, out: ByteWriter) => void;

/** Thrown where a value does not fit; the problems are looked for afterwards, so that the common case pays nothing for paths. */
const MISFIT = new Error('the value does not fit');

/**
 * Encodes JSON values of one schema. Built from closures over the schema's own types: schema text never becomes code. Not for concurrent use, which
 * a synchronous call cannot be.
 */
export class AvroEncoder {
  readonly #encoders = new Map<AvroType, Encode>();
  readonly #fit: AvroFit;
  readonly #out = new ByteWriter();
  readonly #root: Encode;
  #depth = 0;
  #steps: StepBudget | undefined;

  constructor(
    private readonly type: AvroType,
    private readonly mapping: AvroJsonMapping,
    private readonly defaults = new DefaultBytes(),
  ) {
    this.#fit = new AvroFit(mapping, mapping !== DEFAULT_JSON);
    this.#root = this.#encoder(type);
  }

  /**
   * @param steps what it may take; only the limits when absent.
   * @param depth lists, objects and unions around the value.
   * @throws `value-does-not-fit-schema` with an item for each problem, paths as JSON pointers; `schema-too-complex` when the steps end first.
   */
  encode(value: unknown, steps?: StepBudget, depth = 0): Uint8Array {
    this.#out.reset();
    this.#fit.reset(steps);
    this.#depth = depth;
    this.#steps = steps;
    try {
      this.#root(value, this.#out);
    } catch (error) {
      if (error !== MISFIT) throw error;
      this.#fit.reset(steps);
      const problems = this.#fit.problems(this.type, value);
      throw problems.length > 0 ? valuesInvalid(problems) : valueInvalid('', 'it does not fit the schema');
    }
    return this.#out.taken();
  }

  #encoder(type: AvroType): Encode {
    const known = this.#encoders.get(type);
    if (known !== undefined) return known;
    // Registered before its parts are made, so that recursion finds it.
    this.#encoders.set(type, (value, out) => made(value, out));
    const made = this.#make(type);
    this.#encoders.set(type, made);
    return made;
  }

  #make(type: AvroType): Encode {
    const { bytes: form } = this.mapping;
    switch (type.kind) {
      case 'null':
        return (value) => {
          if (value !== null) throw MISFIT;
        };
      case 'boolean':
        return (value, out) => {
          if (typeof value !== 'boolean') throw MISFIT;
          out.byte(value ? 1 : 0);
        };
      case 'int':
        return (value, out) => out.int(asInt(value) ?? misfit());
      case 'long':
        return (value, out) => out.long(asLong(value) ?? misfit());
      case 'float':
        return (value, out) => out.float(asFloat(value) ?? misfit());
      case 'double':
        return (value, out) => out.double(asDouble(value) ?? misfit());
      case 'string':
        return (value, out) => out.text(asText(value) ?? misfit());
      case 'bytes':
        return (value, out) => out.bytes(asBytes(value, form) ?? misfit());
      case 'fixed':
        return (value, out) => {
          const bytes = asBytes(value, form);
          if (bytes?.length !== type.size) throw MISFIT;
          out.raw(bytes);
        };
      case 'enum':
        return enumEncoder(type);
      case 'array': {
        const item = this.#encoder(type.items);
        return this.#nested((value, out) => {
          if (!Array.isArray(value)) throw MISFIT;
          this.#steps?.spend(value.length);
          if (value.length > 0) out.long(value.length);
          for (const one of value) item(one, out);
          out.byte(0);
        });
      }
      case 'map': {
        const item = this.#encoder(type.values);
        return this.#nested((value, out) => {
          if (jsonKind(value) !== 'object') throw MISFIT;
          const keys = Object.keys(value as object);
          this.#steps?.spend(keys.length);
          if (keys.length > 0) out.long(keys.length);
          for (const key of keys) {
            out.text(asText(key) ?? misfit());
            item((value as Record<string, unknown>)[key], out);
          }
          out.byte(0);
        });
      }
      case 'union':
        return this.#union(type);
      case 'record':
        return this.#record(type);
    }
  }

  #union(type: AvroUnion): Encode {
    const branches = type.branches.map((branch) => this.#encoder(branch));
    const table = branchTable(type);
    const nullBranch = table.null[0];
    const bare = this.mapping.unions === 'bare';
    return this.#nested((value, out) => {
      if (value === null) {
        out.int(nullBranch ?? misfit());
        return;
      }
      const kind = jsonKind(value);
      // Only an object can be tagged; of anything else the type may tell the branch at once.
      if (bare && kind !== undefined && kind !== 'object' && table[kind].length === 1) {
        const index = table[kind][0]!;
        out.int(index);
        branches[index]!(value, out);
        return;
      }
      const chosen = this.#fit.choose(type, value, this.#depth) ?? misfit();
      out.int(chosen.index);
      branches[chosen.index]!(chosen.value, out);
    });
  }

  #record(type: AvroRecord): Encode {
    const { missing, unknown } = this.mapping;
    const fields = type.fields.map((field) => ({
      name: field.name,
      encode: this.#encoder(field.type),
      whenMissing: missing === 'default' ? this.#default(field) : misfit,
    }));
    return this.#nested((value, out) => {
      if (jsonKind(value) !== 'object') throw MISFIT;
      this.#steps?.spend(fields.length);
      const members = value as Record<string, unknown>;
      let present = 0;
      for (const field of fields) {
        if (Object.hasOwn(members, field.name)) {
          present++;
          field.encode(members[field.name], out);
        } else {
          field.whenMissing(out);
        }
      }
      if (unknown === 'refuse' && Object.keys(members).length !== present) throw MISFIT;
    });
  }

  #default(field: AvroField): (out: ByteWriter) => void {
    let bytes: Uint8Array | undefined;
    return (out) => {
      bytes ??= this.defaults.of(field, this.#depth, this.#steps) ?? misfit();
      this.#steps?.spend(bytes.length >> 4);
      out.raw(bytes);
    };
  }

  #nested(encode: Encode): Encode {
    return (value, out) => {
      if (++this.#depth > VALUE_DEPTH) throw MISFIT;
      encode(value, out);
      this.#depth--;
    };
  }
}

function enumEncoder(type: AvroEnum): Encode {
  const indexes = new Map<unknown, number>(type.symbols.map((symbol, i) => [symbol, i]));
  return (value, out) => out.int(indexes.get(value) ?? misfit());
}

/** Defaults of fields in binary, each made once. */
export class DefaultBytes {
  /** Null while it is made, so that a default that needs itself has none, and where none can be made. */
  readonly #made = new Map<AvroField, Uint8Array | null>();
  /** Encoders that are not in use. */
  readonly #idle = new Map<AvroType, AvroEncoder>();

  /**
   * Undefined for a field without a default, or with one that no value of its type has (schemas can be stored unvalidated).
   * @param depth lists, objects and unions around the field.
   * @throws `schema-too-complex` when the steps end first.
   */
  of(field: AvroField, depth = 0, steps?: StepBudget): Uint8Array | undefined {
    if (field.defaultValue === undefined) return undefined;
    const known = this.#made.get(field);
    if (known !== undefined) return known ?? undefined;
    this.#made.set(field, null);
    const encoder = this.#idle.get(field.type) ?? new AvroEncoder(field.type, DEFAULT_JSON, this);
    this.#idle.delete(field.type);
    try {
      const bytes = encoder.encode(exactValue(field.defaultValue), steps, depth);
      this.#made.set(field, bytes);
      return bytes;
    } catch (error) {
      const misfits = isAppError(error, 'value-does-not-fit-schema');
      // Steps may have ended, and further out there is more room.
      if (!misfits || depth > 0) this.#made.delete(field);
      if (!misfits) throw error;
      return undefined;
    } finally {
      this.#idle.set(field.type, encoder);
    }
  }
}

function misfit(): never {
  throw MISFIT;
}
