import { openSync, writeSync, closeSync, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { openSqlStore, type SqlStore } from './index.js';
import { isOlder } from './sqlite-file.js';

describe('the store on a SQLite file', () => {
  let directory: string;
  let path: string;
  let store: SqlStore;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weir-sqlite-'));
    path = join(directory, 'weir.db');
    store = await openSqlStore({ path });
    await store.write((session) => session.run('create table notes (id integer primary key, text text not null)'));
  });

  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const add = (id: number, text = 'x') =>
    store.write((session) => session.run('insert into notes (id, text) values (?, ?)', [id, text]));
  const ids = async () => (await store.all<{ id: number }>('select id from notes order by id')).map((row) => row.id);

  it('keeps the writes of tasks that ran beside a failing one, and none of the failing one', async () => {
    const outcomes = await Promise.allSettled([
      add(1),
      store.write(async (session) => {
        await session.run('insert into notes (id, text) values (?, ?)', [2, 'lost']);
        throw new Error('no');
      }),
      add(3),
      add(1),
      add(4),
    ]);
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await ids()).toEqual([1, 3, 4]);
  });

  it('shares one commit between tasks that wait together', async () => {
    const frames = async () => statSync(`${path}-wal`).size;
    const before = await frames();
    await Promise.all(Array.from({ length: 50 }, (_, i) => add(i)));
    const together = (await frames()) - before;
    const start = await frames();
    for (let i = 100; i < 150; i++) await add(i);
    const apart = (await frames()) - start;
    // One commit writes each changed page once; fifty commits write it fifty times.
    expect(apart).toBeGreaterThan(together * 10);
  });

  it('rejects everybody in a group whose commit fails, and goes on with the next group', async () => {
    await store.write((session) =>
      session.run('create table child (parent integer not null references notes(id) deferrable initially deferred)'),
    );
    const outcomes = await Promise.allSettled([
      add(1),
      store.write((session) => session.run('insert into child (parent) values (?)', [99])),
    ]);
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    expect(await ids()).toEqual([]);
    await add(2);
    expect(await ids()).toEqual([2]);
  });

  it('shows a reader one snapshot, whatever is written meanwhile', async () => {
    await add(1);
    const seen = await store.read(async (session) => {
      const first = await session.all('select id from notes');
      await add(2);
      return [first.length, (await session.all('select id from notes')).length];
    });
    expect(seen).toEqual([1, 1]);
    expect(await ids()).toEqual([1, 2]);
  });

  it('does not let a reader write', async () => {
    await expect(store.read((session) => session.run('delete from notes'))).rejects.toThrow(/readonly|read-only/i);
    await expect(store.all('insert into notes (id, text) values (1, ?) returning id', ['x'])).rejects.toThrow();
  });

  it('refuses a second owner and gives the file up on close', async () => {
    await expect(openSqlStore({ path })).rejects.toMatchObject({ code: 'store-in-use' });
    await add(1);
    await store.close();
    await store.close();
    await expect(add(2)).rejects.toMatchObject({ code: 'store-closed' });
    store = await openSqlStore({ path });
    expect(await ids()).toEqual([1]);
  });

  it('flushes the log once for a group, before anybody is answered or reads it, and the file when the log has grown', async () => {
    await store.close();
    const flushes: string[] = [];
    let gate = deferred<void>();
    gate.resolve();
    store = await openSqlStore({
      path,
      datasync: async (file) => {
        const { size } = await file.stat();
        flushes.push(size === statSync(path).size ? 'file' : 'log');
        await gate.promise;
      },
    });
    flushes.length = 0;
    gate = deferred<void>();
    let answered = 0;
    const writes = Promise.all([1, 2, 3].map((id) => add(id).then(() => answered++)));
    while (flushes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const reading = ids();
    await new Promise((resolve) => setImmediate(resolve));
    expect([flushes, answered]).toEqual([['log'], 0]);
    gate.resolve();
    await writes;
    expect(await reading).toEqual([1, 2, 3]);
    for (let id = 10; !flushes.includes('file'); id++) await add(id, 'y'.repeat(100_000));
    const { size } = statSync(`${path}-wal`);
    for (let id = 1_000; id < 1_020; id++) await add(id, 'y'.repeat(100_000));
    // The log was begun anew, not made longer.
    expect(statSync(`${path}-wal`).size).toBe(size);
  });

  it('is closed to everybody once a flush has failed, and says so', async () => {
    await store.close();
    const fatal: unknown[] = [];
    let failing = false;
    store = await openSqlStore({
      path,
      onFatal: (error) => fatal.push(error),
      datasync: () => (failing ? Promise.reject(new Error('EIO')) : Promise.resolve()),
    });
    await add(1);
    failing = true;
    await expect(add(2)).rejects.toMatchObject({ code: 'store-flush-failed' });
    failing = false;
    await expect(add(3)).rejects.toMatchObject({ code: 'store-flush-failed' });
    await expect(ids()).rejects.toMatchObject({ code: 'store-flush-failed' });
    expect(fatal).toHaveLength(1);
  });

  it.each(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_READONLY'])(
    'is asked to write, when it is asked whether it works, after its disk refused a write (%s)',
    async (code) => {
      await store.close();
      let flushes = 0;
      store = await openSqlStore({ path, datasync: () => Promise.resolve(void flushes++) });
      const pinged = async (): Promise<number> => {
        const before = flushes;
        await store.ping();
        return flushes - before;
      };
      expect(await pinged()).toBe(0);
      const refused = store.write(() => Promise.reject(Object.assign(new Error('refused'), { code })));
      await expect(refused).rejects.toMatchObject({
        code: { SQLITE_FULL: 'storage-full', SQLITE_IOERR_WRITE: 'store-unavailable' }[code] ?? code,
      });
      expect(await pinged()).toBe(1);
      // That write succeeded: it is not asked for again.
      expect(await pinged()).toBe(0);
      await expect(store.write(() => Promise.reject(new Error('of its own')))).rejects.toThrow('of its own');
      expect(await pinged()).toBe(0);
    },
  );

  it('finds damage after a stop that left a write-ahead log behind, and says which file', async () => {
    for (let i = 0; i < 20; i++) await add(i, 'y'.repeat(3000));
    await store.write((session) => session.run('create index notes_text on notes(text)'));
    // A copy taken while the file is open is what a killed process leaves.
    const copy = join(directory, 'copy.db');
    await store.close();
    copyFileSync(path, copy);
    store = await openSqlStore({ path });
    const file = openSync(copy, 'r+');
    writeSync(file, Buffer.alloc(2048, 0xff), 0, 2048, statSync(copy).size - 4096 * 3);
    closeSync(file);
    writeLeftOver(`${copy}-wal`);
    await expect(openSqlStore({ path: copy })).rejects.toMatchObject({ code: 'store-damaged' });
  });

  it('tells an old SQLite from a new one', () => {
    const cases = ['3.51.2', '3.51.3', '3.53.0', '4.0.0', '3.9.99'].map((version) => isOlder(version, [3, 51, 3]));
    expect(cases).toEqual([true, false, false, false, true]);
  });
});

function writeLeftOver(path: string): void {
  const file = openSync(path, 'w');
  writeSync(file, Buffer.alloc(64));
  closeSync(file);
}
