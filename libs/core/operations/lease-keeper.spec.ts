import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { LeaseKeeper } from './lease-keeper.js';
import { settle } from './testing/engine-world.js';
import { MemoryLeaseStore } from './testing/memory-lease-store.js';

const TTL = 9_000;

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await settle();
    clock.advance(100);
  }
  await settle();
}

function world() {
  const clock = new ManualClock();
  const leases = new MemoryLeaseStore(clock);
  return { clock, leases, acquire: () => LeaseKeeper.acquire(leases, clock, 'a', 'me', TTL) };
}

describe('keeping a lease', () => {
  it('renews it in time, for as long as it is kept, and frees it at the end', async () => {
    const { clock, leases, acquire } = world();
    const keeper = (await acquire())!;
    expect(await acquire()).toBeUndefined();
    await pass(clock, 10 * TTL);
    expect(keeper.valid).toBe(true);
    expect(await leases.holder('a')).toEqual(keeper.lease);
    await keeper.release();
    await keeper.release();
    expect(keeper.valid).toBe(false);
    expect(keeper.lost.aborted).toBe(false);
    expect(await leases.holder('a')).toBeUndefined();
  });

  it('tells when somebody took it', async () => {
    const { clock, leases, acquire } = world();
    const keeper = (await acquire())!;
    await leases.expireAll();
    expect(await leases.acquire('a', 'other', TTL)).toBeDefined();
    await pass(clock, TTL / 3 + 100);
    expect(keeper.lost.aborted).toBe(true);
    await keeper.release();
    expect((await leases.holder('a'))?.owner).toBe('other');
  });

  it('stops believing before the store does when the store fails or hangs', async () => {
    for (const failure of [() => Promise.reject(new Error('away')), () => new Promise<boolean>(() => undefined)]) {
      const { clock, leases, acquire } = world();
      const keeper = (await acquire())!;
      const granted = clock.monotonic();
      leases.renew = failure;
      await pass(clock, TTL - 200);
      expect(keeper.valid).toBe(true);
      expect(await leases.holder('a')).toBeDefined();
      await pass(clock, 300);
      expect(keeper.lost.aborted).toBe(true);
      expect(clock.monotonic() - granted).toBeLessThanOrEqual(TTL + 200);
    }
  });

  it('survives a store that is away for less than the lease', async () => {
    const { clock, leases, acquire } = world();
    const keeper = (await acquire())!;
    const renew = leases.renew.bind(leases);
    leases.renew = () => Promise.reject(new Error('away'));
    await pass(clock, TTL / 2);
    leases.renew = renew;
    await pass(clock, 5 * TTL);
    expect(keeper.valid).toBe(true);
    await keeper.release();
  });

  it('counts its time from before the request, so a slow answer does not lengthen it', async () => {
    const { clock, leases } = world();
    const acquire = leases.acquire.bind(leases);
    const answer = deferred<void>();
    leases.acquire = async (...request) => {
      const lease = await acquire(...request);
      await answer.promise;
      return lease;
    };
    leases.renew = () => Promise.reject(new Error('away'));
    const asked = LeaseKeeper.acquire(leases, clock, 'a', 'me', TTL);
    await pass(clock, TTL / 2);
    answer.resolve();
    const keeper = (await asked)!;
    await pass(clock, TTL / 2 + 100);
    expect(keeper.valid).toBe(false);
  });

  it('does not mind a wall clock that jumps', async () => {
    const { clock, leases, acquire } = world();
    const keeper = (await acquire())!;
    clock.jump(3_600_000);
    expect(keeper.valid).toBe(true);
    await pass(clock, TTL);
    expect(keeper.valid).toBe(true);
    expect(await leases.holder('a')).toEqual(keeper.lease);
    clock.jump(-7_200_000);
    await pass(clock, TTL);
    expect(keeper.valid).toBe(true);
    await keeper.release();
  });
});
