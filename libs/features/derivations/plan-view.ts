import { z } from 'zod';
import type { Plan } from '#libs/core/operations';

const object = z.record(z.string(), z.unknown());

/** A plan to make a derived stream, to make it anew, or to erase keys from it. */
export const derivedPlanView = z.object({
  hash: z.string().describe('Start it with `POST /v1/operations`.'),
  kind: z.enum(['derive', 'rebuild', 'erasure']),
  subject: z.string(),
  steps: z.array(z.string()),
  impact: object,
  risks: z.array(z.string()),
  blockers: z.array(z.string()).describe('A plan with blockers cannot be started.'),
  estimates: z.object({ records: z.number().nullable() }),
  createdBy: z.string(),
  createdAt: z.string().describe('ISO 8601, UTC.'),
});
export type DerivedPlanView = z.infer<typeof derivedPlanView>;

/** A plan as the native API shows it. */
export function derivedPlanViewOf(kind: DerivedPlanView['kind'], plan: Plan): DerivedPlanView {
  const { hash, subject, steps, impact, risks, blockers, estimates, createdBy, createdAt } = plan;
  return {
    hash,
    kind,
    subject,
    steps: [...steps],
    impact,
    risks: [...risks],
    blockers: [...blockers],
    estimates: { records: estimates.records },
    createdBy,
    createdAt: new Date(createdAt).toISOString(),
  };
}
