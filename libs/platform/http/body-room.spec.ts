import { describe, expect, it } from 'vitest';
import { BodyRoom } from './body-room.js';

describe('room for bodies', () => {
  it('is used again when it was given back, and by nobody before', () => {
    const room = new BodyRoom();
    const [one, two] = [room.take(20_000), room.take(20_000)];
    expect(one.buffer === two.buffer).toBe(false);
    room.giveBack(one);
    const next = room.take(19_000);
    expect([next.buffer === one.buffer, next.length]).toEqual([true, 19_000]);
    expect(room.take(20_000).buffer === one.buffer).toBe(false);
  });

  it('is not spent on what is far smaller', () => {
    const room = new BodyRoom();
    const large = room.take(1_000_000);
    room.giveBack(large);
    expect(room.take(100_000).buffer === large.buffer).toBe(false);
    expect(room.take(900_000).buffer === large.buffer).toBe(true);
  });

  it('is kept up to a bound', () => {
    const room = new BodyRoom();
    const taken = Array.from({ length: 20 }, () => room.take(1024 * 1024));
    for (const one of taken) room.giveBack(one);
    const again = Array.from({ length: 20 }, () => room.take(1024 * 1024).buffer);
    expect(again.filter((buffer) => taken.some((one) => one.buffer === buffer))).toHaveLength(8);
  });
});
