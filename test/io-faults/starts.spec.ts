import { describe, expect, it } from 'vitest';
import { expectNone, failingDisks, strideOf, strikeName, type StruckCalls } from './failing-disks.js';
import type { Calls, Fault } from './fault-shim.js';
import type { FaultyService } from './faulty-service.js';
import { Workload } from './workload.js';

/** What a start may end with: the disk can no longer be trusted, or cannot be used now. Nothing that says that the data is damaged, or that the service has a defect. */
const HONEST_EXITS: readonly (number | null)[] = [74, 75];

/** Of the calls of a start: each that is struck costs two starts. */
const STRUCK: readonly StruckCalls[] = [
  { fault: 'EIO', calls: 'changes', stride: 29 },
  { fault: 'ENOSPC', calls: 'changes', stride: 31 },
  { fault: 'short', calls: 'changes', stride: 31 },
  { fault: 'EIO', calls: 'reads', stride: 7 },
  { fault: 'EMFILE', calls: 'opens', stride: 11 },
];

describe('the service on a disk of which one call of its start fails', () => {
  const disks = failingDisks();

  /** Lets one call after another fail, each in a start that has a journal to replay. Answers what was struck, and whether the service was ready all the same. */
  async function strikeStarts(fault: Fault, calls: Calls, stride: number) {
    const service = await disks.create();
    const workload = new Workload();
    const strikes: { readonly call: string; readonly path: string; readonly ready: boolean }[] = [];
    const problems: string[] = [];
    try {
      await service.start();
      for (let n = 1; problems.length === 0; n += stride) {
        await workload.round(service.url, n);
        await service.kill();
        service.faults.arm(n, fault, calls);
        const refused = await service.tryToStart();
        const strike = service.faults.struck;
        service.faults.disarm();
        const what = strikeName(n, strike, fault);
        const found =
          refused === undefined
            ? await lookAt(service, workload)
            : HONEST_EXITS.includes(refused.exit.code)
              ? []
              : [`it ended with ${refused.exit.code}: ${refused.output.slice(-2_000)}`];
        problems.push(...found.map((one) => `${what}: ${one}`));
        await service.kill();
        const again = await service.tryToStart();
        if (again !== undefined) {
          problems.push(`${what}: the next start failed: ${again.output.slice(-2_000)}`);
          break;
        }
        problems.push(...(await workload.problems(service.url, true)).map((one) => `${what}, next start: ${one}`));
        if (strike === undefined) break;
        strikes.push({ ...strike, ready: refused === undefined });
      }
    } finally {
      await service.close();
    }
    return { strikes, problems, workload };
  }

  /** The judgement of a service that was ready; one that ends meanwhile, since the strike came late, says so by its exit code. */
  async function lookAt(service: FaultyService, workload: Workload): Promise<string[]> {
    try {
      return await workload.problems(service.url, true);
    } catch {
      const { code } = await service.exited;
      return code === HONEST_EXITS[0] ? [] : [`it ended with ${code}`];
    }
  }

  it.each(STRUCK)(
    'is ready or says why not, whichever call fails, and the next start holds everything ($fault, $calls)',
    async ({ fault, calls, stride }) => {
      const { strikes, problems, workload } = await strikeStarts(fault, calls, strideOf({ stride }));
      expectNone(problems);
      expectNone(workload.dishonest);
      expect(strikes.length).toBeGreaterThan(1);
    },
    1_200_000,
  );

  it('negative control: a file that is there and is taken for missing is noticed', async () => {
    const { problems } = await strikeStarts('ENOENT', 'opens', 1);
    expect(problems).not.toEqual([]);
  }, 600_000);
});
