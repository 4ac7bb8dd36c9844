import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import type { OperationRecord } from '#libs/core/operations';
import { ScanLifetime } from './scan-lifetime.js';
import { ScanPruning } from './scan-pruning.js';
import { namedById, ScanWorld } from './testing/index.js';

const HOUR = 3_600_000;
const signal = new AbortController().signal;

describe('what scans have found', () => {
  let world: ScanWorld;
  let clock: ManualClock;
  beforeEach(async () => {
    world = new ScanWorld();
    clock = new ManualClock(Date.now());
    world.lifetime = new ScanLifetime(clock, 10 * HOUR);
    await world.log.createTopic({ name: 'orders', partitions: 2 });
    await world.append('orders', 0, [namedById(1)]);
  });

  async function ended(request = {}): Promise<string> {
    const scan = await world.start(world.usageHandler(), request);
    await world.run(scan, world.usageHandler());
    return scan;
  }
  const totals = (scan: string) => world.usages().totals(scan, () => true, { after: '', limit: 10 });
  const census = (scan: string) => world.usages().census([], scan, signal);
  const kept = async () => {
    const found: string[] = [];
    for (let scan = await world.scans.next(''); scan !== undefined; scan = await world.scans.next(scan))
      found.push(scan);
    return found;
  };
  const pruning = (operations: Record<string, Partial<OperationRecord>>) =>
    new ScanPruning({
      scans: world.scans,
      operations: { operation: async (id) => operations[id] as OperationRecord | undefined },
      lifetime: world.lifetime,
      clock,
    });

  it('is told until its time is over, and then that it was, whether it has been removed or not', async () => {
    const scan = await ended();
    const replayHandler = world.replayHandler();
    const replay = await world.start(replayHandler, { topic: 'orders', schema: '"int"' });
    await world.run(replay, replayHandler);
    clock.advance(9 * HOUR);
    expect((await totals(scan)).totals).toHaveLength(1);
    expect((await world.replays().result(replay)).over).toBe(true);
    clock.advance(2 * HOUR);
    const expired = { code: 'scan-expired', kind: 'gone' };
    await expect(totals(scan)).rejects.toMatchObject({ ...expired, details: { scan } });
    await expect(census(scan)).rejects.toMatchObject(expired);
    await expect(world.replays().result(replay)).rejects.toMatchObject(expired);
    const mayNotKnow = () => {
      throw new Error('not yours');
    };
    await expect(world.replays().result(replay, mayNotKnow)).rejects.toThrow('not yours');
    expect(world.usageHandler().isSpent(Date.now())).toBe(true);
  });

  it('is kept while the scan has not ended, and for ever where that is wished', async () => {
    const scan = await world.start(world.usageHandler(), {});
    await world.run(scan, world.usageHandler(), 0);
    clock.advance(1_000 * HOUR);
    expect((await totals(scan)).complete).toBe(false);
    world.lifetime = new ScanLifetime(clock, 0);
    const other = await ended();
    clock.advance(1_000 * HOUR);
    expect((await totals(other)).complete).toBe(true);
    expect(world.usageHandler().isSpent(0)).toBe(false);
  });

  it('is removed when its time is over, when it was cancelled, or when nobody knows of it; nothing else is', async () => {
    const [old, young, live, cancelled, stray] = [
      await ended(),
      await ended(),
      await ended(),
      await ended(),
      await ended(),
    ];
    const now = clock.now();
    await pruning({
      [old]: { phase: 'FINISHED', endedAt: now - 10 * HOUR },
      [young]: { phase: 'FINISHED', endedAt: now - 9 * HOUR },
      [live]: { phase: 'VERIFYING', endedAt: null },
      [cancelled]: { phase: 'CANCELLED', endedAt: now },
    }).prune(signal);
    expect(await kept()).toEqual([young, live]);
    expect([old, cancelled, stray].some((scan) => scan === young)).toBe(false);
  });

  it('is looked over at once and every hour', async () => {
    const scan = await ended();
    const stop = new AbortController();
    const endedAt = clock.now();
    const running = pruning({ [scan]: { phase: 'FINISHED', endedAt } }).run(stop.signal);
    for (let hour = 0; hour < 10; hour++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(await kept()).toEqual([scan]);
      clock.advance(HOUR);
    }
    await expect.poll(kept).toEqual([]);
    stop.abort(new Error('stopped'));
    await expect(running).rejects.toThrow('stopped');
  });
});
