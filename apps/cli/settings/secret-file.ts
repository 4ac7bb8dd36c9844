import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../failure.js';

/**
 * Writes a secret for its owner alone, whole or not at all.
 * @param over whether a file that is there may be replaced. @throws Failure.
 */
export async function writeSecret(path: string, secret: string, over: boolean): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (!over) {
      await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
      return;
    }
    await writeFile(`${path}.new`, `${secret}\n`, { mode: 0o600 });
    await chmod(`${path}.new`, 0o600);
    await rename(`${path}.new`, path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'EEXIST'
      ? new Failure({
          code: 'file-exists',
          exit: 'conflict',
          message: `'${path}' is there already, and a secret is not written over another.`,
          hint: 'Name another file, or remove it.',
          cause,
        })
      : new Failure({
          code: 'secret-not-written',
          exit: 'usage',
          message: `The secret cannot be kept in '${path}': ${message}`,
          cause,
        });
  }
}
