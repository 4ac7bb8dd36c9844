import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OnceByKey } from '#libs/core/idempotency';
import { MemoryAnswerStore } from '#libs/core/idempotency/testing';
import { encodeBatch, partitionerOf, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { OperationEngine, OperationStore } from '#libs/core/operations';
import { MemoryLeaseStore, MemoryOperationStore } from '#libs/core/operations/testing';
import { JsonRecordDecoder, RepartitionHandler, TogetherHandler } from '#libs/core/streams';
import { Authenticator, type Principal } from '#libs/platform/auth';
import { startTestApp, type TestApp } from '#libs/platform/testing';
import { RepartitioningModule } from './index.js';

/** Whoever asks may operate some topics and read others. */
class Scoped extends Authenticator {
  override readonly challenge = undefined;
  principal: Principal = { id: 'olga', roles: ['operator'] };
  override authenticate(): Principal {
    return this.principal;
  }
}

describe('repartitions over REST', () => {
  const clock = new WallClock();
  let log: MemoryLogEngine;
  let operations: OperationEngine;
  let directories: TopicDirectories;
  let authenticator: Scoped;
  let test: TestApp;

  beforeEach(async () => {
    log = new MemoryLogEngine();
    const names = new MemoryTopicNames();
    directories = new TopicDirectories(new OneCluster(log), names, clock);
    const tuning = { tailWaitMs: 5 };
    // It has read everything, wherever it is asked about.
    const readersOn = async () => [{ name: 'view departures', next: [1_000, 1_000, 1_000, 1_000, 1_000] }];
    const store = new MemoryOperationStore();
    operations = new OperationEngine({
      store,
      leases: new MemoryLeaseStore(clock),
      clock,
      owner: 'here',
      random: (bytes) => randomBytes(bytes),
      handlers: [
        new TogetherHandler(
          new RepartitionHandler({ directories, names, decoder: new JsonRecordDecoder(), clock, tuning, readersOn }),
        ),
      ],
      scanMs: 10,
    });
    operations.open();
    authenticator = new Scoped();
    test = await startTestApp({
      modules: [RepartitioningModule],
      providers: [
        { provide: OperationEngine, useValue: operations },
        { provide: OperationStore, useValue: store },
        {
          provide: OnceByKey,
          useValue: new OnceByKey(new MemoryAnswerStore(), clock, () => randomBytes(16).toString('hex')),
        },
      ],
      authenticator,
    });
    await log.createTopic({ name: 'flights', partitions: 2 });
    const partitionOf = partitionerOf();
    for (let n = 0; n < 60; n++) {
      const record = {
        key: Buffer.from(`flight-${n}`),
        value: Buffer.from(JSON.stringify({ n, origin: n % 4 === 0 ? 'JFK' : `A${n % 3}` })),
        headers: [],
        timestamp: n,
      };
      await log.append({ topic: 'flights', partition: partitionOf(record.key, 2)! }, encodeBatch([record]));
    }
  });

  afterEach(async () => {
    await test.close();
    await operations.close();
  });

  const plan = (body: object, path = '/v1/repartitions/plans') => test.agent.post(path).send(body);

  it('shows what a plan found and would do, and changes nothing', async () => {
    const { status, body } = await plan({ topic: 'flights', target: { partitions: 4, key: { expr: 'value.origin' } } });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      kind: 'repartition',
      subject: 'topic:local/flights',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      blockers: [],
      readers: ['view departures'],
      profile: { records: 60, sampled: false, nullKeys: 0, misPartitioned: 0, partitioner: 'murmur2', distinctKeys: 4 },
      impact: { to: { physical: 'flights--g2', partitions: 4 } },
      estimates: { records: 60 },
      controls: { cutover: 'manual', maxPauseMs: 10_000 },
    });
    expect(body.order).toContain('within each source partition');
    expect(body.steps.length).toBeGreaterThan(4);
    expect(body.skew.lowerBound).toBeCloseTo(1, 0);
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['flights']);
    const again = await plan(
      { topic: 'flights', target: { partitions: 4, key: { expr: 'value.origin' } } },
      '/v1/clusters/local/repartitions/plans',
    );
    expect(again.body.hash).toBe(body.hash);
  });

  it('runs a plan to the switch and to its end', async () => {
    const { body } = await plan({ topic: 'flights', target: { partitions: 5 }, cutover: { mode: 'auto' } });
    const { operation } = await operations.start({ planHash: body.hash as string, principal: 'olga' });
    await expect
      .poll(async () => (await operations.status(operation.id)).phase, { interval: 5, timeout: 10_000 })
      .toBe('SWITCHED');
    const status = await operations.status(operation.id);
    expect(status).toMatchObject({
      generation: 2,
      verification: { state: 'passed', checked: 60, level: 'readback' },
      rollback: { available: true },
      cutover: { lastAttempt: { outcome: 'switched' } },
    });
    const topic = await directories.of().resolve('flights');
    expect(topic).toMatchObject({ generation: 2, physical: 'flights--g2' });
    expect(topic.description.partitions.reduce((sum, one) => sum + one.endOffset, 0)).toBe(60);
    await operations.command(operation.id, 'finish', { principal: 'olga' });
    await expect
      .poll(async () => (await operations.status(operation.id)).phase, { interval: 5, timeout: 10_000 })
      .toBe('FINISHED');
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['flights--g2']);
  });

  it('rolls back on command', async () => {
    const { body } = await plan({ topic: 'flights', target: { partitions: 5 }, cutover: { mode: 'auto' } });
    const { operation } = await operations.start({ planHash: body.hash as string, principal: 'olga' });
    await expect
      .poll(async () => (await operations.status(operation.id)).phase, { interval: 5, timeout: 10_000 })
      .toBe('SWITCHED');
    await operations.command(operation.id, 'rollback', { principal: 'olga' });
    await expect
      .poll(async () => (await operations.status(operation.id)).phase, { interval: 5, timeout: 10_000 })
      .toBe('ROLLED_BACK');
    expect(await directories.of().resolve('flights')).toMatchObject({
      generation: 1,
      description: { state: 'ACTIVE' },
    });
  });

  it('switches several topics in one operation, which has all of them to itself, and takes all of them back', async () => {
    await log.createTopic({ name: 'bookings', partitions: 2 });
    const { status, body } = await plan({
      topics: ['flights', 'bookings'],
      target: { partitions: 5 },
      cutover: { mode: 'auto' },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      subject: 'topic:local/flights',
      alsoOn: ['topic:local/bookings'],
      blockers: [],
      profile: { flights: { records: 60 }, bookings: { records: 0 } },
      impact: { topics: ['flights', 'bookings'], members: { bookings: { to: { physical: 'bookings--g2' } } } },
      estimates: { records: 60 },
    });
    const { operation } = await operations.start({ planHash: body.hash as string, principal: 'olga' });
    const alone = await plan({ topic: 'bookings', target: { partitions: 3 } });
    await expect(operations.start({ planHash: alone.body.hash as string, principal: 'olga' })).rejects.toMatchObject({
      code: expect.stringMatching(/^(subject-busy|plan-stale)$/) as string,
    });
    const phase = async (): Promise<string> => (await operations.status(operation.id)).phase;
    await expect.poll(phase, { interval: 5, timeout: 10_000 }).toBe('SWITCHED');
    expect(await operations.status(operation.id)).toMatchObject({
      alsoOn: ['topic:local/bookings'],
      verification: { state: 'passed', checked: 60 },
      rollback: { available: true },
    });
    for (const topic of ['flights', 'bookings']) {
      expect(await directories.of().resolve(topic)).toMatchObject({ generation: 2 });
    }
    await operations.command(operation.id, 'rollback', { principal: 'olga' });
    await expect.poll(phase, { interval: 5, timeout: 10_000 }).toBe('ROLLED_BACK');
    expect((await log.listTopics()).map((one) => `${one.name}:${one.state}`)).toEqual([
      'bookings:ACTIVE',
      'flights:ACTIVE',
    ]);
  });

  it('waits for the cutover to be asked for, pauses and resumes, and leaves nothing when cancelled', async () => {
    const { body } = await plan({ topic: 'flights', target: { partitions: 5 } });
    const { operation } = await operations.start({ planHash: body.hash as string, principal: 'olga' });
    const phase = async (): Promise<string> => (await operations.status(operation.id)).state;
    await expect.poll(phase, { interval: 5 }).toBe('READY');
    await operations.command(operation.id, 'pause', { principal: 'olga' });
    await expect.poll(phase, { interval: 5 }).toBe('PAUSED');
    await operations.command(operation.id, 'resume', { principal: 'olga' });
    await expect.poll(phase, { interval: 5 }).toBe('READY');
    await operations.command(operation.id, 'cancel', { principal: 'olga' });
    await expect.poll(phase, { interval: 5 }).toBe('CANCELLED');
    expect((await log.listTopics()).map((one) => `${one.name}:${one.state}`)).toEqual(['flights:ACTIVE']);
  });

  it('names what keeps a plan from being started', async () => {
    const nothing = await plan({ topic: 'flights', target: { partitions: 2 } });
    expect(nothing.body.blockers).toEqual([expect.stringContaining('nothing would change')]);
    const table = await plan({ topic: 'flights', target: { key: { expr: 'value.origin', semantics: 'table' } } });
    expect(table.body.blockers).toEqual([expect.stringContaining('4 new keys are those of several rows')]);
    expect(table.body.impact.table).toEqual({ rows: 60, sharedKeys: 4 });
    const missing = await plan({ topic: 'flights', target: { key: { expr: 'value.nowhere' } } });
    expect(missing.body.blockers).toEqual([expect.stringContaining('60 of 60 records')]);
    await expect(operations.start({ planHash: missing.body.hash as string, principal: 'olga' })).rejects.toMatchObject({
      code: 'plan-blocked',
    });
  });

  it('refuses what it cannot read, naming it', async () => {
    expect((await plan({ topic: 'flights', target: { partition: 3 } })).body).toMatchObject({
      status: 400,
      errors: [{ path: '/target/partition' }],
    });
    expect((await plan({ topic: 'flights', target: { key: { expr: 'value.' } } })).body).toMatchObject({
      status: 400,
      code: 'invalid-key-expression',
    });
    expect((await plan({ target: { partitions: 3 } })).body).toMatchObject({
      status: 400,
      code: 'invalid-repartition-request',
    });
    expect((await plan({ topics: ['flights', 'flights'] })).body).toMatchObject({
      status: 400,
      errors: [{ path: '/topics' }],
    });
    expect((await plan({ topic: 'none', target: { partitions: 3 } })).body).toMatchObject({
      status: 404,
      code: 'topic-not-found',
    });
  });

  it('needs the right to operate the topic and to read it', async () => {
    authenticator.principal = { id: 'vera', roles: ['viewer'] };
    expect((await plan({ topic: 'flights', target: { partitions: 3 } })).status).toBe(403);
  });
});
