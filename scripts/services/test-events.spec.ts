import { describe, expect, it } from 'vitest';
import { TestEvents } from './test-events.mjs';

const summary = (code: number, ...lines: readonly (object | string)[]) => {
  const events = new TestEvents();
  for (const line of lines) events.take(typeof line === 'string' ? line : JSON.stringify(line));
  return events.summary(code);
};
const ended = (Test: string, Action = 'pass') => ({ Action, Test });
const wrote = (Test: string, Output: string) => ({ Action: 'output', Test, Output });

describe('the events of a test program', () => {
  it('count tests and not their groups', () => {
    expect(summary(0, ended('A/keeps_a_promise'), ended('A/another'), ended('A'), ended('alone'))).toEqual({
      lines: ['  ok   keeps a promise', '  ok   another', '  ok   alone'],
      passed: 3,
      failed: 0,
    });
  });

  it('show what a failed test wrote, and nothing of the others', () => {
    const { lines, passed, failed } = summary(
      1,
      wrote('A/good', 'noise\n'),
      ended('A/good'),
      wrote('A/bad', '=== RUN   A/bad\n'),
      wrote('A/bad', 'got 1, want 2\n'),
      ended('A/bad', 'fail'),
      ended('A', 'fail'),
    );
    expect(lines).toEqual(['  ok   good', '  FAIL bad', '       got 1, want 2']);
    expect([passed, failed]).toEqual([1, 1]);
  });

  it('take a test that was skipped for a failure', () => {
    expect(summary(0, ended('A', 'skip')).failed).toBe(1);
  });

  it('take a program that failed without a failed test for a failure, and show what it wrote', () => {
    expect(summary(2, ended('A'), './a.go:1: does not compile', '3')).toEqual({
      lines: ['  ok   A', '       ./a.go:1: does not compile', '       3'],
      passed: 1,
      failed: 1,
    });
    expect(summary(137).failed).toBe(1);
  });
});
