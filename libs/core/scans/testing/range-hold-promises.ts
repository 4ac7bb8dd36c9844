import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch, type LogEngine } from '#libs/core/log';
import { UsageHandler } from '../usage/usage-handler.js';
import type { ScanTools } from '../scan-handler.js';
import { ScanWorld } from './scan-world.js';

/** A log of which retention takes what nobody holds. */
export interface RetainingLog {
  readonly engine: LogEngine;
  /** Settings of a topic of which retention takes all it can. */
  readonly config: Readonly<Record<string, string>>;
  /** Lets retention take what it can of a topic. */
  retain(topic: string): Promise<void>;
  dispose(): Promise<void>;
}

const BATCHES = 8;

/** What a scan promises about the records that it planned to read, over any engine that knows holds. */
export function rangeHoldPromises(name: string, open: () => Promise<RetainingLog>): void {
  describe(`what a scan has planned to read, on ${name}`, () => {
    let log: RetainingLog;
    let world: ScanWorld;
    beforeEach(async () => {
      log = await open();
      world = new ScanWorld({ there: log.engine });
      await log.engine.createTopic({ name: 'orders', partitions: 1, config: log.config });
      for (let n = 0; n < BATCHES; n++) await append();
    });
    afterEach(() => log.dispose());

    async function append(): Promise<void> {
      const record = { key: null, value: Buffer.alloc(40_000, 1), headers: [], timestamp: -1 };
      await log.engine.append({ topic: 'orders', partition: 0 }, encodeBatch([record]));
    }

    const handler = (failPoint: (name: string) => Promise<void>, more: Partial<ScanTools> = {}): UsageHandler =>
      new UsageHandler({ ...world, ...more, failPoint });
    const start = async (): Promise<number> => (await log.engine.describeTopic('orders')).partitions[0]!.startOffset;
    const holds = async () => (await log.engine.listRetentionHolds()).map(({ id }) => id);

    /** Runs a scan, with retention after each of its steps. @returns offsets that were gone before they could be read. */
    async function goneUnderRetention(more: Partial<ScanTools> = {}): Promise<number> {
      const scanning = handler(() => log.retain('orders'), more);
      const scan = await world.start(scanning, { cluster: 'there' });
      expect(await world.run(scan, scanning)).toBe(true);
      const [part] = await world.scans.parts(scan, -1, 1);
      expect(part).toMatchObject({ position: BATCHES, trouble: null });
      return part!.gone;
    }

    it('stays until it has been read, whatever retention would take, and goes afterwards', async () => {
      expect(await goneUnderRetention()).toBe(0);
      expect(await holds()).toEqual([]);
      await log.retain('orders');
      expect(await start()).toBeGreaterThan(0);
    });

    it('negative control: without the hold, retention takes it under the scan', async () => {
      const unheld = new Proxy(log.engine, {
        get: (engine, name) => {
          const value: unknown = Reflect.get(engine, name, engine);
          if (name === 'holdRetention') return async () => undefined;
          return typeof value === 'function' ? (value.bind(engine) as unknown) : value;
        },
      });
      expect(await goneUnderRetention({ clusters: new ScanWorld({ there: unheld }).clusters })).toBeGreaterThan(0);
    });

    it('stays while the scan is paused, and goes when it is cancelled', async () => {
      const pause = new AbortController();
      const scanning = handler(async (at) => {
        if (at === 'scan:read') pause.abort(new Error('paused'));
      });
      const scan = await world.start(scanning, { cluster: 'there' });
      await expect(world.run(scan, scanning, Infinity, pause.signal)).rejects.toThrow('paused');
      await log.retain('orders');
      expect([await start(), await holds()]).toEqual([0, [`scan-${scan}`]]);
      await world.cancel(scan, scanning);
      expect(await holds()).toEqual([]);
    });

    it('goes when the scan fails, and is held again when it goes on', async () => {
      let fails = true;
      const held: string[][] = [];
      const scanning = handler(async (at) => {
        held.push(await holds());
        if (fails && at === 'scan:read') throw new Error('broken');
      });
      const scan = await world.start(scanning, { cluster: 'there' });
      await expect(world.run(scan, scanning)).rejects.toThrow('broken');
      expect(await holds()).toEqual([]);
      fails = false;
      expect(await world.run(scan, scanning)).toBe(true);
      expect(new Set(held.flat())).toEqual(new Set([`scan-${scan}`]));
      expect(await holds()).toEqual([]);
    });

    it('of a topic that was deleted since the plan keeps the others held', async () => {
      await log.engine.createTopic({ name: 'gone', partitions: 1 });
      const record = { key: null, value: Buffer.from('x'), headers: [], timestamp: -1 };
      await log.engine.append({ topic: 'gone', partition: 0 }, encodeBatch([record]));
      const scanning = handler(() => log.retain('orders'));
      const scan = await world.start(scanning, { cluster: 'there' });
      await log.engine.deleteTopic('gone');
      expect(await world.run(scan, scanning)).toBe(true);
      const parts = await world.scans.parts(scan, -1, 5);
      expect(parts.map(({ gone, trouble }) => [gone, trouble?.code])).toEqual([
        [0, 'topic-gone'],
        [0, undefined],
      ]);
    });
  });
}
