/** What lies in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly directory: boolean;
}

/**
 * An open file. Calls on one file may overlap as long as their byte ranges do not. Errors carry the system's `code` (`ENOSPC`, `EIO`, …).
 */
export abstract class OpenFile {
  abstract readonly path: string;

  abstract size(): Promise<number>;

  /** Bytes read into `target` from `position` on; fewer than asked at the end of the file, 0 behind it. */
  abstract read(target: Uint8Array, position: number): Promise<number>;

  /**
   * Writes at `position` and returns how many bytes were taken, which can be fewer than given (a full disk): see `writeAll`.
   * Nothing is durable before {@link sync}. The bytes must not change until the call is over.
   */
  abstract write(bytes: Uint8Array, position: number): Promise<number>;

  /** The same on the calling thread: cheaper for small writes, which only copy into the page cache. */
  abstract writeNow(bytes: Uint8Array, position: number): number;

  /** Makes every write that ended before the call durable, and the size with it. A failure means that nobody knows what is durable. */
  abstract sync(): Promise<void>;

  abstract truncate(size: number): Promise<void>;
  abstract close(): Promise<void>;
}

/** How a file is opened: `read` an existing one, `write` (and read) an existing one, `create` a new one or open it where it is (to write and read). */
export type OpenMode = 'read' | 'write' | 'create';

/**
 * The disk as the log sees it. The log does nothing to a disk except through here, so that a simulated disk can stand in.
 * Paths are absolute and joined with `/`. A name (of a new, renamed or removed entry) is durable only after {@link syncDirectory} of its directory.
 */
export abstract class FileSystem {
  /** Fails with `ENOENT` where nothing is there to open. */
  abstract open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Entries by name, or undefined when there is no such directory. */
  abstract list(directory: string): Promise<readonly DirectoryEntry[] | undefined>;
  /** Bytes of a file, or undefined when there is none. */
  abstract fileSize(path: string): Promise<number | undefined>;
  /** Creates one directory; harmless when it is there. */
  abstract makeDirectory(path: string): Promise<void>;
  /** Replaces what carries the new name. */
  abstract rename(from: string, to: string): Promise<void>;
  /** Removes a file; harmless when it is gone. */
  abstract remove(path: string): Promise<void>;
  /** Removes an empty directory; harmless when it is gone. */
  abstract removeDirectory(path: string): Promise<void>;
  abstract syncDirectory(path: string): Promise<void>;
}
