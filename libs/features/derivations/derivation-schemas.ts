import { z } from 'zod';
import { pageQuery } from '#libs/platform/http';

const orderBy = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('offset') }),
    z.strictObject({ by: z.literal('timestamp') }),
    z.strictObject({ by: z.literal('field'), path: z.string().min(1).max(500).describe('Such as value.version.') }),
  ])
  .default({ by: 'offset' })
  .describe('What makes a record newer: its place, its timestamp, or a field of its value.');

/** Body of `POST /v1/derivations`. */
export const createBody = z.strictObject({
  kind: z.literal('latest'),
  name: z.string().min(1).max(249).describe('Topic that is created and written.'),
  source: z.string().min(1).max(249).describe('Topic that is read.'),
  orderBy,
  nullKeys: z
    .enum(['drop', 'dlq', 'fail'])
    .default('drop')
    .describe('For records without key or version: leave out and count, copy to `<name>.dlq`, or stop.'),
  onConflict: z
    .enum(['first', 'last', 'fail'])
    .default('last')
    .describe('Which of two records counts that say the same version and differ.'),
});
export type CreateBody = z.infer<typeof createBody>;

const count = z.int();

export const derivationView = z.object({
  name: z.string(),
  kind: z.literal('latest'),
  source: z.string(),
  orderBy: z.json(),
  nullKeys: z.string(),
  onConflict: z.string(),
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
    })
    .nullable(),
  position: z.object({ generation: count, offsets: z.record(z.string(), z.string()) }).nullable(),
  historyStart: z
    .record(z.string(), z.string())
    .nullable()
    .describe('First offset of each partition that was there when it began.'),
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

export const latestPage = z.object({ items: z.array(latestRow), next: z.string().nullable() });
export type LatestPage = z.infer<typeof latestPage>;
