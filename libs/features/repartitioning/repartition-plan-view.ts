import type { Plan } from '#libs/core/operations';
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
    hash: plan.hash,
    kind: 'repartition',
    subject: plan.subject,
    alsoOn: [...(plan.alsoOn ?? [])],
    steps: [...plan.steps],
    order,
    rollback,
    profile,
    skew,
    suggestion,
    translation,
    readers,
    coPartitioned,
    risks: [...plan.risks],
    blockers: [...plan.blockers],
    estimates: plan.estimates,
    impact,
    parameters: plan.parameters,
    controls: { ...plan.controls },
    fingerprint: plan.fingerprint,
    createdBy: plan.createdBy,
    createdAt: new Date(plan.createdAt).toISOString(),
  };
}
