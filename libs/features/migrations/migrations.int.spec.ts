import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OnceByKey } from '#libs/core/idempotency';
import { MemoryAnswerStore } from '#libs/core/idempotency/testing';
import { encodeBatch, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { OperationEngine, OperationStore } from '#libs/core/operations';
import { MemoryLeaseStore, MemoryOperationStore } from '#libs/core/operations/testing';
import {
  JsonRecordValues,
  MigrationHandler,
  MigrationSamples,
  NoSchemaIds,
  RehearsalHandler,
  TogetherHandler,
} from '#libs/core/streams';
import { ScriptedTransforms } from '#libs/core/streams/testing';
import { Authenticator, type Principal } from '#libs/platform/auth';
import { startTestApp, type TestApp } from '#libs/platform/testing';
import { MigrationsModule } from './index.js';

class Scoped extends Authenticator {
  override readonly challenge = undefined;
  principal: Principal = { id: 'olga', roles: ['operator'] };
  override authenticate(): Principal {
    return this.principal;
  }
}

describe('migrations over REST', () => {
  const clock = new WallClock();
  let log: MemoryLogEngine;
  let operations: OperationEngine;
  let authenticator: Scoped;
  let test: TestApp;

  beforeEach(async () => {
    log = new MemoryLogEngine();
    const names = new MemoryTopicNames();
    const directories = new TopicDirectories(new OneCluster(log), names, clock);
    const transforms = new ScriptedTransforms({
      wanted: ({ value }) => (value as { n: number }).n !== 1,
      square: ({ value }) => (value as { n: number }).n ** 2,
    });
    const tools = { transforms, values: new JsonRecordValues(), schemaIds: new NoSchemaIds(), directories, clock };
    const store = new MemoryOperationStore();
    operations = new OperationEngine({
      store,
      leases: new MemoryLeaseStore(clock),
      clock,
      owner: 'here',
      random: (bytes) => randomBytes(bytes),
      handlers: [
        new TogetherHandler(new MigrationHandler({ ...tools, names, tuning: { tailWaitMs: 5 } }), false),
        new RehearsalHandler(tools),
      ],
      scanMs: 10,
    });
    operations.open();
    authenticator = new Scoped();
    test = await startTestApp({
      modules: [MigrationsModule],
      providers: [
        { provide: OperationEngine, useValue: operations },
        { provide: OperationStore, useValue: store },
        {
          provide: OnceByKey,
          useValue: new OnceByKey(new MemoryAnswerStore(), clock, () => randomBytes(16).toString('hex')),
        },
        { provide: MigrationSamples, useValue: new MigrationSamples(tools) },
      ],
      authenticator,
    });
    await log.createTopic({ name: 'orders', partitions: 1 });
    for (let n = 0; n < 4; n++) {
      const value = n === 3 ? 'no json' : JSON.stringify({ n, name: `n${n}` });
      const record = { key: Buffer.from('k'), value: Buffer.from(value), headers: [], timestamp: n };
      await log.append({ topic: 'orders', partition: 0 }, encodeBatch([record]));
    }
  });

  afterEach(async () => {
    await test.close();
    await operations.close();
  });

  const plan = (body: object) => test.agent.post('/v1/migrations/plans').send(body);
  const request = {
    topic: 'orders',
    filter: 'wanted',
    transform: {
      up: [
        { rename: 'value.name', to: 'title' },
        { set: 'value.square', cel: 'square' },
      ],
    },
    poison: { policy: 'dlq' },
  };

  it('shows what a plan found on a sample, and changes nothing', async () => {
    const { status, body } = await plan(request);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      kind: 'migration',
      subject: 'topic:local/orders',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      blockers: [],
      rehearsal: { records: 4, changed: 2, leftOut: 1, poison: { undecodable: 1 }, unstable: 0 },
      transform: { version: expect.stringMatching(/^[0-9a-f]{64}$/) as string, down: null },
      impact: { to: { physical: 'orders--g2' } },
    });
    expect((await plan(request)).body.hash).toBe(body.hash);
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['orders']);
  });

  it('shows records before and after', async () => {
    const { body } = await plan(request);
    const shown = await test.agent.post(`/v1/migrations/${body.hash}/sample`).send({ n: 10 });
    expect(shown.status).toBe(200);
    expect(shown.body).toMatchObject({
      planHash: body.hash,
      records: [
        {
          offset: '0',
          outcome: 'changed',
          before: { n: 0, name: 'n0' },
          after: { n: 0, title: 'n0', square: 0 },
          changes: [
            { path: '/name', op: 'remove' },
            { path: '/title', op: 'add' },
            { path: '/square', op: 'add' },
          ],
          deterministic: true,
          lost: null,
        },
        { offset: '1', outcome: 'left-out', after: null },
        { offset: '2', outcome: 'changed' },
        { offset: '3', outcome: 'poison', poison: 'undecodable', before: null },
      ],
    });
    const few = await test.agent.post(`/v1/migrations/${body.hash}/sample`).send({ n: 4, perSchemaId: 1 });
    expect(few.body.records).toHaveLength(1);
  });

  it('shows given records, and all of them page by page', async () => {
    const { body } = await plan(request);
    const sample = async (asked: object) =>
      (await test.agent.post(`/v1/migrations/${body.hash}/sample`).send(asked)).body;
    const places = ({ records }: { records: { partition: number; offset: string }[] }) =>
      records.map((one) => `${one.partition}/${one.offset}`);
    expect(places(await sample({ at: ['0/3', '0/1', '0/9', '7/0'] }))).toEqual(['0/3', '0/1']);
    const first = await sample({ n: 3, from: '0/0' });
    expect([places(first), first.next]).toEqual([['0/0', '0/1', '0/2'], '0/3']);
    const last = await sample({ n: 3, from: first.next as string });
    expect([places(last), last.next]).toEqual([['0/3'], null]);
    expect((await test.agent.post(`/v1/migrations/${body.hash}/sample`).send({ at: ['x'] })).status).toBe(400);
  });

  it('plans a full dry run of a plan, whose operation tells what it found', async () => {
    const { body } = await plan(request);
    const planned = await test.agent.post(`/v1/migrations/${body.hash}/rehearsal`).send();
    expect(planned.status).toBe(201);
    expect(planned.body).toMatchObject({ kind: 'migration-rehearsal', migration: body.hash, blockers: [] });
    const { operation } = await operations.start({ planHash: planned.body.hash as string, principal: 'olga' });
    const phase = async () => (await operations.status(operation.id)).phase;
    await expect.poll(phase, { interval: 5, timeout: 10_000 }).toBe('FINISHED');
    expect((await operations.status(operation.id)).verification).toMatchObject({
      level: 'rehearsal',
      state: 'passed',
      records: 4,
      changed: 2,
      leftOut: 1,
      poison: { undecodable: 1 },
      examples: { 'poison:undecodable': ['0/3'] },
    });
    expect((await log.listTopics()).map((one) => one.name)).toEqual(['orders']);
    const again = await test.agent.post(`/v1/migrations/${planned.body.hash}/rehearsal`).send();
    expect(again.body).toMatchObject({ status: 400, code: 'not-a-migration-plan' });
    authenticator.principal = { id: 'vera', roles: ['viewer'] };
    expect((await test.agent.post(`/v1/migrations/${body.hash}/rehearsal`).send()).status).toBe(403);
  });

  it('runs a plan to its end', async () => {
    const { body } = await plan({ ...request, cutover: { mode: 'auto' } });
    const { operation } = await operations.start({ planHash: body.hash as string, principal: 'olga' });
    const phase = async () => (await operations.status(operation.id)).phase;
    await expect.poll(phase, { interval: 5, timeout: 10_000 }).toBe('SWITCHED');
    expect(await operations.status(operation.id)).toMatchObject({
      errors: { read: 4, written: 2, leftOut: 1, poison: 1, dlq: 1, parked: 0 },
      verification: { level: 'full', state: 'passed', checked: 2 },
    });
    await operations.command(operation.id, 'finish', { principal: 'olga' });
    await expect.poll(phase, { interval: 5, timeout: 10_000 }).toBe('FINISHED');
    expect((await log.listTopics()).map((one) => one.name).sort()).toEqual(['orders--g2', 'orders.dlq']);
  });

  it('refuses what it cannot read, naming it', async () => {
    expect((await plan({ topic: 'orders', filters: 'x' })).body).toMatchObject({
      status: 400,
      errors: [{ path: '/filters' }],
    });
    expect((await plan({ topic: 'orders', filter: 'unknown' })).body).toMatchObject({
      status: 400,
      code: 'invalid-transform',
    });
    expect((await plan({ topic: 'orders', transform: { up: [{ remove: 'key.a' }] } })).body).toMatchObject({
      status: 400,
      code: 'invalid-migration-request',
    });
    expect((await plan({ topic: 'none', filter: 'wanted' })).body).toMatchObject({ code: 'topic-not-found' });
    const unknown = await test.agent.post(`/v1/migrations/${'0'.repeat(64)}/sample`).send({});
    expect(unknown.body).toMatchObject({ status: 404, code: 'plan-not-found' });
  });

  it('needs the right to operate the topic and to read it', async () => {
    const { body } = await plan(request);
    authenticator.principal = { id: 'vera', roles: ['viewer'] };
    expect((await plan(request)).status).toBe(403);
    authenticator.principal = { id: 'nobody', roles: [] };
    expect((await test.agent.post(`/v1/migrations/${body.hash}/sample`).send({})).status).toBe(403);
  });

  it('shows each topic of a plan of several and asks which where none is named, and rehearses one of them or all', async () => {
    await log.createTopic({ name: 'bills', partitions: 1 });
    const record = { key: null, value: Buffer.from('{"n":5}'), headers: [], timestamp: 1 };
    await log.append({ topic: 'bills', partition: 0 }, encodeBatch([record]));
    const transform = { up: [{ set: 'value.square', cel: 'square' }] };
    const { body } = await plan({ topics: ['orders', 'bills'], transform, poison: { policy: 'dlq' } });
    expect(body).toMatchObject({ kind: 'migration' });
    const sample = async (asked: object) =>
      (await test.agent.post(`/v1/migrations/${body.hash}/sample`).send(asked)).body;
    expect(await sample({ topic: 'bills' })).toMatchObject({
      rehearsal: { records: 1, changed: 1 },
      records: [
        { before: { n: 5 }, after: { n: 5, square: 25 }, changes: [{ path: '/square', op: 'add', after: 25 }] },
      ],
    });
    expect(await sample({ topic: 'orders' })).toMatchObject({ rehearsal: { records: 4, poison: { undecodable: 1 } } });
    const rehearsal = (query: string) => test.agent.post(`/v1/migrations/${body.hash}/rehearsal${query}`).send();
    const rehearsed = async (query: string) => {
      const planned = await rehearsal(query);
      const { operation } = await operations.start({ planHash: planned.body.hash as string, principal: 'olga' });
      const { id } = operation;
      await expect
        .poll(async () => (await operations.status(id)).phase, { interval: 5, timeout: 10_000 })
        .toBe('FINISHED');
      return (await operations.status(id)).verification;
    };
    expect(await rehearsed('?topic=bills')).toMatchObject({ state: 'passed', records: 1, changed: 1 });
    expect(await rehearsed('')).toMatchObject({
      ...{ state: 'passed', records: 5, poison: { undecodable: 1 } },
      topics: { orders: { records: 4 }, bills: { records: 1 } },
    });
    const several = { status: 409, code: 'plan-of-several', hint: expect.stringContaining('bills') };
    expect(await sample({})).toMatchObject(several);
    const other = { status: 409, code: 'topic-not-in-plan', hint: expect.stringContaining('orders or bills') };
    expect(await sample({ topic: 'other' })).toMatchObject(other);
    expect((await rehearsal('?topic=other')).body).toMatchObject(other);
  });
});
