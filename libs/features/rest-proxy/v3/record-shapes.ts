import { z } from 'zod';

const data = z
  .strictObject({
    type: z.enum(['BINARY', 'JSON', 'STRING', 'AVRO', 'JSONSCHEMA', 'PROTOBUF']).optional(),
    subject: z.string().optional(),
    subject_name_strategy: z.enum(['TOPIC_NAME', 'RECORD_NAME', 'TOPIC_RECORD_NAME']).optional(),
    schema_id: z.int().optional(),
    schema_version: z.int().optional(),
    schema: z.string().optional(),
    data: z.json(),
  })
  .nullable();

export const recordBody = z.strictObject({
  partition_id: z.int().optional(),
  headers: z.array(z.strictObject({ name: z.string(), value: z.string().nullable().optional() })).optional(),
  key: data.optional(),
  value: data.optional(),
  timestamp: z.string().optional().describe('ISO 8601 with a zone.'),
});

const part = z.object({
  type: z.string(),
  subject: z.string().optional(),
  schema_id: z.int().optional(),
  schema_version: z.int().optional(),
  size: z.int().describe('Bytes; -1 for null.'),
});

const written = {
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  offset: z.int(),
  timestamp: z.string(),
  key: part.optional(),
  value: part.optional(),
};

export const recordResult = z
  .union([z.object({ error_code: z.literal(200), ...written }), z.object({ error_code: z.int(), message: z.string() })])
  .describe('One of these for each record, `\\r\\n` behind each.');

export const batchBody = z.strictObject({
  entries: z.array(recordBody.extend({ id: z.string() })),
});

export const batchResult = z.object({
  successes: z.array(z.object({ id: z.string(), ...written })),
  failures: z.array(z.object({ id: z.string(), error_code: z.int(), message: z.string() })),
});
