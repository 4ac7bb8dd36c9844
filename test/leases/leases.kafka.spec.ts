import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { type HeldLease, type LeaseName, Leases } from '#libs/core/groups';
import { encodeBatch, type LogEngine, TopicDirectories } from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';

describe('leases on Apache Kafka', () => {
  const clock = new WallClock();
  const topic = `jobs-${randomBytes(4).toString('hex')}`;
  const group = `g ✓ ${topic}`;
  let log: LogEngine;
  beforeEach(async () => {
    log = await openKafkaLog({ name: 'test', bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(','), clock });
  });
  afterEach(() => log.close());

  /** An instance of the service over the same brokers. */
  const instance = (): Leases =>
    new Leases({
      directories: new TopicDirectories(new OneCluster(log), new MemoryTopicNames(), clock),
      clock,
      nonce: () => randomBytes(6).toString('hex'),
    });
  const acquired = async (leases: Leases): Promise<LeaseName & HeldLease> => {
    const terms = { visibilityMs: 600_000, maxRecords: 10, deadLetter: null };
    const asked = { terms, topics: [topic], maxPartitions: 1, startAt: 'earliest', waitMs: 5_000 } as const;
    const held = await leases.acquire(undefined, group, asked);
    if (typeof held === 'string') throw new Error(`no lease: ${held}`);
    return { ...held, group, epoch: held.lease.epoch, nonce: held.lease.nonce };
  };
  const handed = async (leases: Leases, lease: LeaseName): Promise<readonly string[]> => {
    const page = await leases.read(undefined, lease, 5_000);
    return (await page.take(page.due.length)).map(({ record, deliveries }) => `${record.offset}×${deliveries}`);
  };
  const position = async (): Promise<number | undefined> => (await log.describeGroup(group)).positions[0]?.offset;
  const refusalOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

  it('are of all instances together, over gaps of transactions, and fenced by the coordinator when a member joins', async () => {
    await log.createTopic({ name: topic, partitions: 1 });
    const writer = await log.openWriter(topic);
    const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: 1 };
    for (let n = 0; n < 2; n++) {
      await writer.commit({ appends: [{ topic, partition: 0, batch: encodeBatch([record, record]) }] });
    }
    await writer.close();
    const [one, other] = [instance(), instance()];
    const lease = await acquired(one);
    expect(await handed(other, lease)).toEqual(['0×1', '1×1', '3×1', '4×1']);
    const at = (offset: number) => ({ topic, partition: 0, offset, through: false });
    await one.ack(undefined, lease, [at(1), at(4)]);
    expect(await position()).toBe(0);
    expect(await handed(other, lease)).toEqual(['0×1', '3×1']);
    await other.ack(undefined, lease, [at(0)]);
    expect(await position()).toBe(3);

    const member = await log.joinGroup(group, {
      topics: [topic],
      strategies: ['range'],
      clientId: 'native',
      startAt: 'earliest',
    });
    while ((await member.poll(500)).phase !== 'stable');
    expect(await refusalOf(one.ack(undefined, lease, [at(3)]))).toMatchObject({ code: 'group-active' });
    expect(await refusalOf(acquired(other))).toMatchObject({ code: 'group-active' });
    expect(await position()).toBe(3);
    await member.leave();
    await one.ack(undefined, lease, [at(3)]);
    expect(await position()).toBeGreaterThanOrEqual(5);
  });
});
