import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { FieldTypes, JsonRecordDecoder, Views } from '#libs/core/streams';
import { drive, MemoryViewStore, MoveWorld, newOperation, runOf, ScriptedTransforms } from '#libs/core/streams/testing';
import { SqliteViewTables } from './sqlite-view-tables.js';

class Integers extends FieldTypes {
  async typeOf(_topic: string, path: { text: string }) {
    return { type: path.text.endsWith('.n') ? ('integer' as const) : ('text' as const) };
  }
  async membersOf() {
    return undefined;
  }
}

const LATEST: JsonObject = { source: { topic: 'orders' }, key: { id: 'key' }, columns: { n: 'value.n' } };

/** Longest wait for work that goes on beside the test. */
const SOON = { timeout: 10_000, interval: 5 };

describe('views whose topic moves to another cluster', () => {
  const clock = new WallClock();
  let directory: string;
  let world: MoveWorld;
  let tables: SqliteViewTables;
  let supervisor: Supervisor;
  let views: Views;
  let number = 0;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    world = new MoveWorld();
    tables = new SqliteViewTables(join(directory, 'views.sqlite'));
    supervisor = new Supervisor({ clock, owner: 'test' });
    views = new Views({
      store: new MemoryViewStore(),
      tables,
      directories: world.directories,
      names: world.tableOfNames,
      decoder: new JsonRecordDecoder(),
      types: new Integers(),
      transforms: new ScriptedTransforms({}),
      supervisor,
      clock,
      newId: () => `v${number++}`,
    });
    await world.a.createTopic({ name: 'orders', partitions: 2 });
  });

  afterEach(async () => {
    await supervisor.close();
    await tables.close();
    await rm(directory, { recursive: true, force: true });
  });

  const rows = async (): Promise<unknown[]> =>
    [...(await views.query('v', new Map([['order', ['id']]]), undefined)).answer.rows].map((row) => ({ ...row }));

  const write = async (values: Readonly<Record<string, number | null>>): Promise<void> => {
    for (const [key, n] of Object.entries(values)) await world.write(key, n === null ? null : JSON.stringify({ n }));
  };

  it('follow it there and back: what is written later is newer, wherever its offsets begin', async () => {
    // In the other log places are lower than here.
    for (let n = 0; n < 10; n++) await write({ x: n, y: n, z: n });
    const { partitions } = await world.a.describeTopic('orders');
    await world.a.deleteRecords(
      partitions.map((one) => ({ topic: 'orders', partition: one.partition, offset: one.endOffset })),
    );
    await views.declare('v', 'a', LATEST);
    await write({ x: 1, y: 2, z: 3 });
    await expect.poll(rows, SOON).toHaveLength(3);
    const expected = { x: 1, y: 2, z: 3 };
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b'],
    ] as const) {
      const handler = world.process({ readersOn: (...where) => views.readersOn(...where) });
      const request = { cluster: from, topic: 'orders', to };
      const operation = newOperation(`op-${number++}`, await handler.plan(request));
      expect(operation.plan).toMatchObject({ blockers: [], impact: { readers: ['view v'] } });
      await drive(handler, operation, { until: 'SWITCHED' });
      expected.x += 10;
      await write({ x: expected.x });
      const shown = Object.entries(expected).map(([id, n]) => expect.objectContaining({ id, n }));
      await expect.poll(rows, SOON).toEqual(shown);
      const finished = (): Promise<string> =>
        handler.finish(runOf(operation)).then(
          () => 'done',
          (error: { code: string }) => error.code,
        );
      await expect.poll(finished, SOON).toBe('done');
      // A row that was not written there is newer here, too.
      expected.y += 10;
      await write({ y: expected.y });
      await expect
        .poll(rows, SOON)
        .toEqual(Object.entries(expected).map(([id, n]) => expect.objectContaining({ id, n })));
    }
  });
});
