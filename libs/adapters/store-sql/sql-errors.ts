import { AppError } from '#libs/core/kernel';

/** The driver's own code of a failure (`SQLITE_CONSTRAINT_UNIQUE`, `23505`), wherever TypeORM has wrapped it. */
export function driverCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const inner = (error as { driverError?: unknown }).driverError;
  const code = (inner as { code?: unknown } | undefined)?.code ?? (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether a unique or primary key constraint refused the write. */
export function isUniqueViolation(error: unknown): boolean {
  const code = driverCode(error);
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === '23505';
}

/** PostgreSQL gave up a transaction that is right to repeat: serialization failure or deadlock. */
export function isRepeatable(error: unknown): boolean {
  const code = driverCode(error);
  return code === '40001' || code === '40P01';
}

/** Whether the disk of a SQLite file refused a write: no room, an error of its own, read only. */
export function isDiskRefusal(error: unknown): boolean {
  const code = driverCode(error) ?? '';
  return ['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY'].some((one) => code.startsWith(one));
}

const LOST_CONNECTION = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  '25P03',
  '57P01',
  '57P02',
  '57P03',
]);

/** Turns failures of the database itself into the domain's errors; everything else passes unchanged. */
export function translateDriverError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = driverCode(error);
  if (code === 'SQLITE_FULL' || code === '53100') {
    return new AppError({
      kind: 'storage-full',
      code: 'storage-full',
      message: 'the metadata store has no space left; nothing was written',
      hint: 'free space on the volume of the database',
      retryable: true,
      cause: error,
    });
  }
  if (code === '22021') {
    return new AppError({
      kind: 'invalid',
      code: 'text-not-storable',
      message: 'A name holds a zero character, and none that is stored here does.',
      hint: 'Take the character U+0000 out.',
      cause: error,
    });
  }
  if (code?.startsWith('SQLITE_IOERR') === true) {
    return new AppError({
      kind: 'unavailable',
      code: 'store-unavailable',
      message: 'the disk of the metadata store refuses what is asked of it',
      hint: 'look at the disk of data.dir, and at the limits of the process',
      retryable: true,
      cause: error,
    });
  }
  const lost = code !== undefined && (LOST_CONNECTION.has(code) || code.startsWith('08'));
  return lost || isPoolTimeout(error) ? storeUnreachable(error) : error;
}

/** The connection to the database is lost, or there is none to be had. */
export function storeUnreachable(cause: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'store-unavailable',
    message: 'the metadata store cannot be reached',
    hint: 'retry; if it stays so, check the database named by database.url',
    retryable: true,
    cause,
  });
}

/** node-postgres reports these two without a code; their texts are constants of that library. */
function isPoolTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const inner = (error as { driverError?: unknown }).driverError;
  const text = inner instanceof Error ? inner.message : error.message;
  return text.startsWith('timeout exceeded when trying to connect') || text.startsWith('Connection terminated');
}

export function storeClosed(): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'store-closed',
    message: 'the metadata store is closed',
    retryable: true,
  });
}

/** A flush failed: the writes that waited for it may be there or not, and nothing is accepted after it (reliability page, G8). */
export function storeFlushFailed(cause: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'store-flush-failed',
    message: 'the metadata store could not flush to its disk; whether the last writes were kept is not known',
    hint: 'look at the disk, then start the service again: it reads what is there',
    cause,
  });
}
