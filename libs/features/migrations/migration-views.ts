import type { Plan } from '#libs/core/operations';
import type { SampleReport } from '#libs/core/streams';
import type { MigrationPlanView, SampleView } from './migration-schemas.js';

/** A plan as the API shows it: what it found on top, what the operation works with below. */
export function planViewOf(plan: Plan): MigrationPlanView {
  const { order, rollback, transform, rehearsal, translation, readers, ...impact } = plan.impact as Pick<
    MigrationPlanView,
    'order' | 'rollback' | 'transform' | 'rehearsal' | 'translation' | 'readers'
  > &
    Record<string, unknown>;
  return {
    hash: plan.hash,
    kind: 'migration',
    subject: plan.subject,
    steps: [...plan.steps],
    order,
    rollback,
    transform,
    rehearsal,
    translation,
    readers,
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

/** A sample as the API shows it. */
export function sampleViewOf(planHash: string, { tally, lossy, records }: SampleReport): SampleView {
  const { same, changed, leftOut, unstable, returned, restored } = tally;
  return {
    planHash,
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
