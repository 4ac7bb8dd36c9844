import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRoom, storageRoomGone, type Room } from './storage-room.js';

const limits = { low: 1_000, none: 100 };
const rooms = fc.constantFrom<Room>('ample', 'low', 'none');

describe('room on a disk', () => {
  it.each<[Room, number, Room]>([
    ['ample', 1_000, 'ample'],
    ['ample', 999, 'low'],
    ['low', 1_199, 'low'],
    ['low', 1_200, 'ample'],
    ['low', 99, 'none'],
    ['none', 119, 'none'],
    ['none', 120, 'low'],
    ['none', 5_000, 'ample'],
  ])('that was %s is, with %i bytes left, %s', (before, free, after) => {
    expect(nextRoom(before, free, limits)).toBe(after);
  });

  it('that is none says how much there has to be again, which ends it', () => {
    const { message, details } = storageRoomGone(110, limits.none);
    expect(message).toContain('110 bytes are left, and something is added again when there are 120');
    const { resumes } = details as { resumes: number };
    expect([nextRoom('none', resumes - 1, limits), nextRoom('none', resumes, limits)]).toEqual(['none', 'low']);
  });

  it('is none below the limit whatever it was, and does not change while nothing does', () => {
    fc.assert(
      fc.property(rooms, fc.nat(2_000), (before, free) => {
        const room = nextRoom(before, free, limits);
        expect(nextRoom(room, free, limits)).toBe(room);
        if (free < limits.none) expect(room).toBe('none');
      }),
    );
  });
});
