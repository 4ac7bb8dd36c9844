import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { type LogEngine, StickyPartitions, TopicDirectories, type TopicDirectory, TopicProducer } from '#libs/core/log';
import { MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { OperationEngine, type OperationStatus } from '#libs/core/operations';
import { MemoryLeaseStore, MemoryOperationStore } from '#libs/core/operations/testing';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { readTopic, textOf } from '#libs/core/streams/testing';

const clock = new WallClock();
const RECORDS = 60;

describe('an automatic cutover on the embedded log', () => {
  let directory: string;
  let log: LogEngine;
  let topics: TopicDirectory;
  let producer: TopicProducer;
  const engines: OperationEngine[] = [];
  let process: () => OperationEngine;
  let failPoint: (name: string) => Promise<void>;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weir-automatic-'));
    log = await openEmbeddedLog({ directory, clock });
    const names = new MemoryTopicNames();
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    topics = directories.of();
    producer = new TopicProducer(topics, new StickyPartitions(() => 0.5));
    const store = new MemoryOperationStore();
    const leases = new MemoryLeaseStore(clock);
    process = () => {
      const repartitions = new RepartitionHandler({
        ...{ directories, names, decoder: new JsonRecordDecoder(), clock },
        tuning: { tailWaitMs: 2, stragglerMs: 5, readersMs: 0 },
        failPoint: (name) => failPoint(name),
      });
      const engine = new OperationEngine({
        ...{ store, leases, clock, owner: `process-${engines.length}` },
        random: (bytes) => randomBytes(bytes),
        handlers: [repartitions],
        scanMs: 5,
        cutoverRetry: { firstDelayMs: 20, maxDelayMs: 40, pauses: 0 },
      });
      engines.push(engine);
      engine.open();
      return engine;
    };
  });
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close();
    await log.close();
    rmSync(directory, { recursive: true, force: true });
  });

  let written = 0;
  async function write(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const n = written++;
      return { key: Buffer.from(`k${n % 7}`), value: Buffer.from(String(n)), headers: [], timestamp: 1_000 };
    });
    const { outcomes } = await producer.produce('t', records, { maxHoldMs: 20_000 });
    for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
  }

  it('that a group undid by not reading on is tried again over a restart, and made once the group has read everything', async () => {
    await log.createTopic({ name: 't', partitions: 3 });
    await write(RECORDS);
    // To two of three partitions only a group that has read everything goes along exactly.
    failPoint = async (name) => {
      if (name === 'repartition:copy:done')
        await log.commitPositions('billing', [{ topic: 't', partition: 1, offset: 15 }]);
    };
    const first = process();
    const groups = { mode: 'exact' };
    const request = { topic: 't', target: { partitions: 2 }, groups, cutover: { mode: 'auto', maxPauseMs: 20_000 } };
    const plan = await first.plan('repartition', request, 'ann');
    const { operation } = await first.start({ planHash: plan.hash, principal: 'ann' });
    const standing = (engine: OperationEngine, until: (status: OperationStatus) => boolean): Promise<unknown> =>
      expect.poll(async () => until(await engine.status(operation.id)), { interval: 2, timeout: 20_000 }).toBe(true);
    await standing(first, ({ cutover }) => cutover.undone >= 2);
    const undone = await first.status(operation.id);
    expect(undone.cutover.lastAttempt!.reason).toContain("'billing'");
    // Writers go on where they were.
    await write(10);
    await first.close();
    const second = process();
    expect((await second.status(operation.id)).cutover.undone).toBeGreaterThanOrEqual(2);
    await standing(second, ({ cutover }) => cutover.undone > undone.cutover.undone);
    expect((await topics.resolve('t')).generation).toBe(1);
    const { partitions } = await log.describeTopic('t');
    const ends = partitions.map(({ partition, endOffset: offset }) => ({ topic: 't', partition, offset }));
    await log.commitPositions('billing', ends);
    await standing(second, ({ state }) => state === 'SWITCHED');
    const status = await second.status(operation.id);
    // Read back from the beginning once a process, however often it was tried.
    expect(status.verification).toMatchObject({ state: 'passed', checked: RECORDS + 10 });
    const { physical } = await topics.resolve('t');
    const values = (await readTopic(log, physical)).flat().map(({ value }) => Number(textOf(value)));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: RECORDS + 10 }, (_, n) => n));
    const { positions } = await log.describeGroup('billing');
    const there = (await log.describeTopic(physical)).partitions.map((one) => one.endOffset);
    expect(positions.filter((one) => one.topic === physical).map((one) => one.offset)).toEqual(there);
  });
});
