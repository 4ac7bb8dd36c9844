import type { Plan } from '#libs/core/operations';
import type { JoinedMovePlanView, MovePlanView } from './move-schemas.js';

/** A plan as the API shows it: what it found on top, what the operation works with below. */
export function planViewOf(plan: Plan): MovePlanView {
  const { hash, subject, steps, risks, blockers, estimates, parameters, controls, fingerprint, createdBy } = plan;
  type Found = Pick<
    MovePlanView,
    'topic' | 'order' | 'rollback' | 'from' | 'to' | 'config' | 'profile' | 'translation' | 'readers'
  >;
  const { topic, order, rollback, from, to, config, profile, translation, readers } = plan.impact as unknown as Found;
  return {
    ...{ hash, kind: 'move' as const, subject, topic, steps: [...steps], order, rollback, from, to, config, profile },
    ...{ translation, readers, risks: [...risks], blockers: [...blockers], estimates, parameters },
    ...{ controls: { ...controls }, fingerprint, createdBy, createdAt: new Date(plan.createdAt).toISOString() },
  };
}

/** The plan of several topics in one operation, likewise. */
export function joinedViewOf(plan: Plan): JoinedMovePlanView {
  const { hash, subject, steps, risks, blockers, estimates, parameters, controls, fingerprint, createdBy } = plan;
  type Found = Pick<JoinedMovePlanView, 'topics' | 'order' | 'rollback' | 'profile' | 'translation' | 'readers'>;
  const { topics, order, rollback, profile, translation, readers } = plan.impact as unknown as Found;
  return {
    ...{ hash, kind: 'move' as const, subject, alsoOn: [...(plan.alsoOn ?? [])], topics, steps: [...steps] },
    ...{
      order,
      rollback,
      profile,
      translation,
      readers,
      risks: [...risks],
      blockers: [...blockers],
      estimates,
      parameters,
    },
    ...{ controls: { ...controls }, fingerprint, createdBy, createdAt: new Date(plan.createdAt).toISOString() },
  };
}
