import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch, TopicDirectories, type Clusters } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames } from '#libs/core/log/testing';
import { UNTHROTTLED } from '#libs/core/operations';
import { GroupLagCause } from './group-lag-cause.js';

const OPERATION = { id: 'op_1', kind: 'repartition', subject: 'topic:local/orders' };
const LIMITS = { ...UNTHROTTLED, maxGroupLagMs: 5_000 };

describe('resting for a group that is behind', () => {
  let clock: ManualClock;
  let engine: MemoryLogEngine;
  let cause: GroupLagCause;
  beforeEach(async () => {
    clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    await engine.createTopic({ name: 'orders', partitions: 1, config: {} });
    const clusters = {
      defaultName: 'local',
      get: () => engine,
      names: () => ['local'],
      present: () => ['local'],
    } as unknown as Clusters;
    cause = new GroupLagCause(new TopicDirectories(clusters, new MemoryTopicNames(), clock), clock);
  });

  const write = async (count: number) => {
    // Events of long ago: their timestamps say nothing about lag.
    const record = { key: null, value: Buffer.from('x'), headers: [], timestamp: 1_000 };
    await engine.append({ topic: 'orders', partition: 0 }, encodeBatch(Array.from({ length: count }, () => record)));
  };
  const read = (group: string, offset: number) =>
    engine.commitPositions(group, [{ topic: 'orders', partition: 0, offset }]);
  /** Asks once a second, `each` before. */
  const seconds = async (count: number, each: (second: number) => Promise<void> = () => Promise.resolve()) => {
    let reason: string | null = null;
    for (let second = 0; second < count; second++) {
      await each(second);
      reason = await cause.check(OPERATION, LIMITS);
      clock.advance(1_000);
    }
    return reason;
  };

  it('does not rest for one that keeps up, however much it reads', async () => {
    await write(1_000);
    await read('billing', 1_000);
    expect(
      await seconds(30, async (second) => {
        await write(100);
        await read('billing', 1_000 + second * 100);
      }),
    ).toBeNull();
  });

  it('rests when it has not read what was there five seconds ago, and goes on when it has', async () => {
    await write(100);
    await read('billing', 100);
    expect(
      await seconds(8, async (second) => {
        await write(100);
        await read('billing', 100 + second);
      }),
    ).toBe('group billing is more than 5 s behind');
    await read('billing', 900);
    expect(await seconds(2)).toBeNull();
  });

  it('a group that nobody reads with does not count', async () => {
    await write(100);
    await read('forgotten', 3);
    expect(await seconds(120, () => write(10))).toBeNull();
  });

  it('one that stopped for good counts for a minute, then no more', async () => {
    await write(100);
    await read('billing', 1);
    await seconds(2);
    await read('billing', 2);
    expect(await seconds(20, () => write(10))).toContain('billing');
    expect(await seconds(60, () => write(10))).toBeNull();
  });

  it('asks nothing of the log when there is no limit or the subject is no topic', async () => {
    engine.describeTopic = () => Promise.reject(new Error('asked'));
    expect(await cause.check(OPERATION, UNTHROTTLED)).toBeNull();
    expect(await cause.check({ subject: 'view:flights' }, LIMITS)).toBeNull();
  });
});
