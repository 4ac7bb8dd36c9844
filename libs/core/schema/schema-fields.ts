import { recordFields, type SchemaField } from './avro/fields.js';
import type { ParsedSchema } from './format.js';
import { propertyFields, type ObjectShape } from './json-schema/fields.js';
import { messageFields, type MessageField } from './protobuf/fields.js';
import type { StepBudget } from './step-budget.js';

/** What values of a schema have for fields, as each language tells it. Plain data. */
export type SchemaFields =
  /** None for a schema that is no record. */
  | { readonly type: 'AVRO'; readonly fields: readonly SchemaField[] }
  /** Null for a schema of anything but objects. */
  | { readonly type: 'JSON'; readonly shape: ObjectShape | null }
  /** By the full name of each message at the level of the file. */
  | { readonly type: 'PROTOBUF'; readonly messages: ReadonlyMap<string, readonly MessageField[]> };

/** @throws `schema-too-complex` when the steps end first. */
export function schemaFields(schema: ParsedSchema, steps?: StepBudget): SchemaFields {
  switch (schema.type) {
    case 'AVRO':
      return { type: 'AVRO', fields: recordFields(schema, steps) };
    case 'JSON':
      return { type: 'JSON', shape: propertyFields(schema, steps) ?? null };
    case 'PROTOBUF':
      return { type: 'PROTOBUF', messages: messageFields(schema, steps) };
  }
}
