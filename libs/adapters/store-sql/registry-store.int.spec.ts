import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSubject, type RegistryFact } from '#libs/core/registry';
import { registryFeedContract, registryStoreContract } from '#libs/core/registry/testing';
import { SqlRegistryStore } from './registry-store.js';
import { freshSqliteStore, type FreshStore } from './testing/index.js';

const open = async () => {
  const fresh = await freshSqliteStore();
  return { store: new SqlRegistryStore(fresh.store), dispose: fresh.dispose };
};

registryStoreContract('SQLite', open);
registryFeedContract('SQLite', open);

describe('the feed of changes', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('forgets old events from the beginning on, and says from where it goes; caches are told to forget everything', async () => {
    const store = new SqlRegistryStore(fresh.store, { keepEventsMs: 1_000 });
    const fact: RegistryFact = { type: 'mode-set', subject: parseSubject('s'), mode: 'READONLY' };
    const times = Array.from({ length: 2_048 }, (_, i) => i + 1);
    await Promise.all(times.map((at) => store.apply({ at, expected: [], facts: [fact] })));
    const { oldest, events } = await store.events(undefined, 1);
    // Looked for every 256 changes, the last time at 2,048: what happened before 1,048 is gone.
    expect(oldest).toBe(1_048);
    expect(events[0]).toMatchObject({ revision: 1_048, at: 1_048 });
    expect(await store.touchedSince(oldest - 1, 5_000)).toMatchObject({ complete: true });
    expect(await store.touchedSince(oldest - 2, 5_000)).toMatchObject({ complete: false });
  });
});

describe('a large change', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('lets everything else in the process go on meanwhile', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const facts = Array.from({ length: 20_000 }, (_, i): RegistryFact => ({
      type: 'mode-set',
      subject: parseSubject(`s${i}`),
      mode: 'READONLY',
    }));
    let turns = 0;
    const turn = () => {
      turns++;
      pending = setImmediate(turn);
    };
    let pending = setImmediate(turn);
    await store.apply({ at: 1, expected: [], facts });
    clearImmediate(pending);
    // A change that keeps the thread leaves one before it and one after.
    expect(turns).toBeGreaterThan(4);
  });
});
