import { z } from 'zod';
import { SCHEMA_TYPES } from '#libs/core/schema';
import { planDone, planGiven, planTold } from './plan.shapes.js';
import { config, finding, metadata, ruleSet, subjectName } from './shapes.js';

/** Changes in one set: 5,000 subjects, each with a schema and a level of its own. */
const MAX_CHANGES = 10_000;
/** Bytes and JSON values of the changes in a request: 10 values for each of as many as there may be. */
export const MAX_CHANGES_BYTES = 8 * 1024 * 1024;
export const MAX_CHANGES_VALUES = 10 * MAX_CHANGES;

const reference = z.strictObject({
  name: z.string().max(1_000),
  subject: subjectName,
  version: z
    .int()
    .min(-1)
    .optional()
    .describe('Left out: the latest, after what the set registers there; the subject need not exist yet.'),
});

const change = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('register'),
    subject: subjectName,
    schema: z.string().min(1),
    schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
    references: z.array(reference).max(256).default([]),
    metadata: metadata.nullish(),
    ruleSet: ruleSet.nullish(),
    normalize: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('set-config'),
    subject: z.string().describe('`:.ctx:` for a context, empty for the default one.'),
    config,
  }),
  z.strictObject({
    kind: z.literal('set-mode'),
    subject: z.string(),
    mode: z.enum(['READWRITE', 'READONLY', 'READONLY_OVERRIDE']).nullable(),
  }),
  z.strictObject({
    kind: z.literal('delete'),
    subject: subjectName,
    version: z.int().min(1).optional().describe('The whole subject when left out. Softly.'),
  }),
]);

const changes = z.array(change).min(1).max(MAX_CHANGES);
/** The changes, to be parsed in turns with other requests. */
export const changesInTurns = { changes: { entry: change, min: 1, max: MAX_CHANGES } };

/** Body of `POST /v1/schema-changes:plan`. */
export const changesPlanBody = z.strictObject({ changes });
export type ChangesPlanBody = z.infer<typeof changesPlanBody>;
export type ChangeBody = z.infer<typeof change>;

/** Body of `POST /v1/schema-changes:apply`. */
export const changesApplyBody = z.strictObject({ ...planGiven, changes });
export type ChangesApplyBody = z.infer<typeof changesApplyBody>;

const outcome = z.object({
  index: z.int().describe('Place in the list that was sent.'),
  kind: z.enum(['register', 'set-config', 'set-mode', 'delete']),
  subject: z.string(),
  outcome: z
    .enum(['new', 'unchanged', 'set', 'deleted', 'refused'])
    .describe(
      '`unchanged`: the schema is there already, or an earlier change of the set brings it; or the setting is as it is asked to be, which takes no right.',
    ),
  version: z.int().nullable(),
  id: z.int().nullable().describe('Null in a plan where it is given out when the plan is applied.'),
  deletedVersions: z.array(z.int()),
  refusal: z
    .object({ code: z.string(), message: z.string(), hint: z.string().nullable(), findings: z.array(finding) })
    .nullable(),
});

export const changesPlanView = z.object({
  ...planTold,
  changes: z.array(outcome).describe('In the order in which they would be made.'),
});
export type ChangesPlanView = z.infer<typeof changesPlanView>;

export const changesAppliedView = z.object({ ...planDone, changes: z.array(outcome) });
export type ChangesAppliedView = z.infer<typeof changesAppliedView>;
