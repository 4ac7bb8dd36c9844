import { describe, expect, it } from 'vitest';
import type { BatchHeader } from './batch-header.js';
import { ProducerStates } from './producer-states.js';

const header = (baseSequence: number, count = 1, producerEpoch = 0, producerId = 7): BatchHeader =>
  ({ producerId, producerEpoch, baseSequence, lastOffsetDelta: count - 1, recordCount: count }) as BatchHeader;
const code = (name: string): unknown => expect.objectContaining({ code: name });

function after(...batches: [BatchHeader, number][]): ProducerStates {
  const states = new ProducerStates();
  for (const [one, base] of batches) {
    expect(states.check(one)).toBeUndefined();
    states.note(one, base, 1_000);
  }
  return states;
}

describe('producers of a partition', () => {
  it('a repeated batch is recognised while it is among the last five', () => {
    const states = after(
      ...Array.from({ length: 7 }, (_, i): [BatchHeader, number] => [header(i * 2, 2), 100 + i * 2]),
    );
    for (let i = 2; i < 7; i++)
      expect(states.check(header(i * 2, 2))).toMatchObject({ baseOffset: 100 + i * 2, lastOffset: 101 + i * 2 });
    expect(() => states.check(header(2, 2))).toThrow(code('out-of-order-sequence'));
  });

  it('negative control: same start with another length is no repetition', () => {
    expect(() => after([header(0, 2), 0]).check(header(0, 3))).toThrow(code('out-of-order-sequence'));
  });

  it('a gap in the sequence is refused', () => {
    expect(() => after([header(0, 3), 0]).check(header(4))).toThrow(code('out-of-order-sequence'));
  });

  it('sequences go round after 2147483647', () => {
    const states = after([header(2_147_483_646, 2), 0]);
    expect(states.check(header(0))).toBeUndefined();
    expect(() => states.check(header(1))).toThrow(code('out-of-order-sequence'));
  });

  it('a batch may itself cross the end of the sequences', () => {
    const states = after([header(2_147_483_646, 4), 0]);
    expect(states.check(header(2_147_483_646, 4))).toMatchObject({ lastSequence: 1 });
    expect(states.check(header(2))).toBeUndefined();
  });

  it('a new epoch begins at 0 and ends the old one', () => {
    const states = after([header(0), 0]);
    expect(() => states.check(header(1, 1, 1))).toThrow(code('out-of-order-sequence'));
    expect(states.check(header(0, 1, 1))).toBeUndefined();
    states.note(header(0, 1, 1), 5, 2_000);
    expect(() => states.check(header(0, 1, 0))).toThrow(code('stale-producer-epoch'));
  });

  it('an unknown producer begins anywhere, and batches without one are none of its business', () => {
    const states = new ProducerStates();
    expect(states.check(header(55))).toBeUndefined();
    states.note(header(-1, 1, -1, -1), 0, 0);
    expect(states.all()).toEqual([]);
  });

  it('a snapshot restores everything, and what is old is forgotten', () => {
    const states = after([header(0), 0], [header(0, 1, 0, 8), 1]);
    const restored = new ProducerStates();
    restored.restore(states.all());
    expect(restored.check(header(0))).toMatchObject({ baseOffset: 0 });
    restored.expire(1_001);
    expect(restored.all()).toEqual([]);
  });
});
