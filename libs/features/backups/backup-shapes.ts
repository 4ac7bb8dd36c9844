import { z } from 'zod';

/** Body of `POST /v1/backups`. */
export const createBackupBody = z.strictObject({
  full: z
    .boolean()
    .default(false)
    .describe('Copy every file, instead of sharing those that do not change with the last backup.'),
});
export type CreateBackupBody = z.infer<typeof createBackupBody>;

/** Work on a backup that has begun. */
export const backupWork = z.object({
  id: z.string().describe('The backup.'),
  operation: z.string().describe('The operation that does it: `GET /v1/operations/{operation}`.'),
});
/** Query of `POST /v1/backups/{id}:restore`. */
export const restoreQuery = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Only say whether it would be restored: `operation` is null then.'),
});
export type RestoreQuery = z.infer<typeof restoreQuery>;

/** Work on a backup that has begun, or would. */
export const restoreWork = backupWork.extend({ operation: backupWork.shape.operation.nullable() });
export type RestoreWorkView = z.infer<typeof restoreWork>;

export type BackupWorkView = z.infer<typeof backupWork>;

export const backupSummary = z.object({
  id: z.string(),
  digest: z
    .string()
    .describe(
      'What copies of a backup are compared by: SHA-256 of its manifest, which has the checksums of all files. Also the entity tag of its content.',
    ),
  takenAt: z.string().describe('The moment that everything in it stands at.'),
  madeBy: z.string().describe('The release that made it.'),
  logId: z.string().nullable().describe('The embedded log in it; null for none.'),
  metadata: z.enum(['sqlite', 'postgres']).describe('`sqlite`: in the backup. `postgres`: not in it.'),
  topics: z.int().describe('Topics of the log; each generation counts.'),
  files: z.int(),
  bytes: z.int().describe('Of all its files, those shared with another backup included.'),
  leftOut: z.array(z.string()).describe('What is not in it.'),
  verification: z
    .object({ at: z.string(), sound: z.boolean(), problems: z.array(z.string()) })
    .nullable()
    .describe('What was found when it was read back last; null for never.'),
});
export type BackupSummary = z.infer<typeof backupSummary>;

export const backupList = z.object({ items: z.array(backupSummary) });
export type BackupList = z.infer<typeof backupList>;

export const backupView = backupSummary.extend({
  positions: z
    .array(
      z.object({
        topic: z.string().describe('Physical name.'),
        state: z.string(),
        partitions: z.array(
          z.object({
            partition: z.int(),
            startOffset: z.string(),
            endOffset: z.string(),
            health: z.enum(['ok', 'degraded']),
          }),
        ),
      }),
    )
    .describe('The log in it: every record from start to end offset, and nothing from there on.'),
});
export type BackupView = z.infer<typeof backupView>;
