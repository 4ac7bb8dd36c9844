import { z } from 'zod';
import { finding, flag } from './shapes.js';

/** Query of commands that can be tried. */
export const tryQuery = z.strictObject({ dryRun: flag.describe('`true`: answer what would be done, and do nothing.') });
export type TryQuery = z.infer<typeof tryQuery>;

/** Body of `POST /v1/subjects/{subject}:restore`. */
export const restoreBody = z.strictObject({
  versions: z
    .array(z.int().min(1))
    .min(1)
    .max(10_000)
    .optional()
    .describe('Every softly deleted version when left out.'),
});
export type RestoreBody = z.infer<typeof restoreBody>;

export const restoredView = z.object({
  subject: z.string(),
  restored: z
    .array(z.int())
    .describe('Versions that came back, ascending; those that are live already are left as they are.'),
  dryRun: z.boolean(),
});
export type RestoredView = z.infer<typeof restoredView>;

/** Body of `POST /v1/subjects/{subject}:rollback`. */
export const rollbackBody = z.strictObject({
  version: z.int().min(1).describe('The live version whose content becomes the latest.'),
  force: z
    .boolean()
    .default(false)
    .describe('Go back although readers will break; needs the right to govern the subject.'),
});
export type RollbackBody = z.infer<typeof rollbackBody>;

export const rolledBackView = z.object({
  subject: z.string(),
  outcome: z.enum(['rolled-back', 'unchanged']).describe('`unchanged`: the latest version has that content already.'),
  from: z.int(),
  version: z.int().describe('The number under which it is the latest.'),
  id: z
    .int()
    .nullable()
    .describe(
      'The id it had, since one content has one id; another one where its metadata holds the number of the version. Null where a trial cannot know it.',
    ),
  compatible: z.boolean(),
  findings: z.array(finding),
  violations: z.array(z.string()),
  dryRun: z.boolean(),
});
export type RolledBackView = z.infer<typeof rolledBackView>;
