import type { Plan } from '#libs/core/operations';
import type { SampleReport } from '#libs/core/streams';
import { wholePlanParts } from '#libs/platform/http';
import type { MigrationPlanView, RehearsalPlanView, SampleView } from './migration-schemas.js';

/** A plan as the API shows it: what it found on top, what the operation works with below. */
export function planViewOf(plan: Plan): MigrationPlanView {
  const {
    order,
    rollback,
    transform = null,
    rehearsal = null,
    translation,
    readers,
    ...impact
  } = plan.impact as Pick<
    MigrationPlanView,
    'order' | 'rollback' | 'transform' | 'rehearsal' | 'translation' | 'readers'
  > &
    Record<string, unknown>;
  return {
    ...wholePlanParts(plan),
    kind: 'migration',
    alsoOn: [...(plan.alsoOn ?? [])],
    order,
    rollback,
    transform,
    rehearsal,
    translation,
    readers,
    impact,
  };
}

/** The plan of a full rehearsal as the API shows it. */
export function rehearsalViewOf({ hash, subject, steps, blockers, estimates, impact }: Plan): RehearsalPlanView {
  const { migration } = impact as { migration: string };
  return {
    hash,
    kind: 'migration-rehearsal',
    subject,
    migration,
    steps: [...steps],
    blockers: [...blockers],
    estimates,
    impact,
  };
}

/** A sample as the API shows it. */
export function sampleViewOf(planHash: string, { tally, lossy, records, next }: SampleReport): SampleView {
  const { same, changed, leftOut, unstable, returned, restored } = tally;
  return {
    planHash,
    next: next && `${next.partition}/${next.offset}`,
    rehearsal: {
      records: tally.records,
      same,
      changed,
      leftOut,
      poison: Object.fromEntries(tally.poison),
      unstable,
      wayBack: {
        returned,
        restored,
        lossy: [...lossy],
        lost: Object.fromEntries(tally.lost),
        notReturned: Object.fromEntries(tally.notReturned),
      },
    },
    records: records.map(({ offset, changes, otherParts, lost, ...one }) => ({
      ...one,
      before: one.before ?? null,
      after: one.after ?? null,
      offset: String(offset),
      changes: changes.map(({ path, op, before, after }) => ({ path, op, before, after })),
      otherParts: [...otherParts],
      lost: lost && [...lost],
    })),
  };
}
