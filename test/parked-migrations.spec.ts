import { describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory } from '#libs/platform/testing';

interface Parked {
  readonly items: readonly { readonly id: string; readonly class: string; readonly waitsFor: string | null }[];
  readonly next: string | null;
}

/** Every seventh record says in another place what the transform looks for. */
const VALUES = Array.from({ length: 60 }, (_, n) => (n % 7 === 3 ? { n, late: n } : { n, cents: n }));
const keyOf = (n: number): string => `k${n % 5}`;
const CORRECTED = { up: [{ set: 'value.euros', cel: 'has(value.cents) ? value.cents * 2 : value.late * 2' }] };

describe('a migration that parks and redrives', () => {
  it.each([undefined, 'redrive:begun', 'redrive:done'])(
    'brings every record of a key in order once, its service killed at %s',
    async (step) => {
      const directory = await temporaryDirectory();
      const env: Record<string, string> = step === undefined ? {} : { WEIR_FAIL_POINT: `migration:${step}` };
      let server = await ServerProcess.start({ cwd: directory.path, env });
      const records = new DataPlaneCalls(overHttp(() => server.url));
      const operations = new OperationCalls(overHttp(() => server.url));
      const state = (id: string) => async () => (await operations.operation(id)).state;
      await records.topic('orders', 3);
      await records.produce(
        'orders',
        VALUES.map((value) => ({ key: keyOf(value.n), value })),
      );
      const id = await operations.begin('/v1/migrations/plans', {
        topic: 'orders',
        transform: { up: [{ set: 'value.euros', cel: 'value.cents * 2' }] },
        poison: { policy: 'park-by-key' },
      });
      await expect.poll(state(id), { interval: 20, timeout: 60_000 }).toBe('READY');
      const { errors } = await operations.operation(id);
      expect(errors).toMatchObject({ read: 60, parkedKeys: 5, byClass: { 'transform-failed': 5 } });
      const before = await operations.demand<Parked>('GET', `/v1/operations/${id}/poison?limit=100`);
      expect(before.items).toHaveLength(Number((errors as Record<string, unknown>)['parked']));
      expect(before.items.filter((one) => one.waitsFor === null)).toHaveLength(5);

      await operations.demand('POST', `/v1/operations/${id}:cutover`);
      await expect
        .poll(async () => (await operations.operation(id)).reason, { interval: 20, timeout: 60_000 })
        .toContain('are parked in');

      await operations.demand('POST', `/v1/operations/${id}/poison:redrive`, { transform: CORRECTED });
      if (step !== undefined) {
        expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
        server = await ServerProcess.start({ cwd: directory.path });
      }
      await expect
        .poll(async () => (await operations.operation(id)).errors, { interval: 20, timeout: 60_000 })
        .toMatchObject({ read: 60, written: 60, parked: 0, parkedKeys: 0 });
      await expect.poll(state(id), { interval: 20, timeout: 60_000 }).toBe('READY');
      expect(await operations.demand('GET', `/v1/operations/${id}/poison`)).toEqual({ items: [], next: null });
      await operations.demand('POST', `/v1/operations/${id}:cutover`);
      await expect.poll(state(id), { interval: 20, timeout: 60_000 }).toBe('SWITCHED');
      expect(await operations.operation(id)).toMatchObject({ verification: { level: 'full', state: 'passed' } });

      const migrated = (await records.read('orders')).map((one) => one.value as { n: number; euros: number });
      for (let k = 0; k < 5; k++) {
        const ofKey = migrated.filter((one) => one.n % 5 === k);
        expect(ofKey.map(({ n, euros }) => [n, euros])).toEqual(
          VALUES.filter((one) => one.n % 5 === k).map(({ n }) => [n, n * 2]),
        );
      }
      const late = await operations.post(`/v1/operations/${id}/poison:redrive`, {});
      expect(late.problem).toMatchObject({ status: 409, code: 'wrong-state' });
      await server.stop();
      await directory.remove();
    },
  );
});
