import { z } from 'zod';
import { pageQuery } from '#libs/platform/http';

const name = z.string().min(1).max(249);
const offset = z.string().describe('An offset; decimal, since it can be beyond what JSON numbers hold.');
const verdict = z.enum(['safe', 'in-use', 'unknown']);

export const scanId = z.string().min(1).max(100);

/** Body of `POST /v1/schema-usage/plans`. */
export const usagePlanBody = z.strictObject({
  cluster: name.max(63).optional().describe('Look at this cluster alone.'),
  topics: z
    .array(name)
    .min(1)
    .max(1_000)
    .optional()
    .describe('Look at these topics alone. No schema can be called safe from such a scan alone.'),
});
export type UsagePlanBody = z.infer<typeof usagePlanBody>;

/** Query of the usage of a version. */
export const usageQuery = z.strictObject({
  scan: scanId
    .optional()
    .describe('An operation of kind `schema-usage`. What has come since is read in addition, where it is little.'),
});
export type UsageQuery = z.infer<typeof usageQuery>;

const place = { cluster: z.string(), topic: z.string().describe('Logical name.'), generation: z.int() };
const version = z.object({ subject: z.string(), version: z.int(), deleted: z.boolean() });

const coverage = z.object({
  scan: z.string().nullable(),
  complete: z.boolean().describe('Whether every retained record of every partition has been counted.'),
  partitions: z
    .array(
      z.object({
        ...place,
        partition: z.int(),
        from: offset.describe('First offset that is retained.'),
        upTo: offset.describe('All retained records below have been counted.'),
        end: offset,
        state: z.enum(['counted', 'not-read', 'unreadable']),
        reason: z.string().nullable(),
      }),
    )
    .describe('As of now, 1,000 at most, those first that are not counted.'),
  unlistedPartitions: z.int().describe('Partitions that are not listed.'),
  unnamed: z
    .array(z.object({ cluster: z.string(), topic: z.string(), part: z.enum(['key', 'value']), records: z.int() }))
    .describe('Keys and values that name no schema: nothing here tells with which they were written.'),
  internal: z
    .array(z.object({ cluster: z.string(), topic: z.string() }))
    .describe('Topics of logs and of this service, which are not looked at.'),
  hiddenPartitions: z
    .int()
    .describe('Partitions of topics that the caller may not read; they are counted all the same.'),
});

const reasons = z.array(z.object({ code: z.string(), means: z.enum(['in-use', 'unknown']), message: z.string() }));
const records = z.object({
  total: z.int().describe('Keys and values of retained records that name the schema, by its id or GUID.'),
  exact: z.boolean().describe('False: some may be gone since they were counted.'),
  topics: z.array(
    z.object({
      ...place,
      partitions: z.array(
        z.object({
          partition: z.int(),
          keys: z.int(),
          values: z.int(),
          lastOffset: offset.describe('Of the last record that names it.'),
          exact: z.boolean(),
        }),
      ),
    }),
  ),
  hidden: z.int().describe('Those in topics that the caller may not read.'),
});
const versions = z.object({ versions: z.array(version), hidden: z.int() });
const aliases = z
  .object({ subjects: z.array(z.string()), hidden: z.int() })
  .describe('Names that stand for the subject by their alias.');

/** What is told of one version and of all versions of an id alike. */
const needs = {
  references: versions.describe('Versions that refer to it.'),
  aliases,
  associations: z.array(
    z.object({
      resourceName: z.string(),
      resourceNamespace: z.string(),
      resourceType: z.string(),
      associationType: z.string(),
    }),
  ),
  topics: z
    .array(
      z.object({
        cluster: z.string(),
        topic: z.string(),
        part: z.enum(['key', 'value']).nullable(),
        strategy: z.enum(['topic-name', 'topic-record-name']),
      }),
    )
    .describe('Topics that the subject belongs to by its name.'),
  consumers: z
    .array(z.object({ kind: z.enum(['view', 'derivation']), name: z.string(), cluster: z.string(), topic: z.string() }))
    .describe('What here reads those topics, or topics with records that name the schema.'),
  coverage,
};

export const usageView = z.object({
  subject: z.string(),
  version: z.int(),
  schemaId: z.int(),
  guid: z.string(),
  deleted: z.boolean(),
  verdict: verdict.describe(
    '`safe`: nothing here needs the version. `in-use`: something does. `unknown`: nothing does as far as was looked, which is not far enough.',
  ),
  reasons,
  records,
  carriers: versions.describe('Other versions with the same id.'),
  ...needs,
});
export type UsageView = z.infer<typeof usageView>;

/** The id of a schema in a path. */
export const schemaIdParameter = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'is no id of a schema')
  .transform(Number)
  .refine((id) => id <= 2_147_483_647, 'is no id of a schema');

export const idUsageView = z.object({
  schemaId: z.int(),
  verdict: verdict.describe('Of records and of all versions: `safe` where nothing here needs any of them.'),
  reasons: reasons.describe('What records say.'),
  records,
  schemas: z
    .array(z.object({ context: z.string(), guid: z.string(), schemaType: z.string() }))
    .describe('What the id stands for, in each context.'),
  versions: z
    .array(
      z.object({
        ...version.shape,
        guid: z.string(),
        verdict: verdict.describe('Records left out of account.'),
        reasons,
      }),
    )
    .describe('Versions that carry the id.'),
  hiddenVersions: z.int().describe('Versions that the caller may not read; they count all the same.'),
  ...needs,
});
export type IdUsageView = z.infer<typeof idUsageView>;

/** Query of what a scan counted. */
export const censusQuery = z.strictObject({ ...pageQuery });
export type CensusQuery = z.infer<typeof censusQuery>;

export const censusView = z.object({
  scan: z.string(),
  complete: z.boolean().describe('Whether the scan has read everything that it was to read.'),
  items: z.array(
    z.object({
      schemaId: z.int().nullable().describe('Named by its id.'),
      guid: z.string().nullable().describe('Named by its GUID.'),
      keys: z.int(),
      values: z.int(),
      topics: z.array(z.object({ cluster: z.string(), topic: z.string(), keys: z.int(), values: z.int() })),
    }),
  ),
  next: z.string().nullable(),
});
export type CensusView = z.infer<typeof censusView>;
