import type { JsonValue } from '#libs/core/kernel';
import type { ParsedSchema } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { avroSchema } from './avro-format.js';
import { AVRO_DECODE_LIMITS, AvroDecoder } from './decode.js';
import { DefaultBytes } from './encode.js';
import { logicalTypeOf } from './logical-types.js';
import { PLAIN_JSON } from './mapping.js';
import type { AvroField, AvroKind, AvroRecord, AvroType } from './tree.js';

/** A field of a record schema, as a table column or a data mapping needs it. */
export interface SchemaField {
  /** Names from the root record down; more than one where records nest. */
  readonly path: readonly string[];
  /** Kind of the type without null: `["null","long"]` is a nullable long. `union` where several other branches remain. */
  readonly kind: AvroKind;
  readonly nullable: boolean;
  /** Only where it is known and valid for the type. */
  readonly logicalType: string | null;
  /** Decimals only. */
  readonly precision: number | null;
  readonly scale: number | null;
  /** Enums only, in order. */
  readonly symbols: readonly string[] | null;
  /** Fixed only, in bytes. */
  readonly size: number | null;
  /** Full name of a record, enum or fixed type. */
  readonly typeName: string | null;
  /** Kind of an array's items or a map's values, without null. */
  readonly itemKind: AvroKind | null;
  readonly hasDefault: boolean;
  /** The value, as values are decoded, of records that were written without the field; undefined where it has no default, or one that no value of its type has. */
  readonly defaultValue: JsonValue | undefined;
  readonly doc: string | null;
  /** A record that holds itself here: its fields are listed where it first occurs and not again. */
  readonly recursive: boolean;
}

/** Fields listed at most. */
const LISTED_FIELDS = 10_000;

/**
 * The fields of a record schema in declaration order, nested records followed by their own fields. Empty for a schema that is no record.
 * Fields inside arrays, maps and unions of several types are not listed: there is no single value of theirs in a record.
 *
 * @throws `schema-too-complex` when the steps end first.
 */
export function recordFields(schema: ParsedSchema, steps?: StepBudget): readonly SchemaField[] {
  const { root } = avroSchema(schema);
  const fields: SchemaField[] = [];
  if (root.kind === 'record') collect(root, [], [root], fields, steps, new DefaultBytes());
  return fields;
}

function collect(
  record: AvroRecord,
  path: readonly string[],
  within: readonly AvroRecord[],
  fields: SchemaField[],
  steps: StepBudget | undefined,
  defaults: DefaultBytes,
): void {
  for (const field of record.fields) {
    if (fields.length >= LISTED_FIELDS) return;
    steps?.spend(1 + path.length);
    const here = [...path, field.name];
    const { type, nullable } = withoutNull(field.type);
    const recursive = type.kind === 'record' && within.includes(type);
    const defaultValue = defaultOf(field, defaults, steps);
    fields.push({ ...describe(field, here, type, nullable, recursive), defaultValue });
    if (type.kind === 'record' && !recursive) collect(type, here, [...within, type], fields, steps, defaults);
  }
}

function describe(
  field: AvroField,
  path: readonly string[],
  type: AvroType,
  nullable: boolean,
  recursive: boolean,
): Omit<SchemaField, 'defaultValue'> {
  const logical = logicalTypeOf(type);
  const item = type.kind === 'array' ? type.items : type.kind === 'map' ? type.values : undefined;
  return {
    path,
    kind: type.kind,
    nullable,
    logicalType: logical?.name ?? null,
    precision: logical?.precision ?? null,
    scale: logical?.scale ?? null,
    symbols: type.kind === 'enum' ? type.symbols : null,
    size: type.kind === 'fixed' ? type.size : null,
    typeName: 'name' in type ? type.name.full : null,
    itemKind: item === undefined ? null : withoutNull(item).type.kind,
    hasDefault: field.defaultValue !== undefined,
    doc: field.doc,
    recursive,
  };
}

/** A default as the value that readers decode. */
function defaultOf(field: AvroField, defaults: DefaultBytes, steps: StepBudget | undefined): JsonValue | undefined {
  const bytes = defaults.of(field, 0, steps);
  if (bytes === undefined) return undefined;
  return new AvroDecoder(field.type, PLAIN_JSON, AVRO_DECODE_LIMITS).decode(bytes, 0, steps);
}

/** A union of null and one other type as that type; any other type as it is. */
function withoutNull(type: AvroType): { readonly type: AvroType; readonly nullable: boolean } {
  if (type.kind !== 'union') return { type, nullable: type.kind === 'null' };
  const rest = type.branches.filter((branch) => branch.kind !== 'null');
  const nullable = rest.length < type.branches.length;
  return { type: rest.length === 1 ? rest[0]! : type, nullable };
}
