import { AppError, nearest } from '#libs/core/kernel';
import { parseSubject, type Registry } from '#libs/core/registry';
import { recordFields, type SchemaField } from '#libs/core/schema';
import { FieldTypes, type ColumnType, type FieldPath } from '#libs/core/streams';

/** Column types from the latest schemas of a topic's subjects, `<topic>-key` and `<topic>-value`. */
export class RegistryFieldTypes extends FieldTypes {
  constructor(private readonly registry: Registry) {
    super();
  }

  async typeOf(topic: string, path: FieldPath): Promise<ColumnType | undefined> {
    const latest = await this.registry.latest(parseSubject(`${topic}-${path.root}`));
    if (latest === undefined || latest.schema.schemaType !== 'AVRO') {
      // Keys are plain words unless a schema says otherwise.
      return path.root === 'key' && path.steps.length === 0 ? 'text' : undefined;
    }
    const fields = recordFields(await this.registry.parsed(latest.schema));
    if (fields.length === 0 || path.steps.length === 0) return undefined;
    const found = fields.find((field) => samePath(field.path, path.steps));
    if (found !== undefined) return columnType(found);
    // A step into a list, a map or a union of several types: there may be something, the schema does not say of which type.
    const inside = fields.some(
      (field) =>
        field.path.length < path.steps.length &&
        samePath(field.path, path.steps.slice(0, field.path.length)) &&
        opens(field),
    );
    if (inside) return undefined;
    throw unknownField(topic, path, fields);
  }
}

function samePath(names: readonly string[], steps: readonly (string | number)[]): boolean {
  return names.length === steps.length && names.every((name, index) => name === steps[index]);
}

function opens(field: SchemaField): boolean {
  return field.kind === 'array' || field.kind === 'map' || field.kind === 'union' || field.recursive;
}

/** The column a field fits into without loss. Microseconds and days stay integers: a timestamp column counts milliseconds. */
function columnType(field: SchemaField): ColumnType {
  switch (field.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return 'integer';
    case 'long':
      return field.logicalType === 'timestamp-millis' || field.logicalType === 'local-timestamp-millis'
        ? 'timestamp'
        : 'integer';
    case 'float':
    case 'double':
      return 'real';
    case 'string':
    case 'enum':
    case 'bytes':
    case 'fixed':
      return 'text';
    default:
      return 'json';
  }
}

function unknownField(topic: string, path: FieldPath, fields: readonly SchemaField[]): AppError {
  const names = fields.map((field) => `${path.root}.${field.path.join('.')}`);
  const close = nearest(path.text, names);
  return new AppError({
    kind: 'unprocessable',
    code: 'unknown-field',
    message: `The schema of '${topic}-${path.root}' has no field ${path.text}.`,
    hint: close === undefined ? `Its fields: ${names.slice(0, 20).join(', ')}.` : `Did you mean ${close}?`,
    details: { topic, field: path.text },
  });
}
