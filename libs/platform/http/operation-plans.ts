import { z } from 'zod';
import type { Plan } from '#libs/core/operations';

/*
 * What requests for plans of operations, and the plans as the API shows them, have in common whatever the operation is. A feature adds what only its kind has to say.
 */

const count = z.number().nullable();
const object = z.record(z.string(), z.unknown());

/** Members of a body: when the cutover is made, and what it may take. */
export const cutoverRequest = z
  .strictObject({
    mode: z.enum(['auto', 'manual']).optional(),
    maxPauseMs: z
      .int()
      .min(50)
      .max(3_600_000)
      .optional()
      .describe('Longest time writers are held; 10,000 unless given.'),
    rollbackWindowMs: z
      .int()
      .min(0)
      .max(31_536_000_000)
      .optional()
      .describe('How long the way back is open after the switch; `operations.rollbackWindowMs` unless given.'),
  })
  .optional();

/** Member of a body: when the records of a copy are read back before it may be switched to. */
export const verificationRequest = z
  .enum(['write-side', 'readback', 'full'])
  .describe(
    '`readback`: the copy is read back while it is made. `full`: its source is read again as well. `write-side`: it is read back when the cutover is asked for, and only counted and digested before.',
  );

/** Members that every plan has. */
export const planShape = {
  hash: z.string().describe('Start it with `POST /v1/operations`.'),
  subject: z.string(),
  steps: z.array(z.string()),
  risks: z.array(z.string()),
  blockers: z.array(z.string()).describe('A plan with blockers cannot be started.'),
  createdBy: z.string(),
  createdAt: z.string().describe('ISO 8601, UTC.'),
};

/** Members of a plan that is shown with everything the operation works with. */
export const wholePlanShape = {
  ...planShape,
  estimates: z.object({ etaSeconds: count, pauseMs: count, records: count, bytes: count }),
  parameters: object,
  controls: object,
  fingerprint: object.describe('What the plan relied on; compared at the start.'),
};

/** How a group is carried over a switch. */
export const groupTranslation = z.object({
  group: z.string(),
  topic: z.string().optional().describe('Of several topics.'),
  members: z.int(),
  lag: z.number(),
  translation: z.string(),
});

/** What {@link planShape} shows of a plan. */
export function planParts(plan: Plan): z.infer<z.ZodObject<typeof planShape>> {
  const { hash, subject, steps, risks, blockers, createdBy, createdAt } = plan;
  const lists = { steps: [...steps], risks: [...risks], blockers: [...blockers] };
  return { hash, subject, ...lists, createdBy, createdAt: new Date(createdAt).toISOString() };
}

/** What {@link wholePlanShape} shows of a plan. */
export function wholePlanParts(plan: Plan): z.infer<z.ZodObject<typeof wholePlanShape>> {
  const { estimates, parameters, controls, fingerprint } = plan;
  return { ...planParts(plan), estimates, parameters, controls: { ...controls }, fingerprint };
}
