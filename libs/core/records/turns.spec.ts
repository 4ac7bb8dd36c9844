import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { Turns } from './turns.js';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('turns of the work on records', () => {
  it('are due after five milliseconds of work, and count that work', async () => {
    const clock = new ManualClock();
    const turns = new Turns(clock, turn);
    clock.advance(4);
    expect(turns.due).toBe(false);
    clock.advance(3);
    expect(turns.due).toBe(true);
    await turns.take(undefined);
    expect([turns.due, turns.spentMs]).toEqual([false, 7]);
  });

  it('do not count what others take, nor a process that stands still', async () => {
    const clock = new ManualClock();
    const turns = new Turns(clock, turn);
    clock.advance(10);
    const taken = turns.take(undefined);
    clock.advance(60_000);
    await taken;
    expect(turns.spentMs).toBe(10);
    clock.advance(60_000);
    await turns.take(undefined);
    expect(turns.spentMs).toBe(1_010);
  });

  it('end with the request', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(new Turns(new ManualClock(), turn).take(gone)).rejects.toThrow('gone');
  });
});
