import { z } from 'zod';
import { pageQuery } from '#libs/platform/http';

const orderBy = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('offset') }),
    z.strictObject({ by: z.literal('timestamp') }),
    z.strictObject({ by: z.literal('field'), path: z.string().min(1).max(500).describe('Such as value.version.') }),
    z.strictObject({ by: z.literal('header'), name: z.string().min(1).max(500) }),
  ])
  .default({ by: 'offset' })
  .describe('What makes a record newer: its place, its timestamp, a field of its value, or a header.');

const deletes = z
  .strictObject({ path: z.string().min(1).max(500).describe('Such as value.deleted.'), equals: z.json() })
  .nullable()
  .default(null)
  .describe('Values that end their key, beside tombstones: those that have `equals` at the path.');

const merge = z
  .strictObject({
    nulls: z
      .enum(['keep', 'set'])
      .default('keep')
      .describe('A member that is null leaves what was there, or is null from then on.'),
  })
  .nullable()
  .default(null)
  .describe(
    'Lay each value over the one before it, member by member, instead of replacing it. Of latest streams with orderBy offset.',
  );

const key = z
  .strictObject({
    expr: z
      .string()
      .min(1)
      .max(1_000)
      .describe(
        'Where keys come from, as in a repartition: `value.customer`, `header.tenant`, `value.a + "-" + value.b`.',
      ),
  })
  .nullable()
  .default(null)
  .describe(
    'Another key than that of the source. Of latest streams with orderBy timestamp, field or header; records it has no answer for go as nullKeys says.',
  );

const schemaVersion = z
  .int()
  .min(1)
  .max(2_147_483_647)
  .nullable()
  .default(null)
  .describe(
    'Version of the subject `<source>-value`: values are read with it, as its readers would have them, and written with it. Null: as the source has them.',
  );

/** A year. */
const MAX_HORIZON_MS = 31_536_000_000;

/** Body of `POST /v1/derivations`. */
export const createBody = z.strictObject({
  kind: z.enum(['latest', 'versioned']).describe('`latest`: one state per key. `versioned`: every state, numbered.'),
  name: z.string().min(1).max(249).describe('Topic that is created and written.'),
  source: z.string().min(1).max(249).describe('Topic that is read.'),
  orderBy,
  nullKeys: z
    .enum(['drop', 'dlq', 'fail'])
    .default('drop')
    .describe('For records without key or version: leave out and count, copy to `<name>.dlq`, or stop.'),
  onConflict: z
    .enum(['first', 'last', 'fail', 'dlq'])
    .default('last')
    .describe(
      'Which of two records counts that say the same version and differ. `dlq`: the first, and the second is copied to `<name>.dlq`.',
    ),
  deletes,
  late: z
    .enum(['drop', 'topic'])
    .default('drop')
    .describe('For records older than what their key has: count them, or copy them to `<name>.late` as well.'),
  lateHorizonMs: z
    .int()
    .min(0)
    .max(MAX_HORIZON_MS)
    .default(86_400_000)
    .describe('How long a latest stream remembers a key that has ended, so that a late record does not bring it back.'),
  merge,
  key,
  schemaVersion,
  backfill: z
    .boolean()
    .default(true)
    .describe('Compute it from what the source has already, too; false: from what comes from now on alone.'),
});
export type CreateBody = z.infer<typeof createBody>;

const count = z.int();

export const derivationView = z.object({
  name: z.string(),
  kind: z.enum(['latest', 'versioned']),
  source: z.string(),
  orderBy: z.json(),
  nullKeys: z.string(),
  onConflict: z.string(),
  deletes: z.json(),
  late: z.string(),
  lateHorizonMs: z.int(),
  merge: z.json(),
  key: z.json(),
  schemaVersion: z.int().nullable(),
  schema: z
    .object({ subject: z.string(), version: z.int(), schemaId: z.int(), schemaType: z.string() })
    .nullable()
    .describe('What values are read and written with, whatever becomes of the subject; null: as the source has them.'),
  backfill: z.boolean().describe('Whether it was computed from what the source had when it was made, too.'),
  state: z.enum(['RUNNING', 'PAUSED', 'DELETING']),
  worker: z.enum(['waiting', 'running', 'failing', 'ended', 'stopped', 'absent']),
  problem: z.string().nullable(),
  createdAt: z.string(),
  createdBy: z.string(),
  lag: z
    .object({ records: count })
    .nullable()
    .describe('Null while nothing is known here: it starts, or another instance runs it.'),
  keys: count.nullable().describe('Live keys.'),
  counts: z
    .object({
      read: count,
      written: count,
      late: count,
      same: count,
      conflicts: count,
      nullKeys: count,
      refused: count,
      erased: count.describe('Passed over when the stream was computed anew, since their keys had been erased.'),
    })
    .nullable(),
  position: z.object({ generation: count, offsets: z.record(z.string(), z.string()) }).nullable(),
  historyStart: z
    .record(z.string(), z.string())
    .nullable()
    .describe('First offset of each partition that was there when it began.'),
  history: z
    .object({
      missing: count.describe('Records of a compacted source that were gone before they could be read.'),
      complete: z.boolean().describe('Whether nothing was gone before it could be read.'),
      completeSince: z
        .string()
        .nullable()
        .describe('From this time on nothing is missing; null when nothing ever was, or it is not known yet.'),
    })
    .nullable(),
});
export type DerivationView = z.infer<typeof derivationView>;

export const derivationPage = z.object({ items: z.array(derivationView), next: z.string().nullable() });
export type DerivationPage = z.infer<typeof derivationPage>;

export const listQuery = z.strictObject(pageQuery);
export type ListQuery = z.infer<typeof listQuery>;

export const latestQuery = z.strictObject({
  prefix: z.string().max(1_000).default('').describe('Only keys that begin with this.'),
  ...pageQuery,
});
export type LatestQuery = z.infer<typeof latestQuery>;

export const latestRow = z.object({
  key: z.string(),
  value: z.json(),
  timestamp: z.int(),
  partition: z.int(),
  offset: z.string(),
});
export type LatestRowView = z.infer<typeof latestRow>;

/** When: ISO 8601, or epoch ms. */
const moment = z
  .string()
  .max(64)
  .transform((text, context) => {
    const timeMs = /^[0-9]{1,15}$/.test(text) ? Number(text) : Date.parse(text);
    if (Number.isSafeInteger(timeMs)) return timeMs;
    context.addIssue({ code: 'custom', message: 'Write a time such as 2001-01-05T00:00:00Z, or epoch milliseconds.' });
    return z.NEVER;
  });

const versionNumber = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

export const stateQuery = z
  .strictObject({
    asOf: moment.optional().describe('The state that held at this time: ISO 8601, or epoch ms.'),
    version: versionNumber.optional().describe('The state with this number.'),
  })
  .refine(({ asOf, version }) => asOf === undefined || version === undefined, {
    message: 'asOf and version name one state each; give one of them.',
  });
export type StateQuery = z.infer<typeof stateQuery>;

export const versionsQuery = z.strictObject(pageQuery);
export type VersionsQuery = z.infer<typeof versionsQuery>;

export const diffQuery = z.strictObject({
  from: versionNumber.describe('Number of the earlier state.'),
  to: versionNumber.describe('Number of the later state.'),
});
export type DiffQuery = z.infer<typeof diffQuery>;

export const keyVersion = z.object({
  key: z.string(),
  version: count.describe('From 1, without a gap.'),
  change: z.enum(['create', 'update', 'delete', 'undelete']),
  validFrom: z.string(),
  validTo: z.string().nullable().describe('When the next state began; null for the present one.'),
  value: z.json().describe('Null for a deletion.'),
  timestamp: z.int(),
  partition: z.int(),
  offset: z.string(),
});
export type KeyVersionView = z.infer<typeof keyVersion>;

export const versionPage = z.object({ items: z.array(keyVersion), next: z.string().nullable() });
export type VersionPage = z.infer<typeof versionPage>;

export const keyDiff = z.object({
  key: z.string(),
  from: count,
  to: count,
  changes: z
    .array(
      z.object({
        path: z.string().describe('JSON pointer (RFC 6901).'),
        op: z.enum(['add', 'remove', 'replace']),
        before: z.json().optional(),
        after: z.json().optional(),
      }),
    )
    .describe('What makes the one value the other; in the order of a JSON patch.'),
});
export type KeyDiff = z.infer<typeof keyDiff>;

export const latestPage = z.object({ items: z.array(latestRow), next: z.string().nullable() });
export type LatestPage = z.infer<typeof latestPage>;
