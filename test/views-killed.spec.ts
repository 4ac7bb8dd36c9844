import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KilledViews, PARTITIONS, SOON } from './killed-views.js';

describe('views in SQLite over kill -9', () => {
  let views: KilledViews;

  beforeEach(async () => {
    views = await KilledViews.open();
  });
  afterEach(() => views.close());

  const tables = (): Database.Database =>
    new Database(join(views.directory.path, 'data', 'views.sqlite'), { timeout: 0 });

  for (const step of ['view-step-folded', 'view-step-stored'])
    it(`count each record once when the process dies at ${step}`, async () => {
      await views.start();
      await views.declare();
      await views.answers(await views.order(300));
      for (const passes of [1, 2, 4]) {
        await views.server.kill();
        await views.start(`${step}:${passes}`);
        // It dies while or after it acknowledges; what was not acknowledged is not counted on.
        const died = views.server.exited;
        while (
          !(await Promise.race([
            died.then(() => true),
            views.order(200).then(
              () => false,
              () => true,
            ),
          ]))
        );
        expect((await died).signal).toBe('SIGKILL');
        await views.start();
      }
      expect(await views.settled()).toEqual(await views.expected());
    });

  it('count each record once when the process dies between rows and commit', async () => {
    await views.start();
    await views.declare();
    await views.answers(await views.order(300));
    await views.server.stop();
    // A row of the next order takes so long to be stored that the process can be killed meanwhile.
    const slowed = tables();
    const names = slowed
      .prepare("select name from sqlite_master where type = 'table' and name glob 'v_*_0'")
      .pluck()
      .all() as string[];
    for (const [number, name] of names.entries())
      slowed.exec(
        `create trigger slow_${number} after insert on ${name} begin
           select count(*) from (with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) select i from n); end`,
      );
    slowed.close();
    await views.start();
    await views.order(200);
    // Steps take milliseconds; a transaction that is open for half a second is the one that was slowed.
    let looks = 0;
    await expect
      .poll(() => (looks = isWriting() ? looks + 1 : 0), { timeout: 60_000, interval: 100 })
      .toBeGreaterThan(5);
    await views.server.kill();
    const restored = tables();
    for (const number of names.keys()) restored.exec(`drop trigger slow_${number}`);
    restored.close();
    await views.start();
    expect(await views.settled()).toEqual(await views.expected());
  });

  /** Whether a transaction is open that writes. */
  function isWriting(): boolean {
    const database = tables();
    try {
      database.exec('begin immediate');
      database.exec('rollback');
      return false;
    } catch (error) {
      return (error as { code?: string }).code === 'SQLITE_BUSY';
    } finally {
      database.close();
    }
  }

  for (const step of ['view-evolved-tables', 'view-evolved'])
    it(`are whole when the process dies at ${step}, in the middle of a change in place`, async () => {
      await views.start();
      await views.declare();
      await views.answers(await views.order(300));
      await views.server.kill();
      await views.start(step);
      const died = views.server.exited;
      await expect(views.widen()).rejects.toThrow();
      expect((await died).signal).toBe('SIGKILL');
      await views.start();
      expect(await views.couponsWrong()).toEqual([]);
      expect((await views.widen()).json).toMatchObject({ outcome: 'unchanged', version: 1, revision: 1 });
    });

  it('would show a record that was counted twice: a position that is not stored with its rows', async () => {
    await views.start();
    await views.declare();
    await views.answers(await views.order(300));
    await views.server.stop();
    const behind = tables();
    // What would be left had the rows been stored and the process died before their position was.
    behind.exec('update weir_positions set next = next - 1 where partition = 0');
    behind.close();
    await views.start();
    const answers = await views.settled();
    expect(answers['counted']).not.toEqual((await views.expected()).counted);
    // Newest wins: of present rows none is counted twice.
    expect(answers['present']).toEqual((await views.expected()).present);
    expect(answers['rows']).toEqual((await views.expected()).rows);
  });

  it('set a record aside that does not fit, in the middle of a batch that is built from and of one that follows', async () => {
    await views.start();
    await views.client.topic('orders', PARTITIONS);
    const poison = { key: 'poison', value: { country: 'NO', cents: 'many' } };
    await views.order(500, [poison]);
    await views.order(500);
    await views.declare();
    let token = await views.order(200, [poison]);
    expect(await views.answers(token)).toEqual(await views.expected());
    token = await views.order(200);
    expect(await views.answers(token)).toEqual(await views.expected());
    await expect
      .poll(async () => (await views.client.get<{ refusedRecords: number }>('/v1/views/counted')).json, SOON)
      .toMatchObject({ refusedRecords: 2 });
  });
});
