import { readFile } from 'node:fs/promises';
import {
  openPostgresViewTables,
  SqliteViewTables,
  startSqliteThread,
  type PostgresTargetOptions,
} from '#libs/adapters/views-sql';
import { AppError, type StorageRoom } from '#libs/core/kernel';
import { DEFAULT_TARGET, RoutedViewTables, type OpenTarget, type ViewTables } from '#libs/core/streams';
import type { Config, ViewTargetDefinition } from '#libs/platform/config';
import type { Logger } from '#libs/platform/observability';

const SCHEMA = 'weir_views';
const POOL_SIZE = 8;
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * The databases that views may be kept in: where none is named, that of the metadata when it is PostgreSQL, a SQLite file otherwise; and those that the configuration names.
 * A SQLite file is opened at once, so that a start fails when it cannot be.
 */
export async function openViewTables(
  config: Config,
  file: string,
  room: StorageRoom,
  logger: Logger,
): Promise<RoutedViewTables> {
  const { database, views } = config;
  const targets = new Map<string, OpenTarget>();
  const { url } = database;
  if (url === undefined) targets.set(DEFAULT_TARGET, async () => new SqliteViewTables(file, room, startSqliteThread));
  else targets.set(DEFAULT_TARGET, () => openPostgres(DEFAULT_TARGET, { url, ...PRESET }, logger));
  for (const [name, definition] of views.targets)
    targets.set(name, async () => openPostgres(name, await optionsOf(name, definition), logger));
  const tables = new RoutedViewTables(targets);
  if (url === undefined) await tables.connect(DEFAULT_TARGET);
  return tables;
}

const PRESET = { schema: SCHEMA, poolSize: POOL_SIZE, statementTimeoutMs: STATEMENT_TIMEOUT_MS };

async function openPostgres(name: string, options: PostgresTargetOptions, logger: Logger): Promise<ViewTables> {
  const tables = await openPostgresViewTables(options);
  const { reader, readerProblem } = tables.schema;
  if (readerProblem === null)
    logger.info({ target: name, role: reader }, 'views in PostgreSQL are read under a role that can only read');
  else
    logger.warn({ target: name, problem: readerProblem }, 'views in PostgreSQL are read without a role of their own');
  return tables;
}

async function optionsOf(name: string, definition: ViewTargetDefinition): Promise<PostgresTargetOptions> {
  const { schema, poolSize, statementTimeoutMs } = definition;
  return {
    url: definition.url ?? (await urlIn(name, definition.urlFile!)),
    schema: schema ?? SCHEMA,
    poolSize: poolSize ?? POOL_SIZE,
    statementTimeoutMs: statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
  };
}

async function urlIn(name: string, file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new AppError({
      kind: 'unavailable',
      code: 'views-unavailable',
      message: `views.targets.${name} names a file that cannot be read.`,
      hint: 'Make the file readable; the view goes on by itself.',
      retryable: true,
      cause,
    });
  }
}
