import { describe, expect, it } from 'vitest';
import { encodeBatch, recordsFrom } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { type DiskFault, SeededRandom, SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const PARTITIONS = 5;
const FAULTS: readonly DiskFault[] = ['EIO', 'ENOSPC', 'short'];

/** More than is written on the thread of the log, and less than what has its segments flushed first. */
const value = Buffer.alloc(60_000, 'v');

function open(files: SimulatedFileSystem): Promise<EmbeddedLog> {
  const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
  const settings = { journalStepBytes: 400_000, checkpointIntervalMs: 0 };
  return openEmbeddedLog({ ...shared, files, settings, onFatal: () => undefined });
}

function batch(key: string): Buffer {
  return encodeBatch([{ key: Buffer.from(key), value, headers: [], timestamp: 1 }]);
}

/** One commit over all partitions. Its segments are written by the thread pool, several at a time. */
async function commit(log: EmbeddedLog, key: string): Promise<void> {
  const writer = await log.openWriter('w');
  const appends = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 't', partition, batch: batch(key) }));
  await writer.commit({ appends });
}

/** The keys of each partition. */
async function keysOf(log: EmbeddedLog): Promise<string[]> {
  const keys: string[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const [fetched] = await log.fetch({ positions: [{ topic: 't', partition, offset: 0 }], maxBytes: 1_000_000 });
    const records = [...recordsFrom(fetched!, 0)];
    expect(records.every((one) => value.equals(one.value!))).toBe(true);
    keys.push(records.map((one) => Buffer.from(one.key!).toString()).join(' '));
  }
  return keys;
}

describe('a group that is written by the thread pool', () => {
  it('while a checkpoint flushes its segments is flushed by the next one', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const files = new SimulatedFileSystem(new SeededRandom(seed));
      const log = await open(files);
      await log.createTopic({ name: 't', partitions: PARTITIONS });
      await commit(log, 'a');
      const checkpoint = log.checkpoint();
      await commit(log, 'b');
      await checkpoint;
      // From now on the journal is not asked for them.
      await log.checkpoint();
      const again = await open(files.afterPowerCut(new SeededRandom(seed)));
      expect(new Set(await keysOf(again)), `seed ${seed}`).toEqual(new Set(['a b']));
      await again.close();
    }
  });

  for (const fault of FAULTS) {
    it(`is there whole or not at all, whichever call of it fails with ${fault}, now and after a restart`, async () => {
      for (let n = 1, struck = true; struck; n++) {
        const files = new SimulatedFileSystem();
        const log = await open(files);
        await log.createTopic({ name: 't', partitions: PARTITIONS });
        await commit(log, 'a');
        struck = false;
        const at = files.calls + n;
        files.fault = (_call, index) => {
          if (index !== at) return undefined;
          struck = true;
          return fault;
        };
        const done = await commit(log, 'b').then(
          () => true,
          () => false,
        );
        const now = new Set(await keysOf(log));
        expect(now.size, `call ${n}`).toBe(1);
        if (done) expect([...now]).toEqual(['a b']);
        await log.close().catch(() => undefined);
        const again = await open(files.afterKill());
        const then = new Set(await keysOf(again));
        expect(then.size, `call ${n}, after a restart`).toBe(1);
        if (done) expect([...then]).toEqual(['a b']);
        await again.close();
      }
    });
  }
});
