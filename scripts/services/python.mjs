/** Python with packages for tests: the interpreter of this machine or Debian's, the packages in an environment of their own below `.cache/python`. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findCommand, firstLine, installDebian, run, ServiceUnavailable } from './service-process.mjs';

const CACHE = resolve('.cache/python');

/**
 * An interpreter that has the packages of a requirements file, which names each with its version and hashes. Installed once for every content of the file.
 * @param {string} requirements path of the file
 * @returns {Promise<{python: string, version: string}>}
 * @throws {ServiceUnavailable} when there is no Python, or the packages cannot be had
 */
export async function pythonWith(requirements) {
  if (findCommand('python3') === undefined) await installDebian(['python3', 'python3-venv'], 'the Python client');
  const version = (await run('python3', ['-c', 'import platform; print(platform.python_version())'])).trim();
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const home = join(CACHE, `${version}-${hash}`);
  const python = join(home, 'bin/python');
  const complete = join(home, 'complete');
  if (existsSync(complete)) return { python, version };
  rmSync(home, { recursive: true, force: true });
  await createEnvironment(home);
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
  ];
  await run(python, [...pip, '--require-hashes', '-r', requirements]).catch((cause) => {
    throw new ServiceUnavailable(`the packages of ${requirements} cannot be had: ${firstLine(cause)}`, { cause });
  });
  writeFileSync(complete, '');
  return { python, version };
}

/** Debian leaves out of Python what makes environments. */
async function createEnvironment(home) {
  const create = () => run('python3', ['-m', 'venv', '--clear', home]);
  await create().catch(async () => {
    await installDebian(['python3-venv'], 'the Python client');
    await create();
  });
}
