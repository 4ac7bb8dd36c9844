import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { nearest } from '#libs/core/kernel';
import { z } from 'zod';
import { Failure, usage } from '../failure.js';
import { readYaml } from '../project/yaml-file.js';

type Environment = Readonly<Record<string, string | undefined>>;

const contextShape = z.strictObject({
  server: z.string().min(1),
  label: z.string().optional(),
  production: z.boolean().optional().describe('Destructive commands ask for the name.'),
  clusterId: z.string().optional().describe('The id that the service must have; a mismatch stops everything.'),
  tokenFile: z.string().optional().describe('A file with the token, mode 0600.'),
  caFile: z.string().optional(),
});

const configShape = z.strictObject({
  current: z.string().nullable().optional(),
  contexts: z.record(z.string(), contextShape).default({}),
});

export type Context = z.infer<typeof contextShape>;
export type UserConfig = z.infer<typeof configShape>;

/** Where the user's contexts are. */
export function userConfigPath(env: Environment): string {
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? homedir(), '.config'), 'weir', 'config.yaml');
}

/** The user's contexts; none where there is no file. @throws Failure for a file that is not in order. */
export async function readUserConfig(env: Environment): Promise<UserConfig> {
  const file = userConfigPath(env);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Failure({
      code: 'config-unreadable',
      exit: 'usage',
      message: `'${file}' cannot be read: ${error.message}`,
      cause: error,
    });
  });
  if (text === undefined) return { contexts: {} };
  // What is written there was written by `weir context set`, and stands for itself.
  return readYaml(configShape, { text, file, env }).value;
}

/** Writes the contexts, whole or not at all. */
export async function writeUserConfig(env: Environment, config: UserConfig): Promise<void> {
  const { stringify } = await import('yaml');
  const file = userConfigPath(env);
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, stringify(config), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new Failure({
      code: full ? 'disk-full' : 'config-not-written',
      exit: full ? 'internal' : 'usage',
      message: full ? `There is no room for '${file}'.` : `'${file}' cannot be written: ${message}`,
      hint: full
        ? 'Free room on that disk, then repeat.'
        : 'Let this user write it, or name another folder by XDG_CONFIG_HOME.',
      cause,
    });
  }
}

/** A context by name. @throws Failure with the one that was likely meant. */
export function contextNamed(config: UserConfig, name: string): Context {
  const found = config.contexts[name];
  if (found !== undefined) return found;
  const known = Object.keys(config.contexts);
  const near = nearest(name, known);
  throw usage(
    'context-unknown',
    `There is no context '${name}'.`,
    near === undefined
      ? known.length === 0
        ? 'Make one: weir context set NAME --url URL'
        : `Contexts: ${known.join(', ')}.`
      : `Did you mean '${near}'?`,
  );
}

/** A token out of a file that nobody else may read. @throws Failure for a file that others may. */
export async function readToken(path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw usage('token-file-open', `Others may read the token in '${path}'.`, `chmod 600 ${path}`);
    }
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure({
      code: 'token-unreadable',
      exit: 'usage',
      message: `The token file '${path}' cannot be read: ${(cause as Error).message}`,
      cause,
    });
  }
}
