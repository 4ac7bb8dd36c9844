import type { JsonValue } from '#libs/core/kernel';
import { jsonKind, type JsonKind } from '../json-kind.js';
import type { AvroType, AvroUnion } from './tree.js';
import { typeName } from './tree.js';

/**
 * How Avro values stand in JSON. In every mapping a long beyond ±(2^53 − 1) is decimal text (and a long may always be given as text), and a
 * non-finite float or double is `"NaN"`, `"Infinity"` or `"-Infinity"`.
 */
export interface AvroJsonMapping {
  /** Bytes and fixed values: base64 (standard alphabet, padded), or one character U+0000 to U+00FF a byte, as Avro's JSON encoding has it. */
  readonly bytes: 'base64' | 'latin1';
  /**
   * `tagged`: `{"branch": value}` for every branch but null, and nothing else is taken. `bare`: the value alone wherever its JSON type tells the branch,
   * tagged where it would not; both are taken.
   */
  readonly unions: 'bare' | 'tagged';
  /** A member that is left out: the field's default (refused where it has none), or refused. */
  readonly missing: 'default' | 'refuse';
  /** A member that is no field of the record. */
  readonly unknown: 'refuse' | 'drop';
}

/** The native API's mapping: what one would write by hand. Decoding and encoding again gives the same bytes. */
export const PLAIN_JSON: AvroJsonMapping = { bytes: 'base64', unions: 'bare', missing: 'default', unknown: 'refuse' };

/** Avro's JSON encoding as the Confluent REST Proxy reads and writes it. */
export const AVRO_JSON: AvroJsonMapping = { bytes: 'latin1', unions: 'tagged', missing: 'refuse', unknown: 'drop' };

/** How a default is written in a schema: as {@link AVRO_JSON}, but union values always bare and defaults of inner fields used. */
export const DEFAULT_JSON: AvroJsonMapping & { readonly unions: 'bare' } = {
  bytes: 'latin1',
  unions: 'bare',
  missing: 'default',
  unknown: 'drop',
};

/** The mappings by name, for whoever has to say which one across threads. */
export type AvroForm = 'plain' | 'tagged';
export const AVRO_FORMS: Readonly<Record<AvroForm, AvroJsonMapping>> = { plain: PLAIN_JSON, tagged: AVRO_JSON };

/** Indexes of the branches that take some value of a JSON type, by that type. */
export type BranchTable = Readonly<Record<JsonKind, readonly number[]>>;

export function branchTable(union: AvroUnion): BranchTable {
  const table: Record<JsonKind, number[]> = { null: [], boolean: [], number: [], string: [], array: [], object: [] };
  union.branches.forEach((branch, i) => TAKES[branch.kind].forEach((kind) => table[kind].push(i)));
  return table;
}

/** Tag to index: the full name of a named type, the kind of any other. */
export function branchTags(union: AvroUnion): ReadonlyMap<string, number> {
  return new Map(union.branches.map((branch, i) => [typeName(branch), i]));
}

/** How the value of a branch stands in JSON: bare where its JSON type can only mean this branch and it cannot be taken for a tagged one. */
export function branchValues(
  union: AvroUnion,
  mapping: AvroJsonMapping,
): (index: number, value: JsonValue) => JsonValue {
  const table = branchTable(union);
  const tags = union.branches.map(typeName);
  const names = new Set(tags);
  const alwaysTagged = mapping.unions === 'tagged';
  return (index, value) => {
    if (union.branches[index]!.kind === 'null') return value;
    if (!alwaysTagged) {
      const kind = jsonKind(value)!;
      if (table[kind].length === 1 && (kind !== 'object' || !names.has(onlyKey(value as object) ?? ''))) return value;
    }
    const tagged = Object.create(null) as Record<string, JsonValue>;
    tagged[tags[index]!] = value;
    return tagged;
  };
}

/** The only own member name of an object, undefined when it has none or several. */
export function onlyKey(value: object): string | undefined {
  let only: string | undefined;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (only !== undefined) return undefined;
    only = key;
  }
  return only;
}

const TAKES: Readonly<Record<AvroType['kind'], readonly JsonKind[]>> = {
  null: ['null'],
  boolean: ['boolean'],
  int: ['number'],
  long: ['number', 'string'],
  float: ['number', 'string'],
  double: ['number', 'string'],
  bytes: ['string'],
  string: ['string'],
  fixed: ['string'],
  enum: ['string'],
  array: ['array'],
  map: ['object'],
  record: ['object'],
  // A union holds no union.
  union: [],
};
