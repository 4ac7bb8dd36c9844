import { z } from 'zod';
import type { Plan } from '#libs/core/operations';
import { planParts, planShape } from '#libs/platform/http';

/** A plan to make a derived stream, to make it anew, or to erase keys from it. */
export const derivedPlanView = z.object({
  ...planShape,
  kind: z.enum(['derive', 'rebuild', 'erasure']),
  impact: z.record(z.string(), z.unknown()),
  estimates: z.object({ records: z.number().nullable() }),
});
export type DerivedPlanView = z.infer<typeof derivedPlanView>;

/** A plan as the native API shows it. */
export function derivedPlanViewOf(kind: DerivedPlanView['kind'], plan: Plan): DerivedPlanView {
  const { impact, estimates } = plan;
  return { ...planParts(plan), kind, impact, estimates: { records: estimates.records } };
}
