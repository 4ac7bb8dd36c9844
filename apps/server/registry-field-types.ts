import { AppError, nearest } from '#libs/core/kernel';
import { parseSubject, type Registry } from '#libs/core/registry';
import type { MessageField, PropertyField, SchemaField, SchemaFields } from '#libs/core/schema';
import { FieldTypes, type ColumnType, type FieldPath } from '#libs/core/streams';

/**
 * Types of columns from the latest schemas of a topic's subjects (`<topic>-key`, `<topic>-value`). Fields have the names that decoded values have: those of the
 * record in Avro, the properties of JSON Schema, the JSON names in Protobuf. A Protobuf value may be any message of its file, so a field is looked for in all of
 * them. What a JSON Schema does not declare may be there nevertheless, and has no type.
 */
export class RegistryFieldTypes extends FieldTypes {
  constructor(private readonly registry: Registry) {
    super();
  }

  async typeOf(topic: string, path: FieldPath): Promise<ColumnType | undefined> {
    const latest = await this.registry.latest(parseSubject(`${topic}-${path.root}`));
    if (latest === undefined) return undefined;
    const structures = structuresOf(await this.registry.fields(latest.schema));
    // A schema without fields says nothing about columns; the whole of a record or message is JSON.
    if (structures.every(({ fields }) => fields.length === 0)) return undefined;
    if (path.steps.length === 0) return 'json';
    const found = structures.map((structure) => typeAt(structure, path)).filter((type) => type !== 'unknown');
    if (found.length === 0) {
      throw unknownField(
        structures.flatMap(({ fields }) => fields),
        path,
        topic,
      );
    }
    return found.every((type) => type === found[0]) ? found[0] : undefined;
  }
}

/** A field and the column it makes; without one where its values are no single thing. */
interface TypedField {
  readonly path: readonly string[];
  readonly column: ColumnType | undefined;
  /** Whether its own fields are listed. */
  readonly listed: boolean;
  /** Whether it can have fields that are not listed. */
  readonly open: boolean;
}

/** What a value can be: its fields, and whether it can have others. */
interface Structure {
  readonly fields: readonly TypedField[];
  readonly open: boolean;
}

/** The fields of each structure that a value can be. */
function structuresOf(declared: SchemaFields): readonly Structure[] {
  switch (declared.type) {
    case 'AVRO': {
      const fields = declared.fields.map((field) => ({
        path: field.path,
        column: avroColumn(field),
        listed: field.kind === 'record' && !field.recursive,
        open: false,
      }));
      return [{ fields, open: false }];
    }
    case 'JSON': {
      const { shape } = declared;
      if (shape === null) return [];
      const fields = shape.fields.map((field) => ({
        path: field.path,
        column: jsonColumn(field),
        listed: field.kind === 'object' && !field.recursive,
        open: field.open,
      }));
      return [{ fields, open: shape.open }];
    }
    case 'PROTOBUF':
      return [...declared.messages.values()].map((fields) => ({
        fields: fields.map((field) => ({
          path: field.path,
          column: protobufColumn(field),
          listed: field.kind === 'message' && !field.repeated && !field.recursive,
          open: false,
        })),
        open: false,
      }));
  }
}

/** `unknown` where there is no such field; undefined inside lists, maps and unions, which have no one type in the schema. */
function typeAt(structure: Structure, path: FieldPath): ColumnType | undefined | 'unknown' {
  let { open } = structure;
  for (let depth = 1; depth <= path.steps.length; depth++) {
    const steps = path.steps.slice(0, depth);
    const field = structure.fields.find((one) => same(one.path, steps));
    if (field === undefined) return open ? undefined : 'unknown';
    if (depth === path.steps.length) return field.column;
    if (!field.listed) return undefined;
    ({ open } = field);
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

function jsonColumn(field: PropertyField): ColumnType | undefined {
  switch (field.kind) {
    case 'boolean':
    case 'integer':
    case 'timestamp':
      return field.kind;
    case 'number':
      return 'real';
    case 'string':
      return 'text';
    case 'array':
    case 'object':
      return 'json';
    case 'any':
      return undefined;
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
