import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { usage } from '../failure.js';

/** What systems say where nothing lies at a path, or nothing can. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];

/** What lies at a path, through links; undefined where nothing does. @throws Failure for what cannot be looked at, which is not the same. */
export async function statAt(path: string): Promise<Stats | undefined> {
  return unlessAbsent(path, stat(path));
}

/** The text of a file; undefined where there is none. @throws Failure likewise. */
export async function textAt(path: string): Promise<string | undefined> {
  return unlessAbsent(path, readFile(path, 'utf8'));
}

async function unlessAbsent<T>(path: string, looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && ABSENT.includes(code)) return undefined;
    throw usage('path-unreadable', `'${path}' cannot be read: ${message}.`, 'Let this user read it, or name another.');
  }
}
