import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecord } from '#libs/core/log';
import {
  type Change,
  DerivationWorld,
  type DerivationWorldOptions,
  LATEST,
  SOON,
  VERSIONED,
} from '../testing/derivation-world.js';
import { brokenVersionLaws } from '../testing/version-laws.js';
import { headerText, sourceHeaders, textHeader } from './derived-headers.js';
import { versionHeaders } from './versioned-stream.js';

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

/** What a record of a versioned stream says, short. */
function told(record: StoredRecord): unknown[] {
  const { number, change, validFrom } = versionHeaders(record);
  return [text(record.key), number, change, validFrom, text(record.value)];
}

const changes = fc.array(
  fc.record<Change>({
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    timestamp: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 25 },
);

describe('versioned derivations', () => {
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open();
  });

  afterEach(() => world.close());

  it('number the states of each key, say what happened, and leave out what changed nothing', async () => {
    await world.write(
      't',
      { key: 'a', value: 1, timestamp: 10 },
      { key: 'b', value: 1, timestamp: 11 },
      { key: 'a', value: 1, timestamp: 12 },
      { key: 'a', value: 2, timestamp: 13 },
      { key: 'a', value: undefined, timestamp: 14 },
      { key: 'a', value: undefined, timestamp: 15 },
      { key: 'a', value: 2, timestamp: 16, headers: { trace: 'x' } },
      { key: 'c', value: undefined, timestamp: 17 },
    );
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 8);
    const records = await world.recordsOf('versions');
    expect(records.map(told)).toEqual([
      ['a', 1, 'create', 10, '1'],
      ['b', 1, 'create', 11, '1'],
      ['a', 2, 'update', 13, '2'],
      ['a', 3, 'delete', 14, null],
      ['a', 4, 'undelete', 16, '2'],
    ]);
    expect(headerText(records.at(-1)!.headers, 'trace')).toBe('x');
    expect((await world.describe('versions')).progress?.counts).toMatchObject({ written: 5, same: 3 });
  });

  it('are dense from 1, in intervals that touch, whatever times the source says (L2); the latest of them is the latest of the source (L1)', async () => {
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(25), async (history, split) => {
        const topic = `s${world.fresh()}`;
        await world.engine.createTopic({ name: topic, partitions: 1 });
        await world.write(topic, ...history.slice(0, split));
        const of = { source: topic };
        await world.derivations.create(undefined, { ...LATEST, ...of, name: `${topic}-latest` }, 'test');
        await world.derivations.create(undefined, { ...VERSIONED, ...of, name: `${topic}-versions` }, 'test');
        const back = { source: `${topic}-versions`, name: `${topic}-back` };
        await world.derivations.create(undefined, { ...LATEST, ...back }, 'test');
        await world.write(topic, ...history.slice(split));
        await world.settle(`${topic}-latest`, history.length);
        await world.settle(`${topic}-versions`, history.length);
        const versions = await world.recordsOf(`${topic}-versions`);
        await world.settle(`${topic}-back`, versions.length);

        expect(brokenVersionLaws(versions)).toEqual([]);
        const shown = (record: StoredRecord): unknown => ({ ...record, offset: 0 });
        expect((await world.recordsOf(`${topic}-back`)).map(shown)).toEqual(
          (await world.recordsOf(`${topic}-latest`)).map(shown),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('go on after a restart as if there had been none: state is folded from what was written (L4)', async () => {
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(25), fc.boolean(), async (history, split, byTime) => {
        const orderBy = byTime ? ({ by: 'timestamp' } as const) : VERSIONED.orderBy;
        const streams: unknown[] = [];
        for (const isStopped of [false, true]) {
          const topic = `s${world.fresh()}`;
          await world.engine.createTopic({ name: topic, partitions: 1 });
          await world.write(topic, ...history.slice(0, split));
          const name = `${topic}-versions`;
          await world.derivations.create(undefined, { ...VERSIONED, orderBy, source: topic, name }, 'test');
          await world.settle(name, Math.min(split, history.length));
          if (isStopped) await world.stop();
          await world.write(topic, ...history.slice(split));
          if (isStopped) await world.restart();
          await world.settle(name, history.length);
          streams.push((await world.recordsOf(name)).map(told));
          await world.derivations.delete(undefined, name);
        }
        expect(streams[1]).toEqual(streams[0]);
      }),
      { numRuns: 10 },
    );
  });

  it('leave late records out, or copy them beside when told to', async () => {
    const orderBy = { by: 'header', name: 'seq' } as const;
    await world.write(
      't',
      { key: 'a', value: 1, headers: { seq: '9' } },
      { key: 'a', value: 2, headers: { seq: '10' } },
      { key: 'a', value: 3, headers: { seq: '9' } },
      { key: 'a', value: 4, headers: {} },
    );
    await world.derivations.create(undefined, { ...VERSIONED, orderBy, late: 'topic' }, 'test');
    await world.settle('versions', 4);
    expect((await world.recordsOf('versions')).map((record) => text(record.value))).toEqual(['1', '2']);
    expect((await world.recordsOf('versions.late')).map((record) => text(record.value))).toEqual(['3']);
    expect((await world.describe('versions')).progress?.counts).toMatchObject({ late: 1, refused: 1 });
  });

  it('answer the state that held at a time, on its boundaries too, and each by its number', async () => {
    await world.write(
      't',
      { key: 'a', value: { n: 1 }, timestamp: 10 },
      { key: 'a', value: { n: 2 }, timestamp: 20 },
      { key: 'a', value: undefined, timestamp: 30 },
    );
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 3);
    const history = await world.derivations.lookups.history(undefined, 'versions');
    const at = async (timeMs: number): Promise<unknown> => {
      const { place, record } = await history.find('a', { timeMs });
      return [place.number, place.validFrom, place.validTo, text(record.value)];
    };
    expect(await at(10)).toEqual([1, 10, 20, '{"n":1}']);
    expect(await at(19)).toEqual([1, 10, 20, '{"n":1}']);
    expect(await at(20)).toEqual([2, 20, 30, '{"n":2}']);
    expect(await at(30)).toEqual([3, 30, null, null]);
    await expect(at(9)).rejects.toMatchObject({ code: 'version-not-found' });
    expect((await history.find('a', { number: 2 })).place.number).toBe(2);
    expect((await history.versions('a', 1, 10)).map(({ place }) => place.number)).toEqual([2, 3]);
    await expect(history.find('a', { number: 4 })).rejects.toMatchObject({
      code: 'version-not-found',
      message: expect.stringContaining('it has 1 to 3'),
    });
    await expect(history.find('z', 'last')).rejects.toMatchObject({ code: 'key-not-found' });
    await expect(world.derivations.lookups.history(undefined, 't')).rejects.toMatchObject({
      code: 'not-a-versioned-stream',
    });
  });

  it('say since when nothing is missing, and what compaction had removed before it was read', async () => {
    await world.write('t', ...[1, 2, 3, 4, 5].map((n) => ({ key: `k${n % 2}`, value: n, timestamp: n * 10 })));
    await world.engine.alterTopicConfig('t', { 'cleanup.policy': 'compact' });
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    expect((await world.describe('versions')).progress?.history).toEqual({
      missing: 0,
      completeSince: null,
      open: [],
    });
    await world.engine.createTopic({ name: 'cut', partitions: 1 });
    await world.write('cut', ...[1, 2, 3, 4].map((n) => ({ key: 'k', value: n, timestamp: n * 10 })));
    await world.engine.deleteRecords([{ topic: 'cut', partition: 0, offset: 2 }]);
    await world.derivations.create(undefined, { ...VERSIONED, source: 'cut', name: 'cut-versions' }, 'test');
    await world.settle('cut-versions', 2);
    expect((await world.describe('cut-versions')).progress).toMatchObject({
      historyStart: [2],
      history: { missing: 0, completeSince: 30, open: [] },
    });
  });

  it('refuse to merge, which is for latest streams by offset', async () => {
    const merge = { nulls: 'keep' } as const;
    await expect(world.derivations.create(undefined, { ...VERSIONED, merge }, 'test')).rejects.toMatchObject({
      code: 'invalid-derivation',
    });
    await expect(
      world.derivations.create(undefined, { ...LATEST, merge, orderBy: { by: 'timestamp' } }, 'test'),
    ).rejects.toMatchObject({ code: 'invalid-derivation', details: { member: 'merge' } });
    await expect(
      world.derivations.create(undefined, { ...LATEST, deletes: { path: 'key', equals: 1 } }, 'test'),
    ).rejects.toMatchObject({ code: 'invalid-derivation', details: { member: 'deletes.path' } });
    expect(await world.derivations.list(undefined)).toEqual([]);
  });

  it('keep the version a deletion was ordered by, which is gone with its value', async () => {
    const request = {
      ...VERSIONED,
      orderBy: { by: 'field', path: 'value.v' } as const,
      deletes: { path: 'value.gone', equals: true },
    };
    await world.write('t', { key: 'a', value: { v: 1 } }, { key: 'a', value: { v: 5, gone: true } });
    await world.derivations.create(undefined, request, 'test');
    await world.settle('versions', 2);
    await world.stop();
    await world.restart();
    await world.write('t', { key: 'a', value: { v: 4 } }, { key: 'a', value: { v: 6 } });
    await world.settle('versions', 4);
    const records = await world.recordsOf('versions');
    expect(records.map((record) => told(record).slice(1, 3))).toEqual([
      [1, 'create'],
      [2, 'delete'],
      [3, 'undelete'],
    ]);
    expect(records.every((record) => sourceHeaders(record.headers).length === 0)).toBe(true);
    await expect.poll(async () => (await world.describe('versions')).progress?.counts.late, SOON).toBe(1);
  });

  it('negative control: a version dropped, doubled, exchanged, renamed or moved in time is found', async () => {
    const told = [1, 2, 3].map((value, index) => ({ key: 'a', value, timestamp: index * 10 }));
    await world.write('t', ...told);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 3);
    const [one, two, three] = await world.recordsOf('versions');
    expect(brokenVersionLaws([one!, two!, three!])).toEqual([]);
    const said = (record: StoredRecord, name: string, text: string): StoredRecord => ({
      ...record,
      headers: [
        ...sourceHeaders(record.headers),
        ...record.headers.filter(({ key }) => key !== name),
        textHeader(name, text),
      ],
    });
    expect(brokenVersionLaws([one!, three!])).toEqual(['a 3: after 1']);
    expect(brokenVersionLaws([one!, two!, two!])).toEqual(['a 2: after 2', 'a 2: changes nothing']);
    expect(brokenVersionLaws([two!, one!])).toContain('a 2: after nothing');
    expect(brokenVersionLaws([one!, said(two!, 'weir-change', 'undelete')])).toEqual(['a 2: says undelete, is update']);
    expect(brokenVersionLaws([one!, two!, said(three!, 'weir-valid-from', '1')])).toEqual([
      'a 3: holds from before the one before it',
    ]);
  });
});

/** Ends the worker once at the n-th time it passes the place. */
function dyingAt(name: string, nth: number): (passed: string) => void {
  let left = nth;
  return (passed) => {
    if (passed === name && --left === 0) throw new Error(`killed at ${name}`);
  };
}

describe('versioned derivations that are killed', () => {
  const history = Array.from({ length: 12 }, (_, index) => ({
    key: `k${index % 3}`,
    value: index % 5 === 4 ? undefined : index,
    timestamp: index,
  }));

  async function derived(options: DerivationWorldOptions): Promise<readonly unknown[]> {
    const world = await DerivationWorld.open(options);
    try {
      await world.derivations.create(undefined, VERSIONED, 'test');
      for (const [index, change] of history.entries()) {
        await world.write('t', change);
        await world.settle('versions', index + 1);
      }
      const records = await world.recordsOf('versions');
      expect(brokenVersionLaws(records)).toEqual([]);
      return records.map(told);
    } finally {
      await world.close();
    }
  }

  it('before or after any of their commits end as if nothing had happened', async () => {
    const uninterrupted = await derived({});
    expect(uninterrupted).toHaveLength(12);
    for (const name of ['derivation-step-folded', 'derivation-step-stored']) {
      for (const nth of [1, 2, 6, 11]) {
        expect(await derived({ failPoint: dyingAt(name, nth) })).toEqual(uninterrupted);
      }
    }
  });

  it('negative control: a position that is stored without what was read to it shows', async () => {
    let commits = 0;
    const losing: DerivationWorldOptions = {
      through: (engine) =>
        new Proxy(engine, {
          get(target, name) {
            const own: unknown = Reflect.get(target, name, target);
            if (name !== 'openWriter') return typeof own === 'function' ? (own.bind(target) as unknown) : own;
            return async (id: string) => {
              const writer = await target.openWriter(id);
              const commit = writer.commit.bind(writer);
              writer.commit = (wanted) => commit(++commits === 5 ? { ...wanted, appends: [] } : wanted);
              return writer;
            };
          },
        }),
    };
    const world = await DerivationWorld.open({ ...losing, failPoint: dyingAt('derivation-step-stored', 5) });
    try {
      await world.derivations.create(undefined, VERSIONED, 'test');
      for (const [index, change] of history.entries()) {
        await world.write('t', change);
        await world.settle('versions', index + 1);
      }
      expect((await world.recordsOf('versions')).map(told)).toHaveLength(11);
    } finally {
      await world.close();
    }
  });
});
