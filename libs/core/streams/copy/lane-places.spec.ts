import { describe, expect, it } from 'vitest';
import { encodeBatch, type FetchRequest } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { KeyRouter } from '../repartition/routers.js';
import { LaneCopy } from './lane-copy.js';
import { LanePlaces } from './lane-places.js';
import type { CopyRun } from './live-copy.js';

const TOPICS = ['a', 'b', 'c'];

/** How many lanes were at work at the same time at most, of copies of several topics. */
async function mostAtWork(run: Omit<CopyRun, 'signal' | 'pace' | 'report'>): Promise<number> {
  const engine = new MemoryLogEngine();
  const fetch = engine.fetch.bind(engine);
  let [now, most] = [0, 0];
  engine.fetch = async (request: FetchRequest) => {
    most = Math.max(most, ++now);
    // Others come to their turn meanwhile.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    const fetched = await fetch(request);
    now--;
    return fetched;
  };
  const copies: LaneCopy[] = [];
  for (const topic of TOPICS) {
    await engine.createTopic({ name: topic, partitions: 2 });
    await engine.createTopic({ name: `new-${topic}`, partitions: 2, state: 'FENCED' });
    await engine.createTopic({ name: `__map-${topic}`, partitions: 2 });
    for (let n = 0; n < 10; n++) {
      const record = { key: Buffer.from([n]), value: Buffer.alloc(100), headers: [], timestamp: n };
      await engine.append({ topic, partition: n % 2 }, encodeBatch([record]));
    }
    const router = new KeyRouter({ sources: 2, targets: 2, partitioner: 'murmur2', nullKeys: 'spread' });
    const spec = { writerPrefix: topic, source: topic, target: `new-${topic}`, map: `__map-${topic}`, router };
    const opened = { ...spec, deadLetters: undefined, startOffsets: [0, 0] };
    copies.push(await LaneCopy.open(engine, opened, { stepBytes: 300, parallel: 2, tailWaitMs: 1 }));
  }
  const one = { signal: new AbortController().signal, pace: async () => undefined, report: () => undefined };
  await Promise.all(copies.map(async (copy) => copy.copyTo(await copy.sourceEnds(), { ...one, ...run })));
  for (const copy of copies) {
    expect(copy.lag).toBe(0);
    await copy.close();
  }
  return most;
}

describe('places of lanes', () => {
  it('are shared by the copies of one operation, so that no more lanes are at work than of one of them', async () => {
    const places = new LanePlaces(2);
    expect(await mostAtWork({ places: places.of('op-1') })).toBe(2);
    expect(places.of('op-1')).not.toBe(places.of('op-2'));
  });

  it('negative control: each by itself, more are', async () => {
    expect(await mostAtWork({})).toBeGreaterThan(2);
  });
});
