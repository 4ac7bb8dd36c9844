import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { encodeBatch, type LogEngine, TopicDirectories, type TopicDirectory } from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { OperationEngine, type OperationStatus } from '#libs/core/operations';
import { MemoryLeaseStore, MemoryOperationStore } from '#libs/core/operations/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { readTopic } from '#libs/core/streams/testing';

const clock = new WallClock();
const WAIT = { interval: 20, timeout: 110_000 };

describe('an automatic cutover on Apache Kafka', () => {
  let log: LogEngine;
  let topics: TopicDirectory;
  let engine: OperationEngine;

  beforeEach(async () => {
    log = await openKafkaLog({ name: 'test', bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(','), clock });
    const names = new MemoryTopicNames();
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    engine = new OperationEngine({
      ...{ store: new MemoryOperationStore(), leases: new MemoryLeaseStore(clock), clock, owner: 'process' },
      random: (bytes) => randomBytes(bytes),
      handlers: [new RepartitionHandler({ directories, names, decoder: new JsonRecordDecoder(), clock })],
      cutoverRetry: { firstDelayMs: 200, maxDelayMs: 400, pauses: 0 },
    });
    engine.open();
  });
  afterEach(async () => {
    await engine.close();
    await log.close();
  });

  it('waits for the members of a group to leave without holding a writer, is made by itself when they have, and says meanwhile what it waits for', async () => {
    const [topic, group] = ['read', 'members'].map((name) => `${name}-${randomBytes(4).toString('hex')}`) as [
      string,
      string,
    ];
    await log.createTopic({ name: topic, partitions: 2 });
    const write = async (values: readonly string[]): Promise<void> => {
      const records = values.map((value) => {
        return { key: Buffer.from('k'), value: Buffer.from(value), headers: [], timestamp: 1_700_000_000_000 };
      });
      await log.append({ topic, partition: 0 }, encodeBatch(records));
    };
    await write(['1', '2', '3']);
    const member = await log.joinGroup(group, {
      topics: [topic],
      strategies: ['range'],
      clientId: 'native',
      startAt: 'earliest',
    });
    while (member.assignment.length < 2) await member.poll(1_000);
    await member.commit([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
    const request = { topic, target: { partitions: 4 }, groups: { mode: 'duplicates' }, cutover: { mode: 'auto' } };
    const plan = await engine.plan('repartition', request, 'ann');
    const { operation } = await engine.start({ planHash: plan.hash, principal: 'ann' });
    const status = (): Promise<OperationStatus> => engine.status(operation.id);
    await expect.poll(async () => (await status()).cutover.undone, WAIT).toBeGreaterThanOrEqual(2);
    const { reason, outcome, pausedMs } = (await status()).cutover.lastAttempt!;
    expect([outcome, reason]).toEqual(['undone', expect.stringMatching(new RegExp(`${group}.*members`))]);
    // No fence was raised for it: one takes a second.
    expect(pausedMs).toBeLessThan(1_000);
    await write(['4']);
    await member.leave();
    await expect.poll(async () => (await status()).state, WAIT).toBe('SWITCHED');
    const { physical } = await topics.resolve(topic);
    expect(physical).not.toBe(topic);
    expect((await readTopic(log, physical)).flat()).toHaveLength(4);
    const { positions } = await log.describeGroup(group);
    expect(positions.filter((one) => one.topic === physical)).toHaveLength(4);
    await engine.command(operation.id, 'finish', { principal: 'ann' });
    await expect.poll(async () => (await status()).state, WAIT).toBe('FINISHED');
    await topics.delete(topic);
  });
});
