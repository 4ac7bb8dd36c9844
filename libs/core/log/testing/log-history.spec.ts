import { describe, expect, it } from 'vitest';
import { breachesOf, type HistoryWrite } from './log-history.js';

const ref = { topic: 't', partition: 0 };
const write = (producer: string, sequence: number, offset: number | undefined, refused = false): HistoryWrite => ({
  ...ref,
  producer,
  sequence,
  value: `${producer}${sequence}`,
  refused,
  ...(offset === undefined ? {} : { acknowledged: { offset } }),
});
const read = (...values: [number, string][]) => [
  { ...ref, records: values.map(([offset, value]) => ({ offset, value: Buffer.from(value) })) },
];
const WRITES = [write('a', 0, 0), write('b', 0, 1), write('a', 1, 2)];

describe('history of a log', () => {
  it('has no breaches when everything is where it was acknowledged', () => {
    expect(breachesOf(WRITES, read([0, 'a0'], [1, 'b0'], [2, 'a1']))).toEqual([]);
  });

  it('a write of unknown outcome may be there or not', () => {
    const writes = [...WRITES, write('c', 0, undefined)];
    expect(breachesOf(writes, read([0, 'a0'], [1, 'b0'], [2, 'a1']))).toEqual([]);
    expect(breachesOf(writes, read([0, 'a0'], [1, 'b0'], [2, 'a1'], [3, 'c0']))).toEqual([]);
  });

  it.each([
    ['a lost write', WRITES, read([0, 'a0'], [1, 'b0']), "lost 'a1'"],
    ['a doubled write', WRITES, read([0, 'a0'], [1, 'b0'], [2, 'a1'], [3, 'a1']), 'and again at'],
    ['a write elsewhere than acknowledged', WRITES, read([0, 'a0'], [1, 'b0'], [5, 'a1']), 'was acknowledged at 2'],
    [
      'writes of a producer exchanged',
      [write('a', 0, undefined), write('a', 1, undefined)],
      read([0, 'a1'], [1, 'a0']),
      'lies behind',
    ],
    ['offsets that go back', WRITES, read([1, 'b0'], [0, 'a0'], [2, 'a1']), 'follows 1'],
    ['a record nobody wrote', WRITES, read([0, 'a0'], [1, 'b0'], [2, 'a1'], [3, 'x']), "phantom 'x'"],
    ['a refused write that is there', [write('a', 0, undefined, true)], read([0, 'a0']), "refused 'a0'"],
    ['a write in another partition', [{ ...write('a', 0, undefined), partition: 1 }], read([0, 'a0']), 'strayed'],
  ])('negative control: %s is found', (_what, writes, reads, finding) => {
    expect(breachesOf(writes, reads).join('; ')).toContain(finding);
  });
});
