import type { Plan } from '#libs/core/operations';
import { wholePlanParts } from '#libs/platform/http';
import type { JoinedMovePlanView, MovePlanView } from './move-schemas.js';

/** A plan as the API shows it: what it found on top, what the operation works with below. */
export function planViewOf(plan: Plan): MovePlanView {
  type Found = Pick<
    MovePlanView,
    'topic' | 'name' | 'order' | 'rollback' | 'from' | 'to' | 'config' | 'profile' | 'translation' | 'readers'
  >;
  const { topic, name, order, rollback, from, to, config, profile, translation, readers } =
    plan.impact as unknown as Found;
  return {
    ...wholePlanParts(plan),
    kind: 'move',
    topic,
    name,
    order,
    rollback,
    from,
    to,
    config,
    profile,
    translation,
    readers,
  };
}

/** The plan of several topics in one operation, likewise. */
export function joinedViewOf(plan: Plan): JoinedMovePlanView {
  type Found = Pick<JoinedMovePlanView, 'topics' | 'order' | 'rollback' | 'profile' | 'translation' | 'readers'>;
  const { topics, order, rollback, profile, translation, readers } = plan.impact as unknown as Found;
  const alsoOn = [...(plan.alsoOn ?? [])];
  return { ...wholePlanParts(plan), kind: 'move', alsoOn, topics, order, rollback, profile, translation, readers };
}
