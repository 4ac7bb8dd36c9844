import { describe, expect, it } from 'vitest';
import { expectNone, failingDisks, strideOf, strikeName, type StruckCalls } from './failing-disks.js';
import type { Calls, Fault } from './fault-shim.js';
import type { FaultyService } from './faulty-service.js';
import { Workload } from './workload.js';

/** What the service ends with when the disk can no longer be trusted. */
const ENDED = { code: 74, signal: null };
/** Of the calls of a round, so that the suite takes a minute: each EIO costs a start of the service. */
const STRUCK: readonly StruckCalls[] = [
  { fault: 'EIO', calls: 'changes', stride: 37 },
  { fault: 'ENOSPC', calls: 'changes', stride: 23 },
  { fault: 'short', calls: 'changes', stride: 23 },
  // Only what opens a file can meet that there are no more descriptors.
  { fault: 'EMFILE', calls: 'opens', stride: 5 },
];

describe('the service on a disk of which one call fails', () => {
  const disks = failingDisks();

  /** A round, and the checkpoint behind it; ends when the call was struck, or nothing is left that could be. Answers whether the service lives on. */
  async function roundOn(service: FaultyService, workload: Workload, number: number): Promise<boolean> {
    await workload.round(service.url, number);
    try {
      const before = await service.checkpoints();
      await workload.append(service.url, number);
      await service.until(async () => service.faults.struck !== undefined || (await service.checkpoints()) !== before);
      // Whoever is to end says so at once.
      const ready = await fetch(`${service.url}/readyz`);
      await ready.arrayBuffer();
      if (ready.ok) return true;
    } catch (error) {
      // Only a process that is gone gives no answer.
      if (!(error instanceof TypeError)) throw error;
    }
    await service.exited;
    return false;
  }

  /** Lets one call after another fail, each in a round of its own. Answers what was struck, and whether the service lived on. */
  async function strikeAll(fault: Fault, workload: Workload, stride = 1, calls: Calls = 'changes') {
    const service = await disks.create();
    const strikes: { readonly call: string; readonly path: string; readonly survived: boolean }[] = [];
    const problems: string[] = [];
    try {
      await service.start();
      for (let n = 1; problems.length === 0; n += stride) {
        service.faults.arm(n, fault, calls);
        const survived = await roundOn(service, workload, n);
        const strike = service.faults.struck;
        service.faults.disarm();
        if (!survived) {
          expect(service.exit, `call ${n}: ${strike?.call} ${strike?.path}`).toEqual(ENDED);
          await service.start();
        }
        const what = strikeName(n, strike, fault);
        problems.push(...(await workload.problems(service.url)).map((one) => `${what}: ${one}`));
        if (strike === undefined) break;
        strikes.push({ ...strike, survived });
      }
      await service.kill();
      await service.start();
      problems.push(...(await workload.problems(service.url, true)));
    } finally {
      await service.close();
    }
    return { strikes, problems };
  }

  it.each(STRUCK)(
    'keeps what it acknowledged and says honestly what it did not do, whichever call fails ($fault, $calls)',
    async ({ fault, calls, stride }) => {
      const workload = new Workload();
      const { strikes, problems } = await strikeAll(fault, workload, strideOf({ stride }), calls);
      expectNone(problems);
      expectNone(workload.dishonest);
      expect(workload.acknowledged).toBeGreaterThan(strikes.length);
      expect(strikes.length).toBeGreaterThan(1);
      // A flush that failed is never believed, nor tried again.
      const flushes = strikes.filter((one) => one.call === 'flush');
      if (fault !== 'short') expect(flushes.filter((one) => one.survived)).toEqual([]);
    },
    600_000,
  );

  it('negative control: a write that was not done and is believed loses what was acknowledged', async () => {
    const workload = new Workload();
    const { problems } = await strikeAll('lost', workload);
    expect(problems).not.toEqual([]);
  }, 300_000);
});
