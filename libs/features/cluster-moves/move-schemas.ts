import { z } from 'zod';
import { cutoverRequest, groupTranslation, verificationRequest, wholePlanShape } from '#libs/platform/http';

/** Most topics in one request: each is looked at. */
export const MAX_MOVED_TOPICS = 100;

/** Body of `POST /v1/moves/plans`. */
export const moveBody = z.strictObject({
  topics: z
    .array(z.string().min(1).max(249))
    .min(1)
    .max(MAX_MOVED_TOPICS)
    .refine((names) => new Set(names).size === names.length, 'names a topic twice')
    .describe('One plan is made for each, in this order.'),
  to: z.string().min(1).max(249).optional().describe('Name of the cluster that the topics go to.'),
  name: z
    .string()
    .min(1)
    .max(249)
    .optional()
    .describe(
      'In the place of `to`: the name that the only topic gets in the cluster it is in. The old one leads to it.',
    ),
  together: z
    .boolean()
    .optional()
    .describe('One plan more, of 2 to 20 topics in one operation: all of them are switched in one step or none is.'),
  verification: verificationRequest.optional(),
  cutover: cutoverRequest,
  reverseTail: z
    .boolean()
    .optional()
    .describe('Keep the copy that is left behind current after the switch. On unless turned off.'),
});
export type MoveBody = z.infer<typeof moveBody>;

const object = z.record(z.string(), z.unknown());

const movePlanView = z.object({
  ...wholePlanShape,
  kind: z.literal('move'),
  topic: z.string(),
  name: z.string().nullable().describe('The name it gets; null where it keeps its own.'),
  order: z.string().describe('What is promised of the order of records.'),
  rollback: z.string(),
  from: z.object({ cluster: z.string(), physical: z.string(), partitions: z.int() }),
  to: z.object({ cluster: z.string(), physical: z.string(), partitions: z.int() }),
  config: object.describe('Settings the topic has in the other cluster.'),
  profile: object,
  translation: z.array(groupTranslation),
  readers: z.array(z.string()).describe('Views and derivations that read the topic; they follow it.'),
});
export type MovePlanView = z.infer<typeof movePlanView>;

const joinedMovePlanView = movePlanView.omit({ topic: true, name: true, from: true, to: true, config: true }).extend({
  alsoOn: z.array(z.string()).describe('What else it would change.'),
  topics: z.array(z.string()),
  profile: object.describe('What each topic is like, by name.'),
});
export type JoinedMovePlanView = z.infer<typeof joinedMovePlanView>;

/** Plans in the order of the topics that were asked for. */
export const movePlansView = z.object({
  plans: z.array(movePlanView).describe('One of each topic by itself.'),
  together: joinedMovePlanView.nullable().describe('The one of all, where it was asked for.'),
});
export type MovePlansView = z.infer<typeof movePlansView>;
