import { describe, expect, it } from 'vitest';
import { encodeBatch } from './batch-encoder.js';
import { FetchMemory } from './fetch-memory.js';
import { MemoryLogEngine } from './testing/index.js';

describe('memory lent to fetches', () => {
  it('is used again when the next fetch begins, and not before', () => {
    const memory = new FetchMemory();
    memory.begin();
    const first = memory.take(300_000);
    memory.answer(first);
    expect(memory.take(300_000) === first).toBe(false);
    memory.begin();
    expect(memory.take(200_000) === first).toBe(true);
  });

  it('that was taken and has answered nothing is never given out again', () => {
    const memory = new FetchMemory();
    const reading = memory.take(1_000);
    memory.begin();
    expect(memory.take(1_000) === reading).toBe(false);
  });

  it('is kept up to a bound', () => {
    const memory = new FetchMemory();
    const pieces = Array.from({ length: 20 }, () => memory.take(1024 * 1024));
    for (const piece of pieces) memory.answer(piece);
    memory.begin();
    const again = Array.from({ length: 20 }, () => memory.take(1024 * 1024));
    expect(again.filter((piece) => pieces.includes(piece))).toHaveLength(8);
  });

  it('that is lent to one reader after another is kept up to the bound it was given, and free when a reader says so', () => {
    const memory = new FetchMemory({ readsAhead: false, keptBytes: 200_000 });
    const pieces = Array.from({ length: 3 }, () => memory.take(90_000));
    for (const piece of pieces) memory.answer(piece);
    memory.begin();
    const again = Array.from({ length: 3 }, () => memory.take(90_000));
    expect(again.filter((piece) => pieces.includes(piece))).toHaveLength(2);
    expect([memory.readsAhead, new FetchMemory().readsAhead]).toEqual([false, true]);
  });

  it('negative control: in the double, an answer that is kept beyond the next fetch is spoiled, and one without lent memory is not', async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 't', partitions: 1 });
    const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1 }]);
    await engine.append({ topic: 't', partition: 0 }, batch);
    const fetch = async (offset: number, memory?: FetchMemory): Promise<Uint8Array | undefined> => {
      const positions = [{ topic: 't', partition: 0, offset }];
      const [part] = await engine.fetch({ positions, maxBytes: 1_000, memory });
      return part!.batches[0];
    };
    const memory = new FetchMemory();
    const [lent, own] = [await fetch(0, memory), await fetch(0)];
    const before = Buffer.from(own!);
    expect(before.equals(lent!)).toBe(true);
    await fetch(1, memory);
    await fetch(1);
    expect([before.equals(lent!), before.equals(own!)]).toEqual([false, true]);
  });
});
