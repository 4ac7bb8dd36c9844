import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import type { SqlSession } from './sql-store.js';
import { WriteGroups } from './write-groups.js';

/** A connection that only notes what is asked of it. */
class Notes implements SqlSession {
  readonly dialect = 'sqlite';
  readonly statements: string[] = [];
  open = false;
  failing: string | undefined;

  async all<Row extends object>(): Promise<Row[]> {
    return [];
  }

  async one<Row extends object>(): Promise<Row | undefined> {
    return undefined;
  }

  async run(sql: string): Promise<number> {
    this.statements.push(sql);
    if (sql === 'BEGIN IMMEDIATE') this.open = true;
    if (sql === this.failing) throw new Error(`no ${sql}`);
    if (sql === 'COMMIT' || sql === 'ROLLBACK') this.open = false;
    return 0;
  }
}

const groupsOf = (notes: Notes, flush = (): Promise<void> => Promise.resolve()) =>
  new WriteGroups({
    begin: 'BEGIN IMMEDIATE',
    groupMs: 10,
    connected: (group) => group({ session: notes, inTransaction: () => notes.open }),
    flush,
    tidy: async () => undefined,
  });

describe('the line of writers', () => {
  it('runs what waits together in one transaction and answers after the commit', async () => {
    const notes = new Notes();
    const groups = groupsOf(notes);
    const answered: number[] = [];
    await Promise.all(
      [1, 2, 3].map((n) =>
        groups.run(async () => notes.statements.push(`task ${n}`)).then(() => answered.push(notes.statements.length)),
      ),
    );
    expect(notes.statements.filter((one) => one === 'COMMIT')).toHaveLength(1);
    expect(answered.every((at) => at === notes.statements.length)).toBe(true);
  });

  it('takes back what it did when a task fails, runs the others again apart from it, and goes on so until none fails', async () => {
    const notes = new Notes();
    const groups = groupsOf(notes);
    const note = (text: string) => () => notes.run(text);
    const fail = () => Promise.reject(new Error('no'));
    const round = () => Promise.allSettled([groups.run(note('a')), groups.run(fail), groups.run(note('b'))]);
    const outcomes = [...(await round()), ...(await round())].map((one) => one.status);
    expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    const apart = ['SAVEPOINT task', 'a', 'RELEASE task', 'SAVEPOINT task', 'ROLLBACK TO task', 'RELEASE task'];
    const group = [...apart, 'SAVEPOINT task', 'b', 'RELEASE task', 'COMMIT'];
    // The first time it was not known that one would fail.
    const begun = ['BEGIN IMMEDIATE', 'a', 'ROLLBACK', 'BEGIN IMMEDIATE'];
    expect(notes.statements).toEqual([...begun, ...group, 'BEGIN IMMEDIATE', ...group]);
    await groups.run(note('c'));
    await groups.run(note('d'));
    expect(notes.statements.slice(-3)).toEqual(['BEGIN IMMEDIATE', 'd', 'COMMIT']);
  });

  it('takes back a task that fails alone, which is not run again', async () => {
    const notes = new Notes();
    let runs = 0;
    const task = async () => {
      runs++;
      throw new Error('no');
    };
    await expect(groupsOf(notes).run(task)).rejects.toThrow('no');
    expect([runs, notes.statements]).toEqual([1, ['BEGIN IMMEDIATE', 'ROLLBACK', 'BEGIN IMMEDIATE', 'COMMIT']]);
  });

  it('answers nobody before the flush has ended, and tells readers of it meanwhile', async () => {
    const notes = new Notes();
    const disk = deferred<void>();
    const groups = groupsOf(notes, () => disk.promise);
    let answered = false;
    const task = groups.run(async () => 1).then(() => (answered = true));
    while (groups.flushing === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect([notes.statements.at(-1), answered]).toEqual(['COMMIT', false]);
    disk.resolve();
    await task;
    expect(groups.flushing).toBeUndefined();
  });

  it('ends with a flush that fails: who waited is told, and nobody is taken after', async () => {
    const notes = new Notes();
    const groups = groupsOf(notes, () => Promise.reject(new Error('EIO')));
    await expect(groups.run(async () => 1)).rejects.toThrow('EIO');
    const statements = notes.statements.length;
    await expect(groups.run(async () => 2)).rejects.toThrow('EIO');
    expect(notes.statements).toHaveLength(statements);
  });

  it('takes tasks into the running group that arrive while it runs', async () => {
    const notes = new Notes();
    const groups = groupsOf(notes);
    let second: Promise<unknown> | undefined;
    await groups.run(async () => {
      second = groups.run(async () => 0);
    });
    await second;
    expect(notes.statements.filter((one) => one === 'COMMIT')).toHaveLength(1);
  });

  it('lets the event loop turn between groups, however many tasks keep coming', async () => {
    const groups = groupsOf(new Notes());
    let turns = 0;
    let going = true;
    const count = () => {
      turns++;
      if (going) setImmediate(count);
    };
    setImmediate(count);
    // A writer that asks again as soon as it is answered.
    for (let i = 0; i < 50; i++) await groups.run(async () => i);
    going = false;
    expect(turns).toBeGreaterThanOrEqual(50);
  });

  it('rejects everybody when the commit fails, and nobody twice', async () => {
    const notes = new Notes();
    notes.failing = 'COMMIT';
    const groups = groupsOf(notes);
    const outcomes = await Promise.allSettled([groups.run(async () => 1), groups.run(async () => 2)]);
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    expect(notes.statements.at(-1)).toBe('ROLLBACK');
    notes.failing = undefined;
    expect(await groups.run(async () => 3)).toBe(3);
  });

  it('rejects the tasks before and in hand when the database gives up the transaction within a task', async () => {
    const notes = new Notes();
    const groups = groupsOf(notes);
    const outcomes = await Promise.allSettled([
      groups.run(async () => 1),
      groups.run(async () => {
        notes.open = false;
        throw new Error('disk full');
      }),
      groups.run(async () => 3),
    ]);
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('rejects those who wait when no transaction can be opened', async () => {
    const notes = new Notes();
    notes.failing = 'BEGIN IMMEDIATE';
    const groups = groupsOf(notes);
    const outcomes = await Promise.allSettled([groups.run(async () => 1), groups.run(async () => 2)]);
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  });
});
