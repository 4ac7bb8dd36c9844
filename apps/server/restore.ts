import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { restoreBackup } from '#libs/adapters/backups-disk';
import { AppError } from '#libs/core/kernel';
import type { Config } from '#libs/platform/config';
import type { Logger } from '#libs/platform/observability';

/**
 * `--restore <backup>` of the command line: before anything is opened, puts a backup into the empty data directory. It is named by its id in `backups.directory`, or by its
 * path. Given again, to the directory that came from it, it does nothing.
 * @throws `invalid-arguments`, and what `restoreBackup` throws.
 */
export async function restoreInto(
  config: Config,
  args: readonly string[],
  logger: Logger,
  failPoint: (name: string) => void,
): Promise<void> {
  const named = backupOf(args);
  if (named === undefined) return;
  const from = pathOf(named, config.backups.directory);
  const to = resolve(config.data.dir);
  logger.info({ from, to }, 'a backup is restored');
  const steps = { signal: new AbortController().signal, pace: () => Promise.resolve() };
  const restored = await restoreBackup({ from, to, failPoint, ...steps });
  if (restored === undefined) {
    logger.info({ from, to }, 'the data directory came from this backup before; nothing was restored');
    return;
  }
  const takenAt = new Date(restored.takenAtMs).toISOString();
  logger.info({ from, to, takenAt, leftOut: restored.leftOut }, 'the backup was restored');
}

function backupOf(args: readonly string[]): string | undefined {
  try {
    return parseArgs({ args: [...args], options: { restore: { type: 'string' } } }).values.restore;
  } catch (error) {
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-arguments',
      message: `The command line cannot be read: ${(error as Error).message}`,
      hint: 'The only option is --restore <backup>; everything else is configuration.',
    });
  }
}

function pathOf(named: string, directory: string | undefined): string {
  if (named.includes('/')) return resolve(named);
  if (directory !== undefined) return join(resolve(directory), named);
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-arguments',
    message: `--restore ${named} names a backup by its id, and backups.directory is not set.`,
    hint: 'Set WEIR_BACKUPS_DIRECTORY, or name the backup by its path: --restore ./backups/<id>.',
  });
}
