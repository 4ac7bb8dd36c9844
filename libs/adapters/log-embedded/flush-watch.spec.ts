import { describe, expect, it } from 'vitest';
import { FlushWatch } from './flush-watch.js';

function watched() {
  const warnings: string[] = [];
  return { warnings, watch: new FlushWatch({ warn: (message) => warnings.push(message) }) };
}

describe('the time that flushes take', () => {
  it('is told to be too short once, when most of a window are', () => {
    const { warnings, watch } = watched();
    for (let i = 0; i < 640; i++) watch.flushed(i % 3 === 0 ? 4 : 0.03, i);
    expect([watch.implausible, warnings.length]).toEqual([true, 1]);
  });

  it('is told again when it had been plausible in between', () => {
    const { warnings, watch } = watched();
    for (const durationMs of [0.03, 1, 0.03]) for (let i = 0; i < 64; i++) watch.flushed(durationMs, i);
    expect(warnings.length).toBe(2);
  });

  it('is no matter where a device takes its time', () => {
    const { warnings, watch } = watched();
    for (let i = 0; i < 640; i++) watch.flushed(i % 3 === 0 ? 0.01 : 0.2, i);
    expect([watch.implausible, warnings]).toEqual([false, []]);
  });

  it('is told to be long once a minute', () => {
    const { warnings, watch } = watched();
    for (let i = 0; i < 30; i++) watch.flushed(501, i * 4_001);
    expect(warnings).toEqual(['a flush took long', 'a flush took long']);
  });
});
