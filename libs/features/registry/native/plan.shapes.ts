import { z } from 'zod';
import { MAX_PLAN_BASES, MAX_SUBJECT_BYTES } from '#libs/core/registry';

/** What plans of every kind have. */

export const planBasis = z.strictObject({
  subject: z.string().max(MAX_SUBJECT_BYTES).describe('Qualified; `:.ctx:` is a context, empty the default one.'),
  latest: z.int().nullable(),
  digest: z.string().max(64),
});

/** JSON values and bytes that what a plan rests on adds to a request; names are short where they are many. */
export const MAX_BASES_VALUES = 4 * MAX_PLAN_BASES;
export const MAX_BASES_BYTES = 128 * MAX_PLAN_BASES;
/** What a plan rests on, to be parsed in turns with other requests. */
export const basesInTurns = { restsOn: { entry: planBasis, min: 0, max: MAX_PLAN_BASES } };

/** What comes with a request to apply a plan, beside what the plan was made from. */
export const planGiven = {
  planHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not the hash of a plan: 64 hexadecimal digits')
    .describe('`hash` of the plan.'),
  restsOn: z
    .array(planBasis)
    .max(MAX_PLAN_BASES)
    .describe('`restsOn` of the plan, so that what has moved can be named.'),
};

export const planTold = {
  hash: z.string(),
  verdict: z.enum(['ok', 'blocked']).describe('Whether it can be applied.'),
  blockers: z.array(z.string()),
  restsOn: z.array(planBasis),
};

export const planDone = {
  planHash: z.string(),
  revision: z
    .int()
    .nullable()
    .describe('Under which `GET /v1/schema-events` tells it; null where nothing was to change.'),
  repeated: z.boolean().describe('Whether it had been applied before.'),
};
