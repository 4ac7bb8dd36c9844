import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { type HeldLease, type LeaseName, Leases } from '#libs/core/groups';
import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, partitionerOf, TopicDirectories } from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { drive, newOperation, textOf } from '#libs/core/streams/testing';

describe('leases on Apache Kafka', () => {
  const clock = new WallClock();
  let topic: string;
  let group: string;
  let log: LogEngine;
  beforeEach(async () => {
    topic = `jobs-${randomBytes(4).toString('hex')}`;
    group = `g ✓ ${topic}`;
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

  it('are asked to rest and then closed by a cutover, at every instance: what was acknowledged never comes again', async () => {
    const [moved, workers] = [`${topic}-moved`, `${group} moved`];
    const names = new MemoryTopicNames();
    const others = await openKafkaLog({
      name: 'test',
      bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(','),
      clock,
    });
    const over = (engine: LogEngine) => new TopicDirectories(new OneCluster(engine), names, clock);
    const leasesOver = (engine: LogEngine): Leases =>
      new Leases({ directories: over(engine), clock, nonce: () => randomBytes(6).toString('hex') });
    await log.createTopic({ name: moved, partitions: 2 });
    const records = Array.from({ length: 400 }, (_, n) => ({
      key: Buffer.from(`k${n % 7}`),
      value: Buffer.from(String(n)),
      headers: [],
      timestamp: 1,
    }));
    for (const partition of [0, 1]) {
      const own = records.filter(({ key }) => partitionerOf()(key, 2) === partition);
      await log.append({ topic: moved, partition }, encodeBatch(own));
    }
    const acknowledged: number[] = [];
    const cutShort: string[] = [];
    let switched = false;
    /** Works until the switch, or until everything is acknowledged. */
    const work = async (leases: Leases, maxRecords: number, isOver: () => boolean): Promise<void> => {
      const terms = { visibilityMs: 60_000, maxRecords, deadLetter: null };
      const asked = { terms, topics: [moved], maxPartitions: 4, startAt: 'earliest', waitMs: 100 } as const;
      while (!isOver()) {
        try {
          const held = await leases.acquire(undefined, workers, asked);
          if (typeof held === 'string') continue;
          const lease = { group: workers, epoch: held.lease.epoch, nonce: held.lease.nonce };
          while (!isOver()) {
            const page = await leases.read(undefined, lease, 0);
            const given = await page.take(page.due.length);
            const choices = given.map(({ partition, record: { offset } }) => {
              return { topic: moved, partition, offset, through: false };
            });
            if (choices.length > 0) await leases.ack(undefined, lease, choices);
            acknowledged.push(...given.map(({ record }) => Number(textOf(record.value))));
          }
          await leases.release(undefined, lease);
        } catch (error) {
          if (!isAppError(error) || error.code === 'log-closed') throw error;
          cutShort.push(error.code);
        }
      }
    };
    const instances = [leasesOver(log), leasesOver(others)];
    let working: Promise<unknown> | undefined;
    const handler = new RepartitionHandler({
      directories: over(log),
      names,
      decoder: new JsonRecordDecoder(),
      clock,
      failPoint: async (point) => {
        if (point !== 'repartition:switch:before-fence') return;
        working ??= Promise.all(instances.map((one) => work(one, 3, () => switched)));
        // Waited for below, whatever comes first.
        working.catch(() => undefined);
        // A group that never read a topic begins nothing in it while it is in a cutover.
        while (acknowledged.length === 0) await clock.sleep(5);
      },
    });
    const plan = await handler.plan({
      topic: moved,
      target: { partitions: 4 },
      groups: { mode: 'duplicates' },
      cutover: { maxPauseMs: 30_000 },
    });
    try {
      await drive(handler, newOperation(moved, plan), { until: 'SWITCHED' });
    } finally {
      switched = true;
      await working;
    }
    expect(acknowledged.length, 'some were left').toBeLessThan(records.length);
    await work(instances[0]!, 1_000, () => acknowledged.length >= records.length);
    expect(acknowledged.toSorted((a, b) => a - b)).toEqual(records.map((_, n) => n));
    expect(cutShort).toContain('lease-lost');
    for (const one of instances) await one.close();
    await others.close();
  });
});
