import { AppError } from '#libs/core/kernel';

/** Refuses a database that has migrations this build does not know: an older build must not write to it. @throws `store-newer`. */
export function requireKnown(applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new AppError({
    kind: 'conflict',
    code: 'store-newer',
    message: `the database was migrated by a newer release (${unknown.join(', ')})`,
    hint: 'run that release, or restore the backup made before the upgrade',
    details: { migrations: unknown },
  });
}
