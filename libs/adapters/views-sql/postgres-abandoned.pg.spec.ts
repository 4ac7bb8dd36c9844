import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { record, ViewFeeder, type FedView } from '#libs/core/streams/testing';
import { PostgresConnections, type PostgresSession } from './postgres-connections.js';
import { PostgresViewTables } from './postgres-view-tables.js';
import { freshDatabase, type FreshDatabase } from './testing/fresh-database.js';

describe('a step of a view in PostgreSQL whose instance is asleep', () => {
  let database: FreshDatabase;
  let tables: PostgresViewTables;
  /** Connections of the instance that falls asleep, set up as those of view tables. */
  let asleep: PostgresConnections;
  let made: FedView;
  const MOVE = 'update views_data.weir_views set commits = commits + 1000';
  const ABANDONED_MS = 300;

  beforeAll(async () => {
    database = await freshDatabase();
    const options = { url: database.url, schema: 'views', abandonedMs: ABANDONED_MS };
    tables = await PostgresViewTables.open(options);
    asleep = new PostgresConnections(options, [`set idle_in_transaction_session_timeout = ${ABANDONED_MS}`]);
    const feeder = new ViewFeeder(() => tables);
    made = await feeder.make('a', { source: { topic: 't' }, key: { id: 'key' }, columns: { n: 'value.n' } });
    await feeder.feed(made, 0, [record(0, 'k', { n: 1 })]);
    await database.ask('create table seen (name text, value text)');
  });
  afterAll(async () => {
    await asleep.close();
    await tables.close();
    await database.dispose();
  });

  const epoch = async () => Number((await database.ask('select epoch from views_data.weir_views'))[0]![0]);
  const commits = async () => Number((await database.ask('select commits from views_data.weir_views'))[0]![0]);

  /** Falls asleep in a step that has moved the view's place; the view is claimed meanwhile. */
  async function takenOver(sleep: (session: PostgresSession, awake: Promise<void>) => Promise<unknown>): Promise<void> {
    const before = [await epoch(), await commits()];
    const held = deferred<void>();
    const awake = deferred<void>();
    const step = asleep.transaction('begin', async (session) => {
      await session.run(MOVE);
      const sleeping = sleep(session, awake.promise);
      held.resolve();
      await sleeping;
    });
    const told = expect(step).rejects.toMatchObject({ code: 'views-unavailable', retryable: true });
    await held.promise;
    const claimed = () =>
      tables.claim('a', made.view).then(
        () => 'claimed',
        (error: { code: string }) => error.code,
      );
    await expect.poll(claimed, { timeout: 20_000 }).toBe('claimed');
    awake.resolve();
    await told;
    expect([await epoch(), await commits()]).toEqual([before[0]! + 1, before[1]]);
  }

  it('frees what it holds when it does not go on', async () => {
    await takenOver(async (session, awake) => {
      await awake;
      await session.run(MOVE);
    });
  });

  it('frees what it holds when its rows do not come', async () => {
    await takenOver((session, awake) =>
      session.copy(
        'copy seen from stdin',
        (async function* () {
          yield 'a\tb\n';
          await awake;
          yield 'c\td\n';
        })(),
      ),
    );
    expect(await database.ask('select * from seen')).toEqual([]);
  });
});
