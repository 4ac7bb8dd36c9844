import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { WriteLatency } from './write-latency.js';

function world() {
  const clock = new ManualClock();
  const latency = new WriteLatency(() => clock.monotonic());
  const writes = (count: number, ms: number, everyMs = 5): void => {
    for (let n = 0; n < count; n++) {
      clock.advance(everyMs);
      latency.wrote('log', ms);
    }
  };
  return { clock, latency, writes };
}

describe('what producers wait while no operation works', () => {
  it('is the 99th percentile of the newest writes, once there are enough of them', () => {
    const { latency, writes } = world();
    writes(49, 3);
    expect([latency.baseline('log'), latency.allowed('log', 'auto')]).toEqual([undefined, undefined]);
    writes(200, 3);
    expect(latency.baseline('log')).toBe(3);
    // Slower ones take its place as they are more.
    writes(600, 10);
    expect(latency.baseline('log')).toBe(10);
    expect(latency.baseline('other')).toBeUndefined();
  });

  it('takes in no write that was under way beside work, nor within a moment after it', () => {
    const { clock, latency, writes } = world();
    writes(100, 2);
    for (let n = 0; n < 300; n++) {
      latency.worked();
      clock.advance(50);
      latency.wrote('log', 40);
    }
    expect(latency.baseline('log')).toBe(2);
    // It began before the work had come to rest.
    clock.advance(120);
    latency.wrote('log', 60);
    writes(100, 2);
    expect(latency.baseline('log')).toBe(2);
  });

  it('allows twice as much, or two milliseconds more, and what a limit names', () => {
    const { latency, writes } = world();
    writes(100, 0.5);
    expect([latency.allowed('log', 'auto'), latency.allowed('log', 20)]).toEqual([2.5, 20]);
    writes(600, 8);
    expect(latency.allowed('log', 'auto')).toBe(16);
  });

  it('asks work to rest for a moment when nothing new is known of it, now and then, and only while somebody writes', () => {
    const { clock, latency, writes } = world();
    clock.advance(5_000);
    expect(latency.lookMs()).toBe(0);
    latency.worked();
    writes(1, 9);
    expect(latency.lookMs()).toBe(400);
    clock.advance(300);
    expect(latency.lookMs()).toBe(100);
    writes(60, 2);
    // It is known now.
    expect(latency.lookMs()).toBe(0);
    for (let n = 0; n < 200; n++) {
      latency.worked();
      writes(1, 9, 50);
    }
    expect(latency.lookMs()).toBe(400);
  });
});
