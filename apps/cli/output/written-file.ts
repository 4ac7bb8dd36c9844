import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../failure.js';

export interface WritingOptions {
  /** Folders above it are made, too. */
  readonly folders?: boolean;
  /** At the end of what is there. */
  readonly append?: boolean;
  /** Said where there is no room: what has been done already. */
  readonly done?: string;
}

/** Writes a file. @throws Failure naming it when it cannot be written, a full disk by its name. */
export async function writtenFile(
  file: string,
  text: string,
  { folders = false, append = false, done }: WritingOptions = {},
): Promise<void> {
  try {
    if (folders) await mkdir(dirname(file), { recursive: true });
    await (append ? appendFile : writeFile)(file, text);
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
