import { z } from 'zod';
import { REGISTRY_EVENTS } from '#libs/core/registry';
import { DEFAULT_PAGE, MAX_PAGE } from '#libs/platform/http';
import { config, registrationPolicy, schemaType, time } from './shapes.js';

/** Query of `GET /v1/schema-events`. */
export const eventsQuery = z.strictObject({
  cursor: z.string().max(200).optional().describe('`next` of the page before.'),
  from: z
    .enum(['oldest', 'now'])
    .default('oldest')
    .describe('Without a cursor: from the oldest event that is kept, or from now on.'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE).describe('Most events in the answer.'),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(30_000)
    .default(0)
    .describe('Longest wait in ms for an event, where there is none.'),
});
export type EventsQuery = z.infer<typeof eventsQuery>;

/** An event in the form of CloudEvents 1.0. */
export const eventView = z.object({
  specversion: z.literal('1.0'),
  id: z.string().describe('Place in the feed; a stream resumes after it.'),
  source: z.literal('/v1/schema-events'),
  type: z.enum(REGISTRY_EVENTS.map((type) => `weir.registry.${type}` as const)),
  subject: z.string().describe('Qualified; `:.ctx:` is a context as a whole, empty the default one.'),
  time,
  datacontenttype: z.literal('application/json'),
  data: z.object({
    revision: z.int().describe('What one change did has one revision; revisions rise by one.'),
    version: z.int().nullable(),
    id: z.int().nullable(),
    guid: z.string().nullable(),
    schemaType: schemaType.nullable(),
    config: config.loose().nullable().optional().describe('Of `config-set`: all that is stored from then on.'),
    mode: z.string().nullable().optional().describe('Of `mode-set`.'),
    association: z
      .object({
        resourceName: z.string(),
        resourceNamespace: z.string(),
        resourceId: z.string(),
        resourceType: z.string(),
        associationType: z.string(),
        lifecycle: z.string(),
        frozen: z.boolean(),
      })
      .optional()
      .describe(
        'Of `association-set`: what the subject has from then on; of `association-removed`: what it lost, as it was.',
      ),
    policy: registrationPolicy.nullable().optional().describe('Of `registration-set`.'),
  }),
});
export type EventView = z.infer<typeof eventView>;

export const eventsPage = z.object({
  items: z.array(eventView),
  next: z.string().describe('Where to go on, now or later: never null, the feed has no end.'),
  caughtUp: z.boolean().describe('Whether this was all there was.'),
});
export type EventsView = z.infer<typeof eventsPage>;
