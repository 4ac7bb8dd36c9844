import { isNoDescriptor } from './errors.js';
import { type DirectoryEntry, FileSystem, type OpenFile, type OpenMode } from './file-system.js';

/**
 * A disk for a process with few descriptors: what cannot be opened since too many files are open is opened again once others were closed that can be opened anew at any time. Opening comes before anything
 * is flushed, so no flush is ever tried again here.
 */
export class SparingFileSystem extends FileSystem {
  /** Closes some files; false: there are none to be spared. None are unless it is set. */
  spare: () => Promise<boolean> = () => Promise.resolve(false);

  constructor(private readonly files: FileSystem) {
    super();
  }

  open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.#sparing(() => this.files.open(path, mode));
  }

  list(directory: string): Promise<readonly DirectoryEntry[] | undefined> {
    return this.#sparing(() => this.files.list(directory));
  }

  fileSize(path: string): Promise<number | undefined> {
    return this.files.fileSize(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.files.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.files.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.files.remove(path);
  }

  removeDirectory(path: string): Promise<void> {
    return this.files.removeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#sparing(() => this.files.syncDirectory(path));
  }

  async #sparing<T>(open: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (!isNoDescriptor(error) || !(await this.spare())) throw error;
      }
    }
  }
}
