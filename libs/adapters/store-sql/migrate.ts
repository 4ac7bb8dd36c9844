import type { DataSource } from 'typeorm';
import { MIGRATIONS } from '#migrations';
import { AppError } from '#libs/core/kernel';

/**
 * Brings the database to the current form, each pending migration in a transaction of its own.
 * @throws `store-newer` when the database has migrations this build does not know: an older build must not write to it.
 */
export async function migrate(source: DataSource): Promise<void> {
  await source.runMigrations({ transaction: 'each' });
  const known = new Set(MIGRATIONS.map((one) => one.name));
  const applied = (await source.query('select name from migrations order by id')) as { name: string }[];
  const unknown = applied.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new AppError({
    kind: 'conflict',
    code: 'store-newer',
    message: `the database was migrated by a newer release (${unknown.join(', ')})`,
    hint: 'run that release, or restore the backup made before the upgrade',
    details: { migrations: unknown },
  });
}
