import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A package of one version and one content. */
export interface PublishedPackage {
  readonly name: string;
  readonly version: string;
  /** Digest of its archive, as `sha512-…`. */
  readonly integrity: string;
}

/** Beside `dist`, so that packages are fetched once. */
const CACHE = new URL('../../.cache/published-packages/', import.meta.url).pathname;

/**
 * The folder of an unpacked package, fetched with `npm pack` unless it was before.
 * @throws what npm or tar say, where the package cannot be had, and where it is not the one that was pinned.
 */
export async function packageFolder({ name, version, integrity }: PublishedPackage): Promise<string> {
  const folder = join(CACHE, `${name.replace('/', '-')}-${version}`);
  if (await access(folder).then(always, never)) return folder;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const { stdout } = await run('npm', ['pack', `${name}@${version}`, '--pack-destination', unfinished, '--json']);
  const [packed] = JSON.parse(stdout) as { readonly filename: string; readonly integrity: string }[];
  if (packed!.integrity !== integrity)
    throw new Error(`${name}@${version} is not what was pinned: ${packed!.integrity}`);
  await run('tar', ['xzf', join(unfinished, packed!.filename), '-C', unfinished]);
  // Under its name only once it is whole.
  await rename(join(unfinished, 'package'), folder);
  await rm(unfinished, { recursive: true, force: true });
  return folder;
}

const always = (): boolean => true;
const never = (): boolean => false;
