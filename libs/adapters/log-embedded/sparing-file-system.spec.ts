import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { SeededRandom, SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const PARTITIONS = 40;
/** Calls for which the system needs a descriptor. */
const OPENING = new Set(['open', 'list', 'syncDirectory']);

/** A log with many partitions on a disk of which a process may have so many files open. */
async function logWith(): Promise<{
  log: EmbeddedLog;
  files: SimulatedFileSystem;
  allow: (openFiles: number) => void;
}> {
  const files = new SimulatedFileSystem();
  const log = await openEmbeddedLog({
    directory: '/log',
    files,
    clock: new SimulatedClock(),
    lock: new SimulatedLock(),
    settings: { checkpointIntervalMs: 0, checkpointBytes: 16_384, segmentBytes: 4_096, journalStepBytes: 4_096 },
  });
  await log.createTopic({ name: 't', partitions: PARTITIONS });
  const allow = (openFiles: number): void => {
    files.fault = (call) => (OPENING.has(call) && files.openFiles >= openFiles ? 'EMFILE' : undefined);
  };
  return { log, files, allow };
}

const batchOf = (n: number) =>
  encodeBatch([{ key: null, value: Buffer.from(String(n).padEnd(200, '.')), headers: [], timestamp: 1 }]);

async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );
}

describe('a log whose process may open few files', () => {
  it('writes and reads all of its partitions, with as many open as there may be', async () => {
    const { log, files, allow } = await logWith();
    allow(8);
    for (let n = 0; n < 10; n++) {
      for (let partition = 0; partition < PARTITIONS; partition++)
        await log.append({ topic: 't', partition }, batchOf(n));
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const [part] = await log.fetch({ positions: [{ topic: 't', partition, offset: 0 }], maxBytes: 1_000_000 });
      expect([part!.error, part!.nextOffset]).toEqual([undefined, 10]);
    }
    expect(files.openFiles).toBeLessThanOrEqual(8);
    expect(log.failure).toBeUndefined();
    await log.close();
    expect(files.openFiles).toBe(0);
  });

  it('refuses what it cannot open a file for, and goes on by itself once it can: control of the limit', async () => {
    const { log, files, allow } = await logWith();
    for (let partition = 0; partition < 10; partition++) await log.append({ topic: 't', partition }, batchOf(0));
    // Others have all there are.
    allow(0);
    expect(await refusalOf(log.append({ topic: 't', partition: 20 }, batchOf(0)))).toMatchObject({
      code: 'too-many-open-files',
      retryable: true,
    });
    expect(log.failure).toBeUndefined();
    files.fault = undefined;
    expect(await log.append({ topic: 't', partition: 20 }, batchOf(0))).toMatchObject({ baseOffset: 0 });
    await log.close();
  });

  it('refuses what it cannot open a directory for, to flush it, and keeps everything once it can', async () => {
    const files = new SimulatedFileSystem();
    const open = (disk: SimulatedFileSystem): Promise<EmbeddedLog> =>
      openEmbeddedLog({
        directory: '/log',
        files: disk,
        clock: new SimulatedClock(),
        lock: new SimulatedLock(),
        // What the journal only refers to has its directory flushed before it is answered.
        settings: { checkpointIntervalMs: 0, bulkBytes: 100 },
      });
    const log = await open(files);
    await log.createTopic({ name: 't', partitions: 3 });
    await log.append({ topic: 't', partition: 0 }, batchOf(0));
    let refused = 0;
    files.fault = (call) => (call === 'syncDirectory' && ++refused > 0 ? 'EMFILE' : undefined);
    const late = log.append({ topic: 't', partition: 1 }, batchOf(1));
    expect(await refusalOf(late)).toMatchObject({ code: 'too-many-open-files', retryable: true });
    expect(refused).toBeGreaterThan(0);
    const checkpoint = log.checkpoint();
    files.fault = undefined;
    await checkpoint;
    for (const partition of [1, 2]) await log.append({ topic: 't', partition }, batchOf(partition));
    expect(log.failure).toBeUndefined();
    const again = await open(files.afterPowerCut(new SeededRandom(1)));
    const { partitions } = await again.describeTopic('t');
    expect(partitions.map((one) => one.endOffset)).toEqual([1, 1, 1]);
    await again.close();
  });
});
