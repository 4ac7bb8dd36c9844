import { z } from 'zod';
import { CONFLICT_POLICIES, UNREADABLE } from '#libs/core/moving';

const context = z.string().min(1).max(200).describe('A context as `.name`; `.` is the default one.');

/** Body of `POST /v1/registry-imports/plans`. */
export const importPlanBody = z.strictObject({
  source: z.union([
    z.strictObject({ registry: z.string().min(1).max(63).describe('Name of a registry of the configuration.') }),
    z.strictObject({
      topic: z.string().min(1).max(249).describe('Topic in which a registry keeps its state, `_schemas`.'),
      cluster: z.string().min(1).max(63).optional(),
    }),
    z.strictObject({
      upload: z
        .string()
        .regex(/^upload-[0-9a-f]{1,64}$/, 'is no id of an upload')
        .describe('Id of what was posted to `uploads`.'),
    }),
  ]),
  from: context.optional().describe('Import this context of the source alone.'),
  into: context.optional().describe('The context that `from` becomes here.'),
  prefix: z.string().min(1).max(1_000).optional().describe('Import subjects whose name begins with this alone.'),
  configs: z.boolean().optional().describe('Bring in configurations; true unless given.'),
  modes: z.boolean().optional().describe('Bring in modes; true unless given.'),
  conflicts: z
    .enum(CONFLICT_POLICIES)
    .optional()
    .describe(
      '`refuse` (unless given): with any conflict nothing is written. `skip`: what is in conflict is left out.',
    ),
  unreadable: z
    .enum(UNREADABLE)
    .optional()
    .describe('Texts that are no schemas here: `refuse` (unless given), `skip`, or `keep` them as they are.'),
});
export type ImportPlanBody = z.infer<typeof importPlanBody>;

const object = z.record(z.string(), z.unknown());

export const importPlanView = z.object({
  hash: z.string().describe('Start it with `POST /v1/operations`.'),
  kind: z.literal('registry-import'),
  steps: z.array(z.string()),
  impact: object.describe('Contexts with numbers of subjects, versions and ids; what is new, the same, in conflict.'),
  risks: z.array(z.string()),
  blockers: z.array(z.string()).describe('A plan with blockers cannot be started.'),
  parameters: object,
  fingerprint: object,
  createdBy: z.string(),
  createdAt: z.string(),
});
export type ImportPlanView = z.infer<typeof importPlanView>;

export const sourcesView = z.object({ items: z.array(z.object({ name: z.string(), url: z.string() })) });

export const uploadView = z.object({
  id: z.string(),
  format: z.enum(['weir-registry', 'topic-dump']),
  bytes: z.int(),
  sha256: z.string(),
  lines: z.int(),
  records: object.describe('Records of a dump by their type.'),
  invalid: z.object({ count: z.int(), first: z.array(z.string()) }),
});

export type UploadView = z.infer<typeof uploadView>;

/** What is posted and waits for an import. */
export const uploadsView = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      createdAt: z.string(),
      complete: z.boolean().describe('False while it is being posted, and when that was cut short.'),
      held: z.boolean().describe('Whether an import needs it.'),
      bytes: z.int().nullable(),
      sha256: z.string().nullable(),
    }),
  ),
});
export type UploadsView = z.infer<typeof uploadsView>;

export const exportQuery = z.strictObject({
  format: z
    .enum(['weir', 'topic'])
    .default('weir')
    .describe(
      '`weir`: a file that another Weir imports whole. `topic`: records of `_schemas`, key and value separated by a tab.',
    ),
  context: context.optional(),
  prefix: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .describe('Subjects whose name begins with this, and what they refer to.'),
  deleted: z.enum(['true', 'false']).default('true').describe('Softly deleted versions and purged ids too.'),
});
