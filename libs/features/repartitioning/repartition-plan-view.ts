import type { Plan } from '#libs/core/operations';
import { wholePlanParts } from '#libs/platform/http';
import type { RepartitionPlanView } from './repartition-schemas.js';

/** A plan as the API shows it: what it found on top, what the operation works with below. */
export function planViewOf(plan: Plan): RepartitionPlanView {
  const { order, rollback, profile, skew, suggestion, translation, readers, coPartitioned, ...impact } =
    plan.impact as Pick<
      RepartitionPlanView,
      'order' | 'rollback' | 'profile' | 'skew' | 'suggestion' | 'translation' | 'readers' | 'coPartitioned'
    > &
      Record<string, unknown>;
  return {
    ...wholePlanParts(plan),
    kind: 'repartition',
    alsoOn: [...(plan.alsoOn ?? [])],
    order,
    rollback,
    profile,
    skew,
    suggestion,
    translation,
    readers,
    coPartitioned,
    impact,
  };
}
