import { describe, expect, it } from 'vitest';
import { tracesOn } from '#libs/core/kernel/testing';
import { encodeBatch, FetchMemory } from '#libs/core/log';
import type { OpenFile, OpenMode } from './file-system.js';
import { openEmbeddedLog } from './index.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

describe('a fetch that waits', () => {
  it('leaves no trace on the signal of whoever fetches again and again', async () => {
    const log = await openEmbeddedLog({
      directory: '/log',
      files: new SimulatedFileSystem(),
      clock: new SimulatedClock(),
      lock: new SimulatedLock(),
      settings: { checkpointIntervalMs: 0, checkpointBytes: 16_384, segmentBytes: 4_096, journalStepBytes: 4_096 },
    });
    await log.createTopic({ name: 't', partitions: 1 });
    const { signal } = new AbortController();
    const positions = [{ topic: 't', partition: 0, offset: 0 }];
    for (let n = 0; n < 3; n++) await log.fetch({ positions, maxBytes: 1, minBytes: 1, maxWaitMs: 100, signal });
    expect(tracesOn(signal)).toBe(0);
    await log.close();
  });
});

/** A disk that counts the calls that read segments. */
class CountingDisk extends SimulatedFileSystem {
  reads = 0;

  override async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = (target, position) => {
      if (path.endsWith('.log')) this.reads++;
      return read(target, position);
    };
    return file;
  }
}

describe('what follows a fetch', () => {
  it('is read beforehand for who lends memory and goes on there, and for nobody else: a thousand who follow would have it read for nothing', async () => {
    const files = new CountingDisk();
    const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
    const log = await openEmbeddedLog({ ...shared, files, settings: { checkpointIntervalMs: 0 } });
    await log.createTopic({ name: 't', partitions: 1 });
    const value = Buffer.alloc(30_000, 'v');
    const batch = encodeBatch([{ key: null, value, headers: [], timestamp: 1 }]);
    for (let n = 0; n < 24; n++) await log.append({ topic: 't', partition: 0 }, batch);
    /** Calls that read the segment while all of it is fetched in sequence, and the fetches it took. */
    const readThrough = async (memory?: FetchMemory): Promise<{ reads: number; fetches: number }> => {
      const before = files.reads;
      let [fetches, offset] = [0, 0];
      while (offset < 24) {
        const positions = [{ topic: 't', partition: 0, offset }];
        const [part] = await log.fetch({ positions, maxBytes: 65_536, memory });
        offset = part!.nextOffset;
        fetches++;
      }
      return { reads: files.reads - before, fetches };
    };
    const alone = await readThrough();
    expect(alone.reads).toBe(alone.fetches);
    const inTurns = await readThrough(new FetchMemory({ readsAhead: false }));
    expect(inTurns.reads).toBe(inTurns.fetches);
    const sequence = await readThrough(new FetchMemory());
    expect(sequence.fetches).toBe(alone.fetches);
    expect(sequence.reads).toBeLessThan(sequence.fetches);
    await log.close();
  });
});
