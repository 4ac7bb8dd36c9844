import { describe, expect, it } from 'vitest';
import { reasonOf } from './reason.js';

describe('the reason of a change', () => {
  it('is text, percent-encoded or not', () => {
    expect([undefined, 'moved to team B', 'f%C3%BCr%20B%20%E2%80%94%20CHG-1', '50% more'].map(reasonOf)).toEqual([
      undefined,
      'moved to team B',
      'für B — CHG-1',
      '50% more',
    ]);
  });

  it('is refused when it is empty, long, or could forge a line of a log', () => {
    for (const header of ['', ' ', 'x'.repeat(501), 'a%0Ab', 'a%1b[2J', 'a%C2%85b'])
      expect(() => reasonOf(header)).toThrow(expect.objectContaining({ code: 'invalid-reason' }) as Error);
  });
});
