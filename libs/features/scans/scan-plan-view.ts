import { z } from 'zod';
import type { Plan } from '#libs/core/operations';
import { planParts, planShape } from '#libs/platform/http';

const object = z.record(z.string(), z.unknown());

/** A plan of a scan, as the API shows it. */
export const scanPlanView = z.object({
  ...planShape,
  kind: z.string(),
  impact: object,
  estimates: z.object({ records: z.number().nullable(), bytes: z.number().nullable() }),
  parameters: object.describe('`ranges` are the partitions with the first and the end offset of what is read.'),
  fingerprint: object,
});
export type ScanPlanView = z.infer<typeof scanPlanView>;

/** A plan as the native API shows it. */
export function scanPlanViewOf(plan: Plan): ScanPlanView {
  const { kind, impact, estimates, parameters, fingerprint } = plan;
  const { records, bytes } = estimates;
  return { ...planParts(plan), kind, impact, estimates: { records, bytes }, parameters, fingerprint };
}
