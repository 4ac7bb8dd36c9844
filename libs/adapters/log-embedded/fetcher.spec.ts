import { describe, expect, it } from 'vitest';
import { tracesOn } from '#libs/core/kernel/testing';
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
