import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FetchMemory } from '#libs/core/log';
import { ReadAhead } from './read-ahead.js';
import { Segment } from './segment.js';

const SIZE = 1_000;
const content = Buffer.from(Array.from({ length: SIZE }, (_, i) => i % 251));
const segmentAt = (baseOffset: number): Segment => new Segment({ log: 1, topic: 1, partition: 0, baseOffset });

function readAhead() {
  const calls: [number, number][] = [];
  const ahead = new ReadAhead((_, position, length) => {
    calls.push([position, length]);
    return Promise.resolve(content.subarray(position, position + length));
  });
  const read = (segment: Segment, position: number, length: number): Promise<Uint8Array> =>
    ahead.read(segment, position, length, SIZE - position - length);
  return { ahead, calls, read };
}

describe('reading ahead', () => {
  it('gives what stands there, whoever reads what in which order', async () => {
    const segments = [segmentAt(0), segmentAt(7), segmentAt(9)];
    const steps = fc.array(
      fc.record({
        segment: fc.nat(2),
        // Often where the last read of that segment ended.
        position: fc.option(fc.nat(SIZE - 1), { freq: 2 }),
        length: fc.constantFrom(10, 10, 25, 300),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const { read, ahead } = readAhead();
        const ends = [0, 0, 0];
        for (const { segment, position, length } of all) {
          const from = Math.min(position ?? ends[segment]!, SIZE - 1);
          const bytes = await read(segments[segment]!, from, Math.min(length, SIZE - from));
          expect(Buffer.from(bytes)).toEqual(content.subarray(from, from + bytes.length));
          expect(bytes.length).toBe(Math.min(length, SIZE - from));
          ends[segment] = from + bytes.length;
          if (length === 300) ahead.forget(segments[segment]!);
        }
      }),
    );
  });

  it('begins when a read goes on where one ended, and not behind what may be read', async () => {
    const { read, calls } = readAhead();
    const segment = segmentAt(0);
    await read(segment, 0, 400);
    expect(calls).toEqual([[0, 400]]);
    await read(segment, 400, 400);
    expect(calls).toEqual([
      [0, 400],
      [400, 400],
      [800, 200],
    ]);
    await read(segment, 800, 200);
    expect(calls.length).toBe(3);
  });

  it('is for a bounded number of readers: the one that has not read for longest is forgotten', async () => {
    const { read, calls } = readAhead();
    const segments = Array.from({ length: 17 }, (_, i) => segmentAt(i));
    for (const segment of segments) await read(segment, 0, 10);
    await read(segments[0]!, 10, 10);
    expect(calls.length).toBe(18);
    await read(segments[16]!, 10, 10);
    expect(calls.length).toBe(20);
  });

  it('tells a failure to who comes for the bytes, and to nobody else', async () => {
    let failing = false;
    const ahead = new ReadAhead((_, position, length) =>
      failing ? Promise.reject(new Error('EIO')) : Promise.resolve(content.subarray(position, position + length)),
    );
    const segment = segmentAt(0);
    await ahead.read(segment, 0, 10, 990);
    const second = ahead.read(segment, 10, 10, 980);
    failing = true;
    const third = ahead.read(segment, 20, 10, 970);
    expect([(await second).length, (await third).length]).toEqual([10, 10]);
  });

  /** Readers of one segment that each hold what they read last, and what of it was overwritten meanwhile. */
  async function overwritten(
    steps: readonly { readonly reader: number; readonly length: number; readonly restart: boolean }[],
    memories: readonly (FetchMemory | undefined)[],
  ): Promise<number> {
    const ahead = new ReadAhead((_, position, length, into = Buffer.alloc(length)) => {
      const target = into.subarray(0, length);
      target.set(content.subarray(position, position + length));
      return Promise.resolve(target);
    });
    const segment = segmentAt(0);
    const readers = memories.map((memory) => ({ memory, end: 0, from: 0, held: new Uint8Array() as Uint8Array }));
    let wrong = 0;
    for (const { reader: number, length, restart } of steps) {
      const reader = readers[number]!;
      for (const { held, from } of readers) wrong += content.subarray(from, from + held.length).equals(held) ? 0 : 1;
      reader.memory?.begin();
      reader.from = restart || reader.end >= SIZE ? 0 : reader.end;
      const size = Math.min(length, SIZE - reader.from);
      reader.end = reader.from + size;
      reader.held = await ahead.read(segment, reader.from, size, SIZE - reader.end, reader.memory);
      wrong += content.subarray(reader.from, reader.end).equals(reader.held) ? 0 : 1;
    }
    return wrong;
  }

  it('into memory that readers lend changes nothing that one of them still holds; negative control: two that share one', async () => {
    const step = fc.record({ reader: fc.nat(2), length: fc.constantFrom(10, 25, 50), restart: fc.boolean() });
    const steps = fc.array(step, { minLength: 1, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        expect(await overwritten(all, [new FetchMemory(), new FetchMemory(), undefined])).toBe(0);
      }),
    );
    const shared = new FetchMemory();
    const turns = Array.from({ length: 40 }, (_, i) => ({ reader: i % 2, length: i % 2 ? 10 : 25, restart: false }));
    expect(await overwritten(turns, [shared, shared, undefined])).toBeGreaterThan(0);
  });
});
