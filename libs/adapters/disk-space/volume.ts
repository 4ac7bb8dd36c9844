import { randomFillSync } from 'node:crypto';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface VolumeSpace {
  /** Bytes that this process may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The file system a directory lies on, and the ballast kept there: a file that can be given up when everything else has taken the room. */
export abstract class Volume {
  abstract space(): Promise<VolumeSpace>;
  /** Bytes of the ballast, 0 where there is none. */
  abstract ballastBytes(): Promise<number>;
  /** Makes the ballast this long. What there was is replaced. @throws the system's error; then there is none. */
  abstract keepBallast(bytes: number): Promise<void>;
  /** Harmless when there is none. */
  abstract giveUpBallast(): Promise<void>;
}

const PIECE = 1024 * 1024;

/** A real file system. */
export class NodeVolume extends Volume {
  readonly #path: string;

  /** @param directory of the data; the ballast lies in it. */
  constructor(private readonly directory: string) {
    super();
    this.#path = join(directory, 'ballast');
  }

  async space(): Promise<VolumeSpace> {
    const { bavail, blocks, bsize } = await statfs(this.directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  async ballastBytes(): Promise<number> {
    const found = await stat(this.#path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    return found?.size ?? 0;
  }

  async keepBallast(bytes: number): Promise<void> {
    // Random, so that no file system makes nothing of it.
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE, bytes)));
    const file = await open(this.#path, 'w', 0o640);
    try {
      for (let at = 0; at < bytes;) {
        const { bytesWritten } = await file.write(piece, 0, Math.min(piece.length, bytes - at));
        if (bytesWritten === 0) throw Object.assign(new Error('no space for the ballast'), { code: 'ENOSPC' });
        at += bytesWritten;
      }
      await file.sync();
    } catch (error) {
      await file.close();
      await this.giveUpBallast();
      throw error;
    }
    await file.close();
  }

  async giveUpBallast(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
