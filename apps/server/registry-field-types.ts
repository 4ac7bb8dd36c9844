import { AppError, nearest, type JsonValue } from '#libs/core/kernel';
import { parseSubject, type Registry } from '#libs/core/registry';
import type { MessageField, PropertyField, SchemaField, SchemaFields } from '#libs/core/schema';
import { FieldTypes, parseColumnType, type FieldPath, type FieldType } from '#libs/core/streams';

/**
 * Types of columns from the latest schemas of a topic's subjects (`<topic>-key`, `<topic>-value`). Fields have the names that decoded values have: those of the
 * record in Avro, the properties of JSON Schema, the JSON names in Protobuf. A Protobuf value may be any message of its file, so a field is looked for in all of
 * them. Records that were written without a field have its default in Avro, its zero in proto3, and nothing in JSON Schema, whose defaults are remarks. What a JSON Schema does not declare may be there nevertheless, and has no type.
 */
export class RegistryFieldTypes extends FieldTypes {
  constructor(private readonly registry: Registry) {
    super();
  }

  async typeOf(topic: string, path: FieldPath): Promise<FieldType | undefined> {
    const structures = await this.#structures(topic, path);
    if (structures === undefined) return undefined;
    if (path.steps.length === 0) return { type: 'json' };
    const found = structures.map((structure) => typeAt(structure, path)).filter((type) => type !== 'unknown');
    if (found.length === 0) {
      throw unknownField(
        structures.flatMap(({ fields }) => fields),
        path,
        valuesOf(topic, path),
        topic,
      );
    }
    if (!found.every((type) => isSame(type, found[0]))) return undefined;
    // Of several messages some are written without the field because they have none.
    return structures.length === 1 && path.steps.length === 1 ? found[0] : withoutDefault(found[0]);
  }

  async membersOf(topic: string, path: FieldPath): Promise<ReadonlyMap<string, FieldType> | undefined> {
    const structures = await this.#structures(topic, path);
    // Of several messages nobody knows which one is meant.
    const [structure] = structures ?? [];
    if (structure === undefined || structures!.length > 1) return undefined;
    if (path.steps.length > 0 && typeAt(structure, path) === 'unknown')
      throw unknownField(structure.fields, path, valuesOf(topic, path), topic);
    const members = new Map<string, FieldType>();
    for (const field of structure.fields) {
      const name = field.path.at(-1)!;
      if (field.path.length !== path.steps.length + 1 || !same(field.path.slice(0, -1), path.steps)) continue;
      const column = field.column ?? { type: 'json' };
      members.set(name, path.steps.length === 0 ? column : withoutDefault(column)!);
    }
    return members.size === 0 ? undefined : members;
  }

  /** What a value can be; undefined when there is no schema, or one that says nothing about columns: the whole of a record or message is JSON. */
  async #structures(topic: string, path: FieldPath): Promise<readonly Structure[] | undefined> {
    const latest = await this.registry.latest(parseSubject(`${topic}-${path.root}`));
    if (latest === undefined) return undefined;
    const structures = structuresOf(await this.registry.fields(latest.schema));
    return structures.every(({ fields }) => fields.length === 0) ? undefined : structures;
  }
}

/**
 * Demands that values of a schema may have a field. A schema that says nothing of fields may have any.
 * @param whose are the values, for people.
 * @throws `unknown-field`, with what is near.
 */
export function demandField(declared: SchemaFields, path: FieldPath, whose: string, topic: string): void {
  const structures = structuresOf(declared);
  const listed = structures.flatMap(({ fields }) => fields);
  if (path.steps.length === 0 || listed.length === 0) return;
  if (structures.every((structure) => typeAt(structure, path) === 'unknown'))
    throw unknownField(listed, path, whose, topic);
}

/** What a record is without an object around a field only the object could say: the default of the field is none of that. */
function withoutDefault(type: FieldType | undefined): FieldType | undefined {
  if (type?.default === undefined) return type;
  return type.reading === undefined ? { type: type.type } : { type: type.type, reading: type.reading };
}

function isSame(one: FieldType | undefined, other: FieldType | undefined): boolean {
  return one?.type === other?.type && one?.reading === other?.reading;
}

/** A field and the column it makes; without one where its values are no single thing. */
interface TypedField {
  readonly path: readonly string[];
  readonly column: FieldType | undefined;
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
        column: withDefault(avroColumn(field), field.defaultValue),
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
          column: withDefault(protobufColumn(field), absentIn(field)),
          listed: field.kind === 'message' && !field.repeated && !field.recursive,
          open: false,
        })),
        open: false,
      }));
  }
}

/** `unknown` where there is no such field; undefined inside lists, maps and unions, which have no one type in the schema. */
function typeAt(structure: Structure, path: FieldPath): FieldType | undefined | 'unknown' {
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

function avroColumn(field: SchemaField): FieldType {
  switch (field.kind) {
    case 'boolean':
      return { type: 'boolean' };
    case 'int':
    case 'long':
      return avroNumber(field);
    case 'float':
    case 'double':
      return { type: 'real' };
    case 'bytes':
    case 'fixed':
      return field.logicalType === 'decimal' ? avroDecimal(field) : { type: 'bytes' };
    case 'record':
    case 'array':
    case 'map':
    case 'union':
      return { type: 'json' };
    default:
      return { type: field.logicalType === 'uuid' ? 'uuid' : 'text' };
  }
}

function avroNumber({ logicalType }: SchemaField): FieldType {
  switch (logicalType) {
    case 'date':
      return { type: 'date' };
    case 'time-millis':
      return { type: 'time', reading: 'millis' };
    case 'time-micros':
      return { type: 'time' };
    case 'timestamp-millis':
    case 'local-timestamp-millis':
      return { type: 'timestamp' };
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return { type: 'timestamp_us' };
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return { type: 'timestamp_us', reading: 'nanos' };
    default:
      return { type: 'integer' };
  }
}

/** One with more digits than a number of a table has is kept as text. */
function avroDecimal({ precision, scale }: SchemaField): FieldType {
  const reading = `unscaled(${scale ?? 0})` as const;
  return { type: parseColumnType(`decimal(${precision ?? 0},${scale ?? 0})`) ?? 'decimal', reading };
}

function jsonColumn(field: PropertyField): FieldType | undefined {
  switch (field.kind) {
    case 'boolean':
    case 'integer':
    case 'timestamp':
    case 'date':
      return { type: field.kind };
    case 'number':
      return { type: 'real' };
    case 'string':
      return { type: 'text' };
    case 'array':
    case 'object':
      return { type: 'json' };
    case 'any':
      return undefined;
  }
}

/** Null is what there is without a default. */
function withDefault(type: FieldType, value: JsonValue | undefined): FieldType {
  return value === undefined || value === null ? type : { ...type, default: value };
}

/** What a message has that was written without a field; undefined where it is left out. */
function absentIn({ kind, repeated, implicit, symbols }: MessageField): JsonValue | undefined {
  if (repeated) return [];
  if (kind === 'map') return {};
  if (!implicit) return undefined;
  switch (kind) {
    case 'bool':
      return false;
    case 'string':
    case 'bytes':
      return '';
    case 'enum':
      return symbols?.[0];
    default:
      return 0;
  }
}

function protobufColumn(field: MessageField): FieldType {
  if (field.repeated) return { type: 'json' };
  switch (field.kind) {
    case 'bool':
      return { type: 'boolean' };
    case 'float':
    case 'double':
      return { type: 'real' };
    case 'timestamp':
      return { type: 'timestamp' };
    case 'uint64':
    case 'fixed64':
      // The upper half does not fit the integers of a table.
      return { type: 'decimal' };
    case 'bytes':
      return { type: 'bytes' };
    case 'string':
    case 'enum':
    case 'duration':
      return { type: 'text' };
    case 'message':
    case 'map':
    case 'json':
      return { type: 'json' };
    default:
      return { type: 'integer' };
  }
}

/** Who has no such field: what people call the values, or keys, of a topic. */
const valuesOf = (topic: string, { root }: FieldPath): string => `The ${root}s of '${topic}'`;

function unknownField(fields: readonly TypedField[], path: FieldPath, whose: string, topic: string): AppError {
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
    message: `${whose} have no field '${path.text}'.`,
    hint:
      close === undefined
        ? `Fields there: ${[...new Set(siblings)].slice(0, 20).join(', ')}.`
        : `Did you mean '${close}'?`,
    details: { topic, field: path.text },
  });
}
