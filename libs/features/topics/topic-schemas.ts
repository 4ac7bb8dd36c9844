import { z } from 'zod';

/** Body of `POST /v1/topics`. */
export const createTopicBody = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(249)
    .describe('Logical name: 1 to 249 characters of a-z, A-Z, 0-9, dot, underscore, hyphen.'),
  partitions: z.int().min(1).max(10_000).default(1).describe('Number of partitions.'),
  config: z
    .record(z.string().max(100), z.string().max(1_000))
    .default({})
    .describe('Settings by their Kafka names, values as text.'),
});
export type CreateTopicBody = z.infer<typeof createTopicBody>;

/** Body of `PATCH /v1/topics/{topic}/config`. */
export const alterConfigBody = z
  .record(z.string().max(100), z.union([z.string().max(1_000), z.null()]))
  .refine((changes) => Object.keys(changes).length > 0, 'names no setting')
  .describe('Setting to its new value, or to null to return to the default.');

/** A flag in a query: `?force=true`. */
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

/** Query of `DELETE /v1/topics/{topic}`. */
export const deleteTopicQuery = z.strictObject({
  permanent: flag.describe('Delete for good instead of keeping the topic for `topics.deletedRetentionMs`.'),
  force: flag.describe('Delete although views or derivations depend on it; they fail until it is restored.'),
  dryRun: flag.describe('Only say what would go, or why it is refused.'),
});
export type DeleteTopicQuery = z.infer<typeof deleteTopicQuery>;

/** What went with a topic, or would. */
export const deletedTopicView = z.object({
  name: z.string(),
  oldNameOf: z.string().nullable().describe('The topic that this old name led to; the name is all that goes.'),
  records: z
    .string()
    .nullable()
    .describe(
      'How many records go. Null where that is not known: a repetition after a crash, a topic one of whose partitions no broker leads.',
    ),
  permanent: z.boolean().describe('Whether it was asked to be gone for good.'),
  purgeAt: z.string().nullable().describe('Until when `:restore` brings it back. Null where nothing does.'),
  dryRun: z.boolean(),
});
export type DeletedTopicView = z.infer<typeof deletedTopicView>;

/** Query of `POST /v1/topics/{topic}:<command>`. */
export const topicCommandQuery = z.strictObject({
  dryRun: flag.describe('Only say what the topic would be, or why the change is refused.'),
});
export type TopicCommandQuery = z.infer<typeof topicCommandQuery>;

/** Query of `GET /v1/topics`. */
export const listTopicsQuery = z.strictObject({
  deleted: flag.describe('The topics that were deleted and can be restored, instead of those that are there.'),
  q: z.string().max(249).optional().describe('Only topics whose name contains this text.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.string().max(4_096).optional().describe('`next` of the page before.'),
});
export type ListTopicsQuery = z.infer<typeof listTopicsQuery>;

const partitionView = z.object({
  partition: z.int(),
  startOffset: z
    .string()
    .nullable()
    .describe('First offset that can be read; null while no broker leads the partition.'),
  endOffset: z
    .string()
    .nullable()
    .describe('Offset the next record will get; null while no broker leads the partition.'),
  sizeBytes: z.int().nullable(),
  health: z
    .enum(['ok', 'degraded', 'leaderless'])
    .describe(
      '`degraded`: it is damaged, and read up to there. `leaderless`: none of its brokers can lead it, so that it is neither read nor written.',
    ),
});

/** A topic as the native API shows it. Offsets are strings. */
export const topicView = z.object({
  name: z.string(),
  cluster: z.string(),
  id: z.string(),
  generation: z.int().describe('Rises with each repartition or migration of the topic.'),
  state: z.enum(['ACTIVE', 'FENCED', 'BROWNED_OUT', 'RETIRED']),
  protected: z.boolean().describe('Deleting it, or records of it, is refused.'),
  frozen: z.boolean().describe('Takes no records until it is unfrozen.'),
  deletedAt: z.string().nullable().describe('When it was deleted; null for a topic that is there.'),
  purgeAt: z.string().nullable().describe('When it is deleted for good unless it is restored before.'),
  partitionCount: z.int(),
  partitioner: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .describe('How the keys of new records are placed. Who chooses partitions itself has to do the same.'),
  keyExpression: z
    .string()
    .nullable()
    .describe('Where the keys of new records come from since a repartition; null: from their writers.'),
  records: z
    .string()
    .nullable()
    .describe(
      'End minus start offsets over all partitions; compacted records and transaction markers count. Null while no broker leads one of them.',
    ),
  sizeBytes: z.int().nullable(),
  createdAt: z.string().nullable(),
  config: z.record(z.string(), z.string()),
  oldNames: z.array(z.string()).describe('Names that lead to it since it was renamed; deleting one gives it up.'),
  partitions: z.array(partitionView),
});
export type TopicView = z.infer<typeof topicView>;

/** An entry of the list: the same without old names and partitions. */
export const topicSummary = topicView.omit({ oldNames: true, partitions: true });
export type TopicSummary = z.infer<typeof topicSummary>;

export const topicPage = z.object({ items: z.array(topicSummary), next: z.string().nullable() });
export type TopicPage = z.infer<typeof topicPage>;
