import { describe, expect, it } from 'vitest';
import { encodeBatch, type ProducerIdentity } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './embedded-log.js';
import type { EmbeddedLogOptions } from './options.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const DAY_MS = 86_400_000;
const ref = { topic: 't', partition: 0 };
const code = (name: string): unknown => expect.objectContaining({ code: name });

function batch({ producerId: id, epoch }: ProducerIdentity, baseSequence: number): Uint8Array {
  const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: 0 };
  return encodeBatch([record], { producer: { id, epoch, baseSequence } });
}

class Machine {
  readonly clock = new SimulatedClock();
  files = new SimulatedFileSystem();

  async start(options: Partial<EmbeddedLogOptions> = {}): Promise<EmbeddedLog> {
    const { clock, files } = this;
    const settings = { checkpointIntervalMs: 0 };
    const parts = { directory: '/log', clock, files, lock: new SimulatedLock(), settings };
    const log = await openEmbeddedLog({ ...parts, ...options });
    const known = await log.listTopics();
    if (known.length === 0) await log.createTopic({ name: 't', partitions: 2 });
    return log;
  }

  /** Ends the process at once; what was written stays. */
  async kill(log: EmbeddedLog): Promise<void> {
    this.files.stop();
    await log.close().catch(() => undefined);
    this.files = this.files.afterKill();
  }
}

describe('producers of the embedded log', () => {
  it('a repetition appends nothing: the log does not grow by it', async () => {
    const log = await new Machine().start();
    const producer = await log.openProducer();
    await log.append(ref, batch(producer, 0));
    const before = (await log.describeTopic('t')).partitions[0];
    for (let i = 0; i < 10; i++) expect((await log.append(ref, batch(producer, 0))).baseOffset).toBe(0);
    expect((await log.describeTopic('t')).partitions[0]).toEqual(before);
    await log.close();
  });

  it.each(['from the journal', 'from the snapshot'])('are known after a kill, %s', async (where) => {
    const machine = new Machine();
    let log = await machine.start();
    const producer = await log.openProducer();
    const named = await log.openProducer('loader');
    for (let i = 0; i < 7; i++) await log.append(ref, batch(producer, i));
    if (where === 'from the snapshot') await log.checkpoint();
    await machine.kill(log);
    log = await machine.start();
    for (let i = 2; i < 7; i++) expect((await log.append(ref, batch(producer, i))).baseOffset).toBe(i);
    await expect(log.append(ref, batch(producer, 1))).rejects.toThrow(code('out-of-order-sequence'));
    expect((await log.openProducer()).producerId).toBeGreaterThan(named.producerId);
    expect(await log.openProducer('loader')).toEqual({ ...named, epoch: named.epoch + 1 });
    await log.close();
  });

  it('one that was replaced under its name is refused in partitions where its successor never wrote, too', async () => {
    const log = await new Machine().start();
    const first = await log.openProducer('loader');
    await log.openProducer('loader');
    await expect(log.append({ topic: 't', partition: 1 }, batch(first, 0))).rejects.toThrow(
      code('stale-producer-epoch'),
    );
    await log.close();
  });

  it('an id that this log has not given out is refused, so that nobody can write under an id of the future', async () => {
    const log = await new Machine().start();
    await expect(log.append(ref, batch({ producerId: 5, epoch: 0 }, 0))).rejects.toThrow(code('unknown-producer'));
    await log.close();
  });

  it('are counted, limited, and forgotten after a day without a write, from when they may begin anew', async () => {
    const machine = new Machine();
    const log = await machine.start({ limits: { producers: 3 } });
    const producers = await Promise.all([0, 1, 2, 3].map(() => log.openProducer()));
    const [one, two, three, four] = producers as [
      ProducerIdentity,
      ProducerIdentity,
      ProducerIdentity,
      ProducerIdentity,
    ];
    await Promise.all([one, two, three].map((producer) => log.append(ref, batch(producer, 0))));
    expect(log.producers).toBe(3);
    await expect(log.append(ref, batch(four, 0))).rejects.toThrow(code('too-many-producers'));
    await log.append(ref, batch(one, 1));
    await machine.clock.sleep(DAY_MS / 2);
    await log.append(ref, batch(two, 1));
    await machine.clock.sleep(DAY_MS / 2);
    await log.append(ref, batch(four, 0));
    expect(log.producers).toBe(2);
    // The third one was forgotten: what it writes now is new, and so are its sequences.
    const again = await log.append(ref, batch(three, 0));
    expect((await log.append(ref, batch(three, 1))).baseOffset).toBe(again.baseOffset + 1);
    expect((await log.append(ref, batch(three, 0))).baseOffset).toBe(again.baseOffset);
    await log.close();
  });

  it('go with their topic', async () => {
    const log = await new Machine().start();
    const producer = await log.openProducer();
    await log.append(ref, batch(producer, 0));
    await log.deleteTopic('t');
    await log.createTopic({ name: 't', partitions: 1 });
    expect(log.producers).toBe(0);
    expect((await log.append(ref, batch(producer, 9))).baseOffset).toBe(0);
    await log.close();
  });

  it('a batch whose group found no room is not taken for stored', async () => {
    const machine = new Machine();
    const log = await machine.start();
    const { files } = machine;
    const producer = await log.openProducer();
    await log.append(ref, batch(producer, 0));
    files.fault = (call, _index, path) => (call === 'write' && path.endsWith('.log') ? 'ENOSPC' : undefined);
    await expect(log.append(ref, batch(producer, 1))).rejects.toThrow(code('storage-full'));
    files.fault = undefined;
    expect((await log.append(ref, batch(producer, 1))).baseOffset).toBe(1);
    await log.close();
  });
});
