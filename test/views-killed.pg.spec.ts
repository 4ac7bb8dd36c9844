import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { SHORT_LEASES } from '#libs/platform/testing';
import { KilledViews, PARTITIONS, SOON } from './killed-views.js';

describe('views in PostgreSQL over kill -9', () => {
  let database: FreshDatabase;
  let views: KilledViews;

  beforeEach(async () => {
    database = await freshPostgresDatabase();
    views = await KilledViews.open({ ...SHORT_LEASES, WEIR_DATABASE_URL: database.url });
  });
  afterEach(async () => {
    await views.close();
    await database.dispose();
  });

  async function ask(sql: string): Promise<unknown[][]> {
    const connection = new pg.Client({ connectionString: database.url });
    await connection.connect();
    try {
      return (await connection.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
    } finally {
      await connection.end();
    }
  }

  for (const step of ['view-step-folded', 'view-step-stored'])
    it(`count each record once when the process dies at ${step}`, async () => {
      await views.start();
      await views.declare();
      await views.answers(await views.order(300));
      await views.server.stop();
      await views.start(`${step}:2`);
      const died = views.server.exited;
      const isDead = (): Promise<boolean> =>
        Promise.race([
          died.then(() => true),
          views.order(200).then(
            () => false,
            () => true,
          ),
        ]);
      while (!(await isDead()));
      expect((await died).signal).toBe('SIGKILL');
      // Whoever comes next waits for the lease of the dead to end.
      await views.start();
      expect(await views.settled()).toEqual(await views.expected());
    }, 400_000);

  for (const [what, ending] of [
    ['and its transaction goes with it', 'pg_terminate_backend'],
    ['and its transaction is stored after its death', undefined],
  ] as const)
    it(`count each record once when the process dies between rows and commit, ${what}`, async () => {
      await views.start();
      await views.declare();
      await views.answers(await views.order(300));
      await views.server.stop();
      const tables = await ask(
        "select tablename::text from pg_tables where schemaname = 'weir_views_data' and tablename ~ '^v_.*_0$'",
      );
      const seconds = ending === undefined ? 2 : 60;
      await ask(
        `create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return null; end $$`,
      );
      // After the rows of a statement, before its end: rows are there, and not committed.
      for (const [table] of tables)
        await ask(
          `create trigger slow after insert or update on weir_views_data.${String(table)} for each statement execute function slowly()`,
        );
      await views.start();
      await views.order(200);
      const sleeping = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
      await expect.poll(async () => (await ask(sleeping)).length, SOON).toBeGreaterThan(0);
      await views.server.kill();
      if (ending !== undefined)
        await expect
          .poll(async () => {
            await ask(`select ${ending}(pid) from (${sleeping}) s`);
            return (await ask(sleeping)).length;
          }, SOON)
          .toBe(0);
      await expect.poll(async () => (await ask(sleeping)).length, SOON).toBe(0);
      await ask('drop function slowly cascade');
      await views.start();
      expect(await views.settled()).toEqual(await views.expected());
    });

  for (const step of ['view-evolved-tables', 'view-evolved'])
    it(`are whole when the process dies at ${step}, in the middle of a change in place`, async () => {
      await views.start();
      await views.declare();
      await views.answers(await views.order(300));
      await views.server.stop();
      await views.start(step);
      const died = views.server.exited;
      await expect(views.widen()).rejects.toThrow();
      expect((await died).signal).toBe('SIGKILL');
      await views.start();
      expect(await views.couponsWrong()).toEqual([]);
      expect((await views.widen()).json).toMatchObject({ outcome: 'unchanged', version: 1, revision: 1 });
    });

  it('are as they were when the process dies before a change in place is stored, and are changed when it is asked for again', async () => {
    await views.start();
    await views.declare();
    await views.answers(await views.order(300));
    // The tables have their column, and nobody has said that they may keep it.
    await ask(
      `create function slowly() returns event_trigger language plpgsql as $$ begin perform pg_sleep(60); end $$`,
    );
    await ask(`create event trigger slow on ddl_command_end when tag in ('ALTER TABLE') execute function slowly()`);
    const widening = views.widen().catch(() => undefined);
    const sleeping = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
    await expect.poll(async () => (await ask(sleeping)).length, SOON).toBeGreaterThan(0);
    await views.server.kill();
    await widening;
    await ask('drop event trigger slow');
    await ask(`select pg_terminate_backend(pid) from (${sleeping}) s`);
    await expect.poll(async () => (await ask(sleeping)).length, SOON).toBe(0);
    await views.start();
    expect(await views.settled()).toEqual(await views.expected());
    expect((await views.widen()).json).toMatchObject({ outcome: 'in-place', version: 1, revision: 1 });
    expect(await views.couponsWrong()).toEqual([]);
  });

  it('are free for another process as soon after the death of theirs as it was told', async () => {
    await views.start();
    await views.declare();
    await views.answers(await views.order(1));
    await views.server.kill();
    const left = 'max(expires_at) - extract(epoch from clock_timestamp()) * 1000';
    const [[leases, longest]] = (await ask(`select count(*), ${left} from leases`)) as [[string, string]];
    expect(Number(leases)).toBeGreaterThan(0);
    expect(Number(longest)).toBeLessThanOrEqual(Number(SHORT_LEASES.WEIR_OPERATIONS_LEASE_MS));
  });

  it('would show a record that was counted twice: a position that is not stored with its rows', async () => {
    await views.start();
    await views.declare();
    await views.answers(await views.order(300));
    await views.server.stop();
    await ask('update weir_views_data.weir_positions set next = next - 1 where partition = 0');
    await views.start();
    const answers = await views.settled();
    const expected = await views.expected();
    expect(answers['counted']).not.toEqual(expected.counted);
    expect(answers['present']).toEqual(expected.present);
    expect(answers['rows']).toEqual(expected.rows);
  });

  it('set aside what the database cannot hold, in the middle of a batch that is built from and of one that follows', async () => {
    await views.start();
    await views.client.topic('orders', PARTITIONS);
    const poison = { key: 'po\u0000ison', value: { country: 'N\u0000O', cents: 1 } };
    await views.order(500, [poison]);
    await views.order(500);
    await views.declare();
    for (const more of [[poison], []]) {
      const token = await views.order(200, more);
      const expected = await views.expected([poison.key]);
      expect(await views.answers(token)).toEqual(expected);
    }
    await expect
      .poll(async () => (await views.client.get<{ refusedRecords: number }>('/v1/views/counted')).json, SOON)
      .toMatchObject({ refusedRecords: 2 });
  });
});
