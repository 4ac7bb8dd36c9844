import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import type { OpenFile, OpenMode } from './file-system.js';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import type { ReplayProgress } from './options.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const SEGMENT_BYTES = 2_000;
const CHECKPOINT_BYTES = 8_000;
const RECORD_BYTES = 400;

/** A disk that counts what is read of segments, and of the journal. */
class CountingDisk extends SimulatedFileSystem {
  readonly read = { segments: 0, journal: 0 };

  override async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => {
      const count = await read(target, position);
      if (path.includes('/topics/')) this.read.segments += count;
      if (path.includes('/journal-')) this.read.journal += count;
      return count;
    };
    return file;
  }
}

function open(
  files: SimulatedFileSystem,
  replaying: (progress: ReplayProgress) => void = () => undefined,
): Promise<EmbeddedLog> {
  return openEmbeddedLog({
    directory: '/log',
    clock: new SimulatedClock(),
    lock: new SimulatedLock(),
    files,
    settings: {
      segmentBytes: SEGMENT_BYTES,
      indexIntervalBytes: 500,
      checkpointBytes: CHECKPOINT_BYTES,
      checkpointIntervalMs: 0,
      journalStepBytes: 1_024,
      retentionCheckMs: 0,
    },
    replaying,
    identity: () => ({ logId: 'start', journalKey: '0123456789abcdef0123456789abcdef' }),
  });
}

/** A log of so many records, and how it ended. */
async function left(records: number, end: 'in order' | 'by a kill'): Promise<SimulatedFileSystem> {
  const files = new SimulatedFileSystem();
  const log = await open(files);
  await log.createTopic({ name: 't', partitions: 2 });
  for (let n = 0; n < records; n++) {
    const record = { key: null, value: Buffer.alloc(RECORD_BYTES, n), headers: [], timestamp: 0 };
    await log.append({ topic: 't', partition: n % 2 }, encodeBatch([record]));
  }
  if (end === 'in order') await log.close();
  const image = files.copy();
  if (end === 'by a kill') await log.close();
  return image;
}

async function startOn(image: SimulatedFileSystem): Promise<CountingDisk['read']> {
  const disk = new CountingDisk(undefined, image.root);
  const log = await open(disk);
  const read = { ...disk.read };
  await log.close();
  return read;
}

describe('a start', () => {
  for (const records of [40, 1_000]) {
    it(`after an orderly end reads no segment, of ${records} records`, async () => {
      const read = await startOn(await left(records, 'in order'));
      expect(read.segments).toBe(0);
    });

    it(`after a kill reads no more than the journal may hold, of ${records} records`, async () => {
      const read = await startOn(await left(records, 'by a kill'));
      expect(read.segments).toBe(0);
      expect(read.journal).toBeGreaterThan(RECORD_BYTES);
      // Two files in turns, each closed at the first entry beyond the bound.
      expect(read.journal).toBeLessThan(4 * CHECKPOINT_BYTES);
    });
  }

  it('tells how far the replay has come, up to its end', async () => {
    const told: ReplayProgress[] = [];
    const log = await open(await left(40, 'by a kill'), (progress) => told.push(progress));
    await log.close();
    const whole = told.at(-1)!.journalBytes;
    expect(whole).toBeGreaterThan(RECORD_BYTES);
    expect(told.map((one) => one.journalBytes)).toEqual(told.map(() => whole));
    const replayed = told.map((one) => one.replayedBytes);
    expect(replayed).toEqual([...replayed].sort((a, b) => a - b));
    expect(replayed.at(-1)).toBe(whole);
  });

  it('control: reads the segment that was cut, and the same count shows it', async () => {
    const image = await left(40, 'in order');
    const inode = [...image.files()].find(([path]) => path.endsWith('/00000000000000000000.log'))![1];
    inode.current = Buffer.from(inode.current.subarray(0, inode.current.length - 10));
    expect((await startOn(image)).segments).toBeGreaterThan(0);
  });
});
