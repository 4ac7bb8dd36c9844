import { z } from 'zod';

const origin = z.strictObject({
  from: z.string().optional().describe('A field of key, value or a join; or timestamp, partition, offset, topic.'),
  compute: z.string().optional().describe('CEL, with `type`.'),
  rest: z.literal(true).optional().describe('The members of the value that nothing else names, as JSON.'),
  window: z
    .string()
    .optional()
    .describe('Begin of the window of this size, such as 1h, that the time in `on` falls into.'),
  on: z.string().optional(),
  type: z.string().optional(),
});
const field = z.union([z.string(), origin]);
const mode = z.enum(['latest', 'events']).default('latest');

/** Body of `PUT /v1/views/{view}`, as documentation: `parseDeclaration` reads it and names every problem. */
export const viewDeclaration = z.strictObject({
  cluster: z.string().optional().describe('Cluster of the topics; the default one unless given.'),
  source: z.strictObject({ topic: z.string(), mode }).optional(),
  sources: z
    .array(z.strictObject({ topic: z.string(), mode, columns: z.record(z.string(), z.string()).optional() }))
    .optional()
    .describe('Instead of `source`: several topics, each with the fields it has under other names.'),
  joins: z.array(z.strictObject({ as: z.string(), topic: z.string(), on: z.string() })).optional(),
  key: z.record(z.string(), field).optional(),
  columns: z.record(
    z.string(),
    z.union([
      field,
      z.strictObject({
        aggregate: z.enum(['count', 'sum', 'min', 'max', 'avg', 'latest']),
        of: z.string().optional(),
        compute: z.string().optional(),
        type: z.string().optional(),
      }),
    ]),
  ),
  flatten: z
    .array(
      z.strictObject({
        from: z.string(),
        prefix: z.string().optional(),
        members: z.record(z.string(), z.string()).optional(),
      }),
    )
    .optional()
    .describe('Every member of an object as a column.'),
  explode: z
    .record(
      z.string(),
      z.strictObject({
        from: z.string(),
        columns: z.record(z.string(), z.strictObject({ from: z.string(), type: z.string() })),
      }),
    )
    .optional()
    .describe('The items of a list as rows of a table of their own.'),
  filter: z.string().optional().describe('CEL: records for which it is not true have no row.'),
  deletes: z.strictObject({ when: z.string().optional(), mode: z.enum(['hard', 'soft']).optional() }).optional(),
  history: z.boolean().optional().describe('Every state of a key is a row, with `valid_from` and `valid_to`.'),
  retention: z.strictObject({ after: z.string(), by: z.string().optional() }).optional(),
});

const sourceView = z.object({
  topic: z.string(),
  generation: z.int().nullable(),
  positions: z.record(z.string(), z.string()).describe('Partition to next offset.'),
});

export const viewView = z.object({
  name: z.string(),
  cluster: z.string(),
  target: z.string().describe('The database that its rows are kept in.'),
  version: z.int(),
  role: z.enum(['ACTIVE', 'DRAFT', 'PREVIOUS']).describe('Queries see the active version.'),
  state: z.enum(['RUNNING', 'PAUSED', 'DELETING']),
  worker: z.enum(['waiting', 'running', 'failing', 'ended', 'stopped', 'absent']),
  problem: z.string().nullable(),
  createdAt: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  revision: z.int().describe('How often it was changed in place.'),
  sources: z.array(sourceView),
  commit: z.int().nullable().describe('Rises with each stored step.'),
  lag: z.int().nullable().describe('Records behind its sources; null where that cannot be told.'),
  staleMs: z.int().nullable(),
  refusedRecords: z.int().nullable(),
  declaration: z.json(),
});
export type ViewView = z.infer<typeof viewView>;

export const describedView = viewView.extend({
  regenerable: z
    .boolean()
    .nullable()
    .describe('Whether its topics still hold all that its rows are made of; null where one of them cannot be asked.'),
});
export type DescribedView = z.infer<typeof describedView>;

const outcome = {
  outcome: z
    .enum(['created', 'unchanged', 'in-place', 'new-version'])
    .describe('in-place: the running view has it. new-version: another version is built beside it.'),
  changes: z
    .array(
      z.object({
        what: z.string().describe('A column, one of a list as list.column, or a member of the declaration.'),
        change: z.enum(['added', 'gone', 'changed']),
        inPlace: z.boolean().describe('Whether the running view can be given it.'),
        reason: z.string(),
        value: z.json().optional().describe('Of a column that is added: what rows that are there have in it.'),
      }),
    )
    .describe('What the declaration, or the schemas by now, say otherwise than the view.'),
};

/** Answer to `PUT /v1/views/{view}`; with `new-version` it is of the version that is built. */
export const declaredView = viewView.extend(outcome);
export type DeclaredView = z.infer<typeof declaredView>;

/** Answer to `PUT /v1/views/{view}?dryRun=true`. */
export const plannedView = z.object({ name: z.string(), dryRun: z.literal(true), ...outcome });
export type PlannedView = z.infer<typeof plannedView>;

export const declarationQuery = z.strictObject({
  dryRun: z.enum(['true', 'false']).default('false').describe('Only tell what would become of the view.'),
});
export type DeclarationQuery = z.infer<typeof declarationQuery>;

export const versionList = z.object({ items: z.array(viewView) });
export type VersionList = z.infer<typeof versionList>;

export const versionParameters = z.object({ view: z.string(), version: z.coerce.number().int().min(1) });
export type VersionParameters = z.infer<typeof versionParameters>;

export const activation = z
  .strictObject({
    incomplete: z.boolean().default(false).describe('Also when older records of its topics are gone.'),
    waitMs: z.int().min(0).max(30_000).default(0).describe('How long to wait until it has read everything.'),
  })
  .optional();
export type Activation = z.infer<typeof activation>;

export const retirement = z.strictObject({
  incomplete: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Also when its rows could not be made again, since older records of its topics are gone.'),
  dryRun: z.enum(['true', 'false']).default('false').describe('Only say whether it would go, or why not.'),
});
export type Retirement = z.infer<typeof retirement>;

export const comparisonView = z.object({
  atEqualPositions: z
    .boolean()
    .describe('Whether both had read the same; otherwise they may differ by what one of them has not read yet.'),
  columns: z.array(z.string()).describe('Columns of both, which were compared.'),
  rows: z.object({ active: z.int(), version: z.int() }),
  differing: z.int().describe('Of 256 groups of rows by key: those that are not the same.'),
});
export type ComparisonView = z.infer<typeof comparisonView>;

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

export const redrivenView = z.object({
  taken: z.int(),
  refused: z.int().describe('Still set aside.'),
  gone: z.int().describe('No more in the topic.'),
});
export type RedrivenView = z.infer<typeof redrivenView>;

export const refusedQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(50) });
export type RefusedQuery = z.infer<typeof refusedQuery>;
