import { describe, expect, it } from 'vitest';
import { StepBudget } from '../step-budget.js';
import { isPattern, PatternFinder } from './regex.js';

describe('regular expressions of users', () => {
  it.each(['^a+$', '(?<=a)b', '(a)\\1', '(?i)abc', '\\Qa.b\\E', '\\p{L}+', `(?i)${'[a-z]{1000}'.repeat(90)}`])(
    'takes what Java or JavaScript would take: %s',
    (pattern) => expect(isPattern(pattern)).toBe(true),
  );

  it.each(['a**', '(', '[', '(?i)(', `(?i)${'x'.repeat(2_000)}`])('refuses what neither would: %s', (pattern) =>
    expect(isPattern(pattern)).toBe(false),
  );

  it('finds patterns in names, and never runs one that the linear engine does not take', () => {
    const finder = new PatternFinder(() => undefined);
    expect(finder.finds('^x-', 'x-y')).toBe(true);
    expect(finder.finds('^x-', 'y-x')).toBe(false);
    expect(finder.finds('(?=x)x', 'x')).toBe(false);
    expect(finder.finds('(a|a)*$', 'a'.repeat(10_000))).toBe(true);
  });

  it('counts repetitions as often as they are written out, and keeps patterns that grow too large as text', () => {
    const spent = (pattern: string, name: string): number => {
      const steps = new StepBudget(10_000_000);
      new PatternFinder((n) => steps.spend(n)).finds(pattern, name);
      return steps.total - steps.left;
    };
    expect(spent('(a{30}){30}', 'b')).toBeGreaterThan(900);
    expect(spent('^a', 'b')).toBeLessThan(50);
    expect(spent('a{1000}', 'a'.repeat(1_000))).toBeGreaterThan(100_000);
    const finder = new PatternFinder(() => undefined);
    expect(finder.finds('a{1000}'.repeat(9), 'a'.repeat(9_000))).toBe(true);
    expect(finder.finds('a{1000}'.repeat(11), 'a'.repeat(11_000))).toBe(false);
  });
});
