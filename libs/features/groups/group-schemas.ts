import { z } from 'zod';
import { pageQuery } from '#libs/platform/http';

/** Offsets in JSON are text: they outgrow what some readers hold in a number. */
export const offsetText = z.string().regex(/^[0-9]{1,16}$/, 'must be an offset as text, such as "120"');
export const topicName = z.string().min(1).max(249);
export const partitionNumber = z.int().min(0).max(100_000);
/** A time as epoch ms, or as ISO 8601 text; parsed to epoch ms. */
export const timestampMs = z.union([z.int(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]);

/** Body of `PUT /v1/groups/{group}/positions`. */
export const positionsBody = z.strictObject({
  positions: z
    .array(
      z.strictObject({
        topic: topicName,
        partition: partitionNumber,
        offset: offsetText.describe('Next offset to read.'),
        metadata: z.string().max(4_096).optional().describe('Note of the reader.'),
      }),
    )
    .min(1)
    .max(10_000),
});
export type PositionsBody = z.infer<typeof positionsBody>;

const groupState = z
  .enum(['EMPTY', 'PREPARING_REBALANCE', 'COMPLETING_REBALANCE', 'STABLE', 'DEAD'])
  .describe('EMPTY: positions and no members. STABLE: the members agreed and read.');

export const groupView = z.object({
  group: z.string(),
  state: groupState,
  generation: z
    .int()
    .nullable()
    .describe('Rises whenever the members agree anew; null where the cluster does not tell.'),
  strategy: z.string().nullable().describe('How the members share out partitions; null without members.'),
  members: z.array(
    z.object({
      memberId: z.string(),
      instanceId: z.string().nullable(),
      clientId: z.string(),
      host: z.string(),
      assignment: z.array(z.object({ topic: z.string(), generation: z.int(), partition: z.int() })),
    }),
  ),
  positions: z.array(
    z.object({
      topic: z.string(),
      generation: z.int(),
      partition: z.int(),
      offset: z.string(),
      endOffset: z.string().nullable(),
      lag: z.string().nullable().describe('Records between the position and the end; null when the topic is gone.'),
      topicDeletedAt: z
        .string()
        .nullable()
        .describe(
          'When the topic was deleted, while it is kept and can be restored: the group goes on from here then; null for one that is there.',
        ),
      lagSeconds: z
        .number()
        .nullable()
        .describe('Age of the first record not read, 0 at the end; null where it is not known.'),
      lagBasis: z
        .enum(['record-time', 'append-time'])
        .nullable()
        .describe(
          'Whose time that is: what the writer of the record said, or the time of its append where the topic stamps records with it.',
        ),
      metadata: z.string().optional(),
    }),
  ),
});
export type GroupView = z.infer<typeof groupView>;

export const groupList = z.object({
  items: z.array(z.object({ group: z.string(), state: groupState })),
  next: z.string().nullable(),
});
export type GroupList = z.infer<typeof groupList>;

export const listGroupsQuery = z.strictObject({
  state: groupState.optional().describe('Only groups in this state.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.string().max(4_096).optional(),
});
export type ListGroupsQuery = z.infer<typeof listGroupsQuery>;

/** A group with what it has not read of one topic. */
export const topicGroupView = z.object({
  group: z.string(),
  state: groupState,
  members: z.int().describe('Members it has now, whichever topics they read.'),
  lag: z.string().describe('Records it has not read, in all partitions it has a position in.'),
  lagSeconds: z
    .number()
    .nullable()
    .describe('Age of the oldest record not read, 0 at the end; null where it is not known.'),
});
export type TopicGroupView = z.infer<typeof topicGroupView>;

export const topicGroupList = z.object({ items: z.array(topicGroupView), next: z.string().nullable() });
export type TopicGroupList = z.infer<typeof topicGroupList>;

export const listTopicGroupsQuery = z.strictObject(pageQuery);
export type ListTopicGroupsQuery = z.infer<typeof listTopicGroupsQuery>;
