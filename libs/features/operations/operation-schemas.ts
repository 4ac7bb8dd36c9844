import { z } from 'zod';
import { COMMANDS, PHASES } from '#libs/core/operations';
import { pageQuery } from '#libs/platform/http';

const STATES = [...PHASES, 'PAUSED', 'BLOCKED', 'FAILED'] as const;

const limit = (what: string) =>
  z.number().min(1).max(Number.MAX_SAFE_INTEGER).nullable().optional().describe(`${what}; null for no limit.`);

/** Body of `:throttle`, and part of the start: members that are left out stay as they are. */
export const throttleBody = z.strictObject({
  recordsPerSecond: limit('Records per second'),
  bytesPerSecond: limit('Bytes per second'),
  maxGroupLagMs: limit('Rest while a group that reads the source is further behind, in ms'),
  maxProduceMs: z
    .union([z.number().min(1).max(60_000), z.literal('auto')])
    .nullable()
    .optional()
    .describe(
      'Do less at once so that of a hundred writes no more than one takes longer, in ms; `auto`: than twice what it takes while no operation works, or 2 ms more; null for no limit.',
    ),
});
export type ThrottleBody = z.infer<typeof throttleBody>;

/** Body of `POST /v1/operations`. */
export const startBody = z.strictObject({
  planHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not the hash of a plan: 64 hexadecimal digits')
    .describe('`hash` of a plan.'),
  throttle: throttleBody.optional(),
});
export type StartBody = z.infer<typeof startBody>;

/** Query of `GET /v1/operations`. */
export const listQuery = z.strictObject({
  kind: z.string().max(100).optional().describe('Only operations of this kind, e.g. `repartition`.'),
  topic: z.string().max(400).optional().describe('Only operations on this topic; `cluster/topic` for another cluster.'),
  subject: z.string().max(400).optional().describe('Only operations on this subject, e.g. `view:flights`.'),
  state: z.enum(STATES).optional().describe('Only operations in this state.'),
  live: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('Only operations that are not over, or only those that are.'),
  mine: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('Only operations that the caller has started.'),
  ...pageQuery,
});
export type ListQuery = z.infer<typeof listQuery>;

/** Query of the history. */
export const historyQuery = z.strictObject({ ...pageQuery });
export type HistoryQuery = z.infer<typeof historyQuery>;

const json = z.unknown();
const object = z.record(z.string(), json);
const time = z.string().describe('ISO 8601, UTC.');
const count = z.number().nullable();

export const planView = z.object({
  hash: z.string(),
  kind: z.string(),
  subject: z.string().describe('What it changes; one live operation at a time has it.'),
  alsoOn: z.array(z.string()).describe('What else it would change.'),
  steps: z.array(z.string()),
  impact: object,
  risks: z.array(z.string()),
  blockers: z.array(z.string()).describe('A plan with blockers cannot be started.'),
  estimates: z.object({ etaSeconds: count, pauseMs: count, records: count, bytes: count }),
  parameters: object,
  controls: object,
  fingerprint: object.describe('What the plan relied on; compared at the start.'),
  createdBy: z.string(),
  createdAt: time,
});
export type PlanView = z.infer<typeof planView>;

const limits = z.object({
  recordsPerSecond: count,
  bytesPerSecond: count,
  maxGroupLagMs: count,
  maxProduceMs: z.union([z.number(), z.literal('auto')]).nullable(),
});

export const operationView = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  alsoOn: z.array(z.string()).describe('What else it changes and has to itself.'),
  state: z.enum(STATES).describe('What holds it, otherwise its phase.'),
  phase: z.enum(PHASES),
  phaseSince: time,
  reason: z.string().nullable(),
  intent: z.enum(['cancel', 'finish']).nullable().describe('Asked for and not done yet.'),
  nextAction: z.string().nullable().describe('What a person can do to move it on; null when it needs nobody.'),
  commands: z.array(z.enum(COMMANDS)).describe('Commands that are possible now.'),
  planHash: z.string(),
  revision: z.int(),
  generation: json,
  createdBy: z.string(),
  startReason: z.string().nullable().describe('Why, in the words of whoever started it (`X-Weir-Reason`).'),
  createdAt: time,
  startedAt: time.nullable(),
  updatedAt: time,
  endedAt: time.nullable(),
  approval: z.object({ required: z.boolean(), by: z.string().nullable(), at: time.nullable() }),
  progress: z
    .object({
      records: z.object({ done: z.number(), total: count, totalIsEstimate: z.boolean() }),
      bytes: z.number(),
      percent: count,
      rate: count.describe('Records per second, smoothed.'),
      bytesRate: count,
      writerRate: count.describe('Records per second that writers add meanwhile.'),
      lag: z.object({ records: z.number(), ms: count }),
      etaSeconds: count,
      etaBasis: z.string(),
      partitions: z.array(
        z.object({ source: z.int(), position: z.string(), end: z.string(), lag: z.number(), rate: count }),
      ),
      measuredAt: time,
    })
    .nullable(),
  throttle: z.object({ limits, active: z.boolean(), reason: z.string().nullable(), since: time.nullable() }),
  errors: object,
  verification: object.nullable(),
  cutover: z.object({
    ready: z.boolean(),
    mode: z.enum(['manual', 'automatic']),
    blockers: z.array(json),
    estimatedPauseMs: count,
    maxPauseMs: count,
    requestedAt: time.nullable(),
    requestedBy: z.string().nullable(),
    lastAttempt: z
      .object({
        at: time,
        outcome: z.enum(['switched', 'undone']),
        reason: z.string().nullable(),
        pausedMs: z.number(),
      })
      .nullable(),
    undone: z.int().describe('How many automatic cutovers in a row were undone; `lastAttempt` says why the last was.'),
    nextAttemptAt: time.nullable().describe('When it is tried again by itself; null when it is not.'),
  }),
  groups: z.array(json),
  retention: object,
  rollback: z.object({ available: z.boolean(), until: time.nullable(), dataLoss: json }),
  finishFrom: time.nullable().describe('When `finish` becomes possible.'),
  worker: z.string().nullable(),
  restarts: z.int(),
  lastError: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable(), at: time }).nullable(),
});
export type OperationView = z.infer<typeof operationView>;

/** Answer of `GET /v1/operations/{id}/mismatches`: coordinates, never contents. */
export const mismatchList = z.object({
  state: z.string().nullable().describe('How the verification stands; null before there was one.'),
  count: z.int().describe('How many there are.'),
  items: z.array(object).describe('The first of them: a hundred of each topic at most.'),
});
export type MismatchList = z.infer<typeof mismatchList>;

/** Answer of `GET /v1/operations/{id}/groups`. */
export const groupList = z.object({ items: z.array(json) });
export type GroupList = z.infer<typeof groupList>;

/** Answer of `GET /v1/operations/{id}/consumers`. */
export const consumerList = z.object({
  items: z.array(
    z.object({ group: z.string(), members: z.int(), oldLag: z.number().nullable(), newLag: z.number().nullable() }),
  ),
});
export type ConsumerList = z.infer<typeof consumerList>;

/** Query of `GET /v1/operations/{id}/poison`. */
export const parkedQuery = z.strictObject({
  ...pageQuery,
  topic: z.string().min(1).optional().describe('Of an operation of several topics: the one whose records are listed.'),
});
export type ParkedQuery = z.infer<typeof parkedQuery>;

/** Answer of `GET /v1/operations/{id}/poison`. */
export const parkedPage = z.object({
  items: z.array(
    z.object({
      id: z.string().describe('`<source partition>/<source offset>`.'),
      key: z.string().nullable().describe('As text.'),
      class: z.string().describe('What it failed by; `waits-for-key` for one that waits for another of its key.'),
      waitsFor: z.string().nullable().describe('`id` of the record of its key that failed; null where it is that one.'),
    }),
  ),
  next: z.string().nullable(),
});
export type ParkedPage = z.infer<typeof parkedPage>;

/** Body of `POST /v1/operations/{id}/poison:redrive`. */
export const redriveBody = z.strictObject({
  topic: z
    .string()
    .min(1)
    .optional()
    .describe('Of an operation of several topics: the one whose records are tried again; all of them unless given.'),
  ids: z
    .array(z.string().regex(/^\d+\/\d+$/, 'is not <source partition>/<source offset>'))
    .min(1)
    .max(1_000)
    .optional()
    .describe(
      'Only these and what waits for them: `id`s of records that failed. Of several topics `topic` says of which.',
    ),
  class: z.string().min(1).max(100).optional().describe('Only those that failed by this, and what waits for them.'),
  all: z.boolean().optional().describe('Everything that is parked; so unless `ids` or `class` is given.'),
  transform: z
    .strictObject({ up: z.array(z.record(z.string(), z.unknown())).max(50) })
    .optional()
    .describe("In the place of the plan's, from here on for all records. Judged like that of a plan."),
  transformVersion: z
    .string()
    .max(100)
    .optional()
    .describe('Refused unless this is the version of the present transform.'),
});
export type RedriveBody = z.infer<typeof redriveBody>;

export const operationPage = z.object({ items: z.array(operationView), next: z.string().nullable() });
export type OperationPage = z.infer<typeof operationPage>;

export const eventView = z.object({ sequence: z.int(), at: time, type: z.string(), data: object });
export type EventView = z.infer<typeof eventView>;

export const eventPage = z.object({ items: z.array(eventView), next: z.string().nullable() });
export type EventPage = z.infer<typeof eventPage>;
