import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Lease, LeaseStore } from '../lease-store.js';

export interface OpenedLeases {
  readonly leases: LeaseStore;
  /** Makes `ms` pass for the store: a clock is moved, or what it stored is aged. */
  elapse(ms: number): Promise<void>;
  close(): Promise<void>;
}

const TTL = 10_000;

/** What every {@link LeaseStore} keeps. Each test gets a store of its own, empty. */
export function leaseStoreContract(name: string, open: () => Promise<OpenedLeases>): void {
  describe(`${name} as LeaseStore`, () => {
    let opened: OpenedLeases;
    let leases: LeaseStore;
    beforeEach(async () => {
      opened = await open();
      leases = opened.leases;
    });
    afterEach(() => opened.close());

    const acquired = async (lease: string, owner: string): Promise<Lease> => {
      const got = await leases.acquire(lease, owner, TTL);
      expect(got).toBeDefined();
      return got!;
    };

    it('gives a lease to one owner at a time, by name', async () => {
      const first = await acquired('a', 'one');
      expect(first).toEqual({ name: 'a', owner: 'one', epoch: first.epoch });
      expect(await leases.acquire('a', 'two', TTL)).toBeUndefined();
      expect(await leases.acquire('a', 'one', TTL)).toBeUndefined();
      await acquired('b', 'two');
      expect(await leases.holder('a')).toEqual(first);
      expect(await leases.holder('c')).toBeUndefined();
    });

    it('gives it to one of many who ask at once', async () => {
      const got = await Promise.all(Array.from({ length: 20 }, (_, i) => leases.acquire('a', `owner-${i}`, TTL)));
      expect(got.filter((one) => one !== undefined)).toHaveLength(1);
    });

    it('gives it on when its time has passed, and not before', async () => {
      await acquired('a', 'one');
      await opened.elapse(TTL / 2);
      expect(await leases.acquire('a', 'two', TTL)).toBeUndefined();
      await opened.elapse(TTL / 2 + 1);
      expect(await leases.holder('a')).toBeUndefined();
      expect((await acquired('a', 'two')).owner).toBe('two');
    });

    it('gives an expired one to one of many who ask at once', async () => {
      await acquired('a', 'one');
      await opened.elapse(TTL + 1);
      const got = await Promise.all(Array.from({ length: 20 }, (_, i) => leases.acquire('a', `owner-${i}`, TTL)));
      expect(got.filter((one) => one !== undefined)).toHaveLength(1);
    });

    it('never uses an epoch twice, and each is higher than the one before', async () => {
      const epochs: number[] = [];
      for (let i = 0; i < 4; i++) {
        const lease = await acquired('a', `owner-${i}`);
        epochs.push(lease.epoch);
        if (i % 2 === 0) await leases.release(lease);
        else await opened.elapse(TTL + 1);
      }
      expect(epochs[0]).toBeGreaterThan(0);
      expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    });

    it('a renewed lease lasts from then on', async () => {
      const lease = await acquired('a', 'one');
      for (let i = 0; i < 3; i++) {
        await opened.elapse(TTL - 1_000);
        expect(await leases.renew(lease, TTL)).toBe(true);
      }
      expect(await leases.acquire('a', 'two', TTL)).toBeUndefined();
    });

    it('one that expired can still be renewed while nobody took it', async () => {
      const lease = await acquired('a', 'one');
      await opened.elapse(TTL + 1);
      expect(await leases.renew(lease, TTL)).toBe(true);
      expect(await leases.holder('a')).toEqual(lease);
    });

    it('a former holder can neither renew nor release what another one took', async () => {
      const old = await acquired('a', 'one');
      await opened.elapse(TTL + 1);
      const taken = await acquired('a', 'two');
      expect(await leases.renew(old, TTL)).toBe(false);
      await leases.release(old);
      expect(await leases.holder('a')).toEqual(taken);
    });

    it('the same owner under an older epoch is a former holder too', async () => {
      const old = await acquired('a', 'one');
      await opened.elapse(TTL + 1);
      const taken = await acquired('a', 'one');
      expect(await leases.renew(old, TTL)).toBe(false);
      await leases.release(old);
      expect(await leases.holder('a')).toEqual(taken);
    });

    it('a released lease is free at once and cannot be renewed', async () => {
      const lease = await acquired('a', 'one');
      await leases.release(lease);
      await leases.release(lease);
      expect(await leases.holder('a')).toBeUndefined();
      expect(await leases.renew(lease, TTL)).toBe(false);
      await acquired('a', 'two');
    });

    it('expiring all ends every lease and keeps the epochs', async () => {
      const before = await acquired('a', 'one');
      await acquired('b', 'one');
      await leases.expireAll();
      expect(await leases.renew(before, TTL)).toBe(false);
      expect((await acquired('a', 'two')).epoch).toBeGreaterThan(before.epoch);
      await acquired('b', 'two');
    });

    it('takes names as they come', async () => {
      for (const odd of ['view:a b', "x'; drop table leases", '__proto__', 'ümläut', 'n'.repeat(200)]) {
        const lease = await acquired(odd, 'one');
        expect(await leases.holder(odd)).toEqual(lease);
      }
    });
  });
}
