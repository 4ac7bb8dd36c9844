import { describe, expect, it } from 'vitest';
import { DiskRoomCause } from './disk-room-cause.js';

describe('a disk with little room', () => {
  it('lets those rest that copy into the log on it, and nobody else', () => {
    const cause = new DiskRoomCause({ restReason: 'little is left' }, 'local');
    const check = (kind: string, subject = 'topic:local/orders') => cause.check({ kind, subject });
    expect([check('repartition'), check('migration')]).toEqual(['little is left', 'little is left']);
    expect([check('move'), check('migration-rehearsal'), check('repartition', 'topic:east/orders')]).toEqual([
      null,
      null,
      null,
    ]);
    expect(
      new DiskRoomCause({ restReason: null }, 'local').check({ kind: 'repartition', subject: 'topic:local/o' }),
    ).toBeNull();
  });
});
