/** JSON Schemas of what commands print, in as few words as they take. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export const text: JsonSchema = { type: 'string' };
export const whole: JsonSchema = { type: 'integer' };
export const flag: JsonSchema = { type: 'boolean' };
export const anything: JsonSchema = {};

/** An object whose members are always there (2.5: keys never vanish); new ones may come. */
export function object(
  members: Readonly<Record<string, JsonSchema>>,
  /** Members that are there in some answers only. */
  sometimes: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return { type: 'object', required: Object.keys(members), properties: { ...members, ...sometimes } };
}

export function list(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

export function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

export function oneOf(...values: readonly (string | number | null)[]): JsonSchema {
  return { enum: values };
}

/** One of several shapes, as the options of the command decide. */
export function either(...schemas: readonly JsonSchema[]): JsonSchema {
  return { anyOf: schemas };
}
