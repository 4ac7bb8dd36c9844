import { z } from 'zod';

/** The shape of `weir.yaml` (2.7), strict: what is not known here is a mistake. Its JSON Schema is published as `docs/weir.schema.json`. */

const LEVELS = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const;
const level = z.enum(LEVELS);
const type = z
  .enum(['AVRO', 'JSON', 'PROTOBUF'])
  .describe('Told by the file name when left out: .avsc, .json, .proto.');

const reference = z
  .union([
    z.string().min(1).describe('A subject, of this project or registered. What the text calls it is worked out.'),
    z.strictObject({
      subject: z.string().min(1),
      name: z
        .string()
        .min(1)
        .optional()
        .describe('What the text calls it: full name (Avro), URI (JSON Schema), import path (Protobuf).'),
      version: z.int().min(1).optional().describe('Of a registered subject; the latest when left out.'),
    }),
  ])
  .describe(
    'What the schema refers to. References of a Protobuf or JSON Schema file to files of the project are found without it.',
  );

const metadata = z.strictObject({
  tags: z.record(z.string(), z.array(z.string())).optional(),
  properties: z.record(z.string(), z.string()).optional(),
  sensitive: z.array(z.string()).optional(),
});

const common = {
  type: type.optional(),
  references: z.array(reference).optional(),
  compatibility: level.optional().describe('Set for the subject by `weir apply`, and checked by `weir check`.'),
  normalize: z.boolean().optional(),
  metadata: metadata.optional(),
};

const schema = z.union([
  z.strictObject({ subject: z.string().min(1), file: z.string().min(1).describe('Relative to this file.'), ...common }),
  z.strictObject({
    glob: z.string().min(1).describe('`*` within a folder, `**` across folders, `{a,b}`.'),
    subject: z
      .string()
      .min(1)
      .describe(
        'With {message} or {name}: the first type; {fullname}: with its namespace; {file}: the file name without extension; {dir}: its folder.',
      ),
    ...common,
  }),
]);

const expiring = {
  reason: z.string().min(1),
  expires: z.iso.date().optional().describe('The last day on which it counts.'),
};

const ignore = z.strictObject({
  path: z.string().min(1).describe('A glob of files.'),
  rules: z.array(z.string().min(1)).min(1).describe('Rule ids; `avro/*` for all of a language, `*` for all.'),
  ...expiring,
});

const topic = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be 1 to 249 of a-z, A-Z, 0-9, dot, underscore, hyphen'),
    partitions: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'Of a new topic; one when left out. A topic that is there with another number is refused: weir topic repartition.',
      ),
    retention: z
      .string()
      .regex(/^(unlimited|(\d+(\.\d+)?(ms|s|m|h|d))+)$/, "must be a duration as 7d or 12h, or 'unlimited'")
      .optional()
      .describe('How long records are kept: `retention.ms` as 7d, 12h or unlimited.'),
    protect: z.boolean().optional().describe('Whether deleting it, or records of it, is refused.'),
    tags: z.array(z.string().min(1)).optional().describe('For policies; the service keeps none.'),
    config: z
      .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('Other settings by their Kafka names. What is not named stays as it is.'),
  })
  .refine(({ retention, config }) => retention === undefined || config?.['retention.ms'] === undefined, {
    message: 'says both retention and retention.ms',
  });

export const projectShape = z.strictObject({
  apiVersion: z.literal('v1'),
  server: z.string().optional().describe('Address of the service. ${NAME:-default} stands for a variable.'),
  owner: z.string().optional().describe('Prune only touches subjects whose metadata property `owner` says so.'),
  defaults: z.strictObject({ compatibility: level.optional(), normalize: z.boolean().optional() }).optional(),
  check: z
    .strictObject({
      against: z.string().optional(),
      failOn: z.enum(['error', 'warning', 'info']).optional(),
      waivers: z.string().optional().describe('A file of waivers.'),
      ignore: z.array(ignore).optional(),
      helpUrl: z
        .string()
        .optional()
        .describe('Where the pages of rules are, for those who read findings; {rule} stands for the rule.'),
    })
    .optional(),
  lint: z
    .strictObject({
      use: z.array(z.string()).optional().describe('Categories or rule ids; `standard` when left out.'),
      except: z.array(z.string()).optional(),
      ignore: z.array(ignore).optional(),
    })
    .optional(),
  schemas: z.array(schema).default([]),
  topics: z
    .array(topic)
    .optional()
    .describe('Topics that `weir apply` creates, sets and protects. Topics that are not named are left alone.'),
  policies: z.array(z.string().min(1)).optional().describe('Files of policies, or globs of them.'),
});

export type ProjectFile = z.infer<typeof projectShape>;
export type ProjectEntry = ProjectFile['schemas'][number];
export type ProjectTopic = NonNullable<ProjectFile['topics']>[number];
export type ProjectIgnore = z.infer<typeof ignore>;

/** The shape of a file of waivers. */
export const waiversShape = z.array(
  z.strictObject({
    fingerprint: z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits'),
    owner: z.string().min(1),
    reason: z.string().min(1),
    expires: z.iso.date().describe('The last day on which it counts.'),
  }),
);
export type Waiver = z.infer<typeof waiversShape>[number];

/** The published JSON Schema of the project file. */
export function projectJsonSchema(): Record<string, unknown> {
  const made = z.toJSONSchema(projectShape, { io: 'input' }) as Record<string, unknown>;
  return {
    $schema: made['$schema'],
    title: 'weir.yaml',
    description: 'A project of schemas that `weir` checks, plans and applies.',
    ...made,
  };
}
