import { describe, expect, it } from 'vitest';
import { drawn } from './drawn.js';

const CASES = Array.from({ length: 20 }, (_, n) => n);
const DRAWS = Array.from({ length: 100 }, (_, n) => String(n));

describe('cases that are drawn', () => {
  it('are the same with the same draw, so many, and in their order', () => {
    const some = drawn('steps', CASES, 5, '7');
    expect(some).toEqual(drawn('steps', CASES, 5, '7'));
    expect(some).toHaveLength(5);
    expect(some).toEqual([...some].sort((a, b) => a - b));
  });

  it('all have their turn', () => {
    expect(new Set(DRAWS.flatMap((draw) => drawn('steps', CASES, 5, draw))).size).toBe(CASES.length);
  });

  it('are others under another name', () => {
    const differ = DRAWS.filter((draw) => String(drawn('a', CASES, 5, draw)) !== String(drawn('b', CASES, 5, draw)));
    expect(differ.length).toBeGreaterThan(90);
  });

  it('are all of them where there are no more, or all are asked for', () => {
    expect(drawn('steps', CASES, 5, 'all')).toEqual(CASES);
    expect(drawn('steps', CASES.slice(0, 5), 5, '7')).toEqual(CASES.slice(0, 5));
  });
});
