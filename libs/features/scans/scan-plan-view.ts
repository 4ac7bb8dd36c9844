import { z } from 'zod';
import type { Plan } from '#libs/core/operations';

const object = z.record(z.string(), z.unknown());

/** A plan of a scan, as the API shows it. */
export const scanPlanView = z.object({
  hash: z.string().describe('Start it with `POST /v1/operations`.'),
  kind: z.string(),
  subject: z.string(),
  steps: z.array(z.string()),
  impact: object,
  risks: z.array(z.string()),
  blockers: z.array(z.string()).describe('A plan with blockers cannot be started.'),
  estimates: z.object({ records: z.number().nullable(), bytes: z.number().nullable() }),
  parameters: object.describe('`ranges` are the partitions with the first and the end offset of what is read.'),
  fingerprint: object,
  createdBy: z.string(),
  createdAt: z.string(),
});
export type ScanPlanView = z.infer<typeof scanPlanView>;

export function scanPlanViewOf(plan: Plan): ScanPlanView {
  const { hash, kind, subject, steps, impact, risks, blockers, estimates, parameters, fingerprint } = plan;
  return {
    hash,
    kind,
    subject,
    steps: [...steps],
    impact,
    risks: [...risks],
    blockers: [...blockers],
    estimates: { records: estimates.records, bytes: estimates.bytes },
    parameters,
    fingerprint,
    createdBy: plan.createdBy,
    createdAt: new Date(plan.createdAt).toISOString(),
  };
}
