import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { knownOffsets, knownRecords, leaderlessPartition } from './leaderless-partition.js';

const refusal = () => new AppError({ kind: 'unavailable', code: 'cluster-unavailable', message: 'Nobody leads it.' });

describe('a partition that nobody leads', () => {
  it('is shown without offsets, and refused to whoever wants them, also to a copy of the description', () => {
    const partition = leaderlessPartition(3, refusal);
    expect(knownRecords([partition])).toBeNull();
    expect([partition.partition, partition.health, knownOffsets(partition)]).toEqual([3, 'leaderless', null]);
    for (const wants of [
      () => partition.startOffset,
      () => partition.endOffset,
      () => ({ ...partition }),
      () => JSON.stringify(partition),
    ])
      expect(wants).toThrow('Nobody leads it.');
  });

  it('control: of another the offsets are known', () => {
    const partition = { partition: 0, startOffset: 1, endOffset: 2, sizeBytes: null, health: 'ok' } as const;
    expect(knownOffsets(partition)).toEqual({ startOffset: 1, endOffset: 2 });
    expect(knownRecords([partition, partition])).toBe(2);
  });
});
