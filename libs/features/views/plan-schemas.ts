import { z } from 'zod';
import type { Plan } from '#libs/core/operations';
import { planParts, planShape } from '#libs/platform/http';

const incomplete = z
  .boolean()
  .default(false)
  .describe('Also when older records of its topics are gone, so that rows are of what is left.');

/** Body of `POST /v1/views/{view}/versions/plans`. */
export const versionPlanBody = z.strictObject({
  declaration: z
    .record(z.string(), z.json())
    .optional()
    .describe('As for `PUT /v1/views/{view}`, without `cluster`; the present one unless given.'),
  incomplete,
  onDifference: z
    .enum(['stop', 'switch'])
    .default('stop')
    .describe('What to do when a version of the same declaration has other rows: stop, or activate it.'),
  cutover: z
    .strictObject({
      mode: z.enum(['auto', 'manual']).default('manual').describe('auto: activated as soon as it is current.'),
      rollbackWindowMs: z
        .int()
        .min(0)
        .optional()
        .describe('How long `rollback` is open; the default of the service unless given.'),
    })
    .default({ mode: 'manual' }),
});
export type VersionPlanBody = z.infer<typeof versionPlanBody>;

/** Body of `POST /v1/views/{view}/rebuilds/plans`. */
export const rebuildPlanBody = z.strictObject({
  scope: z.union([
    z.literal('all').describe('Refused: all rows are another version of the view.'),
    z
      .strictObject({
        topic: z.string().optional().describe('Whose keys or records; the first topic of the view unless given.'),
        keys: z
          .array(z.json())
          .optional()
          .describe('Keys of records; of a view of events the values of its key columns. At most 10,000.'),
        partitions: z.array(z.int()).optional().describe('All keys that have records in these.'),
        range: z
          .strictObject({
            partition: z.int().optional(),
            from: z.string().optional().describe('An offset.'),
            to: z.string().optional().describe('The offset behind the last one.'),
            since: z.string().optional().describe('ISO 8601.'),
            until: z.string().optional().describe('ISO 8601; before this time.'),
          })
          .optional()
          .describe('All keys that have records there.'),
      })
      .describe('One of keys, partitions and range.'),
  ]),
  incomplete,
});
export type RebuildPlanBody = z.infer<typeof rebuildPlanBody>;

/** A plan of an operation on a view. */
export const viewPlanView = z.object({
  ...planShape,
  kind: z.enum(['view-version', 'view-rebuild']),
  impact: z.record(z.string(), z.unknown()),
  estimates: z.object({ records: z.number().nullable() }),
});
export type ViewPlanView = z.infer<typeof viewPlanView>;

/** A plan as the native API shows it. */
export function viewPlanViewOf(kind: ViewPlanView['kind'], plan: Plan): ViewPlanView {
  const { impact, estimates } = plan;
  return { ...planParts(plan), kind, impact, estimates: { records: estimates.records } };
}
