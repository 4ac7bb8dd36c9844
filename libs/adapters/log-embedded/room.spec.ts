import { describe, expect, it } from 'vitest';
import { StorageRoom, storageRoomGone, type AppError } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { openEmbeddedLog } from './index.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

class Room extends StorageRoom {
  gone = false;
  /** Kept for those who cannot wait. */
  isKept = false;
  claimed = 0;

  /** What was claimed and is written. */
  written = 0;

  override async bytesForCopies(): Promise<number> {
    return 4_711;
  }

  override async claim(bytes: number): Promise<() => void> {
    await super.claim(bytes);
    if (this.isKept) throw storageRoomGone(10, 100);
    this.claimed += bytes;
    return () => (this.written += bytes);
  }

  refusal(): AppError | undefined {
    return this.gone ? storageRoomGone(10, 100) : undefined;
  }
}

const one = { key: null, value: Buffer.from('v'), headers: [], timestamp: 1 };
const at = { topic: 't', partition: 0 };
const full = { code: 'storage-full', details: { limit: 'storage.refuseFreeBytes', value: 100, measured: 10 } };

async function opened() {
  const room = new Room();
  const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock(), room };
  const log = await openEmbeddedLog({ ...shared, files: new SimulatedFileSystem() });
  await log.createTopic({ name: 't', partitions: 1 });
  await log.append(at, encodeBatch([one]));
  return { log, room };
}

describe('without room on the disk', () => {
  it('records, topics and partitions are refused, nothing of them is there, and they are taken again when there is room', async () => {
    const { log, room } = await opened();
    const writer = await log.openWriter('w');
    room.gone = true;
    await expect(log.append(at, encodeBatch([one]))).rejects.toMatchObject(full);
    await expect(writer.commit({ appends: [{ ...at, batch: encodeBatch([one]) }] })).rejects.toMatchObject(full);
    await expect(log.createTopic({ name: 'u', partitions: 1 })).rejects.toMatchObject(full);
    await expect(log.addPartitions('t', 2)).rejects.toMatchObject(full);
    const [topic, ...others] = await log.listTopics();
    expect([topic?.partitions.map((p) => p.endOffset), others]).toEqual([[1], []]);
    room.gone = false;
    expect((await log.append(at, encodeBatch([one]))).baseOffset).toBe(1);
    const [appended] = await writer.commit({ appends: [{ ...at, batch: encodeBatch([one]) }] });
    expect(appended?.baseOffset).toBe(2);
    await log.close();
  });

  it('what copies may add is told as the disk has it; without one that knows, nothing is', async () => {
    const { log } = await opened();
    expect(await log.bytesForCopies()).toBe(4_711);
    await log.close();
    const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
    const boundless = await openEmbeddedLog({ ...shared, files: new SimulatedFileSystem() });
    expect(await boundless.bytesForCopies()).toBeNull();
    await boundless.close();
  });

  it('copies claim what they add, and are refused while others are not', async () => {
    const { log, room } = await opened();
    await log.createTopic({ name: 'new', partitions: 1, state: 'FENCED' });
    const writer = await log.openWriter('copy');
    const batch = encodeBatch([one]);
    const copy = () => writer.commit({ appends: [{ topic: 'new', partition: 0, batch, intoFenced: true }] });
    const copied = copy();
    await Promise.resolve();
    expect([room.claimed, room.written]).toEqual([batch.length, 0]);
    await copied;
    expect(room.written).toBe(batch.length);
    room.isKept = true;
    await expect(copy()).rejects.toMatchObject(full);
    expect((await log.append(at, batch)).baseOffset).toBe(1);
    await writer.commit({ appends: [{ ...at, batch }] });
    room.isKept = false;
    await copy();
    expect((await log.describeTopic('new')).partitions[0]?.endOffset).toBe(2);
    await log.close();
  });

  it('files of what is deleted go at once, instead of when the next checkpoint is due', async () => {
    const room = new Room();
    const files = new SimulatedFileSystem();
    const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock(), room };
    const settings = { checkpointIntervalMs: 0 };
    const log = await openEmbeddedLog({ ...shared, files, settings });
    await log.createTopic({ name: 't', partitions: 1 });
    await log.append(at, encodeBatch([one]));
    const topics = async (): Promise<number> => (await files.list('/log/topics'))!.length;
    expect(await topics()).toBe(1);
    room.gone = true;
    await log.deleteTopic('t');
    while ((await topics()) > 0) await new Promise((resolve) => setImmediate(resolve));
    await log.close();
  });

  it('reading, positions, checkpoints of writers, deleting and closing in order go on', async () => {
    const { log, room } = await opened();
    room.gone = true;
    const [read] = await log.fetch({ positions: [{ ...at, offset: 0 }], maxBytes: 1_000 });
    expect(read?.batches.length).toBe(1);
    await log.commitPositions('g', [{ ...at, offset: 1 }]);
    const writer = await log.openWriter('w');
    await writer.commit({
      positions: [{ group: 'h', ...at, offset: 1 }],
      checkpoints: [{ key: 'k', value: Buffer.from('v') }],
    });
    await log.checkpoint();
    await log.deleteRecords([{ ...at, offset: 'end' }]);
    await log.deleteTopic('t');
    await log.close();
  });
});
