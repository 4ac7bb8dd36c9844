import { AppError, nearest } from '#libs/core/kernel';
import { parseSubject, type Registry } from '#libs/core/registry';
import { messageFields, recordFields, type MessageField, type ParsedSchema, type SchemaField } from '#libs/core/schema';
import { FieldTypes, type ColumnType, type FieldPath } from '#libs/core/streams';

/**
 * Types of columns from the latest schemas of a topic's subjects (`<topic>-key`, `<topic>-value`). Fields have the names that decoded values have: those of the
 * record in Avro, the JSON names in Protobuf. A Protobuf value may be any message of its file, so a field is looked for in all of them.
 */
export class RegistryFieldTypes extends FieldTypes {
  constructor(private readonly registry: Registry) {
    super();
  }

  async typeOf(topic: string, path: FieldPath): Promise<ColumnType | undefined> {
    const latest = await this.registry.latest(parseSubject(`${topic}-${path.root}`));
    if (latest === undefined || latest.schema.schemaType === 'JSON') return undefined;
    const structures = structuresOf(await this.registry.parsed(latest.schema));
    // A schema without fields says nothing about columns; the whole of a record or message is JSON.
    if (structures.every((fields) => fields.length === 0)) return undefined;
    if (path.steps.length === 0) return 'json';
    const found = structures.map((fields) => typeAt(fields, path)).filter((type) => type !== 'unknown');
    if (found.length === 0) throw unknownField(structures.flat(), path, topic);
    return found.every((type) => type === found[0]) ? found[0] : undefined;
  }
}

/** A field and the column it makes; without one where its values are no single thing. */
interface TypedField {
  readonly path: readonly string[];
  readonly column: ColumnType;
  /** Whether its own fields are listed. */
  readonly open: boolean;
}

/** The fields of each structure that a value can be. */
function structuresOf(schema: ParsedSchema): readonly (readonly TypedField[])[] {
  if (schema.type === 'AVRO') {
    return [
      recordFields(schema).map((field) => ({
        path: field.path,
        column: avroColumn(field),
        open: field.kind === 'record' && !field.recursive,
      })),
    ];
  }
  return [...messageFields(schema).values()].map((fields) =>
    fields.map((field) => ({
      path: field.path,
      column: protobufColumn(field),
      open: field.kind === 'message' && !field.repeated && !field.recursive,
    })),
  );
}

/** `unknown` where there is no such field; undefined inside lists, maps and unions, which have no one type in the schema. */
function typeAt(fields: readonly TypedField[], path: FieldPath): ColumnType | undefined | 'unknown' {
  for (let depth = 1; depth <= path.steps.length; depth++) {
    const steps = path.steps.slice(0, depth);
    const field = fields.find((one) => same(one.path, steps));
    if (field === undefined) return 'unknown';
    if (depth === path.steps.length) return field.column;
    if (!field.open) return undefined;
  }
  return undefined;
}

function same(path: readonly string[], steps: readonly (string | number)[]): boolean {
  return path.length === steps.length && path.every((part, index) => part === steps[index]);
}

function avroColumn(field: SchemaField): ColumnType {
  switch (field.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return 'integer';
    case 'long':
      return field.logicalType === 'timestamp-millis' ? 'timestamp' : 'integer';
    case 'float':
    case 'double':
      return 'real';
    case 'record':
    case 'array':
    case 'map':
    case 'union':
      return 'json';
    default:
      return 'text';
  }
}

function protobufColumn(field: MessageField): ColumnType {
  if (field.repeated) return 'json';
  switch (field.kind) {
    case 'bool':
      return 'boolean';
    case 'float':
    case 'double':
      return 'real';
    case 'timestamp':
      return 'timestamp';
    case 'uint64':
    case 'fixed64':
      // The upper half does not fit the integers of a table.
      return 'decimal';
    case 'string':
    case 'bytes':
    case 'enum':
    case 'duration':
      return 'text';
    case 'message':
    case 'map':
    case 'json':
      return 'json';
    default:
      return 'integer';
  }
}

function unknownField(fields: readonly TypedField[], path: FieldPath, topic: string): AppError {
  const isKnown = (depth: number): boolean => fields.some((field) => same(field.path, path.steps.slice(0, depth)));
  const depth = path.steps.findIndex((_, i) => !isKnown(i + 1)) + 1;
  const parent = path.steps.slice(0, depth - 1);
  const wanted = String(path.steps[depth - 1]);
  const siblings = fields
    .filter((field) => field.path.length === depth && same(field.path.slice(0, -1), parent))
    .map((field) => field.path.at(-1)!);
  const close = nearest(wanted, siblings);
  return new AppError({
    kind: 'invalid',
    code: 'unknown-field',
    message: `The ${path.root}s of '${topic}' have no field '${path.text}'.`,
    hint:
      close === undefined
        ? `Fields there: ${[...new Set(siblings)].slice(0, 20).join(', ')}.`
        : `Did you mean '${close}'?`,
    details: { topic, field: path.text },
  });
}
