import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { BUILD_LIMITS, ChunkBuilder } from '../copy/chunk-builder.js';
import { CopySession } from '../copy/copy-session.js';
import { OffsetMap } from '../copy/offset-map.js';
import { readTopic } from '../testing/index.js';
import { KeyRouter } from '../repartition/routers.js';
import { translateGroups } from './translation.js';

/** A copy in which every record's value names its source partition and offset, lanes stepping in turns of random length. */
async function copied(sources: number, targets: number, keys: (number | null)[][], turns: number[], dense: boolean) {
  const engine = new MemoryLogEngine({ denseOffsets: dense });
  await engine.createTopic({ name: 'old', partitions: sources });
  await engine.createTopic({ name: 'new', partitions: targets, state: 'FENCED' });
  await engine.createTopic({ name: '__map', partitions: sources });
  for (const [s, list] of keys.entries()) {
    for (const [o, key] of list.entries()) {
      const record = {
        key: key === null ? null : Buffer.from(`k${key}`),
        value: Buffer.from(`${s}:${o}`),
        headers: [],
        timestamp: -1,
      };
      await engine.append({ topic: 'old', partition: s }, encodeBatch([record]));
    }
  }
  const router = new KeyRouter({ sources, targets, partitioner: 'murmur2', nullKeys: 'spread' });
  const sessions = await Promise.all(
    keys.map((_, partition) =>
      CopySession.open(
        engine,
        {
          writerId: `op-${partition}`,
          source: { topic: 'old', partition, startOffset: 0 },
          target: 'new',
          map: '__map',
        },
        new ChunkBuilder(router, { maxBatchBytes: 1 << 20, ...BUILD_LIMITS, maxRecords: 3 }),
      ),
    ),
  );
  for (let i = 0, idle = 0; idle < sources * 2; i++) {
    const session = sessions[turns[i % turns.length]! % sources]!;
    idle = (await session.step({ maxBytes: 1 << 20, maxWaitMs: 0 })).records > 0 ? 0 : idle + 1;
    if (idle === sources * 2)
      for (const one of sessions) while ((await one.step({ maxBytes: 1, maxWaitMs: 0 })).records > 0) idle = 0;
  }
  const map = new OffsetMap(engine, '__map', (s) => sessions[s]!.lastChunk);
  const ends = (await engine.describeTopic('new')).partitions.map((one) => one.endOffset);
  return { engine, map, ends, target: await readTopic(engine, 'new') };
}

const shape = (multiple: boolean) =>
  fc.record({ sources: fc.integer({ min: 1, max: 6 }), m: fc.integer({ min: 1, max: 6 }) }).chain(({ sources, m }) =>
    fc.record({
      sources: fc.constant(sources),
      targets: fc.constant(multiple ? sources * Math.min(m, 3) : m),
      keys: fc.array(fc.array(fc.option(fc.nat(15), { freq: 6 }), { maxLength: 12 }), {
        minLength: sources,
        maxLength: sources,
      }),
      turns: fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
      positions: fc.array(fc.nat(14), { minLength: sources, maxLength: sources }),
      dense: fc.boolean(),
    }),
  );

describe('translating a group', () => {
  it('misses no record and announces exactly the records it repeats, for any counts and any positions', async () => {
    await fc.assert(
      fc.asyncProperty(shape(false), async ({ sources, targets, keys, turns, positions, dense }) => {
        const { map, ends, target } = await copied(sources, targets, keys, turns, dense);
        const group = { group: 'g', positions: new Map(positions.map((at, s) => [s, Math.min(at, keys[s]!.length)])) };
        const [translated] = await translateGroups(map, sources, ends, [group]);
        let repeated = 0;
        target.forEach((records, t) => {
          for (const record of records) {
            const [s, o] = Buffer.from(record.value!).toString().split(':').map(Number) as [number, number];
            const read = o < group.positions.get(s)!;
            const reads = record.offset >= translated!.positions[t]!;
            if (!read) expect(reads).toBe(true);
            if (read && reads) repeated++;
          }
        });
        expect(translated).toMatchObject({ duplicates: repeated, exact: repeated === 0 });
      }),
      { numRuns: 200 },
    );
  });

  it('is exact wherever the group was when the count stays or grows by a whole factor and keys lie where they belong', async () => {
    await fc.assert(
      fc.asyncProperty(shape(true), async ({ sources, targets, keys, turns, positions }) => {
        const router = new KeyRouter({ sources, targets: sources, partitioner: 'murmur2', nullKeys: 'spread' });
        const placed = keys.map((list, s) =>
          list.filter((key) => {
            const bytes = key === null ? null : Buffer.from(`k${key}`);
            return router.misplaced(bytes, s) === undefined;
          }),
        );
        const { map, ends } = await copied(sources, targets, placed, turns, true);
        const group = {
          group: 'g',
          positions: new Map(positions.map((at, s) => [s, Math.min(at, placed[s]!.length)])),
        };
        const [translated] = await translateGroups(map, sources, ends, [group]);
        expect(translated).toMatchObject({ exact: true, duplicates: 0 });
      }),
      { numRuns: 100 },
    );
  });

  it('is exact for a group that has read everything, and from the start for one that has read nothing', async () => {
    const keys = [[1, 2, 3, null], [4, 5, 6], [7]];
    const { map, ends } = await copied(3, 2, keys, [0, 1, 2], true);
    const done = {
      group: 'done',
      positions: new Map([
        [0, 4],
        [1, 3],
        [2, 1],
      ]),
    };
    const fresh = { group: 'fresh', positions: new Map([[0, 0]]) };
    const translated = await translateGroups(map, 3, ends, [done, fresh]);
    expect(translated).toMatchObject([
      { group: 'done', positions: ends, exact: true },
      { group: 'fresh', positions: [0, 0], exact: true },
    ]);
  });
});
