import { z } from 'zod';
import { cutoverRequest, groupTranslation, verificationRequest, wholePlanShape } from '#libs/platform/http';
import { MAX_TOGETHER } from '#libs/core/streams';

const base = z
  .enum(['murmur2', 'crc32', 'fnv1a'])
  .optional()
  .describe('How all other keys are placed; `murmur2` unless given.');
const keyText = z.string().describe('A key as text, or `base64:` and its bytes.');
const partitionNumber = z.int().min(0).max(999_999);

/** How keys are placed, as a request gives it and a plan suggests it. */
export const partitionerSchema = z.union([
  z.enum(['murmur2', 'crc32', 'fnv1a']),
  z.strictObject({
    kind: z.literal('salted'),
    base,
    keys: z.array(keyText).min(1).max(1_000).describe('Heavy keys; their records have no order between partitions.'),
    salts: z.int().min(2).max(1_000_000).describe('Partitions that each of the keys lies in.'),
  }),
  z.strictObject({
    kind: z.literal('custom'),
    base,
    keys: z
      .array(z.strictObject({ key: keyText, partition: partitionNumber }))
      .max(1_000)
      .optional(),
    ranges: z
      .array(
        z.strictObject({
          from: keyText.optional().describe('First key of the range, byte by byte; from the first one unless given.'),
          until: keyText.optional().describe('First key behind it; to the last one unless given.'),
          partitions: z.array(partitionNumber).min(1).max(1_000).describe('Its keys lie in these, by their hash.'),
        }),
      )
      .max(1_000)
      .optional()
      .describe('They must not overlap; a named key counts before a range.'),
  }),
]);

const noKey = z.enum(['fail', 'drop', 'dlq', 'keep-key']);

/** Body of `POST /v1/repartitions/plans`. */
export const repartitionBody = z.strictObject({
  topic: z.string().min(1).max(249).optional().describe('This, or `topics`.'),
  topics: z
    .array(z.string().min(1).max(249))
    .min(2)
    .max(MAX_TOGETHER)
    .refine((names) => new Set(names).size === names.length, 'names a topic twice')
    .optional()
    .describe('Topics that belong together: one operation, and all of them are switched in one step or none is.'),
  target: z
    .strictObject({
      partitions: z.int().min(1).max(1_000_000).optional().describe('As many as there are unless given.'),
      key: z
        .strictObject({
          expr: z
            .string()
            .min(1)
            .max(1_000)
            .describe('Where the new key comes from: `value.origin`, `header.tenant`, `value.a + "-" + value.b`.'),
          semantics: z
            .enum(['stream', 'table'])
            .optional()
            .describe('`table`: a row that changes its new key leaves a tombstone under the one it had.'),
          onMissing: noKey.optional().describe('Records the expression has no answer for; `fail` unless given.'),
          tombstones: noKey
            .optional()
            .describe('Records without a value; `keep-key` unless given. Not for tables, where they end rows.'),
          shared: z
            .enum(['fail', 'newest'])
            .optional()
            .describe('Tables: rows with one new key switch nothing (`fail`), or the one written last is shown.'),
          back: z
            .string()
            .min(1)
            .max(1_000)
            .optional()
            .describe('Tables: gives the present key of a row, so that the way back brings along what was written.'),
        })
        .optional(),
      partitioner: partitionerSchema.optional().describe('How keys are placed; as they are now unless given.'),
    })
    .optional(),
  nullKeys: z.enum(['spread', 'drop', 'dlq', 'fail']).optional().describe('Records without a key.'),
  orderMerge: z
    .enum(['none', 'timestamp'])
    .optional()
    .describe('`timestamp`: records of different source partitions come in the order of their times.'),
  mergeIdleMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .optional()
    .describe('How long a merge waits for a partition that has nothing new; 5,000 unless given.'),
  verification: verificationRequest.optional(),
  groups: z
    .strictObject({
      only: z
        .array(z.string().min(1).max(249))
        .max(1_000)
        .optional()
        .describe(
          'Groups that come along, by name; all that keep positions on the topic unless given. The others begin anew after the switch, and where they stood on the old side stays as it was.',
        ),
      mode: z
        .enum(['exact', 'drain', 'duplicates'])
        .optional()
        .describe(
          'Groups whose positions have no exact translation: refuse, wait for them, or let them repeat records.',
        ),
    })
    .optional(),
  cutover: cutoverRequest,
  reverseTail: z.boolean().optional().describe('Keep the old side current after the switch. On unless turned off.'),
});
export type RepartitionBody = z.infer<typeof repartitionBody>;

const object = z.record(z.string(), z.unknown());

/** A plan with what only a repartition has to say. */
export const repartitionPlanView = z.object({
  ...wholePlanShape,
  kind: z.literal('repartition'),
  alsoOn: z.array(z.string()).describe('What else it would change, where it is of several topics.'),
  order: z.string().describe('What is promised of the order of records.'),
  rollback: z.string(),
  profile: object.describe('What the topic is like; of several topics, by name.'),
  skew: z.object({ before: z.number(), after: z.number(), lowerBound: z.number() }),
  suggestion: z
    .object({ partitioner: partitionerSchema })
    .nullable()
    .describe('A partitioner that would spread the keys which are too heavy; null where none are, or none can.'),
  translation: z.array(groupTranslation),
  readers: z
    .array(z.string())
    .describe('Views and derivations that read the topic; they follow the cutover by themselves.'),
  coPartitioned: z
    .array(z.object({ topic: z.string(), through: z.array(z.string()) }))
    .describe(
      'Topics with as many partitions and keys placed alike that are read together with this one, and by whom.',
    ),
  impact: object,
});
export type RepartitionPlanView = z.infer<typeof repartitionPlanView>;
