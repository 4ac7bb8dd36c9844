import { appendFile, chmod, mkdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../failure.js';

export interface WritingOptions {
  /** Folders above it are made, too. */
  readonly folders?: boolean;
  /** At the end of what is there. */
  readonly append?: boolean;
  /** Said where there is no room: what has been done already. */
  readonly done?: string;
  /** How bytes get to the disk. */
  readonly write?: typeof writeFile;
}

/** Writes a file, whole or not at all: what was there stays where there is no room for what comes. @throws Failure naming it when it cannot be written, a full disk by its name. */
export async function writtenFile(
  file: string,
  text: string,
  { folders = false, append = false, done, write = writeFile }: WritingOptions = {},
): Promise<void> {
  try {
    if (folders) await mkdir(dirname(file), { recursive: true });
    await (append ? appendFile(file, text) : replaced(file, text, write));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new Failure({
      code: full ? 'disk-full' : 'output-file-not-written',
      exit: full ? 'internal' : 'usage',
      message: full ? `There is no room for '${file}'.` : `'${file}' cannot be written: ${message}`,
      hint: full ? `Free room on that disk, then repeat.${done === undefined ? '' : ` ${done}`}` : (done ?? null),
      cause,
    });
  }
}

/** A text in the place of a file, which keeps its mode; where a link leads, the link stays. Pipes and devices are written into. */
async function replaced(file: string, text: string, write: typeof writeFile): Promise<void> {
  // A stream of this process, whatever it leads to: others write there, too.
  if (/^\/(dev|proc)\//.test(file)) return write(file, text);
  const real = await realpath(file).catch(unlessAbsent(file));
  const there = await stat(real).catch(unlessAbsent(undefined));
  if (there?.isFile() === false) return write(real, text);
  const beside = `${real}.${process.pid}.new`;
  try {
    await write(beside, text, { flag: 'wx' });
    if (there !== undefined) await chmod(beside, there.mode & 0o7777);
    await rename(beside, real);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') await rm(beside, { force: true }).catch(() => undefined);
    // A folder in which nothing new may be made can have files that may be written.
    if (there === undefined || !NO_FOLDER_RIGHT.includes(code ?? '')) throw error;
    await write(real, text);
  }
}

const NO_FOLDER_RIGHT = ['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENAMETOOLONG'];

function unlessAbsent<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return otherwise;
    throw error;
  };
}
