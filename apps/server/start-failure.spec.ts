import { describe, expect, it } from 'vitest';
import { AppError, type ErrorKind } from '#libs/core/kernel';
import { EXIT } from './exit-codes.js';
import { startFailureOf } from './start-failure.js';

const system = (code: string): Error => Object.assign(new Error(`${code}: write`), { code });
const app = (kind: ErrorKind, code: string, cause?: unknown): AppError =>
  new AppError({ kind, code, message: 'It does not work.', cause });

describe('why a start failed', () => {
  it.each([
    ['a configuration', app('invalid', 'invalid-configuration'), EXIT.configuration],
    ['credentials that a dependency refuses', app('forbidden', 'cluster-access-denied'), EXIT.configuration],
    ['data of somebody else', app('conflict', 'log-locked'), EXIT.unusableData],
    ['a flush', app('unavailable', 'flush-failed'), EXIT.fatalStorage],
    ['a dependency', app('unavailable', 'cluster-unavailable'), EXIT.unavailable],
    ['a full disk, by our own error', app('storage-full', 'storage-full'), EXIT.unavailable],
    ['a full disk', system('ENOSPC'), EXIT.unavailable],
    ['open files', system('EMFILE'), EXIT.unavailable],
    ['open files, below a database', system('SQLITE_CANTOPEN'), EXIT.unavailable],
    ['an address that is taken', system('EADDRINUSE'), EXIT.unavailable],
    ['a disk that does not answer', system('EIO'), EXIT.fatalStorage],
    ['one below a database', system('SQLITE_IOERR_FSYNC'), EXIT.fatalStorage],
    ['one that was made read-only', system('EROFS'), EXIT.fatalStorage],
    ['one that another error was made of', app('internal', 'store-failed', system('EIO')), EXIT.fatalStorage],
  ])('is told by its exit code: %s', (_, error, exit) => {
    expect(startFailureOf(error).exit).toBe(exit);
  });

  it('says which code it was and what to do', () => {
    expect(startFailureOf(system('EMFILE'))).toMatchObject({
      message: expect.stringContaining('EMFILE'),
      hint: expect.stringContaining('open files'),
    });
  });

  it('is a defect where nothing tells more, and never by the code of an error of ours alone', () => {
    expect(startFailureOf(new Error('undefined is not a function')).exit).toBe(EXIT.defect);
    expect(startFailureOf(app('internal', 'EXPECTED')).exit).toBe(EXIT.defect);
    expect(startFailureOf('text').exit).toBe(EXIT.defect);
  });
});
