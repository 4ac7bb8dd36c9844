import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { constants, writeSync } from 'node:fs';
import { type DirectoryEntry, FileSystem, OpenFile, type OpenMode } from './file-system.js';

/** The disk of this machine through `node:fs`. Flushes are `fdatasync` for files and `fsync` for directories. */
export class NodeFileSystem extends FileSystem {
  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return new NodeFile(path, await open(path, FLAGS[mode], 0o640));
  }

  async list(directory: string): Promise<readonly DirectoryEntry[] | undefined> {
    const entries = await orUndefined(readdir(directory, { withFileTypes: true }), 'ENOENT');
    return entries
      ?.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async fileSize(path: string): Promise<number | undefined> {
    return (await orUndefined(stat(path), 'ENOENT'))?.size;
  }

  async makeDirectory(path: string): Promise<void> {
    await orUndefined(mkdir(path, { mode: 0o750 }), 'EEXIST');
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  async removeDirectory(path: string): Promise<void> {
    await orUndefined(rmdir(path), 'ENOENT');
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
};

class NodeFile extends OpenFile {
  constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {
    super();
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.handle.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  writeNow(bytes: Uint8Array, position: number): number {
    return writeSync(this.handle.fd, bytes, 0, bytes.length, position);
  }

  async sync(): Promise<void> {
    await this.handle.datasync();
  }

  async truncate(size: number): Promise<void> {
    await this.handle.truncate(size);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function orUndefined<T>(result: Promise<T>, code: string): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return undefined;
    throw error;
  }
}
