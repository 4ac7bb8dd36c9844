import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SqlSession } from './sql-store.js';
import { freshPostgresStore, type FreshStore } from './testing/index.js';

describe('writes in line on PostgreSQL', () => {
  let fresh: FreshStore;
  beforeAll(async () => {
    fresh = await freshPostgresStore();
    await fresh.store.write((session) => session.run('create table notes (id integer primary key, tx text not null)'));
  });
  afterAll(() => fresh.dispose());
  beforeEach(async () => {
    await fresh.store.write((session) => session.run('truncate notes'));
  });

  const note = (id: number) => (session: SqlSession) =>
    session.run('insert into notes (id, tx) values (?, cast(txid_current() as text))', [id]);
  const transactionOf = async (id: number): Promise<string | undefined> =>
    (await fresh.store.one<{ tx: string }>('select tx from notes where id = ?', [id]))?.tx;

  it('share a transaction when they come together, as other writes do not', async () => {
    await Promise.all([1, 2, 3].map((id) => fresh.store.writeInLine(note(id))));
    expect(new Set(await Promise.all([1, 2, 3].map(transactionOf))).size).toBe(1);
    await Promise.all([4, 5, 6].map((id) => fresh.store.write(note(id))));
    expect(new Set(await Promise.all([4, 5, 6].map(transactionOf))).size).toBe(3);
  });

  it('leave alone what others wrote when one fails, by the database or by itself', async () => {
    const failing = async (session: SqlSession) => {
      await note(12)(session);
      throw new Error('no');
    };
    await fresh.store.write(note(1));
    const outcomes = await Promise.allSettled([
      fresh.store.writeInLine(note(10)),
      fresh.store.writeInLine(note(1)),
      fresh.store.writeInLine(failing),
      fresh.store.writeInLine(note(11)),
    ]);
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    const written = await Promise.all([10, 11, 12].map(transactionOf));
    expect(written.map((tx) => tx !== undefined)).toEqual([true, true, false]);
  });

  it('are made again after a deadlock or a failed serialization', async () => {
    let runs = 0;
    const once = async (session: SqlSession) => {
      runs++;
      if (runs <= 2) await session.run("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
      return note(20)(session);
    };
    await fresh.store.writeInLine(once);
    expect(await transactionOf(20)).toBeDefined();
    expect(runs).toBeGreaterThan(2);
  });

  it('are finished by a store that closes, and refused afterwards', async () => {
    const other = await freshPostgresStore();
    const pending = other.store.writeInLine((session) => session.run('select 1'));
    const closed = other.dispose();
    await expect(pending).resolves.toBeDefined();
    await closed;
    await expect(other.store.writeInLine((session) => session.run('select 1'))).rejects.toMatchObject({
      code: 'store-closed',
    });
  });
});
