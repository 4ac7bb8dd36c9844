import { describe, expect, it } from 'vitest';
import { type Kept, ThinnedHistory } from './thinned-history.js';

/** a#0 a#1 a#2(?) b#0 b-tombstone c#0, at 0 … 5; nobody knows of a#2. */
function history(): ThinnedHistory {
  const made = new ThinnedHistory();
  made.note('a', 0).offset = 0;
  made.note('a', 1).offset = 1;
  made.note('a', 2);
  made.note('b', 0).offset = 3;
  made.note('b', null).offset = 4;
  made.note('c', 0).offset = 5;
  return made;
}
const kept = (key: string, number: number | null, offset: number): Kept => ({ key, number, offset });
const all = [kept('a', 0, 0), kept('a', 1, 1), kept('b', 0, 3), kept('b', null, 4), kept('c', 0, 5)];

describe('the checker of logs of which records go', () => {
  it.each([
    ['all of it', all],
    ['with the record nobody knows of', [...all.slice(0, 2), kept('a', 2, 2), ...all.slice(2)]],
    ['compacted', [kept('a', 1, 1), kept('b', null, 4), kept('c', 0, 5)]],
    ['compacted, with the tombstone gone', [kept('a', 2, 2), kept('c', 0, 5)]],
  ])('finds nothing wrong with what is right: %s', (_what, found) => {
    expect(history().ofCompacted(found)).toEqual([]);
  });

  it('finds nothing wrong with a beginning that went', () => {
    for (const start of [0, 1, 3, 5, 6]) {
      const left = all.filter((one) => one.offset >= start);
      expect(history().ofBeginningAt(start, left)).toEqual([]);
    }
  });

  it.each([
    ['a newest record that is gone', [kept('b', null, 4), kept('c', 0, 5)], 'lost: a#1 at 1'],
    [
      'an older record in place of the newest',
      [kept('a', 0, 0), kept('b', null, 4), kept('c', 0, 5)],
      'older than what was acknowledged: a#0 at 0, not a#1 at 1',
    ],
    [
      'a record that came back from under its tombstone',
      [kept('a', 1, 1), kept('b', 0, 3), kept('c', 0, 5)],
      'older than what was acknowledged: b#0 at 3, not b#tombstone at 4',
    ],
    [
      'a record in the place of another',
      [kept('a', 1, 1), kept('c', 0, 4), kept('c', 0, 5)],
      'in the place of b#tombstone at 4: c#0 at 4',
    ],
    ['a record nobody sent', [...all, kept('c', 7, 6)], 'never sent, or there twice: c#7 at 6'],
    [
      'a record that is there twice',
      [...all, kept('a', 2, 6), kept('a', 2, 7)],
      'never sent, or there twice: a#2 at 7',
    ],
  ])('finds %s', (_what, found, problem) => {
    expect(history().ofCompacted(found)).toContain(problem);
  });

  it.each([
    ['a hole', all.filter((one) => one.offset !== 3), 'lost: b#0 at 3'],
    ['what was deleted', all, 'was to be gone: a#0 at 0'],
  ])('finds %s behind a beginning', (_what, found, problem) => {
    expect(history().ofBeginningAt(1, found)).toContain(problem);
  });
});
