import type { FileSystem, OpenFile, OpenMode } from './file-system.js';
import { flushFile } from './flush.js';

/** An open file of the cache. */
export interface CachedFile {
  readonly file: OpenFile;
  /** Users for whom it must stay open. */
  pins: number;
  /** It has writes that were not flushed; set it with every write. */
  dirty: boolean;
  /** The flush that is under way, or that failed. */
  flushing: Promise<void> | undefined;
}

/**
 * Open files, the least recently used closed when there are too many. A file is flushed before it is closed, since an error of writing it back
 * later would reach nobody. A file that is pinned stays open.
 */
export class HandleCache {
  /** In order of use. */
  readonly #open = new Map<string, CachedFile>();
  /** Files that are being opened or closed. */
  readonly #moving = new Map<string, Promise<void>>();

  /** `failed` is told of an error of flushing or closing that no caller waits for, or one who wanted something else. */
  constructor(
    private readonly files: FileSystem,
    private limit: number,
    private readonly failed: (error: unknown) => void,
  ) {}

  get openFiles(): number {
    return this.#open.size;
  }

  /** The file if it is open; good until the next await. */
  get(path: string): CachedFile | undefined {
    const cached = this.#open.get(path);
    if (cached === undefined) return undefined;
    this.#open.delete(path);
    this.#open.set(path, cached);
    return cached;
  }

  /** The file, opened where it is not, and kept open until {@link unpin}. */
  async pin(path: string, mode: OpenMode): Promise<CachedFile> {
    for (;;) {
      const cached = this.get(path);
      if (cached !== undefined) {
        cached.pins++;
        return cached;
      }
      await (this.#moving.get(path) ?? this.move(path, () => this.open(path, mode)));
    }
  }

  unpin(cached: CachedFile): void {
    cached.pins--;
    this.shrink();
  }

  /**
   * Makes the writes to a file durable. A file that is not open was flushed when it was closed. Where somebody else's flush is under way already,
   * its end is waited for: being clean means being on its way only.
   */
  async sync(path: string): Promise<void> {
    await this.#moving.get(path);
    const cached = this.#open.get(path);
    if (cached === undefined) return;
    cached.pins++;
    try {
      await cached.flushing;
      if (cached.dirty) await this.flush(cached);
    } finally {
      this.unpin(cached);
    }
  }

  private async flush(cached: CachedFile): Promise<void> {
    cached.dirty = false;
    cached.flushing = flushFile(cached.file);
    await cached.flushing;
    // A flush that failed stays here for ever: nobody may try again and believe the answer (G8).
    cached.flushing = undefined;
  }

  /** Closes the files below a directory that is about to go, without flushing them. Those still read are closed by their last reader. */
  async forget(prefix: string): Promise<void> {
    for (const [path, cached] of [...this.#open]) {
      if (!path.startsWith(prefix)) continue;
      cached.dirty = false;
      if (cached.pins === 0) await this.move(path, () => this.close(path, cached));
    }
  }

  /** Flushes and closes everything. Errors of a log that has failed already can be left out with `flush` false. */
  async closeAll(flush: boolean): Promise<void> {
    await Promise.all(this.#moving.values());
    for (const [path, cached] of [...this.#open]) {
      if (!flush) cached.dirty = false;
      await this.close(path, cached);
    }
  }

  /**
   * Closes half of the files that nobody uses, the least recently used ones, and keeps no more open from now on than are left: somebody else needs the descriptors.
   * @returns whether any was closed. @throws what flushing or closing failed with, of which `failed` was told.
   */
  async spare(): Promise<boolean> {
    const unused = [...this.#open].filter(([, cached]) => cached.pins === 0);
    const some = unused.slice(0, Math.ceil(unused.length / 2));
    if (some.length === 0) return false;
    this.limit = Math.max(1, this.#open.size - some.length);
    for (const [path, cached] of some) {
      if (cached.pins > 0 || this.#open.get(path) !== cached) continue;
      try {
        await this.move(path, () => this.close(path, cached));
      } catch (error) {
        // Whoever wants the descriptor may only read, and a flush of this file would find it closed and believe it durable (G8).
        this.failed(error);
        throw error;
      }
    }
    return true;
  }

  private shrink(): void {
    if (this.#open.size <= this.limit) return;
    for (const [path, cached] of this.#open) {
      if (this.#open.size <= this.limit) return;
      if (cached.pins === 0) this.move(path, () => this.close(path, cached)).catch(this.failed);
    }
  }

  private async open(path: string, mode: OpenMode): Promise<void> {
    const file = await this.files.open(path, mode);
    this.#open.set(path, { file, pins: 0, dirty: false, flushing: undefined });
  }

  private async close(path: string, cached: CachedFile): Promise<void> {
    this.#open.delete(path);
    try {
      if (cached.dirty) await this.flush(cached);
    } finally {
      await cached.file.close();
    }
  }

  private async move(path: string, action: () => Promise<void>): Promise<void> {
    const moving = action().finally(() => this.#moving.delete(path));
    this.#moving.set(path, moving);
    await moving;
  }
}
