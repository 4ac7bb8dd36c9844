import { setImmediate as round } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SystemClock } from '#libs/platform/observability';
import { turn } from './turn.js';

/** Runs work of three turns each, side by side, and tells who went on in which round of the event loop. */
async function rounds(pause: () => Promise<unknown>): Promise<string[]> {
  const went: string[] = [''];
  let counting = setImmediate(function count() {
    went.push('');
    counting = setImmediate(count);
  });
  const work = async (name: string): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await pause();
      went[went.length - 1] += name;
    }
  };
  await Promise.all([work('a'), work('b'), work('c')]);
  clearImmediate(counting);
  return went.filter((one) => one !== '');
}

describe('a turn', () => {
  it('is given to one in each round of the event loop, in the order of asking', async () => {
    expect(await rounds(turn)).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('is what the clock gives to who sleeps for no time', async () => {
    const clock = new SystemClock();
    expect(await rounds(() => clock.sleep(0))).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('would be given to all at once by the event loop itself', async () => {
    expect(await rounds(() => round())).toEqual(['abc', 'abc', 'abc']);
  });
});
