import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { parseSubject, type RegistryChange, type RegistryEvent } from '#libs/core/registry';
import { RegistryApply } from './registry-apply.js';
import { SqlRegistryStore } from './registry-store.js';
import type { SqlSession, SqlStore } from './sql-store.js';
import { freshPostgresStore, type FreshStore } from './testing/index.js';

/**
 * A feed read by position is only whole if positions become visible in their order. A transaction that is numbered early and commits late is what breaks
 * such feeds.
 */
describe('the feed of changes on PostgreSQL', () => {
  let fresh: FreshStore;
  let writers: readonly SqlStore[];
  beforeEach(async () => {
    fresh = await freshPostgresStore();
    writers = await Promise.all([fresh.reopen(), fresh.reopen()]);
  });
  afterEach(async () => {
    await Promise.all(writers.map((writer) => writer.close()));
    await fresh.dispose();
  });

  const change = (name: string): RegistryChange => ({
    at: 1,
    expected: [],
    facts: [{ type: 'mode-set', subject: parseSubject(name), mode: 'READONLY' }],
  });
  const names = (events: readonly RegistryEvent[]) => events.map((one) => one.subject.name);
  /** Writes a change and commits when told to. */
  const slowly = (store: SqlStore, name: string, through: (session: SqlSession) => SqlSession) => {
    const written = deferred<void>();
    const gate = deferred<void>();
    const committed = store.write(async (session) => {
      await RegistryApply.run(through(session), change(name));
      written.resolve();
      await gate.promise;
    });
    return { written: written.promise, commit: () => (gate.resolve(), committed) };
  };
  /** Waits until some connection of the database waits for a lock. */
  const someoneWaits = async () => {
    const waiting = `select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await fresh.store.one<{ n: number }>(waiting))!.n === 0);
  };

  it('makes whoever is numbered later wait for who was numbered before, so a reader skips nothing', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const slow = slowly(writers[0]!, 'slow', (session) => session);
    await slow.written;
    const fast = writers[1]!.write((session) => RegistryApply.run(session, change('fast')));
    await someoneWaits();
    const before = await store.events(undefined, 10);
    expect(names(before.events)).toEqual([]);
    await slow.commit();
    await fast;
    const after = await store.events(before.next, 10);
    expect(names(after.events)).toEqual(['slow', 'fast']);
  });

  it('would lose a change for good if numbers came from a sequence', async () => {
    await fresh.store.write((session) => session.run('create sequence numbers'));
    const store = new SqlRegistryStore(fresh.store);
    const numbered = (session: SqlSession): SqlSession => ({
      dialect: session.dialect,
      all: (sql, values) => session.all(sql, values),
      run: (sql, values) => session.run(sql, values),
      one: (sql, values) =>
        sql.startsWith('update registry_state')
          ? session.one(`select nextval('numbers') as revision`)
          : session.one(sql, values),
    });
    const slow = slowly(writers[0]!, 'slow', numbered);
    await slow.written;
    await writers[1]!.write((session) => RegistryApply.run(numbered(session), change('fast')));
    const page = await store.events(undefined, 10);
    expect(names(page.events)).toEqual(['fast']);
    const { revision, ordinal } = page.events[0]!;
    await slow.commit();
    expect(names((await store.events({ revision, ordinal }, 10)).events)).toEqual([]);
    expect(names((await store.events(undefined, 10)).events)).toEqual(['slow', 'fast']);
  });

  it('is whole for a reader beside many writers at several instances', async () => {
    const stores = writers.map((writer) => new SqlRegistryStore(writer));
    const reader = new SqlRegistryStore(fresh.store);
    const all = Array.from({ length: 60 }, (_, i) => `s${i}`);
    const writing = Promise.all(all.map((name, i) => stores[i % 2]!.apply(change(name))));
    const seen: RegistryEvent[] = [];
    for (let from = (await reader.events(undefined, 0)).next; seen.length < all.length;) {
      const page = await reader.events(from, 7);
      seen.push(...page.events);
      from = page.next;
    }
    await writing;
    expect(names(seen).sort()).toEqual([...all].sort());
  });
});
