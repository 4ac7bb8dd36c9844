import { z } from 'zod';
import { MAX_SUBJECT_BYTES } from '#libs/core/registry';
import { planDone, planGiven, planTold } from './plan.shapes.js';
import { schemaType, subjectName } from './shapes.js';

/** Subjects named in one selection. */
const MAX_SUBJECTS = 5_000;
/** Bytes and JSON values of a selection: an entry with a name and two versions for each of as many as there may be. */
export const MAX_SELECTION_BYTES = 2 * 1024 * 1024;
export const MAX_SELECTION_VALUES = 5 * MAX_SUBJECTS;

const words = z.array(z.string().max(2_000)).max(8).optional();

const filter = z
  .strictObject({
    prefix: z
      .string()
      .max(MAX_SUBJECT_BYTES)
      .optional()
      .describe("Beginning of the subject's name; empty selects every subject."),
    context: z.string().max(MAX_SUBJECT_BYTES).optional().describe('All of them when left out.'),
    schemaType: schemaType.optional(),
    field: words,
    name: words,
    tag: words,
    owner: words,
    property: words.describe('`name=value`.'),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), {
    message: 'needs a condition; an empty prefix selects everything',
  });

const selection = {
  subjects: z
    .array(z.strictObject({ subject: subjectName, versions: z.array(z.int().min(1)).min(1).max(10_000).optional() }))
    .max(MAX_SUBJECTS)
    .default([])
    .describe('Subjects by name, with all versions that can go or with some.'),
  filter: filter.optional().describe('As `GET /v1/schemas`; what it finds is added.'),
  permanent: z
    .boolean()
    .default(false)
    .describe('For good, of what is softly deleted. Otherwise softly, of what is live.'),
};

const isGiven = (body: { subjects: unknown[]; filter?: unknown }) =>
  body.subjects.length > 0 || body.filter !== undefined;
const NOTHING = { message: 'selects nothing; name subjects or give a filter' };

const usage = z
  .union([z.literal('count'), z.strictObject({ scan: z.string().min(1).max(100) })])
  .optional()
  .describe(
    'Also tell which of it retained records name: counted for the answer where little is retained, or by an operation of kind `schema-usage` and what has come since.',
  );

/** Body of `POST /v1/schema-deletions:plan`. */
export const deletionPlanBody = z.strictObject({ ...selection, usage }).refine(isGiven, NOTHING);
export type DeletionPlanBody = z.infer<typeof deletionPlanBody>;

/** Body of `POST /v1/schema-deletions:apply`. */
export const deletionApplyBody = z.strictObject({ ...planGiven, ...selection }).refine(isGiven, NOTHING);
export type DeletionApplyBody = z.infer<typeof deletionApplyBody>;

const doomed = z.object({
  subject: z.string(),
  versions: z.array(z.int()).describe('What goes.'),
  kept: z.array(z.int()).describe('What stays.'),
  usage: z
    .enum(['unknown', 'safe', 'in-use'])
    .describe(
      'What retained records say of what goes; `unknown` where nobody asked, or not everything has been looked at.',
    ),
  records: z
    .array(
      z.object({
        version: z.int(),
        usage: z.enum(['unknown', 'safe', 'in-use']),
        count: z.int().describe('Keys and values of retained records that name it, as far as was looked.'),
        reasons: z.array(z.string()),
      }),
    )
    .describe(
      'By version; empty where nobody asked. As `GET /v1/subjects/{subject}/versions/{version}/usage` tells, for records alone.',
    ),
  blocks: z.array(
    z.object({
      code: z.string(),
      version: z.int().nullable(),
      referrers: z.array(z.object({ subject: z.string(), version: z.int() })),
      hiddenReferrers: z.int().describe('Those that the caller may not read.'),
    }),
  ),
});

export const deletionPlanView = z.object({ ...planTold, permanent: z.boolean(), subjects: z.array(doomed) });
export type DeletionPlanView = z.infer<typeof deletionPlanView>;

export const deletionDoneView = z.object({
  ...planDone,
  permanent: z.boolean(),
  subjects: z.array(doomed.omit({ usage: true, records: true })),
});
export type DeletionDoneView = z.infer<typeof deletionDoneView>;
