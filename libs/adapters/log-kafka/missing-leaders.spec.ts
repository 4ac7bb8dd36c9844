import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { MissingLeaders } from './missing-leaders.js';

const layout = (...leaders: number[]) => ({ name: 't', id: 'id', leaders });

describe('partitions that nobody leads', () => {
  it('are waited for while one may be elected, and told when none was', () => {
    const clock = new ManualClock();
    const missing = new MissingLeaders(clock);
    expect(() => missing.among([layout(1, -1)], false)).toThrow('leader of t/1');
    clock.advance(4_999);
    expect(() => missing.among([layout(1, -1)], false)).toThrow('leader of t/1');
    clock.advance(1);
    expect([...missing.among([layout(1, -1)], false)]).toEqual(['t/1']);
    expect(() => missing.among([layout(-1, -1)], false)).toThrow('leader of t/0');
  });

  it('are waited for anew when they had a leader meanwhile, or were not there', () => {
    const clock = new ManualClock();
    const missing = new MissingLeaders(clock);
    for (const between of [() => missing.among([layout(1)], false), () => missing.among([], true)]) {
      expect(() => missing.among([layout(-1)], true)).toThrow('leader of t/0');
      clock.advance(5_000);
      expect(missing.among([layout(-1)], true).size).toBe(1);
      expect(between().size).toBe(0);
    }
  });
});
