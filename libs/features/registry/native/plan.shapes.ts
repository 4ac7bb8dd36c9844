import { z } from 'zod';
import { MAX_SUBJECT_BYTES } from '#libs/core/registry';

/** What plans of every kind have. */

export const planBasis = z.strictObject({
  subject: z.string().max(MAX_SUBJECT_BYTES).describe('Qualified; `:.ctx:` is a context, empty the default one.'),
  latest: z.int().nullable(),
  digest: z.string().max(64),
});

/** Names one plan rests on at most; each change brings its subject, its references and the scopes above. */
const MAX_BASES = 50_000;

/** What comes with a request to apply a plan, beside what the plan was made from. */
export const planGiven = {
  planHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not the hash of a plan: 64 hexadecimal digits')
    .describe('`hash` of the plan.'),
  restsOn: z.array(planBasis).max(MAX_BASES).describe('`restsOn` of the plan, so that what has moved can be named.'),
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
