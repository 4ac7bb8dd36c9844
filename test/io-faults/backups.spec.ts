import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { overHttp } from '#libs/platform/testing';
import { expectNone, failingDisks, strideOf, strikeName, type StruckCalls } from './failing-disks.js';
import type { Calls, Fault } from './fault-shim.js';
import { call, Workload } from './workload.js';

/** Of the calls that a backup makes. */
const STRUCK: readonly StruckCalls[] = [
  { fault: 'EIO', calls: 'changes', stride: 29 },
  { fault: 'ENOSPC', calls: 'changes', stride: 37 },
  { fault: 'short', calls: 'changes', stride: 37 },
  { fault: 'EMFILE', calls: 'opens', stride: 13 },
];

interface Backup {
  readonly id: string;
  readonly operation: string;
  readonly verification: { readonly sound: boolean; readonly problems: readonly string[] } | null;
}

describe('a backup on a disk of which one call fails', () => {
  const disks = failingDisks();

  /** How an operation ends. One that has no room is tried again for a minute before it fails. */
  async function ended(url: string, id: string): Promise<string> {
    return (await new OperationCalls(overHttp(() => url)).settled(id, 300_000)).state;
  }

  /** Whether what is listed as a backup is sound when all of it is read back. */
  async function soundness(url: string, id: string): Promise<readonly string[]> {
    const verification = await call<Backup>(url, 'POST', `/v1/backups/${id}:verify`);
    if (verification.status !== 202) return [`verifying was answered ${verification.status}`];
    if ((await ended(url, verification.body.operation)) !== 'FINISHED') return ['verifying failed'];
    const { body } = await call<Backup>(url, 'GET', `/v1/backups/${id}`);
    return body.verification?.sound === true ? [] : (body.verification?.problems ?? ['it was not verified']);
  }

  /** Lets one call after another fail while a backup is taken. Answers what was struck and how the backup ended. */
  async function strikeAll(fault: Fault, calls: Calls, stride: number) {
    const service = await disks.create({
      struck: 'backups',
      settings: (directory) => ({ WEIR_BACKUPS_DIRECTORY: join(directory, 'backups') }),
    });
    const workload = new Workload();
    const strikes: { readonly call: string; readonly path: string; readonly state: string }[] = [];
    const problems: string[] = [];
    try {
      await service.start();
      await workload.round(service.url, 1);
      for (let n = 1; problems.length === 0; n += stride) {
        service.faults.arm(n, fault, calls);
        const asked = await call<Backup>(service.url, 'POST', '/v1/backups', {});
        expect(asked.status).toBe(202);
        const state = await ended(service.url, asked.body.operation);
        const strike = service.faults.struck;
        service.faults.disarm();
        const what = strikeName(n, strike, fault);
        const listed = async (): Promise<readonly string[]> => {
          const { body } = await call<{ items: Backup[] }>(service.url, 'GET', '/v1/backups');
          return body.items.map(({ id }) => id);
        };
        const isThere = (await listed()).includes(asked.body.id);
        if (isThere !== (state === 'FINISHED')) problems.push(`${what}: ${state}, and listed: ${isThere}`);
        // One that failed is taken all the same when the disk is well again and somebody says so.
        if (state === 'FAILED') {
          await call(service.url, 'POST', `/v1/operations/${asked.body.operation}:resume`);
          const resumed = await ended(service.url, asked.body.operation);
          if (resumed !== 'FINISHED') problems.push(`${what}: resumed, it ${resumed}`);
        }
        const there = await listed();
        if (there.join() !== asked.body.id) problems.push(`${what}: in the end there is ${there.join() || 'nothing'}`);
        for (const id of there) {
          problems.push(...(await soundness(service.url, id)).map((one) => `${what}: ${id}: ${one}`));
        }
        // Whatever happened to the backup, the service it was taken of has not suffered.
        problems.push(...(await workload.problems(service.url, true)).map((one) => `${what}: ${one}`));
        if (service.exit !== undefined) problems.push(`${what}: the service ended`);
        for (const id of there) await call(service.url, 'DELETE', `/v1/backups/${id}`);
        if (strike === undefined) break;
        strikes.push({ ...strike, state });
      }
      const left = await readdir(join(service.directory, 'backups'));
      if (left.length > 0) problems.push(`left over: ${left.join(', ')}`);
    } finally {
      await service.close();
    }
    return { strikes, problems };
  }

  // Beside each other: what has no room waits for seconds until it is tried again.
  it.concurrent.each(STRUCK)(
    'is there and sound, or said to have failed and not there, whichever call fails ($fault, $calls)',
    async ({ fault, calls, stride }) => {
      const { strikes, problems } = await strikeAll(fault, calls, strideOf({ stride }));
      expectNone(problems);
      expect(strikes.length).toBeGreaterThan(1);
    },
    1_200_000,
  );

  it.concurrent(
    'negative control: a write that was not done and is believed is found when it is read back',
    async () => {
      expect((await strikeAll('lost', 'changes', 5)).problems).not.toEqual([]);
    },
    600_000,
  );
});
