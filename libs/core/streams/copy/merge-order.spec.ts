import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MergeOrder, type RecordSequence } from './merge-order.js';

interface Time {
  readonly timestamp: number;
  readonly offset: number;
}

const record = (timestamp: number, offset: number): Time => ({ timestamp, offset });

/** Some records of a partition, as a batch has them. */
class Times implements RecordSequence {
  timestamp = 0;
  offset = 0;
  #next = 0;

  constructor(private readonly records: readonly Time[]) {}

  next(): boolean {
    const record = this.records[this.#next++];
    if (record !== undefined) ({ timestamp: this.timestamp, offset: this.offset } = record);
    return record !== undefined;
  }
}

/** Times per partition; −1 is none. */
const anyTimes = fc.array(fc.array(fc.integer({ min: -1, max: 12 }), { maxLength: 12 }), {
  minLength: 1,
  maxLength: 5,
});

/** By the latest time so far in its own partition, then by partition, then by offset: said without a merge. */
function expected(times: readonly (readonly number[])[]): [partition: number, offset: number][] {
  return times
    .flatMap((list, partition) =>
      list.map((_, offset) => ({ partition, offset, time: Math.max(...list.slice(0, offset + 1)) })),
    )
    .sort((a, b) => a.time - b.time || a.partition - b.partition || a.offset - b.offset)
    .map(({ partition, offset }) => [partition, offset]);
}

/** Merges everything, partitions given their records a few at a time, never one unknown that has more. */
function merged(order: MergeOrder<Times>, times: readonly (readonly number[])[], some: number, until = Infinity) {
  const given = times.map(() => 0);
  const taken: [number, number][] = [];
  for (;;) {
    for (const [partition, list] of times.entries()) {
      const from = given[partition]!;
      if (order.headOf(partition) !== undefined || from === list.length) continue;
      const more = list.slice(from, from + some).map((time, i) => record(time, from + i));
      order.offer(partition, [new Times(more)], from);
      given[partition] = from + more.length;
    }
    const next = order.next();
    if (next < 0 || taken.length === until) return taken;
    taken.push([next, order.headOf(next)!.offset]);
    order.take(next);
  }
}

describe('the order of a merge', () => {
  it('is by time, then partition, each partition in its own order, however its records arrive', () => {
    fc.assert(
      fc.property(anyTimes, fc.integer({ min: 1, max: 5 }), (times, some) => {
        expect(merged(new MergeOrder<Times>(times.length), times, some)).toEqual(expected(times));
      }),
    );
  });

  it('goes on the same way from what was remembered, wherever it was cut off', () => {
    fc.assert(
      fc.property(anyTimes, fc.nat(40), (times, cut) => {
        const whole = new MergeOrder<Times>(times.length);
        const all = merged(whole, times, 2);
        const first = new MergeOrder<Times>(times.length);
        const head = merged(first, times, 3, cut);
        const read = times.map((_, partition) => head.filter(([one]) => one === partition).length);
        const second = new MergeOrder<Times>(times.length, first.state);
        const rest = merged(
          second,
          times.map((list, partition) => list.slice(read[partition])),
          1,
        ).map(([partition, offset]): [number, number] => [partition, offset + read[partition]!]);
        expect([...head, ...rest]).toEqual(all);
        expect(second.state).toEqual(whole.state);
      }),
    );
  });

  it('counts what comes behind a record of a later time', () => {
    fc.assert(
      fc.property(anyTimes, (times) => {
        const order = new MergeOrder<Times>(times.length);
        const taken = merged(order, times, 2).map(([partition, offset]) => times[partition]![offset]!);
        const late = taken.filter((time, i) => time >= 0 && time < Math.max(...taken.slice(0, i), -1)).length;
        expect(order.state).toMatchObject({ late, latest: Math.max(-1, ...taken) });
      }),
    );
    const inOrder = new MergeOrder<Times>(2);
    merged(
      inOrder,
      [
        [1, 3, 5],
        [2, 4],
      ],
      1,
    );
    expect(inOrder.state.late).toBe(0);
  });

  it('passes over what a batch begins with below the place that is read from, and takes batches that are offered before the former are taken', () => {
    const order = new MergeOrder<Times>(1);
    order.offer(0, [new Times([record(1, 0), record(2, 1)]), new Times([]), new Times([record(3, 2)])], 1);
    order.offer(0, [new Times([record(3, 2), record(4, 3)])], 3);
    const taken: number[] = [];
    for (; order.complete; order.take(0)) taken.push(order.headOf(0)!.offset);
    expect([taken, order.headOf(0)]).toEqual([[1, 2, 3], undefined]);
  });

  it('knows when a partition without news may still have to come first', () => {
    const order = new MergeOrder<Times>(3);
    order.offer(0, [new Times([record(5, 0)])], 0);
    order.offer(1, [new Times([record(7, 0)])], 0);
    order.take(0);
    expect(order.next()).toBe(1);
    expect([order.mayPrecede(0, 1), order.mayPrecede(2, 1)]).toEqual([true, true]);
    order.offer(2, [new Times([record(7, 0), record(9, 1)])], 0);
    order.offer(0, [new Times([record(7, 1), record(8, 2)])], 1);
    order.take(0);
    // Its last record was of the same time: another one would come first only from a smaller partition number.
    expect(order.next()).toBe(1);
    order.take(1);
    expect(order.next()).toBe(2);
    expect(order.mayPrecede(1, 2)).toBe(true);
    order.take(2);
    expect(order.next()).toBe(0);
    expect(order.mayPrecede(1, 0)).toBe(true);
    order.take(0);
    expect(order.mayPrecede(0, 2)).toBe(true);
  });
});
