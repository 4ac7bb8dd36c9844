import { nearest, type ErrorItem } from '#libs/core/kernel';
import { valueInvalid } from '../errors.js';
import { jsonKind, kindInWords, pointerSegment } from '../json-kind.js';
import { VALUE_DEPTH } from '../limits.js';
import type { StepBudget } from '../step-budget.js';
import { branchTable, branchTags, onlyKey, type AvroJsonMapping, type BranchTable } from './mapping.js';
import { asBytes, asDouble, asFloat, asInt, asLong, asText } from './scalars.js';
import type { AvroEnum, AvroRecord, AvroType, AvroUnion } from './tree.js';
import { typeName } from './tree.js';

/** Problems reported at once. */
const REPORTED_PROBLEMS = 20;
/** Steps of telling apart union branches in one value. Branches that differ only deep down multiply. */
const TRIAL_STEPS = 500_000;
/** What looking for the name that was probably meant takes. */
const NEAREST_STEPS = 500;

/** A value and the branch of a union it goes into. */
export interface ChosenBranch {
  readonly index: number;
  readonly value: unknown;
  /** The value has been found to fit the branch. */
  readonly fits: boolean;
}

/**
 * Tells how JSON values fit types. Slow and thorough: it serves union branches that only the content tells apart, and the error
 * message once a value did not fit. Contents never appear in its texts.
 */
export class AvroFit {
  readonly #tables = new Map<AvroUnion, { readonly table: BranchTable; readonly tags: ReadonlyMap<string, number> }>();
  readonly #fields = new Map<AvroRecord, ReadonlySet<string>>();
  readonly #symbols = new Map<AvroEnum, ReadonlySet<string>>();
  #trialSteps = TRIAL_STEPS;
  #steps: StepBudget | undefined;

  constructor(
    private readonly mapping: AvroJsonMapping,
    /** Whether `{"branch": value}` is taken in bare mode; not in defaults. */
    private readonly tags: boolean,
  ) {}

  /** Starts anew: the budget of steps is that of one value. */
  reset(steps?: StepBudget): void {
    this.#trialSteps = TRIAL_STEPS;
    this.#steps = steps;
  }

  /** What is wrong with the value, with JSON pointers; empty when it fits. */
  problems(type: AvroType, value: unknown): readonly ErrorItem[] {
    const items: ErrorItem[] = [];
    this.#look(type, value, '', items, 0, REPORTED_PROBLEMS);
    return items;
  }

  fits(type: AvroType, value: unknown, depth = 0): boolean {
    const items: ErrorItem[] = [];
    this.#look(type, value, '', items, depth, 1);
    return items.length === 0;
  }

  /** The branch a value goes into, or undefined. */
  choose(union: AvroUnion, value: unknown, depth = 0): ChosenBranch | undefined {
    const kind = jsonKind(value);
    if (kind === undefined) return undefined;
    const { table, tags } = this.#of(union);
    if (kind === 'null') return table.null[0] === undefined ? undefined : { index: table.null[0], value, fits: true };
    if (kind === 'object' && this.tags) {
      const key = onlyKey(value as object);
      const index = key === undefined ? undefined : tags.get(key);
      if (index !== undefined && union.branches[index]!.kind !== 'null') {
        const inner = (value as Record<string, unknown>)[key!];
        if (this.mapping.unions === 'tagged') return { index, value: inner, fits: false };
        if (this.fits(union.branches[index]!, inner, depth + 1)) return { index, value: inner, fits: true };
      }
    }
    if (this.mapping.unions === 'tagged') return undefined;
    const candidates = table[kind];
    if (candidates.length === 1) return { index: candidates[0]!, value, fits: false };
    const index = candidates.find((one) => this.fits(union.branches[one]!, value, depth + 1));
    return index === undefined ? undefined : { index, value, fits: true };
  }

  #look(type: AvroType, value: unknown, at: string, items: ErrorItem[], depth: number, limit: number): void {
    if (items.length >= limit) return;
    const steps = 1 + (typeof value === 'string' ? value.length >> 4 : 0);
    this.#steps?.spend(steps);
    if (limit === 1 && (this.#trialSteps -= steps) < 0) {
      throw valueInvalid(at, 'takes too long to tell its union branches apart; write them as {"<type>": value}');
    }
    if (depth > VALUE_DEPTH) {
      items.push({ path: at, message: `nested deeper than ${VALUE_DEPTH}` });
      return;
    }
    const problem = this.#scalar(type, value);
    if (problem !== undefined) {
      if (problem !== null) items.push({ path: at, message: problem });
      return;
    }
    if (type.kind === 'union') this.#union(type, value, at, items, depth, limit);
    else if (type.kind === 'array') {
      if (!Array.isArray(value)) items.push({ path: at, message: expected('an array', value) });
      else value.forEach((item, i) => this.#look(type.items, item, `${at}/${i}`, items, depth + 1, limit));
    } else if (jsonKind(value) !== 'object') {
      items.push({
        path: at,
        message: expected(type.kind === 'map' ? 'an object' : `an object (${typeName(type)})`, value),
      });
    } else if (type.kind === 'map') {
      for (const [key, one] of Object.entries(value as object)) {
        if (asText(key) === undefined) items.push({ path: at, message: 'has a key that is no well-formed text' });
        this.#look(type.values, one, `${at}${pointerSegment(key)}`, items, depth + 1, limit);
      }
    } else if (type.kind === 'record') {
      this.#record(type, value as Record<string, unknown>, at, items, depth, limit);
    }
  }

  #record(
    type: AvroRecord,
    value: Record<string, unknown>,
    at: string,
    items: ErrorItem[],
    depth: number,
    limit: number,
  ): void {
    for (const field of type.fields) {
      const path = `${at}${pointerSegment(field.name)}`;
      if (Object.hasOwn(value, field.name)) this.#look(field.type, value[field.name], path, items, depth + 1, limit);
      else if (this.mapping.missing === 'refuse' || field.defaultValue === undefined) {
        items.push({ path, message: 'is missing and has no default' });
      }
    }
    if (this.mapping.unknown === 'drop') return;
    const known = this.#names(type);
    for (const key of Object.keys(value)) {
      if (known.has(key)) continue;
      if (items.length >= limit) return;
      this.#steps?.spend(NEAREST_STEPS);
      const near = nearest(key.slice(0, 200), known);
      const hint = near === undefined ? '' : `; did you mean '${near}'?`;
      items.push({ path: `${at}${pointerSegment(key)}`, message: `is no field of ${type.name.full}${hint}` });
    }
  }

  #union(union: AvroUnion, value: unknown, at: string, items: ErrorItem[], depth: number, limit: number): void {
    const chosen = this.choose(union, value, depth);
    if (chosen?.fits === true) return;
    if (chosen !== undefined) {
      const branch = union.branches[chosen.index]!;
      const path = chosen.value === value ? at : `${at}${pointerSegment(typeName(branch))}`;
      this.#look(branch, chosen.value, path, items, depth + 1, limit);
      return;
    }
    const names = union.branches.map(typeName);
    const shown = names.length > 12 ? `${names.slice(0, 12).join(', ')}, …` : names.join(', ');
    const how = this.mapping.unions === 'tagged' ? ' as {"<type>": value} (null alone)' : '';
    items.push({ path: at, message: expected(`one of ${shown}${how}`, value) });
  }

  /** Null for a scalar that fits, a reason for one that does not, undefined for a type with parts. */
  #scalar(type: AvroType, value: unknown): string | null | undefined {
    switch (type.kind) {
      case 'null':
        return value === null ? null : expected('null', value);
      case 'boolean':
        return typeof value === 'boolean' ? null : expected('true or false', value);
      case 'int':
        return asInt(value) !== undefined ? null : expected('an integer of 32 bits', value);
      case 'long':
        return asLong(value) !== undefined
          ? null
          : expected('an integer of 64 bits (as decimal text beyond ±(2^53 − 1))', value);
      case 'float':
        return asFloat(value) !== undefined ? null : expected('a number within the range of a float', value);
      case 'double':
        return asDouble(value) !== undefined ? null : expected('a number', value);
      case 'string':
        return asText(value) !== undefined ? null : expected('well-formed text', value);
      case 'bytes':
        return asBytes(value, this.mapping.bytes) !== undefined ? null : expected(this.#bytesForm(), value);
      case 'fixed': {
        const bytes = asBytes(value, this.mapping.bytes);
        if (bytes === undefined) return expected(this.#bytesForm(), value);
        return bytes.length === type.size ? null : `expected ${type.size} bytes, got ${bytes.length}`;
      }
      case 'enum':
        return typeof value === 'string' && this.#symbolsOf(type).has(value)
          ? null
          : expected(`one of ${type.symbols.slice(0, 20).join(', ')}${type.symbols.length > 20 ? ', …' : ''}`, value);
      default:
        return undefined;
    }
  }

  #bytesForm(): string {
    return this.mapping.bytes === 'base64'
      ? 'bytes as base64 text'
      : 'bytes as text of characters U+0000 to U+00FF, one a byte';
  }

  #of(union: AvroUnion): { readonly table: BranchTable; readonly tags: ReadonlyMap<string, number> } {
    let known = this.#tables.get(union);
    if (known === undefined) {
      known = { table: branchTable(union), tags: branchTags(union) };
      this.#tables.set(union, known);
    }
    return known;
  }

  #symbolsOf(type: AvroEnum): ReadonlySet<string> {
    let symbols = this.#symbols.get(type);
    if (symbols === undefined) this.#symbols.set(type, (symbols = new Set(type.symbols)));
    return symbols;
  }

  #names(record: AvroRecord): ReadonlySet<string> {
    let names = this.#fields.get(record);
    if (names === undefined) this.#fields.set(record, (names = new Set(record.fields.map((field) => field.name))));
    return names;
  }
}

function expected(what: string, value: unknown): string {
  return `expected ${what}, got ${kindInWords(value)}`;
}
