import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, type FetchRequest } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { UnreadAges } from './unread-ages.js';

/** A log that counts what is asked of it, and takes time for it. */
class SlowLog extends MemoryLogEngine {
  fetches = 0;
  readonly time = new ManualClock();
  override async fetch(request: FetchRequest) {
    this.fetches++;
    this.time.advance(10);
    return super.fetch(request);
  }
}

async function logWith(partitions: number, bytes = 1) {
  const engine = new SlowLog();
  await engine.createTopic({ name: 't', partitions });
  for (let partition = 0; partition < partitions; partition++) {
    const records = [0, 1, 2].map((n) => ({
      key: null,
      value: Buffer.alloc(bytes),
      headers: [],
      timestamp: n === 2 ? -1 : 1_000 * partition + n,
    }));
    await engine.append({ topic: 't', partition }, encodeBatch(records));
  }
  return engine;
}

const at = (partition: number, offset: number) => ({ topic: 't', partition, offset });

describe('the age of what is unread', () => {
  it('is that of the record at the position, also in the middle of a batch; a record may say none', async () => {
    const engine = await logWith(2);
    const ages = new UnreadAges(engine.time);
    expect(await ages.find(engine, [at(0, 1), at(1, 0), at(1, 2)], 1_000)).toEqual([
      { timestampMs: 1, basis: 'record-time' },
      { timestampMs: 1_000, basis: 'record-time' },
      { timestampMs: null, basis: 'record-time' },
    ]);
  });

  it('is asked of the log once for a group that stands still', async () => {
    const engine = await logWith(3);
    const ages = new UnreadAges(engine.time);
    const positions = [at(0, 0), at(1, 0), at(2, 0)];
    const first = await ages.find(engine, positions, 1_000);
    const { fetches } = engine;
    expect(await ages.find(engine, positions, 1_000)).toEqual(first);
    expect(engine.fetches).toBe(fetches);
  });

  it('is left out where the time is over, and known the next time', async () => {
    const engine = await logWith(8, 300_000);
    const ages = new UnreadAges(engine.time);
    const positions = Array.from({ length: 8 }, (_, partition) => at(partition, 0));
    const known = async (): Promise<number> =>
      (await ages.find(engine, positions, 10)).filter((one) => one !== undefined).length;
    const first = await known();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(8);
    for (let n = 0; n < 8; n++) await known();
    expect(await known()).toBe(8);
  });

  it('is unknown where nothing can be read', async () => {
    const engine = await logWith(1);
    engine.dropBefore({ topic: 't', partition: 0 }, 3);
    const ages = new UnreadAges(engine.time);
    expect(await ages.find(engine, [at(0, 0), at(0, 3)], 1_000)).toEqual([undefined, undefined]);
  });
});
