import { z } from 'zod';

/** Shapes of v2 for the OpenAPI document. */
export const brokers = z.object({ brokers: z.array(z.int()) });
export const topics = z.array(z.string());
export const partition = z.object({
  partition: z.int(),
  leader: z.int().nullable(),
  replicas: z.array(z.object({ broker: z.int(), leader: z.boolean(), in_sync: z.boolean() })),
});
export const partitions = z.array(partition);
export const topic = z.object({
  name: z.string(),
  configs: z.record(z.string(), z.string().nullable()),
  partitions,
});
export const offsets = z.object({ beginning_offset: z.int(), end_offset: z.int() });

export const produceBody = z.strictObject({
  records: z.array(
    z.strictObject({ key: z.json().optional(), value: z.json().optional(), partition: z.int().optional() }),
  ),
  key_schema: z.string().optional(),
  key_schema_id: z.int().optional(),
  value_schema: z.string().optional(),
  value_schema_id: z.int().optional(),
});
export const produced = z.object({
  offsets: z.array(
    z.object({
      partition: z.int().nullable(),
      offset: z.int().nullable(),
      error_code: z.int().nullable(),
      error: z.string().nullable(),
    }),
  ),
  key_schema_id: z.int().nullable(),
  value_schema_id: z.int().nullable(),
});

export const createConsumerBody = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  format: z.string().optional(),
  'auto.offset.reset': z.string().optional(),
  'auto.commit.enable': z.string().optional(),
  'fetch.min.bytes': z.string().optional(),
  'consumer.request.timeout.ms': z.string().optional(),
});
export const createdConsumer = z.object({ instance_id: z.string(), base_uri: z.string() });
export const subscriptionBody = z.strictObject({
  topics: z.array(z.string()).optional(),
  topic_pattern: z.string().optional(),
});
export const subscription = z.object({ topics: z.array(z.string()) });
const place = { topic: z.string(), partition: z.int() };
export const partitionsBody = z.strictObject({ partitions: z.array(z.strictObject(place)) });
export const assignment = z.object({ partitions: z.array(z.object(place)) });
export const commitBody = z.strictObject({
  offsets: z.array(z.strictObject({ ...place, offset: z.int(), metadata: z.string().optional() })).optional(),
});
export const committed = z.object({
  offsets: z.array(z.object({ ...place, offset: z.int(), metadata: z.string() })),
});
export const positionsBody = z.strictObject({
  offsets: z.array(z.strictObject({ ...place, offset: z.int(), metadata: z.string().optional() })).optional(),
  timestamps: z.array(z.strictObject({ ...place, timestamp: z.string(), metadata: z.string().optional() })).optional(),
});
export const records = z.array(
  z.object({ topic: z.string(), key: z.json(), value: z.json(), partition: z.int(), offset: z.int() }),
);
export const recordsQuery = z.object({ timeout: z.string().optional(), max_bytes: z.string().optional() });
