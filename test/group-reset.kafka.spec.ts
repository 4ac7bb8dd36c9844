import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { GroupReset } from '#libs/core/groups';
import { encodeBatch, type LogEngine, TopicDirectory } from '#libs/core/log';
import { MemoryTopicNames, WallClock } from '#libs/core/log/testing';

describe('resets of groups on Apache Kafka', () => {
  let run: string;
  const clock = new WallClock();
  let log: LogEngine;
  let reset: GroupReset;
  beforeAll(async () => {
    log = await openKafkaLog({ name: 'test', bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(','), clock });
    reset = new GroupReset(new TopicDirectory(log, new MemoryTopicNames(), clock));
  });
  afterAll(() => log?.close());
  beforeEach(() => {
    run = randomBytes(4).toString('hex');
  });

  /** Three transactions of four records in each of two partitions: offsets 0 to 14, markers at 4, 9 and 14. */
  async function filled(topic: string): Promise<void> {
    await log.createTopic({ name: topic, partitions: 2 });
    const writer = await log.openWriter(topic);
    for (let n = 0; n < 3; n++) {
      const records = [0, 1, 2, 3].map((i) => ({
        key: null,
        value: Buffer.from(`${n}:${i}`),
        headers: [],
        timestamp: 1_700_000_000_000 + n * 1_000 + i,
      }));
      const appends = [0, 1].map((partition) => ({ topic, partition, batch: encodeBatch(records) }));
      await writer.commit({ appends });
    }
  }

  it('count the records of a group without members as its readers see them, and store what was shown', async () => {
    const [topic, group] = [`reset-${run}`, `reset-${run}`];
    await filled(topic);
    await log.commitPositions(group, [
      { topic, partition: 0, offset: 12, metadata: 'mine' },
      { topic, partition: 1, offset: 2 },
    ]);
    const request = { to: { kind: 'timestamp', timestampMs: 1_700_000_001_000 } } as const;
    const plan = await reset.plan(group, request);
    // From 12 back to 5: 5 to 8 and 10 to 11 are records, 9 is a marker. From 2 on to 5: 2 and 3 are, 4 is a marker.
    expect(plan.moves).toMatchObject([
      { partition: 0, current: 12, target: 5, skipped: { records: 0 }, repeated: { records: 6 } },
      { partition: 1, current: 2, target: 5, skipped: { records: 2 }, repeated: { records: 0 } },
    ]);
    expect((await log.describeGroup(group)).positions.map((one) => one.offset)).toEqual([12, 2]);
    const done = await reset.apply(group, request, plan.hash);
    expect(done.map((one) => one.stored)).toEqual([5, 5]);
    await expect(reset.apply(group, request, plan.hash)).rejects.toMatchObject({ code: 'plan-stale' });
  });

  it('are refused while the group has a live member, and change nothing', async () => {
    const [topic, group] = [`member-${run}`, `member-${run}`];
    await filled(topic);
    await log.commitPositions(group, [{ topic, partition: 0, offset: 2 }]);
    const member = await log.joinGroup(group, {
      topics: [topic],
      strategies: ['range'],
      clientId: 'test',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(50)).phase, { timeout: 60_000 }).toBe('stable');
    const plan = await reset.plan(group, { to: { kind: 'earliest' }, partitions: [0] });
    expect(plan.members).toBe(1);
    const refused = reset.apply(group, { to: { kind: 'earliest' }, partitions: [0] }, plan.hash);
    await expect(refused).rejects.toMatchObject({ code: 'group-active' });
    // The coordinator itself refuses, whoever asks.
    const past = log.commitPositions(group, [{ topic, partition: 0, offset: 0 }]);
    await expect(past).rejects.toMatchObject({ code: 'group-active' });
    expect((await log.describeGroup(group)).positions).toEqual([{ topic, partition: 0, offset: 2 }]);
    await member.leave();
    await expect.poll(async () => (await log.describeGroup(group)).members.length, { timeout: 60_000 }).toBe(0);
    const again = await reset.plan(group, { to: { kind: 'earliest' }, partitions: [0] });
    const done = await reset.apply(group, { to: { kind: 'earliest' }, partitions: [0] }, again.hash);
    expect(done.map((one) => one.stored)).toEqual([0]);
  });
});
