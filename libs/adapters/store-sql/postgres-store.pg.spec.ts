import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { openSqlStore, type SqlStore } from './index.js';
import { freshPostgresStore } from './testing/index.js';

describe('the store on PostgreSQL', () => {
  let fresh: Awaited<ReturnType<typeof freshPostgresStore>>;
  let store: SqlStore;

  beforeAll(async () => {
    fresh = await freshPostgresStore();
    store = fresh.store;
    await store.write((session) => session.run('create table notes (id bigint primary key, text text not null)'));
  });
  afterAll(() => fresh.dispose());
  beforeEach(async () => {
    await store.write((session) => session.run('truncate notes'));
  });

  it('reads 64-bit integers as numbers and refuses one that would be rounded', async () => {
    await store.write((session) =>
      session.run('insert into notes (id, text) values (?, ?), (?, ?)', [Number.MAX_SAFE_INTEGER, 'a', 1, 'b']),
    );
    expect(await store.all('select id from notes order by id')).toEqual([{ id: 1 }, { id: Number.MAX_SAFE_INTEGER }]);
    await expect(store.all('select 9007199254740993::bigint as id')).rejects.toMatchObject({
      code: 'integer-too-large',
    });
  });

  it('refuses a text with a zero character, which it cannot hold, as the fault of who asks', async () => {
    await expect(store.all('select id from notes where text = ?', ['a\0'])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'text-not-storable',
    });
  });

  it('takes back a failed task as a whole', async () => {
    const task = store.write(async (session) => {
      await session.run('insert into notes (id, text) values (?, ?)', [7, 'x']);
      throw new Error('no');
    });
    await expect(task).rejects.toThrow('no');
    expect(await store.one('select id from notes where id = ?', [7])).toBeUndefined();
  });

  it('repeats a transaction that ended in a deadlock', async () => {
    await store.write((session) => session.run('insert into notes (id, text) values (100, ?), (101, ?)', ['a', 'b']));
    const bothHoldOne = [deferred<void>(), deferred<void>()];
    let runs = 0;
    const cross = (mine: number, other: number, i: number) =>
      store.write(async (session) => {
        runs++;
        await session.run('update notes set text = text || ? where id = ?', [String(i), mine]);
        bothHoldOne[i]!.resolve();
        await bothHoldOne[1 - i]!.promise;
        await session.run('update notes set text = text || ? where id = ?', [String(i), other]);
      });
    await Promise.all([cross(100, 101, 0), cross(101, 100, 1)]);
    expect(runs).toBeGreaterThan(2);
    const rows = await store.all<{ text: string }>('select text from notes where id in (100, 101)');
    expect(rows.every((row) => row.text.includes('0') && row.text.includes('1'))).toBe(true);
  });

  it('does not let a reader write and shows it one snapshot', async () => {
    await expect(store.read((session) => session.run('delete from notes'))).rejects.toThrow(/read-only/);
    const counts = await store.read(async (session) => {
      const count = () => session.one<{ n: number }>('select count(*) as n from notes');
      const before = await count();
      await store.write((other) => other.run('insert into notes (id, text) values (200, ?)', ['x']));
      return [before, await count()];
    });
    expect(counts[0]).toEqual(counts[1]);
  });

  it('migrates once when many instances start at the same time', async () => {
    const empty = await freshPostgresStore();
    try {
      const stores = await Promise.all(Array.from({ length: 6 }, () => empty.reopen()));
      for (const one of stores) await one.close();
      const names = await empty.store.all<{ name: string }>('select name from migrations');
      expect(new Set(names.map((row) => row.name)).size).toBe(names.length);
    } finally {
      await empty.dispose();
    }
  });

  it.each(['write', 'writeInLine'] as const)(
    'frees what an instance holds in a %s that does not go on, and tells it when it wakes',
    async (kind) => {
      await store.write((session) => session.run("insert into notes (id, text) values (300, '')"));
      const asleep = await openSqlStore({ url: fresh.url, poolSize: 2, abandonedMs: 1_000 });
      const held = deferred<void>();
      const awake = deferred<void>();
      const its = asleep[kind](async (session) => {
        await session.run("update notes set text = 'its' where id = 300");
        held.resolve();
        await awake.promise;
        await session.run("update notes set text = 'its again' where id = 300");
      });
      await held.promise;
      await store.write((session) => session.run("update notes set text = 'ours' where id = 300"));
      awake.resolve();
      await expect(its).rejects.toMatchObject({ code: 'store-unavailable', retryable: true });
      expect(await store.one('select text from notes where id = 300')).toEqual({ text: 'ours' });
      await asleep[kind]((session) => session.run("update notes set text = 'later' where id = 300"));
      expect(await store.one('select text from notes where id = 300')).toEqual({ text: 'later' });
      await asleep.close();
    },
  );

  it('lets a reader take its time', async () => {
    const setting = () => "select setting from pg_settings where name = 'idle_in_transaction_session_timeout'";
    const unlimited = await fresh.store.read((session) => session.one(setting()));
    expect(unlimited).toEqual({ setting: '0' });
    expect(await fresh.store.write((session) => session.one(setting()))).toEqual({ setting: '10000' });
  });

  it('says that it cannot reach the database, as something to retry', async () => {
    const closed = openSqlStore({ url: 'postgres://nobody@127.0.0.1:1/none' });
    await expect(closed).rejects.toMatchObject({ code: 'store-unavailable', retryable: true });
  });

  it('closes after the running tasks and refuses later ones', async () => {
    const again = await fresh.reopen();
    const slow = again.all('select pg_sleep(0.05)');
    await again.close();
    await slow;
    await expect(again.all('select 1')).rejects.toMatchObject({ code: 'store-closed' });
  });
});
