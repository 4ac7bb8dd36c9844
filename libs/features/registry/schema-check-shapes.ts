import { z } from 'zod';
import { COMPATIBILITY_LEVELS, COMPATIBILITY_POLICIES, SCHEMA_TYPES } from '#libs/core/schema';
import { MAX_SUBJECT_BYTES } from '#libs/core/registry';
import { proof } from './native/shapes.js';

/** Shapes of the native check, `POST /v1/schemas:check`. */

const reference = z.strictObject({
  name: z.string().max(1_000),
  subject: z.string().max(MAX_SUBJECT_BYTES),
  version: z.int().min(-1),
});

const sentSchema = {
  schema: z.string().min(1).describe('Schema text.'),
  schemaType: z.enum(SCHEMA_TYPES).default('AVRO'),
  references: z.array(reference).max(256).default([]),
  metadata: z
    .strictObject({
      tags: z.record(z.string(), z.array(z.string())).optional(),
      properties: z.record(z.string(), z.string()).optional(),
      sensitive: z.array(z.string()).optional(),
    })
    .nullish()
    .describe('Counts where the subject has a compatibility group or reserved fields.'),
};

/** Versions that can be sent along, and schemas they refer to. */
const MAX_SENT = 100;

/** Body of `POST /v1/schemas:check`. */
export const schemaCheckBody = z
  .strictObject({
    subject: z
      .string()
      .min(1)
      .max(MAX_SUBJECT_BYTES)
      .optional()
      .describe('Judge against the versions and by the settings of this subject.'),
    ...sentSchema,
    earlier: z
      .array(z.strictObject(sentSchema))
      .max(MAX_SENT)
      .optional()
      .describe('Judge against these instead, oldest first.'),
    referenced: z
      .array(
        z.strictObject({ subject: z.string().min(1).max(MAX_SUBJECT_BYTES), version: z.int().min(1), ...sentSchema }),
      )
      .max(MAX_SENT)
      .default([])
      .describe('Schemas that are referred to and not registered; each may refer to those before it.'),
    levels: z
      .array(z.enum(COMPATIBILITY_LEVELS))
      .min(1)
      .optional()
      .describe('Levels at which `compatible` must hold; the level in force when left out.'),
    policy: z.enum(COMPATIBILITY_POLICIES).optional().describe('The policy in force when left out.'),
    normalize: z.boolean().default(false),
  })
  .refine((body) => body.subject === undefined || body.earlier === undefined, {
    path: ['earlier'],
    message: 'stands in the place of a subject; leave one of the two out',
  });
export type SchemaCheckBody = z.infer<typeof schemaCheckBody>;

const level = z.enum(COMPATIBILITY_LEVELS);
const position = z.object({ line: z.int(), column: z.int() }).nullable();

const verdict = z.object({
  level,
  compatible: z.boolean(),
  comparedWith: z
    .array(z.int())
    .describe('Versions that were looked at, newest first; none after the first that fails.'),
  failedAt: z.int().nullable().describe('The version that fails.'),
});

const told = {
  ruleId: z.string().describe('See `GET /v1/schema-rules`.'),
  direction: z.enum(['new-reads-old', 'old-reads-new']),
  version: z.int().nullable().describe('The earlier version it was found against.'),
  path: z.string().describe("Place in the reader's schema, in the reference registry's notation."),
  place: z.string().describe('The same place in names.'),
  before: z.string().nullable().describe('What stood there.'),
  after: z.string().nullable().describe('What stands there now.'),
  what: z.string(),
  breaks: z.string(),
  whom: z.string(),
  fix: z.string(),
  position: position.describe('Place in the text that was sent, counted from 1.'),
};

const finding = z.object({
  ...told,
  errorType: z.string().describe("The kind in the reference registry's words."),
  proof,
  levels: z.array(level).describe('Levels at which this alone is enough to refuse the schema.'),
});

const warning = z.object({
  ...told,
  doubt: z
    .enum(['unsound', 'over-strict'])
    .describe(
      '`unsound`: called compatible, and data may fail. `over-strict`: called incompatible, and data could be read.',
    ),
  levels: z.array(level).describe('Levels, of those that count, whose verdict it concerns.'),
});

/** Answer of `POST /v1/schemas:check`. */
export const schemaCheckView = z.object({
  compatible: z.boolean().describe('At every level that counts, and without violations.'),
  subject: z.string().nullable().describe('The subject meant, an alias resolved.'),
  schemaType: z.enum(SCHEMA_TYPES),
  schema: z.string().describe('The text as it would be stored.'),
  level: level.describe('The level in force.'),
  levels: z.array(level).describe('The levels that count.'),
  policy: z.enum(COMPATIBILITY_POLICIES),
  verdicts: z.array(verdict).describe('One per level, all seven.'),
  findings: z.array(finding),
  warnings: z
    .array(warning)
    .describe('Where the verdict is that of the reference registry and yet open to doubt. They change no verdict.'),
  violations: z.array(z.string()).describe('Rules about reserved fields that are broken; they count at every level.'),
});
export type SchemaCheckView = z.infer<typeof schemaCheckView>;

/** Answer of `POST /v1/schemas:check` for a check that goes on as an operation. */
export const startedCheckView = z.object({
  operation: z.string().describe('See `GET /v1/operations/{id}`.'),
  state: z.string().describe('Where the operation stands.'),
  subject: z.string().describe('The subject meant, an alias resolved.'),
  result: z.string().describe('Where what it finds is told.'),
});
export type StartedCheckView = z.infer<typeof startedCheckView>;

/** Answer of `GET /v1/schema-checks/{operation}`. */
export const checkResultView = z.object({
  operation: z.string(),
  subject: z.string(),
  over: z.boolean().describe('Whether nothing more will be compared.'),
  versions: z
    .int()
    .describe('Live versions that the subject had when the check was asked for: those that it is about.'),
  gone: z.array(z.int()).describe('Those of them that were deleted for good before they were compared.'),
  warningsLeftOut: z.int().describe('Warnings found beyond the first 1,000 of them, or the first million characters.'),
  failure: z
    .object({ code: z.string(), message: z.string() })
    .nullable()
    .describe('Why there is no answer, where there is none.'),
  check: schemaCheckView.nullable().describe('The answer; null until it is over.'),
});
export type CheckResultView = z.infer<typeof checkResultView>;

/** Answer of `GET /v1/schema-rules`. */
export const schemaRulesView = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      schemaType: z.enum(SCHEMA_TYPES).nullable().describe('Null: the rule belongs to no language.'),
      kind: z.enum(['finding', 'warning']),
      title: z.string(),
      errorType: z.string().nullable().describe("Of a finding: the kind in the reference registry's words."),
      breaks: z.string().nullable().describe('Of a finding: what goes wrong when reader and writer meet.'),
      doubt: z.enum(['unsound', 'over-strict']).nullable().describe('Of a warning.'),
    }),
  ),
});
export type SchemaRulesView = z.infer<typeof schemaRulesView>;
