import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { encodeBatch, readBatchHeader, recordsFrom } from '#libs/core/log';
import { Bench, DAY, recordOf, REF } from './testing/bench.js';
import { SimulatedFileSystem } from './testing/index.js';

/** A disk that takes its time to remove files, once it is told to. */
class Removing extends SimulatedFileSystem {
  until: Promise<void> | undefined;
  removals = 0;

  override async remove(path: string): Promise<void> {
    this.removals++;
    await this.until;
    await super.remove(path);
  }
}

describe('retention', () => {
  it('by time takes old segments and their files, also of a topic nobody writes to; offsets go on rising', async () => {
    const bench = new Bench();
    const log = await bench.open();
    await log.createTopic({ name: 't', partitions: 1, config: { 'retention.ms': String(DAY) } });
    for (let i = 0; i < 10; i++) await bench.append(null, `${i}`.padEnd(300, 'x'));
    await bench.pass(DAY / 2);
    for (let i = 10; i < 13; i++) await bench.append(null, `${i}`.padEnd(300, 'x'));
    await log.checkRetention();
    expect(await bench.range()).toEqual([0, 13]);
    await bench.pass(DAY / 2 + 1_000);
    await log.checkRetention();
    const [start] = await bench.range();
    expect(start).toBeGreaterThan(5);
    expect(start, 'a segment goes when its last record is too old').toBeLessThanOrEqual(10);
    const [gone] = await log.fetch({ positions: [{ ...REF, offset: start - 1 }], maxBytes: 1_000 });
    expect(gone!.error).toMatchObject({ code: 'offset-out-of-range' });
    expect((await bench.values()).map(([offset]) => offset)).toEqual(
      Array.from({ length: 13 - start }, (_, i) => start + i),
    );
    await log.checkpoint();
    await log.checkpoint();
    expect(bench.segmentFiles()[0]).toBe(`${String(start).padStart(20, '0')}.log`);
    await bench.pass(DAY + 1_000);
    await log.checkRetention();
    expect(await bench.range()).toEqual([13, 13]);
    await log.checkpoint();
    expect(bench.segmentFiles()).toEqual([]);
    await bench.append(null, 'next');
    expect((await bench.values()).map(([offset]) => offset)).toEqual([13]);
    const again = await bench.restart();
    expect(await bench.range()).toEqual([13, 14]);
    await again.close();
  });

  it('counts age from the append: a timestamp in the future keeps nothing, one in the past drops nothing', async () => {
    const bench = new Bench();
    const log = await bench.open();
    const config = { 'retention.ms': '1000', 'message.timestamp.after.max.ms': '9223372036854775807' };
    await log.createTopic({ name: 't', partitions: 1, config });
    for (const timestamp of [0, 9e14]) {
      await log.append(REF, encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp }]));
    }
    await log.checkRetention();
    expect(await bench.range()).toEqual([0, 2]);
    await bench.pass(2_000);
    await log.checkRetention();
    expect(await bench.range()).toEqual([2, 2]);
    await log.close();
  });

  it('by size keeps at least the bytes that were asked for', async () => {
    const bench = new Bench();
    const log = await bench.open();
    await log.createTopic({ name: 't', partitions: 1, config: { 'retention.bytes': '2500' } });
    for (let i = 0; i < 20; i++) await bench.append(null, 'x'.repeat(230));
    await log.checkRetention();
    const [partition] = (await log.describeTopic('t')).partitions;
    expect(partition!.sizeBytes).toBeGreaterThanOrEqual(2_500);
    expect(partition!.sizeBytes).toBeLessThan(3_500);
    await log.close();
  });

  it('passes no hold, and goes on when it is released; topics out of service keep everything', async () => {
    const bench = new Bench();
    const log = await bench.open();
    await log.createTopic({ name: 't', partitions: 1, config: { 'retention.ms': '1000' } });
    for (let i = 0; i < 12; i++) await bench.append(null, 'x'.repeat(300));
    await log.holdRetention('operation', [{ ...REF, offset: 7 }]);
    await bench.pass(10_000);
    await log.checkRetention();
    const [held] = await bench.range();
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(7);
    await log.holdRetention('operation', null);
    for (const state of ['RETIRED', 'BROWNED_OUT'] as const) {
      await log.setTopicState('t', state);
      await log.checkRetention();
      expect((await bench.range())[0]).toBe(held);
    }
    await log.setTopicState('t', 'FENCED');
    await log.checkRetention();
    expect(await bench.range()).toEqual([12, 12]);
    await log.close();
  });

  it('holds up neither who writes nor who reads, however long the disk takes to remove what is gone', async () => {
    const bench = new Bench();
    const disk = (bench.files = new Removing());
    const log = await bench.open();
    await log.createTopic({ name: 't', partitions: 1, config: { 'retention.bytes': '1500' } });
    for (let i = 0; i < 20; i++) await bench.append(null, `${i}`.padEnd(230, 'x'));
    const files = bench.segmentFiles();
    const removed = deferred<void>();
    disk.until = removed.promise;
    const before = disk.removals;
    await log.checkRetention();
    const [start] = await bench.range();
    expect(start, 'what is gone is gone for readers at once').toBeGreaterThan(10);
    const checkpoint = log.checkpoint();
    while (disk.removals === before) await new Promise(setImmediate);
    await bench.append(null, 'written meanwhile');
    expect((await bench.values()).at(-1)).toEqual([20, null, 'written meanwhile']);
    await log.checkRetention();
    expect(bench.segmentFiles()).toEqual(expect.arrayContaining(files));
    removed.resolve();
    await checkpoint;
    expect(bench.segmentFiles()[0]).toBe(`${String(start).padStart(20, '0')}.log`);
    await log.close();
  });

  it('is done by the clock, without being asked', async () => {
    const bench = new Bench();
    const log = await bench.open({ retentionCheckMs: 60_000 });
    await log.createTopic({ name: 't', partitions: 1, config: { 'retention.ms': '1000' } });
    await bench.append(null, 'v');
    // The simulated clock lets a sleep pass within a few turns of the event loop.
    for (let turns = 0; turns < 1_000 && (await bench.range())[0] === 0; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await bench.range()).toEqual([1, 1]);
    await log.close();
  });

  it('a segment is closed by its age with the next append', async () => {
    const bench = new Bench();
    const log = await bench.open();
    await log.createTopic({ name: 't', partitions: 1, config: { 'segment.ms': '60000' } });
    await bench.append(null, 'a');
    await bench.append(null, 'b');
    expect(bench.segmentFiles()).toHaveLength(1);
    await bench.pass(61_000);
    await bench.append(null, 'c');
    expect(bench.segmentFiles()).toHaveLength(2);
    await log.close();
  });
});

describe('compaction', () => {
  const compacted = Bench.compacted;

  it('keeps the newest record of each key, drops files and bytes, and reads the same after every kind of start', async () => {
    const bench = await compacted();
    const expected = new Map<string, [number, string]>();
    for (let i = 0; i < 60; i++) {
      const key = `k${(i * 7) % 5}`;
      await bench.append(key, `v${i}`, [`k${i % 3}`, `w${i}`.padEnd(100, '.')]);
      expected.set(key, [2 * i, `v${i}`]);
      expected.set(`k${i % 3}`, [2 * i + 1, `w${i}`.padEnd(100, '.')]);
    }
    const [, end] = await bench.range();
    const before = bench.files.usedBytes;
    await bench.log.checkRetention();
    // What stays in the segment that still grows is not compacted; the newest of each key is what counts.
    const newest = new Map((await bench.values()).map(([offset, key, value]) => [key!, [offset, value!] as const]));
    expect([...newest].sort()).toEqual([...expected].sort());
    expect((await bench.values()).length).toBeLessThan(25);
    expect(await bench.range()).toEqual([0, end]);
    await bench.log.checkpoint();
    await bench.log.checkpoint();
    expect(bench.files.usedBytes).toBeLessThan(before);
    const values = await bench.values();
    const files = bench.segmentFiles();
    expect(files.some((name) => /^[0-9]{20}\.[0-9]+\.log$/.test(name))).toBe(true);
    await bench.restart();
    expect(await bench.values()).toEqual(values);
    bench.log.fail(new Error('the process ends here'));
    await bench.restart();
    expect(await bench.values()).toEqual(values);
    expect(await bench.range()).toEqual([0, end]);
    await bench.log.close();
  });

  it('reads over gaps from whatever offset, and finds times', async () => {
    const bench = await compacted();
    for (let i = 0; i < 40; i++) {
      const record = { ...recordOf(`k${i % 4}`, `v${i}`.padEnd(100, '.')), timestamp: 1_000 + i };
      await bench.log.append(REF, encodeBatch([record]));
    }
    await bench.log.checkRetention();
    const all = await bench.read();
    expect(all.length).toBeLessThan(20);
    for (let offset = 0; offset < 40; offset++) {
      const [fetched] = await bench.log.fetch({ positions: [{ ...REF, offset }], maxBytes: 1 });
      expect(fetched!.error).toBeUndefined();
      const next = all.find((one) => one.offset >= offset)!;
      expect([...recordsFrom(fetched!, offset)][0], `from ${offset}`).toEqual(next);
    }
    for (let time = 1_000; time < 1_040; time++) {
      const expected = all.find((one) => one.timestamp >= time)?.offset ?? null;
      expect(await bench.log.offsetForTimestamp(REF, time)).toBe(expected);
    }
    await bench.log.close();
  });

  it('a partition at rest is compacted too, to its end, which stays; later appends go on behind', async () => {
    const bench = await compacted({ 'segment.ms': '60000', 'delete.retention.ms': '1000' });
    await bench.append('a', '1');
    await bench.append('a', null);
    await bench.log.checkRetention();
    expect(await bench.values()).toHaveLength(2);
    await bench.pass(61_000);
    await bench.log.checkRetention();
    expect(await bench.values()).toEqual([[1, 'a', null]]);
    await bench.append('b', '2');
    await bench.pass(61_000);
    await bench.log.checkRetention();
    expect(await bench.values(), 'the tombstone had its time').toEqual([[2, 'b', '2']]);
    await bench.append('b', null);
    await bench.pass(61_000);
    await bench.log.checkRetention();
    await bench.append('x', null);
    await bench.pass(61_000);
    await bench.log.checkRetention();
    expect(await bench.range()).toEqual([0, 5]);
    await bench.restart();
    expect(await bench.range()).toEqual([0, 5]);
    await bench.append('c', '3');
    expect((await bench.values()).at(-1)).toEqual([5, 'c', '3']);
    await bench.log.close();
  });

  it('an emptied batch at the end keeps the end offset over a start', async () => {
    const bench = await compacted({ 'segment.ms': '60000', 'delete.retention.ms': '0' });
    await bench.append('a', null);
    await bench.pass(61_000);
    await bench.log.checkRetention();
    await bench.pass(61_000);
    await bench.append('a', null);
    await bench.pass(61_000);
    await bench.log.checkRetention();
    const [fetched] = await bench.log.fetch({ positions: [{ ...REF, offset: 0 }], maxBytes: 1_000 });
    expect(fetched!.nextOffset).toBe(2);
    expect(fetched!.batches.map((one) => readBatchHeader(one).lastOffset).at(-1)).toBe(1);
    await bench.restart();
    expect(await bench.range()).toEqual([0, 2]);
    await bench.log.close();
  });

  it('small segments become one, as long as they fit', async () => {
    const bench = await compacted();
    for (let i = 0; i < 60; i++) await bench.append(`k${i % 3}`, `v${i}`.padEnd(200, '.'));
    expect(bench.segmentFiles().length).toBeGreaterThan(10);
    for (let i = 0; i < 3; i++) {
      await bench.log.checkRetention();
      await bench.append(`k${i}`, 'x'.padEnd(900, '.'));
    }
    await bench.log.checkRetention();
    await bench.log.checkpoint();
    await bench.log.checkpoint();
    expect(bench.segmentFiles().length).toBeLessThan(6);
    await bench.log.close();
  });

  it('a hold keeps what it holds from going, and lets the rest be compacted', async () => {
    const bench = await compacted();
    for (let i = 0; i < 40; i++) await bench.append('k', `v${i}`.padEnd(100, '.'));
    await bench.log.holdRetention('operation', [{ ...REF, offset: 20 }]);
    await bench.log.checkRetention();
    const offsets = async (): Promise<number[]> => (await bench.values()).map(([offset]) => offset);
    expect((await offsets()).filter((one) => one >= 20)).toEqual(Array.from({ length: 20 }, (_, i) => 20 + i));
    expect((await offsets()).filter((one) => one < 20)).toEqual([19]);
    await bench.log.holdRetention('operation', null);
    await bench.log.checkRetention();
    expect((await offsets()).length).toBeLessThan(12);
    await bench.log.close();
  });

  it('with more keys than its memory holds it takes several passes', async () => {
    const bench = new Bench();
    await bench.open({ compactionMapBytes: 500 });
    await bench.log.createTopic({
      name: 't',
      partitions: 1,
      config: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' },
    });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) await bench.append(`k${i}`, `v${round}`.padEnd(80, '.'));
    }
    for (let i = 0; i < 30; i++) await bench.log.checkRetention();
    const values = await bench.values();
    expect(values.filter(([offset]) => offset >= 40)).toHaveLength(20);
    expect(values.length).toBeLessThan(40);
    await bench.log.close();
  });

  it('records without a key are refused', async () => {
    const bench = await compacted();
    await expect(bench.append(null, 'v')).rejects.toMatchObject({ code: 'invalid-batch' });
    await bench.log.close();
  });

  it('"compact,delete" does both', async () => {
    const bench = await compacted({ 'cleanup.policy': 'compact,delete', 'retention.ms': String(DAY) });
    for (let i = 0; i < 20; i++) await bench.append('k', `v${i}`.padEnd(200, '.'));
    await bench.log.checkRetention();
    expect((await bench.values()).length).toBeLessThan(10);
    await bench.pass(DAY + 1_000);
    await bench.log.checkRetention();
    expect(await bench.range()).toEqual([20, 20]);
    await bench.log.close();
  });

  it('a topic that is deleted while it is compacted goes with its files, and the log goes on', async () => {
    const bench = await Bench.compacted();
    for (let i = 0; i < 20; i++) await bench.append('k', `${i}`.padEnd(200, 'x'));
    const { files, log } = bench;
    const open = files.open.bind(files);
    const [begun, goOn] = [deferred<void>(), deferred<void>()];
    // Before the first segment is written anew.
    files.open = async (path, mode) => {
      begun.resolve();
      begun.resolve();
      await goOn.promise;
      return await open(path, mode);
    };
    const compacting = log.checkRetention();
    await begun.promise;
    files.open = open;
    await log.deleteTopic('t');
    await log.checkpoint();
    goOn.resolve();
    await compacting;
    await log.createTopic({ name: 'next', partitions: 1 });
    await log.append({ topic: 'next', partition: 0 }, encodeBatch([recordOf('k', 'v')]));
    await log.checkpoint();
    await log.checkpoint();
    expect([log.failure, bench.reports]).toEqual([undefined, []]);
    expect(bench.segmentFiles()).toEqual(['00000000000000000000.log']);
    await log.close();
  });

  it('readers in flight go on while segments are replaced under them', async () => {
    const bench = await compacted();
    for (let i = 0; i < 80; i++) await bench.append(`k${i % 3}`, `v${i}`.padEnd(150, '.'));
    const reading = Array.from({ length: 6 }, async () => {
      for (let round = 0; round < 15; round++) {
        const values = await bench.values();
        for (const key of ['k0', 'k1', 'k2']) {
          const newest = values.findLast(([, one]) => one === key);
          expect(Number(/v([0-9]+)/.exec(newest![2]!)![1])).toBeGreaterThanOrEqual(77);
        }
      }
    });
    const compacting = (async () => {
      for (let round = 0; round < 4; round++) {
        await bench.log.checkRetention();
        await bench.log.checkpoint();
        await bench.append('other', 'x'.repeat(800));
      }
    })();
    await Promise.all([...reading, compacting]);
    expect(bench.reports).toEqual([]);
    await bench.log.close();
  });
});
