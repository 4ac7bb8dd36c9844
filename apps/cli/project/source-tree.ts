import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Failure, usage } from '../failure.js';

/** Files that a project is read from: a folder of the disk, or one of a commit. Paths are relative to it, with `/`. */
export interface SourceTree {
  /** For people: where it is. */
  readonly label: string;
  /** The texts of files; undefined for one that is not there. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, string | undefined>>;
  /** All files that a glob may name. */
  list(): Promise<readonly string[]>;
}

/** Folders that hold no schemas of a project. */
const LEFT_OUT = new Set(['node_modules']);
const AT_ONCE = 64;

/** A folder of the disk. */
export class DiskTree implements SourceTree {
  constructor(
    private readonly root: string,
    readonly label = root,
  ) {}

  async read(paths: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const texts = new Map<string, string | undefined>();
    for (let from = 0; from < paths.length; from += AT_ONCE) {
      await Promise.all(
        paths.slice(from, from + AT_ONCE).map(async (path) => {
          texts.set(
            path,
            await readFile(join(this.root, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
              if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return undefined;
              throw unreadable(join(this.root, path), error);
            }),
          );
        }),
      );
    }
    return texts;
  }

  async list(): Promise<readonly string[]> {
    const found: string[] = [];
    const walk = async (folder: string): Promise<void> => {
      const entries = await readdir(join(this.root, folder), { withFileTypes: true }).catch((error: Error) => {
        throw unreadable(join(this.root, folder), error);
      });
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (entry.name.startsWith('.') || LEFT_OUT.has(entry.name)) continue;
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) await walk(path);
        // A link that cannot be followed leads to no file, whatever the reason.
        else if (
          entry.isFile() ||
          (entry.isSymbolicLink() && (await stat(join(this.root, path)).catch(() => undefined))?.isFile() === true)
        )
          found.push(path);
      }
    };
    await walk('');
    return found;
  }
}

/** Leaving out what cannot be read would take it for what is not there, and a check of it for one that passes. */
function unreadable(path: string, { message }: Error): Failure {
  return usage('path-unreadable', `'${path}' cannot be read: ${message}.`, 'Let this user read it.');
}
