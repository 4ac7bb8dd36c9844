import { z } from 'zod';

/** Topics in one set. */
const MAX_TOPICS = 1_000;

const name = z.string().min(1).max(249).describe('Logical name.');

const declared = z.strictObject({
  name,
  partitions: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Left out: one for a new topic, else as many as there are. Another number than there are is refused.'),
  config: z
    .record(z.string().max(100), z.string().max(1_000))
    .default({})
    .describe('Settings by their Kafka names, values as text. Those that are not named stay as they are.'),
  protected: z.boolean().optional().describe('Left out: as it is.'),
});

const topics = z
  .array(declared)
  .min(1)
  .max(MAX_TOPICS)
  .refine((all) => new Set(all.map((one) => one.name)).size === all.length, 'names a topic twice');

const basis = z.strictObject({
  topic: name,
  partitions: z.int().nullable().describe('Null where it was not there.'),
  digest: z.string().max(64).describe('Of partitions, settings and protection.'),
});

/** Body of `POST /v1/topic-changes:plan`. */
export const topicsPlanBody = z.strictObject({ topics });
export type TopicsPlanBody = z.infer<typeof topicsPlanBody>;

/** Body of `POST /v1/topic-changes:apply`. */
export const topicsApplyBody = z.strictObject({
  topics,
  restsOn: z.array(basis).max(MAX_TOPICS).describe('As the plan told it.'),
});
export type TopicsApplyBody = z.infer<typeof topicsApplyBody>;

/** Query of `POST /v1/topic-changes:apply`. */
export const topicsApplyQuery = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Only say whether it would be done: the same refusals, and the answer is the plan.'),
});
export type TopicsApplyQuery = z.infer<typeof topicsApplyQuery>;

const refusal = z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() });

const outcome = z.object({
  topic: z.string(),
  outcome: z
    .enum(['new', 'set', 'unchanged', 'refused', 'failed', 'not-tried'])
    .describe(
      '`failed`: it was tried and is not done, or not wholly; `not-tried`: an earlier one failed. Applying again goes on.',
    ),
  partitions: z.int(),
  settings: z.array(
    z.object({
      name: z.string(),
      before: z.string().nullable().describe('As the topic itself says; null where it does not.'),
      after: z.string(),
    }),
  ),
  protect: z.boolean().nullable().describe('What the protection is set to; null where it stays.'),
  refusal: refusal.nullable(),
});

export const topicsPlanView = z.object({
  verdict: z.enum(['ok', 'blocked']),
  blockers: z.array(z.string()),
  restsOn: z.array(basis),
  topics: z.array(outcome).describe('In the order that was sent.'),
});
export type TopicsPlanView = z.infer<typeof topicsPlanView>;

export const topicsAppliedView = z.object({
  complete: z.boolean().describe('Whether nothing failed.'),
  topics: z.array(outcome),
});
export type TopicsAppliedView = z.infer<typeof topicsAppliedView>;
