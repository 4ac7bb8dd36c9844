import { describe, expect, it } from 'vitest';
import { contradictions, type Deed } from './history.js';

const deeds: Deed[] = [
  { name: 'a', begun: 1, ended: 2 },
  { name: 'b', begun: 3, ended: 6 },
  { name: 'c', begun: 5, ended: 7 },
  { name: 'd', begun: 8, ended: undefined },
  { name: 'e', begun: 9, ended: 10 },
];
const shown = (...names: string[]) => ({ begun: 4, ended: 9, names: new Set(names) });

describe('the checker of exports', () => {
  it.each([[['a']], [['a', 'b']], [['a', 'c']], [['a', 'b', 'c']], [['a', 'b', 'c', 'd']], [['a', 'b', 'c', 'e']]])(
    'finds nothing wrong with %j',
    (names) => {
      expect(contradictions(deeds, { ...shown(...names), ended: 11 })).toEqual([]);
    },
  );

  it('finds what is missing although it had ended before the export', () => {
    expect(contradictions(deeds, shown('b'))).toEqual(['a is missing']);
  });

  it('finds what is missing although something later is there', () => {
    expect(contradictions(deeds, shown('a', 'b', 'd'))).toEqual(['c is missing']);
  });

  it('finds what was done after the export', () => {
    expect(contradictions(deeds, { ...shown('a', 'b', 'c', 'e'), ended: 8 })).toEqual(['e was not yet']);
  });
});
