import { describe, expect, it } from 'vitest';
import { encodeBatch, type PartitionRef } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const PLACE: PartitionRef = { topic: 't', partition: 0 };

function batchOf(text: string): Uint8Array {
  return encodeBatch([{ key: null, value: Buffer.from(text), headers: [], timestamp: 1 }]);
}

/** The bytes are gone when the line comes to them: the one way to make a group fail while it is laid out in memory. */
function detached(batch: Uint8Array): Uint8Array {
  structuredClone(batch, { transfer: [batch.buffer as ArrayBuffer] });
  return batch;
}

describe('a group that cannot be laid out in memory', () => {
  it('ends the log instead of leaving a gap: nobody of the group is told yes, and a start finds what was acknowledged before', async () => {
    const files = new SimulatedFileSystem();
    const lock = new SimulatedLock();
    const failures: Error[] = [];
    const open = (): Promise<EmbeddedLog> => {
      const onFatal = (error: Error): void => void failures.push(error);
      return openEmbeddedLog({ directory: '/log', clock: new WallClock(), files, lock, onFatal });
    };
    const log = await open();
    await log.createTopic({ name: 't', partitions: 1 });
    await log.append(PLACE, batchOf('before'));

    const broken = Uint8Array.from(batchOf('broken'));
    const group = [
      log.append(PLACE, batchOf('beside')),
      log.append(PLACE, broken),
      log.append(PLACE, batchOf('behind')),
    ];
    detached(broken);
    const outcomes = await Promise.allSettled(group);
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(failures).toHaveLength(1);
    await expect(log.append(PLACE, batchOf('after'))).rejects.toMatchObject({ code: 'log-failed' });
    await log.close();

    const again = await open();
    expect(await again.describeTopic('t')).toMatchObject({ partitions: [{ endOffset: 1 }] });
    await expect(again.append(PLACE, batchOf('after'))).resolves.toMatchObject({ baseOffset: 1 });
    await again.close();
  });
});
