import { z } from 'zod';
import { cutoverRequest, groupTranslation, verificationRequest, wholePlanShape } from '#libs/platform/http';

const expression = z.string().min(1).max(10_000);
const place = z.string().min(1).max(1_000);

const step = z
  .union([
    z.strictObject({ shape: expression.describe('The whole value anew, by a JSONata expression.') }),
    z.strictObject({ set: place, cel: expression.describe('A computed part, by a CEL expression.') }),
    z.strictObject({ remove: place }),
    z.strictObject({ rename: place, to: z.string().min(1).max(1_000) }),
    z.strictObject({ mask: place, with: z.enum(['redact', 'null', 'last4']).optional() }),
  ])
  .describe('Places are `value`, `value.address.zip`, `header.trace` and `timestamp`.');

/** Body of `POST /v1/migrations/plans`. */
export const migrationBody = z.strictObject({
  topic: z.string().min(1).max(249).optional().describe('This, or `topics`.'),
  topics: z
    .array(z.string().min(1).max(249))
    .min(2)
    .max(20)
    .optional()
    .describe('Several, to get the same form and to be switched in one step or not at all.'),
  transform: z
    .strictObject({
      up: z.array(step).max(50).optional().describe('From the present form to the new one, step by step.'),
      down: z
        .array(step)
        .max(50)
        .optional()
        .describe('Back again, which keeps rolling back possible. Follows by itself where `up` only renames.'),
      lossy: z
        .array(z.string().min(1).max(1_000))
        .max(100)
        .optional()
        .describe('Places that `down` need not restore: `/email`, `/items/*/note`, `header.trace`, `timestamp`.'),
    })
    .optional(),
  filter: expression.optional().describe('CEL: records for which it is not true are left out.'),
  key: z
    .strictObject({
      source: z
        .strictObject({ type: z.literal('raw').optional(), encoding: z.enum(['base64', 'text']).optional() })
        .optional()
        .describe('Keys are text or any bytes. By their schema or as JSON unless given.'),
      format: z.strictObject({
        type: z.enum(['json', 'raw', 'schema']).optional(),
        encoding: z.enum(['base64', 'text']).optional(),
        subject: z.string().min(1).max(1_000).optional().describe('`<topic>-key` unless given.'),
        schemaId: z.int().min(1).optional(),
        message: z.string().min(1).max(1_000).optional(),
      }),
    })
    .optional()
    .describe('Keys get another format, and records lie where that puts them.'),
  source: z
    .strictObject({
      type: z.literal('raw').optional(),
      encoding: z.enum(['base64', 'text']).optional().describe('`base64` unless given.'),
    })
    .optional()
    .describe('Values are any bytes: the transform sees them as a string. By their schema or as JSON unless given.'),
  format: z
    .strictObject({
      type: z
        .enum(['json', 'raw', 'schema'])
        .optional()
        .describe(
          '`json`: text that names no schema. `raw`: the bytes that a string stands for. `schema` unless given.',
        ),
      encoding: z.enum(['base64', 'text']).optional().describe('Of `raw`: what the string is; `base64` unless given.'),
      subject: z.string().min(1).max(1_000).optional().describe('`<topic>-value` unless given.'),
      schemaId: z.int().min(1).optional().describe('The latest schema of the subject unless given.'),
      message: z.string().min(1).max(1_000).optional().describe('Which Protobuf message; the first one unless given.'),
    })
    .optional()
    .describe('What values are written as; each with the schema it came with unless given.'),
  schemaIds: z
    .strictObject({
      from: z
        .strictObject({
          registry: z
            .string()
            .min(1)
            .max(200)
            .optional()
            .describe('One that the configuration names; ours unless given.'),
          context: z.string().min(1).max(200).optional().describe('`.` unless given.'),
        })
        .describe('Where the ids were given out that values name.'),
      to: z
        .strictObject({ context: z.string().min(1).max(200).optional() })
        .optional()
        .describe('A context of this registry; `.` unless given.'),
      register: z.boolean().optional().describe('Register what is not there, under the subjects it has at its source.'),
      strict: z
        .boolean()
        .optional()
        .describe('Values with an id that the source does not have are poison (default), or go on as they are.'),
      keys: z.boolean().optional().describe('Rewrite keys as well; each record lies where its new key belongs then.'),
    })
    .optional()
    .describe('Have values name the same schemas by the ids of another context: found by content.'),
  config: z
    .record(z.string(), z.string().nullable())
    .optional()
    .describe('Settings that the topic gets; null for the default.'),
  poison: z
    .strictObject({
      policy: z
        .enum(['fail', 'dlq', 'pass-through', 'park-by-key'])
        .optional()
        .describe('Records that cannot be migrated; `fail` unless given.'),
      leaveParked: z
        .boolean()
        .optional()
        .describe('With `park-by-key`: cut over although records are parked. They stay in their topic.'),
      maxCount: z.int().min(0).optional().describe('More of them stop the copy.'),
      maxRatio: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe('A larger part of them stops the copy, from 100 records on.'),
    })
    .optional(),
  verification: verificationRequest.optional().describe('`full`, which transforms every record anew, unless given.'),
  groups: z.strictObject({ mode: z.enum(['exact', 'drain', 'duplicates']).optional() }).optional(),
  cutover: cutoverRequest,
  reverseTail: z
    .boolean()
    .optional()
    .describe('Keep the old side current by `down` after the switch. On unless turned off, where there is a `down`.'),
});
export type MigrationBody = z.infer<typeof migrationBody>;

const count = z.number().nullable();
const object = z.record(z.string(), z.unknown());
const counts = z.record(z.string(), z.int());

const rehearsal = z.object({
  records: z.int(),
  same: z.int(),
  changed: z.int(),
  leftOut: z.int(),
  poison: counts.describe('Records that cannot be migrated, by class.'),
  unstable: z.int().describe('Records that came to something else the second time.'),
  wayBack: z.object({
    returned: z.int().describe('Records brought back by `down`.'),
    restored: z.int().describe('Of those, as they were, but for what may be lost.'),
    lossy: z.array(z.string()),
    lost: counts.describe('Records that lost something, by place.'),
    notReturned: counts,
  }),
});

/** A plan with what only a migration has to say. */
export const migrationPlanView = z.object({
  ...wholePlanShape,
  kind: z.literal('migration'),
  alsoOn: z.array(z.string()).describe('What else it would change, where it is of several topics.'),
  order: z.string(),
  rollback: z.string(),
  transform: object
    .nullable()
    .describe('`version` is its hash, which dead letters name. Null for several topics: see `impact.members`.'),
  rehearsal: rehearsal
    .nullable()
    .describe(
      'What became of a sample, each record transformed twice and brought back. Null for several topics: see `impact.members`.',
    ),
  translation: z.array(groupTranslation),
  readers: z
    .array(z.string())
    .describe('Views and derivations that read the topic; they follow the cutover by themselves.'),
  impact: object,
});
export type MigrationPlanView = z.infer<typeof migrationPlanView>;

/** Body of `POST /v1/migrations/{plan}/sample`. */
export const sampleBody = z.strictObject({
  topic: z.string().min(1).optional().describe('Of a plan of several topics: the one to look at.'),
  n: z.int().min(1).max(1_000).default(20).describe('Records to show, spread evenly over the topic.'),
  at: z
    .array(z.string().regex(/^\d{1,9}\/\d{1,15}$/, 'is not <partition>/<offset>'))
    .min(1)
    .max(100)
    .optional()
    .describe('Show the records at these places.'),
  from: z
    .string()
    .regex(/^\d{1,9}\/\d{1,15}$/, 'is not <partition>/<offset>')
    .optional()
    .describe('Show `n` records one after another from this place on: `0/0`, then `next` of the page before.'),
  perSchemaId: z.int().min(1).max(1_000).optional().describe('Most records of one schema.'),
});
export type SampleBody = z.infer<typeof sampleBody>;

const change = z.object({
  path: z.string().describe('JSON pointer into the value.'),
  op: z.enum(['add', 'remove', 'replace']),
  before: z.unknown(),
  after: z.unknown(),
});

/** Query of `POST /v1/migrations/{plan}/rehearsal`. */
export const rehearsalQuery = z.strictObject({
  topic: z
    .string()
    .min(1)
    .optional()
    .describe('Of a plan of several topics: the one to rehearse; all of them unless given.'),
});
export type RehearsalQuery = z.infer<typeof rehearsalQuery>;

/** Answer of `POST /v1/migrations/{plan}/rehearsal`. */
export const rehearsalPlanView = z.object({
  hash: z.string().describe('Start it with `POST /v1/operations`.'),
  kind: z.literal('migration-rehearsal'),
  subject: z.string(),
  migration: z.string().describe('Hash of the plan that is rehearsed.'),
  steps: z.array(z.string()),
  blockers: z.array(z.string()),
  estimates: z.object({ etaSeconds: count, pauseMs: count, records: count, bytes: count }),
  impact: object,
});
export type RehearsalPlanView = z.infer<typeof rehearsalPlanView>;

export const sampleView = z.object({
  planHash: z.string(),
  next: z.string().nullable().describe('`from` of the next page; null where there is none.'),
  rehearsal,
  records: z.array(
    z.object({
      partition: z.int(),
      offset: z.string(),
      schemaId: z.int().nullable(),
      outcome: z.enum(['same', 'changed', 'left-out', 'poison']),
      before: z.unknown(),
      after: z.unknown(),
      changes: z.array(change),
      otherParts: z.array(z.string()).describe('Headers and timestamp that become others.'),
      poison: z.string().nullable(),
      message: z.string().nullable(),
      deterministic: z.boolean(),
      lost: z.array(z.string()).nullable().describe('Places the way back does not restore; null without one.'),
    }),
  ),
});
export type SampleView = z.infer<typeof sampleView>;
