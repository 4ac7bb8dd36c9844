import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { encodeBatch, physicalName, recordsFrom, TopicDirectories, type PositionToken } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { FieldTypes, JsonRecordDecoder, type ViewPositions, Views } from '#libs/core/streams';
import { MemoryViewStore, ScriptedTransforms } from '#libs/core/streams/testing';
import { SqliteViewTables } from './sqlite-view-tables.js';

class Integers extends FieldTypes {
  async typeOf(_topic: string, path: { text: string }) {
    return { type: path.text.endsWith('.n') ? ('integer' as const) : ('text' as const) };
  }
  async membersOf() {
    return undefined;
  }
}

const COUNTS: JsonObject = {
  source: { topic: 't', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: { all: { aggregate: 'count' }, total: { aggregate: 'sum', of: 'value.n' } },
};

/** Tables that cannot hold a row with this text in it, as PostgreSQL cannot hold a zero character. */
class PickyTables extends SqliteViewTables {
  static bears = false;

  override apply(...[id, view, epoch, step]: Parameters<SqliteViewTables['apply']>): Promise<ViewPositions> {
    if (!PickyTables.bears && JSON.stringify(step.changes).includes('unbearable'))
      return Promise.reject(new AppError({ kind: 'unprocessable', code: 'rows-refused', message: 'No such row.' }));
    return super.apply(id, view, epoch, step);
  }
}

/** Longest wait for work that goes on beside the test. */
const SOON = { timeout: 10_000, interval: 5 };

describe('views over a log', () => {
  const clock = new WallClock();
  let directory: string;
  let engine: MemoryLogEngine;
  let names: MemoryTopicNames;
  let tables: SqliteViewTables;
  let supervisor: Supervisor;
  let store: MemoryViewStore;
  let views: Views;
  let number = 0;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    engine = new MemoryLogEngine();
    names = new MemoryTopicNames();
    store = new MemoryViewStore();
    tables = new SqliteViewTables(join(directory, 'views.sqlite'));
    supervisor = new Supervisor({ clock, owner: 'test' });
    views = open();
    await engine.createTopic({ name: 't', partitions: 2 });
  });

  afterEach(async () => {
    await supervisor.close();
    await tables.close();
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  });

  function open(): Views {
    const directories = new TopicDirectories(new OneCluster(engine), names, clock);
    return new Views({
      store,
      tables,
      directories,
      names,
      decoder: new JsonRecordDecoder(),
      types: new Integers(),
      transforms: new ScriptedTransforms({}),
      supervisor,
      clock,
      newId: () => `v${number++}`,
    });
  }

  async function write(topic: string, partition: number, ...values: JsonValue[]): Promise<PositionToken> {
    const records = values.map((value) => ({
      key: Buffer.from('k'),
      value: Buffer.from(JSON.stringify(value)),
      headers: [],
      timestamp: 0,
    }));
    const { lastOffset } = await engine.append({ topic, partition }, encodeBatch(records));
    return { logId: engine.logId, topic: 't', generation: 1, positions: new Map([[partition, lastOffset + 1]]) };
  }

  const rows = async (name: string, token?: PositionToken) =>
    (
      await views.query(
        name,
        new Map([['order', ['tag']]]),
        token === undefined ? undefined : { tokens: [token], waitMs: 5_000 },
      )
    ).answer.rows;

  /** A repartition in small: everything is copied, the name moves, and the new generation says where it opened. */
  async function cutOver(partitions: number): Promise<void> {
    const next = physicalName('t', 2);
    await engine.createTopic({ name: next, partitions, state: 'FENCED' });
    const old = await engine.setTopicState('t', 'FENCED');
    for (const { partition } of old.partitions) {
      const [fetched] = await engine.fetch({ positions: [{ topic: 't', partition, offset: 0 }], maxBytes: 1 << 30 });
      let target = 0;
      for (const record of recordsFrom(fetched!, 0)) {
        await engine.append({ topic: next, partition: target++ % partitions }, encodeBatch([record]), {
          intoFenced: true,
        });
      }
    }
    const opensAt = (await engine.describeTopic(next)).partitions.map((one) => one.endOffset);
    await names.compareAndSet(engine.logId, 't', 0, 2, {
      opensAt,
      closedAt: [],
      keyExpression: null,
      partitioner: null,
    });
    await engine.setTopicState(next, 'ACTIVE');
  }

  it('reflects a write as soon as a read asks for it by its token', async () => {
    await views.declare('counts', undefined, COUNTS);
    for (let n = 1; n <= 5; n++) {
      const token = await write('t', n % 2, { tag: 'a', n });
      expect(await rows('counts', token)).toEqual([{ tag: 'a', all: n, total: (n * (n + 1)) / 2 }]);
    }
  });

  it('says how far it is when it does not reflect a write in time', async () => {
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', await write('t', 0, { tag: 'a', n: 1 }));
    const token = { logId: engine.logId, topic: 't', generation: 1, positions: new Map([[0, 7]]) };
    await expect(views.query('counts', new Map(), { tokens: [token], waitMs: 30 })).rejects.toMatchObject({
      code: 'view-behind',
      message: expect.stringMatching(/6 records are missing/) as string,
      details: {
        behind: [{ partition: 0, wanted: { generation: 1, next: '7' }, reached: { generation: 1, next: '1' } }],
      },
    });
  });

  it('follows its topic over a cutover to another partition count without counting anything twice or not at all', async () => {
    await write('t', 0, { tag: 'a', n: 1 }, { tag: 'a', n: 2 }, { tag: 'b', n: 3 });
    await views.declare('counts', undefined, COUNTS);
    await write('t', 1, { tag: 'b', n: 4 });
    await cutOver(3);
    const token = { ...(await write(physicalName('t', 2), 2, { tag: 'a', n: 5 })), generation: 2 };
    expect(await rows('counts', token)).toEqual([
      { tag: 'a', all: 3, total: 8 },
      { tag: 'b', all: 2, total: 7 },
    ]);
    expect((await views.describe('counts')).positions?.sources[0]?.generation).toBe(2);
  });

  it('says that it must be built anew when its topic moved on where it cannot follow', async () => {
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', await write('t', 0, { tag: 'a', n: 1 }));
    await views.setState('counts', 'PAUSED');
    await cutOver(2);
    await engine.deleteTopic('t');
    await views.setState('counts', 'RUNNING');
    await expect.poll(async () => (await views.describe('counts')).problem, SOON).toMatch(/can no longer be followed/);
  });

  it('goes on after a restart from what it had stored', async () => {
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', await write('t', 0, { tag: 'a', n: 1 }));
    await supervisor.close();
    await tables.close();
    await write('t', 0, { tag: 'a', n: 10 });
    tables = new SqliteViewTables(join(directory, 'views.sqlite'));
    supervisor = new Supervisor({ clock, owner: 'test' });
    views = open();
    await views.start();
    expect(await rows('counts', await write('t', 1, { tag: 'a', n: 100 }))).toBeDefined();
    await expect.poll(() => rows('counts'), SOON).toEqual([{ tag: 'a', all: 3, total: 111 }]);
  });

  it('takes the same declaration again as done, and names every problem of a broken one', async () => {
    await views.declare('counts', undefined, COUNTS);
    expect((await views.declare('counts', undefined, COUNTS)).stored).toMatchObject({ name: 'counts', version: 1 });
    await expect(
      views.declare('broken', undefined, {
        source: { topic: 't', mode: 'events', extra: 1 },
        key: { tag: 'value..tag' },
        columns: { x: { aggregate: 'median' }, limit: 'value.n' },
      }),
    ).rejects.toMatchObject({
      code: 'invalid-view',
      items: [
        { path: '/source/extra' },
        { path: '/key/tag' },
        { path: '/columns/x/aggregate' },
        { path: '/columns/limit' },
      ],
    });
    // Each problem alone is the only one there is; without any of them it is taken.
    const mended: JsonObject = { source: { topic: 't', mode: 'events' }, key: { tag: 'value.tag' } };
    const columns: JsonObject = { x: { aggregate: 'count' } };
    const alone: readonly (readonly [JsonObject, string])[] = [
      [{ ...mended, columns, source: { topic: 't', mode: 'events', extra: 1 } }, '/source/extra'],
      [{ ...mended, columns, key: { tag: 'value..tag' } }, '/key/tag'],
      [{ ...mended, columns: { ...columns, x: { aggregate: 'median' } } }, '/columns/x/aggregate'],
      [{ ...mended, columns: { ...columns, limit: 'value.n' } }, '/columns/limit'],
    ];
    for (const [declaration, path] of alone)
      await expect(views.declare('broken', undefined, declaration)).rejects.toMatchObject({ items: [{ path }] });
    await views.declare('mended', undefined, { ...mended, columns });
    await views.delete('mended');
    await expect(
      views.declare('none', undefined, { ...COUNTS, source: { topic: 'nope', mode: 'events' } }),
    ).rejects.toMatchObject({ code: 'topic-not-found' });
    expect(await tables.list()).toHaveLength(1);
  });

  it('sets aside the records whose rows the database cannot hold, and keeps all others', async () => {
    await tables.close();
    tables = new PickyTables(join(directory, 'views.sqlite'));
    views = open();
    const values = Array.from({ length: 21 }, (_, n) => ({ tag: n % 9 === 4 ? `unbearable ${n}` : 'good', n }));
    const token = await write('t', 0, ...values);
    await views.declare('counts', undefined, COUNTS);
    expect(await rows('counts', token)).toEqual([{ tag: 'good', all: 19, total: 210 - 4 - 13 }]);
    const refused = { source: 0, generation: 1, partition: 0, code: 'row-refused', message: 'No such row.' };
    expect(await views.refused('counts', 10)).toEqual([
      { ...refused, offset: 4 },
      { ...refused, offset: 13 },
    ]);
  });

  it('takes in what it had set aside once it can, each record once, and says what it cannot', async () => {
    await tables.close();
    tables = new PickyTables(join(directory, 'views.sqlite'));
    views = open();
    const token = await write('t', 0, { tag: 'good', n: 1 }, { tag: 'unbearable', n: 2 }, { tag: 'good', n: 'x' });
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', token);
    expect(await views.redrive('counts', 10)).toEqual({ taken: 0, refused: 2, gone: 0 });
    PickyTables.bears = true;
    try {
      expect(await views.redrive('counts', 10)).toEqual({ taken: 1, refused: 1, gone: 0 });
      expect(await views.redrive('counts', 10)).toEqual({ taken: 0, refused: 1, gone: 0 });
    } finally {
      PickyTables.bears = false;
    }
    expect(await rows('counts')).toEqual([
      { tag: 'good', all: 1, total: 1 },
      { tag: 'unbearable', all: 1, total: 2 },
    ]);
    expect((await views.describe('counts')).positions?.refused).toBe(1);
    await views.setState('counts', 'PAUSED');
    expect(await views.redrive('counts', 10)).toEqual({ taken: 0, refused: 1, gone: 0 });
  });

  it('is gone after its deletion, rows and all', async () => {
    await views.declare('counts', undefined, COUNTS);
    await views.delete('counts');
    await expect(views.describe('counts')).rejects.toMatchObject({ code: 'view-not-found' });
    expect(await tables.list()).toEqual([]);
  });

  /** A version that has read everything. */
  const current = (name: string, version: number) =>
    expect
      .poll(async () => (await views.versions.list(name)).find(({ stored }) => stored.version === version)?.lag, SOON)
      .toBe(0);

  it('builds another declaration beside the one that is asked, and changes over at once, forwards and back', async () => {
    await views.declare('counts', undefined, COUNTS);
    const token = await write('t', 0, { tag: 'a', n: 1 }, { tag: 'b', n: 2 });
    const more: JsonObject = {
      ...COUNTS,
      columns: { total: { aggregate: 'sum', of: 'value.n' }, most: { aggregate: 'max', of: 'value.n' } },
    };
    const draft = await views.declare('counts', undefined, more);
    expect(draft.stored).toMatchObject({ version: 2, role: 'DRAFT' });
    expect((await views.declare('counts', undefined, more)).stored.id).toBe(draft.stored.id);
    await expect(views.declare('counts', undefined, { ...COUNTS, columns: {} })).rejects.toMatchObject({
      code: 'view-draft-exists',
    });
    expect((await rows('counts', token))[0]).toEqual({ tag: 'a', all: 1, total: 1 });
    await current('counts', 2);
    expect(await views.versions.verify('counts', 2)).toMatchObject({
      columns: ['tag', 'total'],
      rows: [2, 2],
      differing: 0,
    });
    await views.versions.activate('counts', 2, { incomplete: false });
    expect((await rows('counts'))[0]).toEqual({ tag: 'a', total: 1, most: 1 });
    // The one before is kept current, so that it can come back.
    const later = await write('t', 1, { tag: 'a', n: 5 });
    await current('counts', 1);
    await views.versions.rollback('counts');
    expect((await rows('counts', later))[0]).toEqual({ tag: 'a', all: 2, total: 6 });
    await expect(views.versions.retire('counts', 1, { incomplete: false })).rejects.toMatchObject({
      code: 'view-version-active',
    });
    await views.versions.retire('counts', 2, { incomplete: false });
    expect((await views.versions.list('counts')).map(({ stored }) => stored.version)).toEqual([1]);
    await expect(views.versions.rollback('counts')).rejects.toMatchObject({ code: 'view-no-previous-version' });
    expect(await tables.list()).toHaveLength(1);
  });

  it('is asked one version at a time while versions change: nobody sees two of them mixed', async () => {
    await views.declare('counts', undefined, COUNTS);
    const other = { ...COUNTS, columns: { most: { aggregate: 'max', of: 'value.n' } } };
    await write('t', 0, { tag: 'a', n: 1 }, { tag: 'b', n: 2 }, { tag: 'c', n: 3 });
    await views.declare('counts', undefined, other);
    await current('counts', 1);
    await current('counts', 2);
    const seen = new Set<string>();
    let changing = true;
    const reader = (async () => {
      while (changing) seen.add((await rows('counts')).map((row) => Object.keys(row).join()).join(' '));
    })();
    for (let turn = 0; turn < 10; turn++)
      await views.versions.activate('counts', turn % 2 === 0 ? 2 : 1, { incomplete: false });
    changing = false;
    await reader;
    for (const columns of seen)
      expect(['tag,all,total tag,all,total tag,all,total', 'tag,most tag,most tag,most']).toContain(columns);
  });

  it('does not change over to a rebuild that has other rows, nor to one that has not read everything', async () => {
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', await write('t', 0, { tag: 'a', n: 1 }));
    const { stored, definition } = await views.versions.draft('counts', undefined);
    await current('counts', 2);
    expect(await views.versions.verify('counts', 2)).toMatchObject({ atEqualPositions: true, differing: 0 });
    await supervisor.forget(`view-${stored.id}`);
    const { epoch, positions } = await tables.claim(stored.id, definition);
    const changes = [{ table: 0, puts: [], deletes: ['["a"]'] }];
    await tables.apply(stored.id, definition, epoch, { commit: positions.commit, changes, refused: [] });
    await expect(views.versions.activate('counts', 2, { incomplete: false })).rejects.toMatchObject({
      code: 'view-versions-differ',
    });
    await views.delete('counts');
    expect(await tables.list()).toEqual([]);
  });

  it('says that not all is there any more that a version would be made of', async () => {
    await views.declare('counts', undefined, COUNTS);
    await rows('counts', await write('t', 0, { tag: 'a', n: 1 }, { tag: 'a', n: 2 }));
    await engine.deleteRecords([{ topic: 't', partition: 0, offset: 1 }]);
    await views.versions.draft('counts', undefined);
    await current('counts', 2);
    await expect(views.versions.activate('counts', 2, { incomplete: false })).rejects.toMatchObject({
      code: 'view-not-regenerable',
      details: { topics: ['t'] },
    });
    await views.versions.activate('counts', 2, { incomplete: true });
    expect(await rows('counts')).toEqual([{ tag: 'a', all: 1, total: 2 }]);
  });
});
