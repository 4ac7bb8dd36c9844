import { describe, expect, it } from 'vitest';
import { type AppendOptions, type Durability, encodeBatch } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './embedded-log.js';
import type { EmbeddedLogSettings } from './options.js';
import { SeededRandom, SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';
import { readAll } from './testing/scripted-client.js';

const NEVER = 1_000_000_000;
const WINDOW_BYTES = 4_000;
const BATCH = encodeBatch([{ key: Buffer.alloc(400), value: Buffer.from('v'), headers: [], timestamp: 0 }]);

/** A clock on which what takes for ever does not come to an end. */
class PatientClock extends SimulatedClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms < NEVER) return await super.sleep(ms, signal);
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
  }
}

/** A machine whose log has a topic of each level, named by it. Nothing is flushed by time unless asked for. */
class Machine {
  files = new SimulatedFileSystem();
  readonly flushes: number[] = [];

  async start(settings: Partial<EmbeddedLogSettings> = {}): Promise<EmbeddedLog> {
    const log = await openEmbeddedLog({
      directory: '/log',
      clock: new PatientClock(),
      files: this.files,
      lock: new SimulatedLock(),
      settings: {
        checkpointIntervalMs: 0,
        journalStepBytes: 65_536,
        flushBytes: WINDOW_BYTES,
        flushIntervalMs: NEVER,
        ...settings,
      },
      observer: { flushed: ({ commits }) => this.flushes.push(commits) },
    });
    if ((await log.listTopics()).length > 0) return log;
    for (const name of ['durable', 'buffered', 'none']) {
      await log.createTopic({ name, partitions: 1, config: { 'weir.durability': name } });
    }
    this.flushes.length = 0;
    return log;
  }

  async end(log: EmbeddedLog, how: 'kill' | SeededRandom): Promise<void> {
    this.files.stop();
    await log.close().catch(() => undefined);
    this.files = how === 'kill' ? this.files.afterKill() : this.files.afterPowerCut(how);
  }
}

async function append(log: EmbeddedLog, topic: Durability, times: number, options?: AppendOptions): Promise<void> {
  for (let i = 0; i < times; i++) await log.append({ topic, partition: 0 }, BATCH, options);
}

async function count(log: EmbeddedLog, topic: Durability): Promise<number> {
  return (await readAll(log, { topic, partition: 0 })).records.length;
}

/** Records of each topic after 40 appends to both of these and a power cut, over many cuts. */
async function afterCuts(settings: Partial<EmbeddedLogSettings>): Promise<{ buffered: number; none: number }[]> {
  const left: { buffered: number; none: number }[] = [];
  for (let seed = 1; seed <= 12; seed++) {
    const machine = new Machine();
    const log = await machine.start(settings);
    for (let i = 0; i < 20; i++) {
      await append(log, 'buffered', 2);
      await append(log, 'none', 2);
    }
    await machine.end(log, new SeededRandom(seed));
    const again = await machine.start(settings);
    left.push({ buffered: await count(again, 'buffered'), none: await count(again, 'none') });
    await again.close();
  }
  return left;
}

describe('levels of durability', () => {
  it('a kill takes nothing that was acknowledged, whatever the level', async () => {
    const machine = new Machine();
    const log = await machine.start({ flushBytes: NEVER });
    for (const level of ['durable', 'buffered', 'none'] as const) await append(log, level, 20);
    await append(log, 'none', 5);
    await machine.end(log, 'kill');
    const again = await machine.start();
    for (const level of ['durable', 'buffered'] as const) expect(await count(again, level)).toBe(20);
    expect(await count(again, 'none')).toBe(25);
    await again.close();
  });

  it('a power cut takes no more of a buffered topic than the window, and leaves the beginning of it', async () => {
    const allowed = Math.floor(WINDOW_BYTES / BATCH.length);
    const left = await afterCuts({});
    for (const { buffered } of left) expect(40 - buffered).toBeLessThanOrEqual(allowed);
    expect(
      left.some(({ buffered }) => buffered < 40),
      'something was lost at all',
    ).toBe(true);
  });

  it('negative control: without the window a power cut takes more of it', async () => {
    const allowed = Math.floor(WINDOW_BYTES / BATCH.length);
    const left = await afterCuts({ flushBytes: NEVER });
    expect(left.some(({ buffered }) => 40 - buffered > allowed)).toBe(true);
  });

  it('a durable append beside them is kept, and with it everything written before', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const machine = new Machine();
      const log = await machine.start({ flushBytes: NEVER });
      await append(log, 'none', 10);
      await append(log, 'buffered', 10);
      await append(log, 'durable', 1);
      await append(log, 'none', 3);
      await machine.end(log, new SeededRandom(seed));
      const again = await machine.start();
      expect([await count(again, 'durable'), await count(again, 'buffered')]).toEqual([1, 10]);
      expect(await count(again, 'none')).toBeGreaterThanOrEqual(10);
      await again.close();
    }
  });

  it('an append that asks for a stronger level gets it; one that asks for a weaker one does not', async () => {
    const machine = new Machine();
    const log = await machine.start();
    await append(log, 'buffered', 2);
    expect(machine.flushes).toEqual([]);
    await append(log, 'buffered', 1, { durability: 'durable' });
    expect(machine.flushes).toEqual([3]);
    await append(log, 'durable', 1, { durability: 'none' });
    expect(machine.flushes).toEqual([3, 1]);
    await log.close();
  });

  it('a repetition that asks to be durable makes what it repeats durable', async () => {
    const machine = new Machine();
    const log = await machine.start();
    const { producerId: id, epoch } = await log.openProducer();
    machine.flushes.length = 0;
    const record = { key: null, value: Buffer.from('once'), headers: [], timestamp: 0 };
    const batch = encodeBatch([record], { producer: { id, epoch, baseSequence: 0 } });
    await log.append({ topic: 'none', partition: 0 }, batch);
    const again = await log.append({ topic: 'none', partition: 0 }, batch, { durability: 'durable' });
    expect(again).toMatchObject({ baseOffset: 0, durability: 'durable' });
    expect(machine.flushes).toHaveLength(1);
    await machine.end(log, new SeededRandom(1));
    const later = await machine.start();
    expect(await count(later, 'none')).toBe(1);
    await later.close();
  });

  it('what is not flushed is told, with its age, and flushed when its time has come', async () => {
    const machine = new Machine();
    const log = await machine.start({ flushIntervalMs: 1_000 });
    await append(log, 'none', 1);
    const { bytes, ageMs } = log.unflushed;
    expect(bytes).toBeGreaterThan(BATCH.length);
    expect(ageMs).toBeGreaterThan(0);
    await append(log, 'buffered', 1);
    while (log.unflushed.bytes > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(log.unflushed).toEqual({ bytes: 0, ageMs: 0 });
    expect(machine.flushes).toEqual([2]);
    await log.close();
  });

  it('a checkpoint and an orderly end flush what was written', async () => {
    for (const how of ['checkpoint', 'close'] as const) {
      const machine = new Machine();
      const log = await machine.start();
      await append(log, 'none', 3);
      await log[how]();
      if (how === 'checkpoint') expect(log.unflushed.bytes).toBe(0);
      await machine.end(log, new SeededRandom(3));
      const again = await machine.start();
      expect(await count(again, 'none')).toBe(3);
      await again.close();
    }
  });

  it('a flush that fails ends writing, also one that nobody waits for', async () => {
    const machine = new Machine();
    const log = await machine.start({ flushIntervalMs: 1_000 });
    machine.files.fault = (call) => (call === 'sync' ? 'EIO' : undefined);
    await append(log, 'buffered', 1);
    while (log.failure === undefined) await new Promise((resolve) => setImmediate(resolve));
    await expect(append(log, 'buffered', 1)).rejects.toMatchObject({ code: 'log-failed' });
    machine.files.fault = undefined;
    await log.close().catch(() => undefined);
  });
});
