import { AppError, nearest } from '#libs/core/kernel';
import { parseSubject, type Registry } from '#libs/core/registry';
import { recordFields, type SchemaField } from '#libs/core/schema';
import { FieldTypes, type ColumnType, type FieldPath } from '#libs/core/streams';

/** Types of columns from the latest schemas of a topic's subjects (`<topic>-key`, `<topic>-value`). */
export class RegistryFieldTypes extends FieldTypes {
  constructor(private readonly registry: Registry) {
    super();
  }

  async typeOf(topic: string, path: FieldPath): Promise<ColumnType | undefined> {
    const latest = await this.registry.latest(parseSubject(`${topic}-${path.root}`));
    if (latest === undefined || latest.schema.schemaType !== 'AVRO') return undefined;
    const fields = recordFields(await this.registry.parsed(latest.schema));
    // No record, or the whole of one: a schema without fields says nothing about columns, a whole record is JSON.
    if (fields.length === 0) return undefined;
    if (path.steps.length === 0) return 'json';
    return typeAt(fields, path, topic);
  }
}

function typeAt(fields: readonly SchemaField[], path: FieldPath, topic: string): ColumnType | undefined {
  for (let depth = 1; depth <= path.steps.length; depth++) {
    const steps = path.steps.slice(0, depth);
    const field = fields.find((one) => same(one.path, steps));
    if (field === undefined) throw unknownField(fields, path, depth, topic);
    if (depth === path.steps.length) return columnType(field);
    // What lies inside lists, maps and unions has no one type in the schema.
    if (field.kind !== 'record' || field.recursive) return undefined;
  }
  return undefined;
}

function same(path: readonly string[], steps: readonly (string | number)[]): boolean {
  return path.length === steps.length && path.every((part, index) => part === steps[index]);
}

function columnType(field: SchemaField): ColumnType {
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

function unknownField(fields: readonly SchemaField[], path: FieldPath, depth: number, topic: string): AppError {
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
    hint: close === undefined ? `Fields there: ${siblings.slice(0, 20).join(', ')}.` : `Did you mean '${close}'?`,
    details: { topic, field: path.text },
  });
}
