import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, type LogRecord, type StoredRecord } from '#libs/core/log';
import { OneCluster } from '#libs/core/log/testing';
import { parkedRecordsOf } from '../generations/parked-list.js';
import {
  drive,
  MigrationWorld,
  readTopic,
  runOf,
  type Scripted,
  ScriptedTransforms,
  type StoredOperation,
  textOf,
} from '../testing/index.js';
import { TransformError } from './pipeline.js';

interface Value {
  readonly amount?: number;
  readonly late?: number;
}

/** Doubles an amount; knows where to look for it, or not. */
const doubled =
  (amountOf: (value: Value) => number | undefined): Scripted =>
  ({ value }) => {
    const amount = amountOf(value as Value);
    if (amount === undefined) throw new TransformError('transform-failed', 'there is no amount');
    return amount * 2;
  };
const SCRIPTS = {
  first: doubled(({ amount }) => amount),
  corrected: doubled(({ amount, late }) => amount ?? late),
  large: ({ value }: { value: unknown }) => ((value as Value).amount ?? 9) > 1,
};
const upBy = (cel: string) => [{ set: 'value.double', cel }];
const planOf = (poison: JsonObject): JsonObject => ({ topic: 'orders', transform: { up: upBy('first') }, poison });
const PARKS = planOf({ policy: 'park-by-key' });

interface Written {
  readonly key: string | null;
  /** JSON text, or what is none. */
  readonly value: string | null;
}

const recordOf = ({ key, value }: Written): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [{ key: 'h', value: Buffer.from('1') }],
  timestamp: 7,
});

async function append(world: MigrationWorld, partition: number, records: readonly Written[]): Promise<void> {
  for (const one of records) await world.engine.append({ topic: 'orders', partition }, encodeBatch([recordOf(one)]));
}

async function worldOf(...content: (readonly Written[])[]): Promise<MigrationWorld> {
  const world = new MigrationWorld(new ScriptedTransforms(SCRIPTS));
  await world.engine.createTopic({ name: 'orders', partitions: content.length });
  for (const [partition, records] of content.entries()) await append(world, partition, records);
  return world;
}

/** What the engine does when somebody asks for a redrive. */
async function redrive(world: MigrationWorld, operation: StoredOperation, request: JsonObject = {}): Promise<void> {
  const handler = world.process();
  const notes = await handler.redrive!(operation.plan.parameters, operation.notes, request);
  operation.notes = { ...operation.notes, ...notes };
  operation.phase = 'CATCHING_UP';
  await drive(handler, operation, { until: 'READY' });
}

const correct = { transform: { up: upBy('corrected') } };
const PARKED = 'orders.parked-op-1';

/** Key and value of records, as they are compared. */
const plain = (records: readonly LogRecord[]): string[] =>
  records.map(({ key, value }) => `${key && textOf(key)} ${textOf(value)}`);

/** What has to come out, computed record by record. */
class Oracle {
  readonly target: string[] = [];
  parked: { key: string | null; value: string | null }[] = [];
  #keys = new Set<string>();

  /** What a transform makes of a value; undefined where it fails. */
  #made(value: string | null, isCorrected: boolean): string | null | undefined {
    if (value === null) return null;
    if (!value.startsWith('{')) return undefined;
    const json = JSON.parse(value) as Value;
    const amount = json.amount ?? (isCorrected ? json.late : undefined);
    return amount === undefined ? undefined : JSON.stringify({ ...json, double: amount * 2 });
  }

  #take(one: Written, isCorrected: boolean): void {
    const made = one.key !== null && this.#keys.has(one.key) ? undefined : this.#made(one.value, isCorrected);
    if (made !== undefined) {
      this.target.push(`${one.key} ${made ?? '(null)'}`);
      return;
    }
    this.parked.push(one);
    if (one.key !== null) this.#keys.add(one.key);
  }

  copy(records: readonly Written[], isCorrected: boolean): void {
    for (const one of records) this.#take(one, isCorrected);
  }

  redrive(isCorrected: boolean): void {
    const before = this.parked;
    this.parked = [];
    this.#keys = new Set();
    for (const one of before) this.#take(one, isCorrected);
  }

  get keys(): number {
    return this.#keys.size;
  }
}

const written = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd', null),
  value: fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 9 }).map((amount) => JSON.stringify({ amount })) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 9 }).map((late) => JSON.stringify({ late })) },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant('not json') },
  ),
});
const partition = fc.array(written, { maxLength: 14 });

describe('parking by key', () => {
  it('lets no record overtake one of its key, whatever is redriven when, and accounts for all of them (M4)', async () => {
    const scenario = fc.array(fc.tuple(partition, partition, partition), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(scenario, async (partitions) => {
        const oracles = partitions.map(() => new Oracle());
        const world = await worldOf(...partitions.map(([before]) => before));
        oracles.forEach((oracle, i) => oracle.copy(partitions[i]![0], false));
        const operation = await world.planned(planOf({ policy: 'park-by-key', leaveParked: true }));
        await drive(world.process(), operation, { until: 'READY' });
        await redrive(world, operation);
        oracles.forEach((oracle) => oracle.redrive(false));
        for (const [i, [, between]] of partitions.entries()) await append(world, i, between);
        await redrive(world, operation, correct);
        oracles.forEach((oracle, i) => {
          oracle.redrive(true);
          oracle.copy(partitions[i]![1], true);
        });
        for (const [i, [, , late]] of partitions.entries()) await append(world, i, late);
        oracles.forEach((oracle, i) => oracle.copy(partitions[i]![2], true));
        await drive(world.process(), operation, { until: 'SWITCHED' });

        const target = await world.read('orders');
        expect(target.map(plain)).toEqual(oracles.map((one) => one.target));
        const { parkedIn, ...errors } = operation.notes['errors'] as JsonObject & { parkedIn: { from: string[] } };
        const standing = await readTopic(world.engine, PARKED);
        const parked = standing.map((records, i) => records.filter((one) => one.offset >= Number(parkedIn.from[i])));
        expect(parked.map(plain)).toEqual(
          oracles.map((one) => one.parked.map(({ key, value }) => `${key} ${value ?? '(null)'}`)),
        );
        const sum = (of: (oracle: Oracle) => number): number => oracles.reduce((all, one) => all + of(one), 0);
        expect(errors).toMatchObject({
          read: partitions.flat(2).length,
          written: sum((one) => one.target.length),
          parked: sum((one) => one.parked.length),
          parkedKeys: sum((one) => one.keys),
          leftOut: 0,
          dlq: 0,
        });
        expect(operation.notes['verification']).toMatchObject({ level: 'full', state: 'passed' });
      }),
      { numRuns: 30 },
    );
  });

  it('waits with the switch until nothing is parked, holding no writer for it', async () => {
    const world = await worldOf([
      { key: 'a', value: '{"late":1}' },
      { key: 'b', value: '{"amount":1}' },
      { key: 'a', value: '{"amount":2}' },
      { key: 'a', value: null },
    ]);
    const operation = await world.planned(PARKS);
    expect(operation.plan.blockers).toEqual([]);
    await drive(world.process(), operation, { until: 'READY' });
    expect(operation.notes['errors']).toMatchObject({
      read: 4,
      written: 1,
      parked: 3,
      parkedKeys: 1,
      poison: 1,
      byClass: { 'transform-failed': 1 },
    });
    expect(operation.notes['cutover']).toEqual({
      blockers: [expect.stringContaining('3 records of 1 keys are parked')],
    });
    const states: string[] = [];
    const handler = world.process({ failPoint: (name) => void states.push(name) });
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain('poison:redrive');
    expect(states).not.toContain('migration:switch:fenced');
    await redrive(world, operation, correct);
    expect(operation.notes['errors']).toMatchObject({ written: 4, parked: 0, parkedKeys: 0, poison: 0, redriven: 3 });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(plain((await world.read('orders')).flat())).toEqual([
      'b {"amount":1,"double":2}',
      'a {"late":1,"double":2}',
      'a {"amount":2,"double":4}',
      'a (null)',
    ]);
    await world.process().finish(runOf(operation));
    expect(await world.topics()).toEqual(['orders--g2:ACTIVE']);
  });

  it('redrives only what is asked for, with what waits for it', async () => {
    const world = await worldOf([
      { key: 'a', value: '{"late":1}' },
      { key: 'b', value: 'not json' },
      { key: 'c', value: '{"late":3}' },
      { key: 'a', value: '{"amount":2}' },
    ]);
    const operation = await world.planned(PARKS);
    await drive(world.process(), operation, { until: 'READY' });
    const plan = { ...operation.plan, hash: 'h', kind: 'migration', createdBy: 'olga', createdAt: 0 };
    const listed = async () =>
      await parkedRecordsOf(new OneCluster(world.engine), plan, operation.notes['errors'] as JsonObject, 10);
    expect((await listed()).items).toEqual([
      { id: '0/0', key: 'a', class: 'transform-failed', waitsFor: null },
      { id: '0/1', key: 'b', class: 'undecodable', waitsFor: null },
      { id: '0/2', key: 'c', class: 'transform-failed', waitsFor: null },
      { id: '0/3', key: 'a', class: 'waits-for-key', waitsFor: '0/0' },
    ]);
    await redrive(world, operation, { ...correct, ids: ['0/0'] });
    expect((await listed()).items.map((one) => one.id)).toEqual(['0/1', '0/2']);
    await redrive(world, operation, { class: 'transform-failed' });
    expect((await listed()).items.map((one) => one.id)).toEqual(['0/1']);
    const page = await parkedRecordsOf(new OneCluster(world.engine), plan, operation.notes['errors'] as JsonObject, 0);
    expect(page).toEqual({ items: [], next: { partition: 0, offset: 6 } });
  });

  it('keeps what is left parked after the old side has gone, where the plan says so', async () => {
    const world = await worldOf([
      { key: 'a', value: 'not json' },
      { key: 'a', value: '{"amount":1}' },
    ]);
    const operation = await world.planned(planOf({ policy: 'park-by-key', leaveParked: true }));
    expect(operation.plan.risks).toContainEqual(expect.stringContaining('parked at the switch are left out'));
    await drive(world.process(), operation, { until: 'SWITCHED' });
    await world.process().finish(runOf(operation));
    expect(await world.topics()).toEqual(['orders--g2:ACTIVE', `${PARKED}:FENCED`]);
    expect(operation.events.at(-1)).toMatchObject({ type: 'parked-kept', data: { topic: PARKED, records: 2 } });
    const [records] = await readTopic(world.engine, PARKED);
    const headersOf = (one: StoredRecord) =>
      Object.fromEntries(one.headers.map(({ key, value }) => [key, textOf(value)]));
    expect(records!.map(headersOf)).toMatchObject([
      { h: '1', 'weir.source.offset': '0', 'weir.rule': 'undecodable' },
      { h: '1', 'weir.source.offset': '1', 'weir.rule': 'waits-for-key', 'weir.parked.since': '0' },
    ]);
  });

  it('leaves no trace when it is cancelled, and none when it is rolled back', async () => {
    const content = [{ key: 'a', value: 'not json' }];
    const cancelled = await worldOf(content);
    const operation = await cancelled.planned(PARKS);
    await drive(cancelled.process(), operation, { until: 'READY' });
    await cancelled.process().cancel(runOf(operation));
    expect(await cancelled.topics()).toEqual(['orders:ACTIVE']);
    const back = await worldOf(content);
    const left = await back.planned(planOf({ policy: 'park-by-key', leaveParked: true }));
    await drive(back.process(), left, { until: 'SWITCHED' });
    left.phase = 'ROLLING_BACK';
    await drive(back.process(), left, { until: 'ROLLED_BACK' });
    expect(await back.topics()).toEqual(['orders:ACTIVE']);
  });

  it('stops when more is parked than the plan bears, and goes on when a redrive has made it less', async () => {
    const world = await worldOf([
      { key: 'a', value: '{"late":1}' },
      { key: 'a', value: '{"amount":1}' },
      { key: 'a', value: '{"amount":2}' },
    ]);
    const operation = await world.planned(planOf({ policy: 'park-by-key', maxCount: 2 }));
    await expect(drive(world.process(), operation, { until: 'READY' })).rejects.toMatchObject({
      code: 'too-much-poison',
    });
    await redrive(world, operation, correct);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(operation.notes['errors']).toMatchObject({ read: 3, written: 3, parked: 0 });
  });

  it('sends no group past a redriven record it has not read', async () => {
    const world = await worldOf([
      { key: 'b', value: '{"amount":0}' },
      { key: 'a', value: '{"late":1}' },
      { key: 'b', value: '{"amount":2}' },
    ]);
    await world.engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const operation = await world.planned({ ...PARKS, groups: { mode: 'duplicates' } });
    await drive(world.process(), operation, { until: 'READY' });
    await redrive(world, operation, correct);
    await append(world, 0, [{ key: 'b', value: '{"amount":3}' }]);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const { positions } = await world.engine.describeGroup('readers');
    expect(positions.find((one) => one.topic === 'orders--g2')).toMatchObject({ offset: 1 });
    expect(plain((await world.read('orders')).flat()).slice(1)).toEqual([
      'b {"amount":2,"double":4}',
      'a {"late":1,"double":2}',
      'b {"amount":3,"double":6}',
    ]);
  });
});

describe('dead letters that are redriven', () => {
  it('come to the topic behind what was written meanwhile, and stay dead letters too', async () => {
    const world = await worldOf([
      { key: 'a', value: '{"late":1}' },
      { key: 'a', value: '{"amount":2}' },
      { key: 'b', value: 'not json' },
    ]);
    const operation = await world.planned(planOf({ policy: 'dlq' }));
    await drive(world.process(), operation, { until: 'READY' });
    expect(operation.notes['errors']).toMatchObject({ read: 3, written: 1, poison: 2, dlq: 2, parked: 0, redriven: 0 });
    expect(operation.notes['cutover']).toEqual({ blockers: [] });
    await redrive(world, operation, correct);
    expect(operation.notes['errors']).toMatchObject({ read: 3, written: 2, poison: 1, dlq: 2, redriven: 1 });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(plain((await world.read('orders')).flat())).toEqual([
      'a {"amount":2,"double":4}',
      'a {"late":1,"double":2}',
    ]);
    expect(plain((await readTopic(world.engine, 'orders.dlq')).flat())).toEqual(['a {"late":1}', 'b not json']);
    await world.process().finish(runOf(operation));
    expect(await world.topics()).toEqual(['orders--g2:ACTIVE', 'orders.dlq:ACTIVE']);
  });
});

describe('a redrive that must not be done', () => {
  const ask = async (request: JsonObject, poison: JsonObject = { policy: 'park-by-key' }, more: JsonObject = {}) => {
    const world = await worldOf([{ key: 'a', value: '{"amount":5,"late":1}' }]);
    const operation = await world.planned({ ...planOf(poison), ...more });
    await drive(world.process(), operation, { until: 'READY' });
    return await world.process().redrive!(operation.plan.parameters, operation.notes, request);
  };

  it('is refused for a transform that would block a plan, for a version that is not there, and where nothing is set aside', async () => {
    await expect(ask({}, { policy: 'pass-through' })).rejects.toMatchObject({ code: 'nothing-is-parked-by-plan' });
    await expect(ask({ transformVersion: 'other' })).rejects.toMatchObject({ code: 'transform-version-moved' });
    await expect(ask({ all: true, ids: ['0/0'], colour: 'red' })).rejects.toMatchObject({
      code: 'invalid-redrive-request',
      items: [{ path: 'colour' }, { path: 'all' }],
    });
    await expect(ask({ transform: { up: upBy('unknown') } })).rejects.toMatchObject({ code: 'invalid-transform' });
    const down = { transform: { up: upBy('first'), down: [{ remove: 'value.double' }] } };
    await expect(
      ask({ transform: { up: [...upBy('first'), { remove: 'value.late' }] } }, { policy: 'park-by-key' }, down),
    ).rejects.toMatchObject({ code: 'redrive-refused', message: expect.stringContaining("'/late'") as string });
  });
});

describe('what a verification finds of parked records', () => {
  const content = [
    { key: 'a', value: '{"late":1}' },
    { key: 'b', value: '{"amount":1}' },
    { key: 'a', value: '{"amount":2}' },
    { key: 'c', value: 'not json' },
  ];

  /** Verifies a copy of which somebody has changed the topic of parked records. */
  async function verified(change: (records: LogRecord[]) => LogRecord[], level: 'full' | 'readback'): Promise<unknown> {
    const world = await worldOf(content);
    const operation = await world.planned({
      ...planOf({ policy: 'park-by-key', leaveParked: true }),
      verification: level,
    });
    await drive(world.process(), operation, { until: 'VERIFYING' });
    const [records] = await readTopic(world.engine, PARKED);
    await world.engine.deleteTopic(PARKED);
    await world.engine.createTopic({ name: PARKED, partitions: 1 });
    const changed = change([...records!]);
    if (changed.length > 0) await world.engine.append({ topic: PARKED, partition: 0 }, encodeBatch(changed));
    await drive(world.process(), operation, { until: 'SWITCHED' }).catch(() => undefined);
    return (operation.notes['verification'] as JsonObject)['mismatches'];
  }

  it('negative controls: one that is dropped, repeated or changed', async () => {
    for (const level of ['full', 'readback'] as const) {
      expect(await verified((all) => all, level)).toEqual([]);
      expect(await verified((all) => all.slice(0, 2), level)).toContainEqual(
        expect.objectContaining({ kind: 'missing' }),
      );
      expect(await verified((all) => [...all, all[0]!], level)).toContainEqual(
        expect.objectContaining({ kind: 'unclaimed' }),
      );
    }
    const flipped = ([first, ...rest]: LogRecord[]): LogRecord[] => [
      { ...first!, value: Buffer.from('{"late":2}') },
      ...rest,
    ];
    expect(await verified(flipped, 'full')).toContainEqual(expect.objectContaining({ kind: 'different' }));
  });

  it('negative control: one that overtook its key', async () => {
    const world = await worldOf(content);
    const operation = await world.planned(planOf({ policy: 'park-by-key', leaveParked: true }));
    const parking = operation.plan.parameters['parking'] as { lettered: boolean };
    // Parks failed records alone while it copies, and verifies as it was planned.
    parking.lettered = true;
    await drive(world.process(), operation, { until: 'VERIFYING' });
    parking.lettered = false;
    await expect(drive(world.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'verification-failed',
    });
  });

  it('goes on by itself when nobody has to ask for its cutover, once what kept it from that is redriven', async () => {
    const parked = [
      { key: 'a', value: '{"late":1}' },
      { key: 'b', value: '{"amount":2}' },
    ];
    for (const mode of ['auto', 'manual']) {
      const world = await worldOf(parked);
      const operation = await world.planned({ ...PARKS, cutover: { mode } });
      const handler = world.process();
      await drive(handler, operation, { until: 'CUTTING_OVER' });
      await drive(handler, operation, { until: 'READY' });
      expect(operation.reason).toContain('1 records of 1 keys are parked');
      // One that leaves something parked changes nothing.
      await redrive(world, operation);
      expect(operation.notes['retryCutover'] ?? false).toBe(false);
      await redrive(world, operation, correct);
      expect(operation.notes['retryCutover'] ?? false).toBe(mode === 'auto');
      if (mode === 'manual') continue;
      await drive(world.process(), operation, { until: 'SWITCHED', requested: false });
      expect((await world.read('orders')).flat().map(({ value }) => textOf(value))).toEqual([
        '{"amount":2,"double":4}',
        '{"late":1,"double":2}',
      ]);
    }
  });
});
