import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { SeededRandom, type DiskFault } from './testing/index.js';
import { Bench, REF } from './testing/bench.js';

/** What a call may come to: what the system says, half of a write, and a machine that stops. */
const FAULTS: readonly DiskFault[] = ['EIO', 'ENOSPC', 'EMFILE', 'short', 'gone'];

type Values = Awaited<ReturnType<Bench['values']>>;

describe('a disk that fails while old records go', () => {
  /**
   * Lets one call after another fail while `work` is done to what `prepare` has made, and shows `judge` what is there after the next start. Then the log works and does the same without a fault.
   */
  async function strikeAll(
    fault: DiskFault,
    prepare: () => Promise<Bench>,
    work: (bench: Bench) => Promise<void>,
    judge: (after: Values, range: readonly [number, number], what: string) => void,
  ): Promise<string[]> {
    const strikes: string[] = [];
    for (let n = 1, struck = true; struck; n++) {
      const bench = await prepare();
      const at = bench.files.calls + n;
      struck = false;
      let what = `call ${n} ${fault}`;
      bench.files.fault = (call, index, path) => {
        if (index !== at) return undefined;
        struck = true;
        what += ` (${call} ${path})`;
        strikes.push(call);
        return fault;
      };
      await work(bench).catch((error: unknown) => {
        if (!isAppError(error) && fault !== 'gone') throw error;
      });
      await bench.log.checkpoint().catch(() => undefined);
      await bench.log.close().catch(() => undefined);
      if (fault !== 'gone') expect(bench.files.openFiles, `${what}: open files`).toBe(0);
      bench.files = n % 2 === 0 ? bench.files.afterKill() : bench.files.afterPowerCut(new SeededRandom(n));
      for (const again of [false, true]) {
        await bench.open();
        judge(await bench.values(), await bench.range(), again ? `${what}, done again` : what);
        expect((await bench.log.describeTopic('t')).partitions[0]!.health, what).toBe('ok');
        if (!again) await work(bench);
        await bench.log.close();
      }
      // Nothing is left over that nobody knows of.
      const aside = [...bench.files.files().keys()].filter((path) => path.includes('/aside/'));
      expect(aside, what).toEqual([]);
    }
    return strikes;
  }

  it.each(FAULTS)(
    'whichever call of a compaction fails (%s), the log holds the old or the new segments, whole',
    async (fault) => {
      let newest = new Map<string | null, readonly [number, string | null]>();
      const byKey = (values: Values) => new Map(values.map(([offset, key, value]) => [key, [offset, value] as const]));
      const prepare = async (): Promise<Bench> => {
        const bench = await Bench.compacted();
        for (let i = 0; i < 16; i++) await bench.append(`k${i % 3}`, `v${i}`.padEnd(120, '.'));
        await bench.log.checkpoint();
        newest = byKey(await bench.values());
        return bench;
      };
      const work = (bench: Bench): Promise<void> => bench.log.checkRetention();
      const strikes = await strikeAll(fault, prepare, work, (after, range, what) => {
        expect(byKey(after), what).toEqual(newest);
        expect(range, what).toEqual([0, 16]);
      });
      expect(new Set(strikes)).toContain('write');
    },
    240_000,
  );

  /** Sixteen records, each larger than a quarter of a segment, so that there are segments to go. */
  const written = Array.from({ length: 16 }, (_, i) => `v${i}`.padEnd(230, '.'));

  it.each(FAULTS)(
    'whichever call of retention fails (%s), what it keeps is there, and what went is gone from the beginning on',
    async (fault) => {
      const prepare = async (): Promise<Bench> => {
        const bench = new Bench();
        await bench.open();
        await bench.log.createTopic({ name: 't', partitions: 1, config: { 'retention.bytes': '1200' } });
        for (const value of written) await bench.append(null, value);
        await bench.log.checkpoint();
        return bench;
      };
      const work = async (bench: Bench): Promise<void> => {
        await bench.log.checkRetention();
        await bench.log.checkpoint();
      };
      await strikeAll(fault, prepare, work, (after, [start, end], what) => {
        expect(end, what).toBe(16);
        expect(16 - start, what).toBeGreaterThanOrEqual(4);
        expect(start > 0 || !what.endsWith('again'), `${what}: retention goes on`).toBe(true);
        expect(after, what).toEqual(written.map((value, i) => [i, null, value] as const).slice(start));
      });
    },
    240_000,
  );

  it.each(FAULTS)(
    'whichever call of deleting records fails (%s), they are gone when that was said, and all there when it was refused',
    async (fault) => {
      let told: 'done' | 'refused' | 'unknown' = 'unknown';
      const prepare = async (): Promise<Bench> => {
        const bench = new Bench();
        await bench.open();
        await bench.log.createTopic({ name: 't', partitions: 1 });
        for (const value of written) await bench.append(null, value);
        await bench.log.checkpoint();
        told = 'unknown';
        return bench;
      };
      const work = async (bench: Bench): Promise<void> => {
        const [answer] = await bench.log.deleteRecords([{ ...REF, offset: 9 }]);
        const { error } = answer!;
        if (error === undefined) told = 'done';
        else if (error.code !== 'outcome-unknown' && told !== 'done') told = 'refused';
        await bench.log.checkpoint();
      };
      await strikeAll(fault, prepare, work, (after, [start, end], what) => {
        expect(end, what).toBe(16);
        expect([0, 9], what).toContain(start);
        if (told !== 'unknown') expect(start, what).toBe(told === 'done' ? 9 : 0);
        expect(after, what).toEqual(written.map((value, i) => [i, null, value] as const).slice(start));
      });
    },
    240_000,
  );

  it('negative control: a deletion whose flush is believed although it was not done comes back', async () => {
    const starts: number[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const bench = new Bench();
      await bench.open();
      await bench.log.createTopic({ name: 't', partitions: 1 });
      for (const value of written) await bench.append(null, value);
      await bench.log.checkpoint();
      bench.files.fault = (call) => (call === 'sync' ? 'lost' : undefined);
      await bench.log.deleteRecords([{ ...REF, offset: 9 }]);
      const files = bench.files.afterPowerCut(new SeededRandom(seed));
      await bench.log.close().catch(() => undefined);
      bench.files = files;
      await bench.open();
      starts.push((await bench.range())[0]);
      await bench.log.close();
    }
    expect(starts).toContain(0);
  });

  /** What a power cut right behind a compaction leaves of the newest records, for several fates of unflushed bytes. */
  async function afterPowerCuts(lost: (path: string) => boolean): Promise<boolean[]> {
    const whole: boolean[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      const bench = await Bench.compacted();
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
});
