import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, leaseWriterId, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { HeldLease } from './held-lease.js';
import { Leases } from './leases.js';

const TERMS = { visibilityMs: 30_000, maxRecords: 10, deadLetter: null };
const ASKED = { terms: TERMS, topics: ['t'], maxPartitions: 1, startAt: 'earliest', waitMs: 0 } as const;

/** A topic with three records, and an instance of the service. */
async function world() {
  const clock = new ManualClock();
  const storage = new MemoryLogStorage();
  const engine = new MemoryLogEngine({ storage, clock });
  await engine.createTopic({ name: 't', partitions: 1 });
  const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: 1 };
  await engine.append({ topic: 't', partition: 0 }, encodeBatch([record, record, record]));
  const directories = new TopicDirectories(new OneCluster(engine), new MemoryTopicNames(), clock);
  let nonces = 0;
  const leases = new Leases({ directories, clock, nonce: () => `n${++nonces}` });
  /** A lease of a group, with what it works by. */
  const acquired = async (group: string) => {
    const held = (await leases.acquire(undefined, group, ASKED)) as HeldLease;
    return { group, epoch: held.lease.epoch, nonce: held.lease.nonce };
  };
  return { clock, storage, engine, leases, acquired };
}

describe('of a group that was leased', () => {
  it('nothing is kept in the log once it is deleted, and leases of its next life are others', async () => {
    const { storage, engine, leases, acquired } = await world();
    const first = await acquired('g');
    await leases.release(undefined, first);
    expect(storage.writers.has(leaseWriterId('g')), 'control: something was kept').toBe(true);
    expect(await leases.everHeld(undefined, 'g')).toBe(true);
    await engine.deleteGroup('g');
    await leases.forget(undefined, 'g');
    expect([...storage.writers.keys()]).toEqual([]);
    expect(await leases.everHeld(undefined, 'g')).toBe(false);
    const second = await acquired('g');
    await expect(leases.describe(undefined, first)).rejects.toMatchObject({ code: 'lease-lost' });
    expect((await leases.describe(undefined, second)).work).toEqual([
      { topic: 't', partition: 0, next: 0, unacked: [] },
    ]);
  });

  it('nothing is kept when other groups take its place at hand, unless it is leased or records are not acknowledged', async () => {
    const { clock, storage, leases, acquired } = await world();
    await leases.release(undefined, await acquired('over'));
    const working = await acquired('working');
    const page = await leases.read(undefined, working, 0);
    await page.take(3);
    await leases.ack(undefined, working, [{ topic: 't', partition: 0, offset: 1, through: false }]);
    await acquired('lost');
    // Its time is over, and nobody has come since.
    clock.advance(TERMS.visibilityMs + 1);
    for (let n = 0; n < 500; n++) await leases.release(undefined, await acquired(`g${n}`));
    const kept = new Set(storage.writers.keys());
    expect(kept.has(leaseWriterId('over'))).toBe(false);
    expect(kept.has(leaseWriterId('lost'))).toBe(false);
    expect(kept.has(leaseWriterId('working'))).toBe(true);
    // What was acknowledged out of order is known as before.
    const again = await acquired('working');
    const due = await leases.read(undefined, again, 0);
    expect(due.due.map(({ record }) => record.offset)).toEqual([0, 2]);
  });
});
