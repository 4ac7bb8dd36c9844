import { describe, expect, it } from 'vitest';
import { expectNone, failingDisks, strideOf, strikeName, type StruckCalls } from './failing-disks.js';
import type { Calls, Fault } from './fault-shim.js';
import type { FaultyService } from './faulty-service.js';
import { UpkeepWorkload } from './upkeep-workload.js';
import { NoAnswer } from './workload.js';

const ENDED = { code: 74, signal: null };
/** Old records are looked at all the time, so that each round has its compaction and its retention. */
const SETTINGS = { WEIR_LOG_RETENTION_CHECK_MS: '20' };
/** What counts what was compacted, and what went. */
const COMPACTED = 'weir_compaction_duration_seconds_count';
const WENT = 'weir_retention_segments_total';

/** Of the calls of a round. */
const STRUCK: readonly StruckCalls[] = [
  { fault: 'EIO', calls: 'changes', stride: 41 },
  { fault: 'ENOSPC', calls: 'changes', stride: 31 },
  { fault: 'short', calls: 'changes', stride: 31 },
  { fault: 'EMFILE', calls: 'opens', stride: 7 },
];

describe('the service on a disk of which one call fails while old records and topics go', () => {
  const disks = failingDisks();

  /** A round with what upkeep makes of it; ends when it has all been done, or the process is gone. Answers whether the service lives on. */
  async function roundOn(service: FaultyService, workload: UpkeepWorkload, number: number): Promise<boolean> {
    try {
      const before = [await service.metric(COMPACTED), await service.metric(WENT)];
      await workload.round(service.url, number);
      const done = async (): Promise<boolean> => {
        const now = [await service.metric(COMPACTED), await service.metric(WENT)];
        return now.every((count, i) => count > before[i]!);
      };
      // What is damaged is left as it is.
      if (workload.hasWork(number))
        await service.until(async () => (await done()) || !(await workload.isSound(service.url, number)));
      // Files go with the next checkpoint, and there is one when something was written.
      const checkpoints = await service.checkpoints();
      await service.until(async () => {
        await workload.append(service.url, number);
        return (await service.checkpoints()) !== checkpoints;
      });
      // Whoever is to end says so at once.
      const ready = await fetch(`${service.url}/readyz`);
      await ready.arrayBuffer();
      if (ready.ok) return true;
    } catch (error) {
      // Only a process that is gone gives no answer.
      if (!(error instanceof TypeError || error instanceof NoAnswer)) throw error;
    }
    await service.exited;
    return false;
  }

  async function strikeAll(fault: Fault, calls: Calls, stride: number) {
    const service = await disks.create({ settings: () => SETTINGS });
    const workload = new UpkeepWorkload();
    const strikes: { readonly call: string; readonly path: string; readonly survived: boolean }[] = [];
    const problems: string[] = [];
    try {
      await service.start();
      for (let n = 1, round = 1; problems.length === 0; n += stride, round++) {
        service.faults.arm(n, fault, calls);
        let survived = await roundOn(service, workload, round);
        const strike = service.faults.struck;
        service.faults.disarm();
        if (!survived) {
          expect(service.exit, `call ${n}: ${strike?.call} ${strike?.path}`).toEqual(ENDED);
          await service.start();
        }
        const what = strikeName(n, strike, fault);
        const found = await workload.problems(service.url, round).catch(async (error: unknown) => {
          if (!(error instanceof NoAnswer)) throw error;
          // It ended only now: checkpoints go on by the clock.
          survived = false;
          expect(await service.exited, what).toEqual(ENDED);
          await service.start();
          return await workload.problems(service.url, round);
        });
        problems.push(...found.map((one) => `${what}: ${one}`));
        if (strike === undefined) break;
        strikes.push({ ...strike, survived });
        if (strikes.length % 4 === 0) {
          await service.kill();
          await service.start();
          const after = await workload.problems(service.url, round);
          problems.push(...after.map((one) => `${what}, after a kill: ${one}`));
        }
      }
    } finally {
      await service.close();
    }
    return { strikes, problems, workload };
  }

  it.each(STRUCK)(
    'takes only what may go, and says honestly what it did not do ($fault, $calls)',
    async ({ fault, calls, stride }) => {
      const { strikes, problems, workload } = await strikeAll(fault, calls, strideOf({ stride }));
      expectNone(problems);
      expectNone(workload.dishonest);
      expect(strikes.length).toBeGreaterThan(1);
      if (fault !== 'short') expect(strikes.filter((one) => one.call === 'flush' && one.survived)).toEqual([]);
    },
    1_200_000,
  );

  it('negative control: writes that were not done and are believed are noticed', async () => {
    expect((await strikeAll('lost', 'changes', 3)).problems).not.toEqual([]);
  }, 600_000);
});
