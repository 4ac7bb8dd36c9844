import { z } from 'zod';
import { REQUEST_STATES } from '#libs/core/change-requests';

/** Changes, names a plan rests on, and topics in one request: what the calls that apply plans take. */
const MAX_CHANGES = 10_000;
const MAX_BASES = 25_000;
const MAX_TOPICS = 1_000;
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
export const MAX_REQUEST_VALUES = 250_000;

const change = z
  .looseObject({ kind: z.string().max(50), subject: z.string().max(1_000) })
  .describe('As `POST /v1/schema-changes:plan` takes it.');
const basis = z.looseObject({ subject: z.string().max(1_000) }).describe('As that plan told it.');
const topic = z
  .looseObject({ name: z.string().min(1).max(249) })
  .describe('As `POST /v1/topic-changes:plan` takes it.');
const topicBasis = z.looseObject({ topic: z.string().max(249) }).describe('As that plan told it.');

const plan = {
  planHash: z.string().max(64).describe('Hash of the plan of schemas; empty where there is none.'),
  restsOn: z.array(basis).max(MAX_BASES),
  changes: z.array(change).max(MAX_CHANGES),
  topics: z.array(topic).max(MAX_TOPICS),
  topicsRestOn: z.array(topicBasis).max(MAX_TOPICS),
};

/** The long lists, to be parsed in turns with other requests. */
export const plansInTurns = {
  changes: { entry: change, min: 0, max: MAX_CHANGES },
  restsOn: { entry: basis, min: 0, max: MAX_BASES },
};

const note = z.string().max(2_000);

/** Body of `POST /v1/change-requests`. */
export const submitBody = z.strictObject({
  title: z.string().min(1).max(200),
  note: note.optional().describe('Why, for those who are to agree.'),
  ...plan,
});
export type SubmitBody = z.infer<typeof submitBody>;

/** Body of the commands. */
export const commandBody = z.strictObject({
  note: note.optional().describe('Kept with the step.'),
  dryRun: z.boolean().default(false).describe('Answer the request as it would be, or the refusal, and change nothing.'),
});
export type CommandBody = z.infer<typeof commandBody>;

/** Query of `GET /v1/change-requests`. */
export const listQuery = z.strictObject({
  state: z.enum(REQUEST_STATES).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  cursor: z.string().max(4_096).optional().describe('`next` of the page before.'),
});
export type ListQuery = z.infer<typeof listQuery>;

const step = z.object({ by: z.string(), at: z.string(), note: z.string().nullable() });

const request = {
  id: z.string(),
  state: z.enum(REQUEST_STATES),
  title: z.string(),
  submitted: step,
  decided: step.nullable().describe('Approval, rejection or withdrawal.'),
  applied: step.nullable(),
  subjects: z.array(z.string()).describe('Subjects that the plan changes.'),
  topics: z.array(z.string()).describe('Topics that the plan declares.'),
};

export const requestView = z.object(request);
export type RequestView = z.infer<typeof requestView>;

export const requestWithPlan = z.object({
  ...request,
  plan: z.object({
    planHash: z.string(),
    restsOn: z.array(z.record(z.string(), z.unknown())),
    changes: z.array(z.record(z.string(), z.unknown())),
    topics: z.array(z.record(z.string(), z.unknown())),
    topicsRestOn: z.array(z.record(z.string(), z.unknown())),
  }),
});
export type RequestWithPlan = z.infer<typeof requestWithPlan>;

export const requestPage = z.object({ items: z.array(requestView), next: z.string().nullable() });
export type RequestPage = z.infer<typeof requestPage>;
