import { describe, expect, it } from 'vitest';
import type { Room } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { DiskSpace, type DiskSpaceOptions } from './disk-space.js';
import { Volume } from './volume.js';

const MIB = 1024 * 1024;

/** A disk of a gibibyte of which so much is used, beside the ballast. */
class Disk extends Volume {
  ballast = 0;
  failing = false;

  constructor(public used: number) {
    super();
  }

  space() {
    if (this.failing) return Promise.reject(new Error('EIO'));
    return Promise.resolve({ freeBytes: 1_024 * MIB - this.used - this.ballast, totalBytes: 1_024 * MIB });
  }
  ballastBytes() {
    return Promise.resolve(this.ballast);
  }
  keepBallast(bytes: number) {
    this.ballast = bytes;
    return Promise.resolve();
  }
  giveUpBallast() {
    this.ballast = 0;
    return Promise.resolve();
  }
}

/** Looks as often as it is told to. */
async function watched(disk: Disk, options: Partial<DiskSpaceOptions> = {}) {
  const clock = new ManualClock();
  const told: Room[] = [];
  const space = await DiskSpace.open({
    volume: disk,
    clock,
    warnPercent: 10,
    refuseBytes: 50 * MIB,
    ballastBytes: 20 * MIB,
    observer: { changed: (room) => told.push(room) },
    ...options,
  });
  const step = async (): Promise<void> => {
    const stop = new AbortController();
    const running = space.run(stop.signal);
    stop.abort();
    await running;
  };
  return { space, told, step };
}

describe('the disk of the data', () => {
  it('takes everything while there is room, and keeps its ballast', async () => {
    const disk = new Disk(100 * MIB);
    const { space, told, step } = await watched(disk);
    await step();
    expect([space.room, space.refusal(), disk.ballast, told]).toEqual(['ample', undefined, 20 * MIB, []]);
  });

  it('refuses what adds when the limit is reached, says how much is left, and gives up the ballast', async () => {
    const disk = new Disk(100 * MIB);
    const { space, told, step } = await watched(disk);
    await step();
    disk.used = 960 * MIB;
    await step();
    expect(space.refusal()).toMatchObject({
      code: 'storage-full',
      retryable: true,
      details: { limit: 'storage.refuseFreeBytes', value: 50 * MIB, measured: 44 * MIB },
    });
    expect([disk.ballast, told]).toEqual([0, ['none']]);
  });

  it('does not take the bytes of the ballast for room', async () => {
    const disk = new Disk(960 * MIB);
    const { space, step } = await watched(disk, { refuseBytes: 60 * MIB });
    await step();
    await step();
    expect([space.room, space.freeBytes, disk.ballast]).toEqual(['none', 44 * MIB, 0]);
  });

  it('takes writes again by itself a little beyond the limit, and makes the ballast again', async () => {
    const disk = new Disk(960 * MIB);
    const { space, told, step } = await watched(disk);
    disk.used = 946 * MIB;
    await step();
    expect([space.room, space.freeBytes]).toEqual(['none', 58 * MIB]);
    disk.used = 940 * MIB;
    await step();
    expect([space.room, space.refusal(), disk.ballast]).toEqual(['low', undefined, 20 * MIB]);
    expect(told).toEqual(['none', 'low']);
  });

  it('stays as it was when the disk cannot be asked', async () => {
    const disk = new Disk(960 * MIB);
    const failures: unknown[] = [];
    const { space, step } = await watched(disk, { observer: { failed: (error) => failures.push(error) } });
    disk.failing = true;
    disk.used = 0;
    await step();
    expect([space.room, failures.length]).toEqual(['none', 1]);
  });

  it('gives copies nothing of what is kept for others, however much they claim between two looks', async () => {
    const disk = new Disk(100 * MIB);
    const { space } = await watched(disk, { ballastBytes: 0 });
    // 924 are free, and 50 the limit: beyond that 64 are kept. What is copied lies on the disk twice.
    const copied = async (): Promise<void> => {
      for (let n = 0; n < 1_000; n++) {
        const written = await space.claim(10 * MIB);
        disk.used += 20 * MIB;
        written();
      }
    };
    const refused = await copied().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'storage-full', retryable: true, details: { value: 114 * MIB } });
    expect(disk.used).toBe(900 * MIB);
    expect([space.room, space.refusal()]).toEqual(['ample', undefined]);
    disk.used = 800 * MIB;
    await space.look();
    (await space.claim(20 * MIB))();
    expect(space.restReason).toBeNull();
    disk.used = 860 * MIB;
    await space.look();
    expect(space.restReason).toContain(String(178 * MIB));
    disk.used = 905 * MIB;
    await space.look();
    await expect(space.claim(10 * MIB)).rejects.toMatchObject({ details: { measured: 119 * MIB } });
    expect(space.refusal()).toBeUndefined();
  });

  it('gives room that is claimed to nobody else until it is written, however often the disk is looked at', async () => {
    const disk = new Disk(100 * MIB);
    const { space } = await watched(disk, { ballastBytes: 0 });
    const claims: (() => void)[] = [];
    const claimed = async (): Promise<void> => {
      while (claims.length < 1_000) claims.push(await space.claim(10 * MIB));
    };
    const refused = await claimed().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'storage-full', details: { measured: 124 * MIB } });
    expect(claims).toHaveLength(40);
    // One that was not written after all: until the disk is asked again it might have been.
    claims[0]!();
    claims[0]!();
    (await space.claim(10 * MIB))();
    await space.look();
    (await space.claim(10 * MIB))();
    disk.used += 40 * MIB;
    await expect(space.claim(10 * MIB)).rejects.toMatchObject({ code: 'storage-full' });
  });

  it('says how much copies may add before they rest, by the disk as it is then', async () => {
    const disk = new Disk(100 * MIB);
    const { space } = await watched(disk, { ballastBytes: 0 });
    // 924 are free; below 178 copies rest.
    expect(await space.bytesForCopies()).toBe(746 * MIB);
    await space.claim(10 * MIB);
    expect(await space.bytesForCopies()).toBe(726 * MIB);
    disk.used = 900 * MIB;
    expect(await space.bytesForCopies()).toBe(0);
  });

  it('is looked at for each claim, since others write there, too', async () => {
    const disk = new Disk(900 * MIB);
    const { space } = await watched(disk, { ballastBytes: 0 });
    await expect(space.claim(10 * MIB)).rejects.toMatchObject({ code: 'storage-full' });
    disk.used = 100 * MIB;
    await space.claim(10 * MIB);
    disk.used = 1_020 * MIB;
    await expect(space.claim(1)).rejects.toMatchObject({ details: { value: 50 * MIB } });
  });

  it('has limits of its own where none are given', async () => {
    const { space } = await watched(new Disk(780 * MIB), { refuseBytes: 0 });
    expect(space.refusal()?.details).toMatchObject({ value: 256 * MIB });
  });
});
