import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SystemClock } from './system-clock.js';

describe('a sleep', () => {
  const clock = new SystemClock();

  it('takes as long as it is asked to, and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const began = clock.monotonic();
    await clock.sleep(10, signal);
    // Timers count whole milliseconds.
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(9);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends with the reason of its signal, whatever that is', async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(3_600_000, stop.signal);
    const why = new Error('enough');
    stop.abort(why);
    await expect(sleeping).rejects.toBe(why);
    await expect(clock.sleep(0, stop.signal)).rejects.toBe(why);
  });
});
