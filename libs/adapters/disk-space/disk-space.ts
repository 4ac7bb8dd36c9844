import {
  type AppError,
  type Clock,
  nextRoom,
  type Room,
  type RoomLimits,
  StorageRoom,
  storageRoomGone,
  storageRoomKept,
} from '#libs/core/kernel';
import type { Volume, VolumeSpace } from './volume.js';

export interface DiskSpaceObserver {
  /** The room is another than before; told at the first look, too, where it is not ample. */
  changed?(
    room: Room,
    facts: { readonly freeBytes: number; readonly totalBytes: number; readonly limits: RoomLimits },
  ): void;
  /** The disk could not be asked, or the ballast not be written. What was known holds on. */
  failed?(error: unknown): void;
}

export interface DiskSpaceOptions {
  readonly volume: Volume;
  readonly clock: Clock;
  /** Share of the disk below which the room is low, in percent. */
  readonly warnPercent: number;
  /** Bytes below which nothing is added; 0 for a twentieth of the disk, at most 5 GiB and at least 256 MiB. */
  readonly refuseBytes: number;
  /** Bytes kept to be given up when there is no room; 0 for none. */
  readonly ballastBytes: number;
  readonly observer?: DiskSpaceObserver;
}

const MIB = 1024 * 1024;
/** Between two looks, in milliseconds; and when little is left, when a second of writing may be all there is. */
const CALM_MS = 1_000;
const CLOSE_MS = 100;
/** Little is left below so many times the limit. */
const CLOSE = 4;
/** What is added to a log lies in its journal and in its segments. */
const COPIES_ON_DISK = 2;
/** Of the limit, and of the disk: room that is kept for those who write beyond the limit, when copies add no more. The second is 64 MiB at most. */
const KEPT_OF_LIMIT = 1 / 4;
const KEPT_OF_DISK = 1 / 16;

/**
 * The room on the disk of the data, looked at again and again. When it is gone the ballast is given up: so there is something left for what must go on (deletions,
 * retention, positions, checkpoints, an orderly stop) although nothing is added any more. The ballast is made again when there is room for it.
 */
export class DiskSpace extends StorageRoom {
  #room: Room = 'ample';
  #space: VolumeSpace = { freeBytes: Infinity, totalBytes: Infinity };
  #held = 0;
  #limits: RoomLimits = { low: 0, none: 0 };
  #gone: AppError | undefined;
  /** Bytes that are claimed and not written yet, as far as is known. */
  #claimed = 0;
  /** Bytes of claims that have been written, and those of them that were when the disk was last asked: the others are not missing yet from what it has left. */
  #written = 0;
  #seen = 0;

  private constructor(private readonly options: DiskSpaceOptions) {
    super();
  }

  /** Looks for the first time, before anything is opened on the disk: a start needs room, too. */
  static async open(options: DiskSpaceOptions): Promise<DiskSpace> {
    const space = new DiskSpace(options);
    space.#held = await options.volume.ballastBytes().catch(() => 0);
    await space.look();
    return space;
  }

  get room(): Room {
    return this.#room;
  }

  /** Bytes left for users' data, the ballast not counted. */
  get freeBytes(): number {
    return this.#space.freeBytes;
  }

  get totalBytes(): number {
    return this.#space.totalBytes;
  }

  refusal(): AppError | undefined {
    return this.#gone;
  }

  /** What is claimed counts at once and until it is written: a copy can take all there is between two looks. The disk is looked at for each claim, since others write there, too. */
  override async claim(bytes: number): Promise<() => void> {
    const needed = COPIES_ON_DISK * bytes;
    await this.look();
    if (this.#gone !== undefined) throw this.#gone;
    if (this.#unclaimed - needed < this.#keptBytes) throw storageRoomKept(this.#unclaimed, this.#keptBytes);
    this.#claimed += needed;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#claimed -= needed;
      this.#written += needed;
    };
  }

  /** Counted once, although what is added lies in the journal and in the segments at first: the journal gives its room back while a copy goes on. */
  override async bytesForCopies(): Promise<number> {
    await this.look();
    return Math.max(0, this.#unclaimed - this.#restBytes);
  }

  /** Why work that can wait had better do so, in words; null while there is room for some of it. */
  get restReason(): string | null {
    const from = this.#restBytes;
    if (this.#unclaimed >= from) return null;
    return `the disk has ${this.#unclaimed} bytes left: copies go on when there are ${from}, so that nobody who writes is refused`;
  }

  get #unclaimed(): number {
    return Math.max(0, this.#space.freeBytes - this.#claimed - (this.#written - this.#seen));
  }

  /** Claims are refused below. */
  get #keptBytes(): number {
    return this.#limits.none + this.#margin;
  }

  /** Copies rest below. */
  get #restBytes(): number {
    return this.#limits.none + 2 * this.#margin;
  }

  get #margin(): number {
    const ofDisk = Math.min(64 * MIB, this.#space.totalBytes * KEPT_OF_DISK);
    return Math.ceil(Math.max(this.#limits.none * KEPT_OF_LIMIT, ofDisk));
  }

  /** Looks until the signal aborts, and sees to the ballast. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await this.#keepBallast();
      const close = this.#space.freeBytes < CLOSE * this.#limits.none;
      await this.options.clock.sleep(close ? CLOSE_MS : CALM_MS, signal).catch(() => undefined);
    }
  }

  /** Asks the disk now. Never throws: what cannot be asked stays as it was. */
  async look(): Promise<void> {
    const { volume, ballastBytes, warnPercent, refuseBytes, observer } = this.options;
    const written = this.#written;
    try {
      const { freeBytes, totalBytes } = await volume.space();
      this.#seen = Math.max(this.#seen, written);
      const none = refuseBytes > 0 ? refuseBytes : Math.max(256 * MIB, Math.min(5_120 * MIB, totalBytes / 20));
      this.#limits = { none, low: Math.max(none, (totalBytes * warnPercent) / 100) };
      // What the ballast has given up is not there for users: it will be made again.
      this.#space = { freeBytes: Math.max(0, freeBytes - Math.max(0, ballastBytes - this.#held)), totalBytes };
    } catch (error) {
      observer?.failed?.(error);
      return;
    }
    const room = nextRoom(this.#room, this.#space.freeBytes, this.#limits);
    this.#gone = room === 'none' ? storageRoomGone(this.#space.freeBytes, this.#limits.none) : undefined;
    if (room === 'none' && this.#held > 0) await this.#giveUpBallast();
    if (room === this.#room) return;
    this.#room = room;
    observer?.changed?.(room, { ...this.#space, limits: this.#limits });
  }

  async #giveUpBallast(): Promise<void> {
    try {
      await this.options.volume.giveUpBallast();
      this.#held = 0;
    } catch (error) {
      this.options.observer?.failed?.(error);
    }
  }

  async #keepBallast(): Promise<void> {
    const { volume, ballastBytes, observer } = this.options;
    if (this.#room === 'none' || this.#held === ballastBytes) return;
    try {
      if (ballastBytes === 0) await volume.giveUpBallast();
      else await volume.keepBallast(ballastBytes);
      this.#held = ballastBytes;
    } catch (error) {
      this.#held = 0;
      observer?.failed?.(error);
    }
  }
}
