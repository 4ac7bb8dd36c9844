import { z } from 'zod';

/** Query of `PATCH /v1/topics/{topic}/config`. */
export const alterConfigQuery = z.strictObject({
  validateOnly: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Only say whether the changes would be taken.'),
});
export type AlterConfigQuery = z.infer<typeof alterConfigQuery>;

/** Answer of `GET /v1/topics/{topic}/config`. */
export const topicConfigView = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      value: z.string().nullable().describe('What holds now; null where it is kept secret or unknown.'),
      default: z.string().nullable().describe('What would hold if it was set nowhere; null where that is not known.'),
      source: z
        .string()
        .describe('`DYNAMIC_TOPIC_CONFIG` where the topic itself says so; otherwise where the value comes from.'),
      documentation: z.string().nullable(),
    }),
  ),
});
export type TopicConfigView = z.infer<typeof topicConfigView>;

const offset = z.string().regex(/^(end|[0-9]{1,15})$/, 'must be an offset or end');

/** Body of `POST /v1/topics/{topic}:delete-records`. */
export const deleteRecordsBody = z
  .strictObject({
    positions: z
      .array(z.strictObject({ partition: z.int().min(0), offset: offset.describe('First offset that stays.') }))
      .min(1)
      .max(10_000)
      .optional()
      .describe('In these partitions.'),
    before: z
      .union([z.literal('end'), z.iso.datetime({ offset: true })])
      .optional()
      .describe('In all partitions: up to the first record of this time or later, or everything there is.'),
    dryRun: z.boolean().default(false).describe('Only count.'),
  })
  .refine(({ positions, before }) => (positions === undefined) !== (before === undefined), 'takes positions or before')
  .refine(
    ({ positions = [] }) => new Set(positions.map(({ partition }) => partition)).size === positions.length,
    'names a partition twice',
  );
export type DeleteRecordsBody = z.infer<typeof deleteRecordsBody>;

export const deletionView = z.object({
  dryRun: z.boolean(),
  offsets: z.string().describe('Offsets that are no longer readable, over all partitions.'),
  exact: z
    .boolean()
    .describe(
      'Whether each offset was a record. Compacted records, and on Kafka markers, count too where it is false.',
    ),
  partitions: z.array(
    z.object({
      partition: z.int(),
      startOffset: z.string().describe('First offset that could be read before.'),
      newStartOffset: z.string(),
      offsets: z.string(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
});
export type DeletionView = z.infer<typeof deletionView>;

/** Body of `POST /v1/topics/{topic}:add-partitions`. */
export const addPartitionsBody = z.strictObject({
  partitions: z.int().min(1).max(10_000).describe('How many there are then.'),
  keyPlacement: z
    .literal('may-change')
    .optional()
    .describe('Accepts that new records of a key may go to another partition than its earlier ones.'),
});
export type AddPartitionsBody = z.infer<typeof addPartitionsBody>;
