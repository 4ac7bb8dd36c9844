import { describe, expect, it } from 'vitest';
import { type Found, ProducerHistory } from './history.js';

const history = (): ProducerHistory => {
  const made = new ProducerHistory();
  for (const number of [0, 1, 2, 4]) made.note('a', number, 'acknowledged');
  made.note('a', 3, 'unknown');
  made.note('b', 0, 'acknowledged');
  return made;
};
const found = (key: string, number: number, offset: number, partition = 0): Found => ({
  key,
  number,
  offset,
  partition,
});
const good = [found('a', 0, 0), found('a', 1, 1), found('b', 0, 2, 1), found('a', 2, 3), found('a', 4, 4)];

describe('the checker of crash rounds', () => {
  it('finds nothing wrong with what is right, with and without the record nobody knows of', () => {
    expect(history().contradictions(good)).toEqual([]);
    expect(history().contradictions([...good.slice(0, 4), found('a', 3, 4), found('a', 4, 5)])).toEqual([]);
  });

  it.each([
    ['a lost record', good.slice(0, 4), 'lost: a#4'],
    ['a record that is there twice', [...good, found('a', 4, 5)], 'twice: a#4 at 0/5'],
    ['a record nobody sent', [...good, found('a', 9, 5)], 'never sent: a#9 at 0/5'],
    ['records out of order', [good[1]!, good[0]!, ...good.slice(2)], 'out of order: a#0 at 0/0 after #1'],
    ['a key in two partitions', [...good.slice(0, 4), found('a', 4, 0, 2)], 'in two partitions: a#4 at 2/0 and 0'],
  ])('finds %s', (_what, log, problem) => {
    expect(history().contradictions(log)).toContain(problem);
  });
});
