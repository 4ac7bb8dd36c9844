import { z } from 'zod';

/** Answer of `POST …/records`. */
export const producedView = z.object({
  results: z.array(
    z.union([
      z.object({ partition: z.int(), offset: z.string() }),
      z.object({ error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }) }),
    ]),
  ),
  failed: z.int().describe('How many of the results are errors.'),
  durability: z.enum(['durable', 'buffered', 'none']).nullable().describe('Level the acknowledged records reached.'),
  token: z.string().nullable().describe('Pass it to a view as `at-least` to read what was written here.'),
});
export type ProducedView = z.infer<typeof producedView>;

const part = z.enum(['schema', 'json', 'text', 'binary', 'none']);
/** Answer of `GET …/records`. */
export const recordsView = z.object({
  records: z.array(
    z.object({
      partition: z.int(),
      offset: z.string(),
      timestamp: z.int(),
      key: z.json(),
      keyFormat: part,
      keySchemaId: z.int().optional(),
      keyMessage: z.string().optional().describe('Protobuf: full name of the message.'),
      value: z.json(),
      valueFormat: part,
      valueSchemaId: z.int().optional(),
      valueMessage: z.string().optional(),
      headers: z.array(z.object({ key: z.string(), value: z.json() })),
      error: z.string().optional(),
    }),
  ),
  next: z.string().describe('Cursor of the next page.'),
  atEnd: z.boolean().describe('Whether the answer reaches the present end of every partition.'),
});
export type RecordsView = z.infer<typeof recordsView>;
