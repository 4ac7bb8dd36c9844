import { z } from 'zod';

const field = z.union([z.string(), z.strictObject({ from: z.string(), type: z.string().optional() })]);

/** Body of `PUT /v1/views/{view}`, as documentation: `parseDeclaration` reads it and names every problem. */
export const viewDeclaration = z.strictObject({
  cluster: z.string().optional().describe('Cluster of the topics; the default one unless given.'),
  source: z.strictObject({ topic: z.string(), mode: z.enum(['latest', 'events']).default('latest') }),
  joins: z.array(z.strictObject({ as: z.string(), topic: z.string(), on: z.string() })).optional(),
  key: z.record(z.string(), field).optional(),
  columns: z.record(
    z.string(),
    z.union([
      field,
      z.strictObject({
        aggregate: z.enum(['count', 'sum', 'min', 'max', 'avg']),
        of: z.string().optional(),
        type: z.string().optional(),
      }),
    ]),
  ),
});

const sourceView = z.object({
  topic: z.string(),
  generation: z.int().nullable(),
  positions: z.record(z.string(), z.string()).describe('Partition to next offset.'),
});

export const viewView = z.object({
  name: z.string(),
  cluster: z.string(),
  version: z.int(),
  state: z.enum(['RUNNING', 'PAUSED', 'DELETING']),
  worker: z.enum(['waiting', 'running', 'failing', 'ended', 'stopped', 'absent']),
  problem: z.string().nullable(),
  createdAt: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  sources: z.array(sourceView),
  commit: z.int().nullable().describe('Rises with each stored step.'),
  lag: z.int().nullable().describe('Records behind its sources; null when it does not run here.'),
  staleMs: z.int().nullable(),
  refusedRecords: z.int().nullable(),
  declaration: z.json(),
});
export type ViewView = z.infer<typeof viewView>;

export const viewList = z.object({ items: z.array(viewView), next: z.string().nullable() });
export type ViewList = z.infer<typeof viewList>;

export const rowsView = z.object({
  rows: z.array(z.record(z.string(), z.json())),
  next: z.string().nullable(),
  count: z.int().optional(),
  position: z.string().describe('What these rows reflect.'),
});
export type RowsView = z.infer<typeof rowsView>;

export const rowView = z.record(z.string(), z.json());

export const refusedView = z.object({
  items: z.array(
    z.object({ topic: z.string(), partition: z.int(), offset: z.string(), code: z.string(), message: z.string() }),
  ),
});
export type RefusedView = z.infer<typeof refusedView>;

export const refusedQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(50) });
export type RefusedQuery = z.infer<typeof refusedQuery>;
