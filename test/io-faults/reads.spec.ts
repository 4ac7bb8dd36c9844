import { describe, expect, it } from 'vitest';
import { expectNone, failingDisks } from './failing-disks.js';
import type { Calls, Fault } from './fault-shim.js';
import { Workload } from './workload.js';

/** The answer that says that the disk could not be read, and nothing of damage. */
const NOT_NOW = /^reading \S+ was answered 503 .*"code":"log-read-failed"/;

describe('the service on a disk of which one call fails while it is read', () => {
  const disks = failingDisks();

  /** Lets one call after another fail, or so many in a row, each while the topic of a round is read. Answers what was struck and what the reader was told. */
  async function strikeReads(fault: Fault, calls: Calls, inARow = 1) {
    const service = await disks.create();
    const workload = new Workload();
    const told: string[] = [];
    const problems: string[] = [];
    let strikes = 0;
    try {
      await service.start();
      for (let n = 1; problems.length === 0; n++) {
        await workload.round(service.url, n);
        // Files that are open already are not opened again, and after an orderly stop none are.
        if (calls === 'opens') {
          await service.stop();
          await service.start();
        }
        service.faults.arm(n, fault, calls, inARow);
        const read = await workload.read(service.url, `t${n}`);
        const struck = service.faults.struck;
        service.faults.disarm();
        if (typeof read === 'string') told.push(read);
        problems.push(...(await workload.problems(service.url)));
        if (struck === undefined) break;
        strikes++;
      }
    } finally {
      await service.close();
    }
    return { strikes, told, problems };
  }

  it.each([
    ['EIO', 'reads'],
    ['EMFILE', 'opens'],
  ] as const)(
    'says so when it could not read (%s of %s), takes nothing for damage, and reads it all when asked again',
    async (fault, calls) => {
      const { strikes, told, problems } = await strikeReads(fault, calls);
      expectNone(problems);
      expectNone(told.filter((one) => !NOT_NOW.test(one)));
      expect(told.length).toBeGreaterThan(0);
      expect(strikes).toBeGreaterThan(1);
    },
    300_000,
  );

  it.each([
    ['lost', 'reads'],
    ['ENOENT', 'opens'],
  ] as const)(
    'reads once more before it takes anything for damage (%s of %s)',
    async (fault, calls) => {
      const { strikes, told, problems } = await strikeReads(fault, calls);
      expectNone([...told, ...problems]);
      expect(strikes).toBeGreaterThan(1);
    },
    300_000,
  );

  it.each([
    ['lost', 'reads'],
    ['ENOENT', 'opens'],
  ] as const)(
    'negative control: what was not read twice, and is believed, is noticed (%s of %s)',
    async (fault, calls) => {
      expect((await strikeReads(fault, calls, 2)).problems).not.toEqual([]);
    },
    300_000,
  );
});
