import { describe, expect, it } from 'vitest';
import {
  encodeBatch,
  type LogRecord,
  type PartitionRef,
  readBatchHeader,
  recordsFrom,
  type StoredRecord,
} from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import type { EmbeddedLogSettings } from './options.js';
import { SeededRandom, SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const SETTINGS: Partial<EmbeddedLogSettings> = {
  segmentBytes: 1_000,
  indexIntervalBytes: 200,
  journalStepBytes: 2_048,
  checkpointIntervalMs: 0,
  retentionCheckMs: 0,
  compactionBytesPerSecond: Infinity,
};
const REF: PartitionRef = { topic: 't', partition: 0 };
const DAY = 86_400_000;

/** A log whose time is the test's. */
class Bench {
  readonly clock = new SimulatedClock();
  files = new SimulatedFileSystem();
  log!: EmbeddedLog;
  readonly reports: string[] = [];

  async open(settings: Partial<EmbeddedLogSettings> = {}): Promise<EmbeddedLog> {
    const identity = () => ({ logId: 'life', journalKey: '0123456789abcdef0123456789abcdef' });
    const note = (message: string): void => void this.reports.push(message);
    this.log = await openEmbeddedLog({
      directory: '/log',
      clock: this.clock,
      lock: new SimulatedLock(),
      files: this.files,
      settings: { ...SETTINGS, ...settings },
      logger: { info: () => undefined, warn: note, error: note },
      identity,
    });
    return this.log;
  }

  async restart(): Promise<EmbeddedLog> {
    await this.log.close();
    this.files = this.files.afterKill();
    return await this.open();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.sleep(ms);
  }

  async append(key: string | null, value: string | null, ...more: (readonly [string, string | null])[]): Promise<void> {
    const records = [[key, value] as const, ...more].map(([k, v]) => recordOf(k, v));
    await this.log.append(REF, encodeBatch(records));
  }

  async range(): Promise<[number, number]> {
    const [partition] = (await this.log.describeTopic('t')).partitions;
    return [partition!.startOffset, partition!.endOffset];
  }

  /** Everything that can be read, in small fetches. */
  async read(maxBytes = 300): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const [start] = await this.range();
    for (let offset = start; ;) {
      const [fetched] = await this.log.fetch({ positions: [{ ...REF, offset }], maxBytes });
      records.push(...recordsFrom(fetched!, offset));
      if (fetched!.nextOffset === offset) return records;
      offset = fetched!.nextOffset;
    }
  }

  async values(): Promise<[number, string | null, string | null][]> {
    return (await this.read()).map(({ offset, key, value }) => [offset, text(key), text(value)]);
  }

  /** Names of the segment files of the partition. */
  segmentFiles(ending = '.log'): string[] {
    const names = [...this.files.files().keys()].filter((path) => path.includes('/topics/') && path.endsWith(ending));
    return names.map((path) => path.slice(path.lastIndexOf('/') + 1));
  }
}

function recordOf(key: string | null, value: string | null): LogRecord {
  const bytes = (one: string | null): Uint8Array | null => (one === null ? null : Buffer.from(one));
  return { key: bytes(key), value: bytes(value), headers: [], timestamp: 1_700_000_000_000 };
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

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
  const COMPACT = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };

  async function compacted(config: Record<string, string> = {}): Promise<Bench> {
    const bench = new Bench();
    await bench.open();
    await bench.log.createTopic({ name: 't', partitions: 1, config: { ...COMPACT, ...config } });
    return bench;
  }

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
    await bench.log.createTopic({ name: 't', partitions: 1, config: COMPACT });
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

  /** What a power cut right behind a compaction leaves of the newest records, for several fates of unflushed bytes. */
  async function afterPowerCuts(lost: (path: string) => boolean): Promise<boolean[]> {
    const whole: boolean[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const bench = await compacted();
      for (let i = 0; i < 30; i++) await bench.append(`k${i % 4}`, `v${i}`.padEnd(100, '.'));
      bench.files.fault = (call, _, path) => (call === 'sync' && lost(path) ? 'lost' : undefined);
      await bench.log.checkRetention();
      const values = await bench.values();
      bench.files = bench.files.afterPowerCut(new SeededRandom(seed));
      await bench.log.close().catch(() => undefined);
      await bench.open();
      const health = (await bench.log.describeTopic('t')).partitions[0]!.health;
      whole.push(health === 'ok' && JSON.stringify(await bench.values()) === JSON.stringify(values));
      await bench.log.close();
    }
    return whole;
  }

  it('a power cut right behind the swap loses nothing', async () => {
    expect(await afterPowerCuts(() => false)).not.toContain(false);
  });

  it('negative control: a swap whose new segment was not flushed loses records to a power cut', async () => {
    expect(await afterPowerCuts((path) => /\.[0-9]+\.log$/.test(path))).toContain(false);
  });

  it('whichever call of a compaction fails, the log holds the old or the new segments, whole', async () => {
    for (const fault of ['EIO', 'ENOSPC', 'gone'] as const) {
      for (let n = 1, struck = true; struck; n++) {
        const bench = await compacted();
        for (let i = 0; i < 16; i++) await bench.append(`k${i % 3}`, `v${i}`.padEnd(120, '.'));
        await bench.log.checkpoint();
        const newest = new Map((await bench.values()).map(([offset, key, value]) => [key, [offset, value]]));
        const at = bench.files.calls + n;
        struck = false;
        bench.files.fault = (_, index) => {
          if (index !== at) return undefined;
          struck = true;
          return fault;
        };
        await bench.log.checkRetention().catch(() => undefined);
        await bench.log.checkpoint().catch(() => undefined);
        await bench.log.close().catch(() => undefined);
        const what = `call ${n} ${fault}`;
        if (fault !== 'gone') expect(bench.files.openFiles, what).toBe(0);
        bench.files = n % 2 === 0 ? bench.files.afterKill() : bench.files.afterPowerCut(new SeededRandom(n));
        await bench.open();
        const after = await bench.values();
        expect(new Map(after.map(([offset, key, value]) => [key, [offset, value]])), what).toEqual(newest);
        expect(await bench.range(), what).toEqual([0, 16]);
        expect((await bench.log.describeTopic('t')).partitions[0]!.health, what).toBe('ok');
        // Nothing is left over that nobody knows of.
        expect(
          [...bench.files.files().keys()].filter((path) => path.includes('/aside/')),
          what,
        ).toEqual([]);
        await bench.log.close();
      }
    }
  }, 240_000);

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
