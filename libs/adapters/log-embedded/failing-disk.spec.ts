import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { type Appended, encodeBatch } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import {
  type DiskCall,
  type DiskFault,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
  SimulatedLock,
} from './testing/index.js';
import { readAll, ScriptedClient } from './testing/scripted-client.js';

const SETTINGS = {
  segmentBytes: 1_500,
  indexIntervalBytes: 200,
  journalStepBytes: 2_048,
  bulkBytes: 1_000,
  checkpointIntervalMs: 0,
};
/** Of the pairs of calls at which the machine stops, every how many are tried in each direction; WEIR_SIM_STRIDE=1 tries all. */
const PAIR_STRIDE = Number(process.env['WEIR_SIM_STRIDE'] ?? 11);
const FAULTS: readonly DiskFault[] = ['EIO', 'ENOSPC', 'EMFILE', 'short'];

function open(files: SimulatedFileSystem, onFatal: (error: Error) => void = () => undefined): Promise<EmbeddedLog> {
  const identity = () => ({ logId: 'failing', journalKey: '0123456789abcdef0123456789abcdef' });
  const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
  return openEmbeddedLog({ ...shared, files, settings: SETTINGS, limits: { openSegments: 2 }, onFatal, identity });
}

/** A log that was just created on a fresh disk. */
async function fresh(): Promise<{ files: SimulatedFileSystem; log: EmbeddedLog }> {
  const files = new SimulatedFileSystem();
  await (await open(files)).close();
  return { files, log: await open(files) };
}

/** Lets one call fail, the n-th from now. */
function failNth(
  files: SimulatedFileSystem,
  n: number,
  fault: DiskFault,
): { struck: DiskCall | undefined; path: string } {
  const strike: { struck: DiskCall | undefined; path: string } = { struck: undefined, path: '' };
  const at = files.calls + n;
  files.fault = (call, index, path) => {
    if (index !== at) return undefined;
    Object.assign(strike, { struck: call, path });
    return fault;
  };
  return strike;
}

describe('a disk that fails', () => {
  for (const fault of FAULTS) {
    it(`whichever call fails with ${fault}, nothing is acknowledged falsely, nothing leaks, and the data is whole after a restart`, async () => {
      for (let n = 1, struck = true; struck; n++) {
        const { files, log } = await fresh();
        let fatal = 0;
        const strike = failNth(files, n, fault);
        const client = new ScriptedClient();
        await client.work(log);
        if (log.failure !== undefined) fatal++;
        const what = `call ${n} (${strike.struck} ${strike.path}) ${fault}`;
        // A directory that could not be opened for it was not flushed yet.
        const flushed = strike.struck === 'sync' || (strike.struck === 'syncDirectory' && fault !== 'EMFILE');
        if (flushed) {
          expect(log.failure, `${what}: a failed flush ends writing`).toBeDefined();
        }
        // What a stop leaves is written anew from memory; a kill leaves what was written for each answer.
        const killed = files.copy();
        await log.close().catch(() => fatal++);
        expect(files.openFiles, `${what}: open files`).toBe(0);
        const stopped = n % 2 === 0 ? files.afterKill() : files.afterPowerCut(new SeededRandom(n));
        for (const [end, disk] of [
          ['a kill', killed],
          ['a stop', stopped],
        ] as const) {
          const again = await open(disk);
          expect(await client.check(again), `${what}: after ${end}`).toEqual([]);
          await again.close();
        }
        struck = strike.struck !== undefined;
      }
    }, 120_000);

    it(`whichever call of a start fails with ${fault}, the next start finds everything`, async () => {
      const { files, log } = await fresh();
      const client = new ScriptedClient();
      await client.work(log);
      const image = files.afterKill();
      await log.close().catch(() => undefined);
      for (let n = 1, struck = true; struck; n++) {
        const copy = image.copy();
        const strike = failNth(copy, n, fault);
        const what = `call ${n} of the start ${fault}`;
        const opened = await open(copy).catch((error: unknown) => {
          expect(isAppError(error, 'log-corrupt'), `${what} (${strike.struck} ${strike.path}): ${String(error)}`).toBe(
            false,
          );
        });
        if (opened !== undefined) {
          // The fault may strike the check itself: it reads, and it writes (it opens a session).
          const breaches = await client.check(opened).catch((error: unknown) => {
            if (!isAppError(error)) throw error;
            return opened.failure === undefined ? client.check(opened) : [];
          });
          expect(breaches, `${what} (${strike.struck} ${strike.path})`).toEqual([]);
          await opened.close().catch(() => undefined);
        }
        expect(copy.openFiles, `${what} (${strike.struck} ${strike.path}): open files`).toBe(0);
        const next = n % 2 === 0 ? copy.afterKill() : copy.afterPowerCut(new SeededRandom(n));
        const again = await open(next);
        expect(await client.check(again), `${what} (${strike.struck} ${strike.path}): the next start`).toEqual([]);
        await again.close();
        struck = strike.struck !== undefined;
      }
    }, 120_000);
  }

  it('a machine that stops at any call, and once more at any call of the next start, loses nothing', async () => {
    const lengths = { work: 0, start: 0 };
    for (let n = 1, struck = true; struck; n += PAIR_STRIDE) {
      const { files, log } = await fresh();
      const strike = failNth(files, n, 'gone');
      const client = new ScriptedClient();
      await client.work(log).catch(() => undefined);
      await log.close().catch(() => undefined);
      struck = strike.struck !== undefined;
      lengths.work = n;
      for (const cut of [false, true]) {
        const image = (cut ? files.afterPowerCut(new SeededRandom(n)) : files.afterKill()).copy();
        for (let m = 1 + ((n * 7) % PAIR_STRIDE), again = true; again; m += PAIR_STRIDE) {
          const copy = image.copy();
          const second = failNth(copy, m, 'gone');
          const opened = await open(copy).catch(() => undefined);
          await opened?.close().catch(() => undefined);
          again = second.struck !== undefined;
          lengths.start = Math.max(lengths.start, m);
          const third = await open((n + m) % 2 === 0 ? copy.afterKill() : copy.afterPowerCut(new SeededRandom(m)));
          expect(await client.check(third), `stopped at call ${n} and call ${m} of the start`).toEqual([]);
          await third.close();
        }
      }
    }
    expect(lengths.work).toBeGreaterThan(50);
    expect(lengths.start).toBeGreaterThan(20);
  }, 900_000);

  it('negative control: a flush that failed and is believed loses what was acknowledged', async () => {
    const losses: string[] = [];
    for (let n = 1, struck = true; struck && losses.length === 0; n++) {
      const { files, log } = await fresh();
      const strike = failNth(files, n, 'lost');
      const client = new ScriptedClient();
      await client.work(log);
      files.stop();
      await log.close().catch(() => undefined);
      const again = await open(files.afterPowerCut(new SeededRandom(n))).catch(() => undefined);
      if (again !== undefined) losses.push(...(await client.check(again)));
      await again?.close();
      struck = strike.struck !== undefined;
    }
    expect(losses).not.toEqual([]);
  });

  it('a failed flush is told once to whoever must end the process, and nothing is acknowledged from then on', async () => {
    const { files } = await fresh();
    const told: Error[] = [];
    const log = await open(files, (error) => told.push(error));
    await log.createTopic({ name: 't', partitions: 1 });
    files.fault = (call) => (call === 'sync' ? 'EIO' : undefined);
    const client = new ScriptedClient();
    await client.work(log);
    files.fault = undefined;
    await expect(log.createTopic({ name: 'u', partitions: 1 })).rejects.toMatchObject({ code: 'log-failed' });
    expect(client.refusals).toContain('outcome-unknown');
    expect(client.notes.filter((one) => one.acknowledged !== undefined)).toEqual([]);
    expect(told).toHaveLength(1);
    expect(
      (await log.listTopics()).map((one) => one.name),
      'what was durable can still be read',
    ).toEqual(['t']);
    await log.close();
  });

  it('a full disk refuses writes as such, serves reads, and takes writes again as soon as there is room', async () => {
    const { files, log } = await fresh();
    const topic = 'full';
    await log.createTopic({ name: topic, partitions: 1 });
    const append = (value: string): Promise<Appended> => {
      const record = { key: Buffer.alloc(200), value: Buffer.from(value), headers: [], timestamp: 0 };
      return log.append({ topic, partition: 0 }, encodeBatch([record]));
    };
    const values = async (of: EmbeddedLog): Promise<string[]> => {
      const { records } = await readAll(of, { topic, partition: 0 });
      return records.map((one) => Buffer.from(one.value ?? []).toString());
    };
    files.capacity = files.usedBytes + 3_000;
    const kept: string[] = [];
    const refused: string[] = [];
    for (let i = 0; i < 40; i++) {
      await append(`v${i}`).then(
        () => kept.push(`v${i}`),
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'storage-full', kind: 'storage-full', retryable: true });
          refused.push(`v${i}`);
        },
      );
    }
    expect(kept.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    expect(await values(log)).toEqual(kept);
    files.capacity = Infinity;
    await append('again');
    expect(log.failure).toBeUndefined();
    await log.close();
    const later = await open(files.afterPowerCut(new SeededRandom(1)));
    expect(await values(later)).toEqual([...kept, 'again']);
    await later.close();
  });
});
