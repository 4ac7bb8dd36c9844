import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch, NO_TIMESTAMP, physicalName, TopicDirectories } from '#libs/core/log';
import { LogFaults, MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { JsonRecordDecoder } from '../record-decoder.js';
import { MemoryDerivationStore } from '../testing/memory-derivation-store.js';
import { Derivations, type DerivationRequest } from './derivations.js';

interface Change {
  readonly key: string | null;
  readonly value: unknown;
  readonly timestamp?: number;
}

const LATEST: DerivationRequest = {
  name: 'latest',
  source: 't',
  orderBy: { by: 'offset' },
  nullKeys: 'drop',
  onConflict: 'last',
};

/** Longest wait for work that goes on beside the test. */
const SOON = { timeout: 10_000, interval: 5 };

describe('latest derivations', () => {
  const clock = new WallClock();
  let faults: LogFaults;
  let engine: MemoryLogEngine;
  let names: MemoryTopicNames;
  let store: MemoryDerivationStore;
  let supervisor: Supervisor;
  let derivations: Derivations;
  let number = 0;

  function open(): void {
    supervisor = new Supervisor({ clock, owner: `test-${number++}`, backoffMs: 1 });
    derivations = new Derivations({
      store,
      directories: new TopicDirectories(new OneCluster(engine), names, clock),
      names,
      decoder: new JsonRecordDecoder(),
      supervisor,
      clock,
      newId: () => `d${number++}`,
    });
  }

  beforeEach(async () => {
    faults = new LogFaults();
    engine = new MemoryLogEngine({ faults });
    names = new MemoryTopicNames();
    store = new MemoryDerivationStore();
    open();
    await engine.createTopic({ name: 't', partitions: 1 });
  });

  afterEach(async () => {
    await supervisor.close();
    await engine.close();
  });

  async function write(topic: string, ...changes: Change[]): Promise<void> {
    const records = changes.map(({ key, value, timestamp = NO_TIMESTAMP }) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === undefined ? null : Buffer.from(JSON.stringify(value)),
      headers: [],
      timestamp,
    }));
    if (records.length > 0) await engine.append({ topic, partition: 0 }, encodeBatch(records));
  }

  /** The latest state as a lookup shows it, once the derivation has read everything. */
  async function settled(name = 'latest', records?: number): Promise<Record<string, unknown>> {
    await expect.poll(async () => (await derivations.describe(undefined, name)).lag, SOON).toBe(0);
    if (records !== undefined)
      await expect
        .poll(async () => (await derivations.describe(undefined, name)).progress?.counts.read, SOON)
        .toBe(records);
    const table = await derivations.latest(undefined, name);
    return Object.fromEntries(
      table.page('', undefined, 1_000).map(([key, row]) => [key, JSON.parse(Buffer.from(row.value).toString())]),
    );
  }

  it('keeps one state per key, the newest, and none after its tombstone', async () => {
    await write('t', { key: 'a', value: 1 }, { key: 'b', value: 2 }, { key: 'a', value: 3 });
    await derivations.create(undefined, LATEST, 'test');
    expect(await settled('latest', 3)).toEqual({ a: 3, b: 2 });
    await write('t', { key: 'a', value: undefined }, { key: 'c', value: 4 });
    expect(await settled('latest', 5)).toEqual({ b: 2, c: 4 });
  });

  it('goes by timestamp or by a field when told to, whatever order records come in (L3)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.record({ key: fc.constantFrom('a', 'b'), version: fc.integer({ min: 1, max: 1_000 }) }), {
          selector: (one) => `${one.key}${one.version}`,
          maxLength: 15,
        }),
        fc.constantFrom<DerivationRequest['orderBy']>({ by: 'timestamp' }, { by: 'field', path: 'value.version' }),
        fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
        async (versions, orderBy, splits) => {
          const topic = `s${number++}`;
          await engine.createTopic({ name: topic, partitions: 1 });
          await derivations.create(undefined, { ...LATEST, name: `${topic}-latest`, source: topic, orderBy }, 'test');
          for (const [index, { key, version }] of versions.entries()) {
            await write(topic, { key, value: { version }, timestamp: version });
            if (splits[index]) await new Promise((resolve) => setImmediate(resolve));
          }
          const expected: Record<string, unknown> = {};
          for (const { key, version } of versions)
            if (version > ((expected[key] as { version: number } | undefined)?.version ?? 0))
              expected[key] = { version };
          expect(await settled(`${topic}-latest`, versions.length)).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('counts what it leaves out: late, equal, without key, without version', async () => {
    await write(
      't',
      { key: 'a', value: { v: 5 } },
      { key: 'a', value: { v: 4 } },
      { key: 'a', value: { v: 5 } },
      { key: 'a', value: { v: 5, other: true } },
      { key: null, value: { v: 1 } },
      { key: 'b', value: {} },
      { key: 'c', value: undefined },
    );
    await derivations.create(
      undefined,
      { ...LATEST, orderBy: { by: 'field', path: 'value.v' }, onConflict: 'first' },
      'test',
    );
    expect(await settled('latest', 7)).toEqual({ a: { v: 5 } });
    expect((await derivations.describe(undefined, 'latest')).progress?.counts).toEqual({
      read: 7,
      written: 1,
      late: 1,
      same: 2,
      conflicts: 1,
      nullKeys: 1,
      refused: 1,
    });
  });

  it('copies what it has no place for to the dead letters, or stops, when told to', async () => {
    await write('t', { key: null, value: 1 }, { key: 'a', value: 2 });
    await derivations.create(undefined, { ...LATEST, name: 'kept', nullKeys: 'dlq' }, 'test');
    expect(await settled('kept', 2)).toEqual({ a: 2 });
    expect((await engine.describeTopic('kept.dlq')).partitions[0]?.endOffset).toBe(1);
    await derivations.create(undefined, { ...LATEST, name: 'strict', nullKeys: 'fail' }, 'test');
    await expect
      .poll(async () => (await derivations.describe(undefined, 'strict')).problem, SOON)
      .toMatch(/t\/0\/0 has no place in 'strict'/);
  });

  it('writes nothing twice when an acknowledgement is lost, and fences whoever ran before (L4)', async () => {
    await derivations.create(undefined, LATEST, 'test');
    for (let n = 0; n < 10; n++) {
      if (n % 3 === 1) faults.once('commit', { kind: 'lost-acknowledgement' });
      if (n % 3 === 2) faults.once('commit', { kind: 'lost-request' });
      await write('t', { key: `k${n % 4}`, value: n });
      await settled('latest', n + 1);
    }
    expect(await settled('latest', 10)).toEqual({ k0: 8, k1: 9, k2: 6, k3: 7 });
    expect((await engine.describeTopic('latest')).partitions[0]?.endOffset).toBe(10);
  });

  it('goes on after a restart, its state folded anew from what it wrote', async () => {
    await write('t', { key: 'a', value: { v: 5 } });
    await derivations.create(undefined, { ...LATEST, orderBy: { by: 'field', path: 'value.v' } }, 'test');
    await settled('latest', 1);
    await supervisor.close();
    await write('t', { key: 'a', value: { v: 4 } }, { key: 'b', value: { v: 1 } });
    open();
    await derivations.start();
    expect(await settled('latest', 3)).toEqual({ a: { v: 5 }, b: { v: 1 } });
  });

  it('follows a cutover of its source, reading no record twice', async () => {
    await write('t', { key: 'a', value: 1 });
    await derivations.create(undefined, LATEST, 'test');
    await settled('latest', 1);
    const next = physicalName('t', 2);
    await engine.createTopic({ name: next, partitions: 2 });
    await write(next, { key: 'a', value: 1 });
    await engine.setTopicState('t', 'FENCED');
    await names.compareAndSet(engine.logId, 't', 0, 2, { opensAt: [1, 0], closedAt: [], keyExpression: null });
    await write(next, { key: 'a', value: 2 });
    expect(await settled('latest', 2)).toEqual({ a: 2 });
  });

  it('lets nobody else write its topic, and takes it away when it is deleted', async () => {
    await derivations.create(undefined, LATEST, 'test');
    await expect(write('latest', { key: 'a', value: 1 })).rejects.toMatchObject({ code: 'topic-fenced' });
    await expect(derivations.create(undefined, LATEST, 'test')).rejects.toMatchObject({ code: 'derivation-exists' });
    await derivations.delete(undefined, 'latest');
    await expect(engine.describeTopic('latest')).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(derivations.describe(undefined, 'latest')).rejects.toMatchObject({ code: 'derivation-not-found' });
    await write('t', { key: 'x', value: 1 });
    await derivations.create(undefined, LATEST, 'test');
    expect(await settled('latest', 1)).toEqual({ x: 1 });
  });

  it('refuses a source that is not there, a name that is taken, and itself as source, creating nothing', async () => {
    await expect(derivations.create(undefined, { ...LATEST, source: 'nope' }, 'test')).rejects.toMatchObject({
      code: 'topic-not-found',
    });
    await expect(derivations.create(undefined, { ...LATEST, name: 't' }, 'test')).rejects.toMatchObject({
      code: 'derivation-of-itself',
    });
    await engine.createTopic({ name: 'other', partitions: 1 });
    await expect(derivations.create(undefined, { ...LATEST, name: 'other' }, 'test')).rejects.toMatchObject({
      code: 'topic-exists',
    });
    await expect(derivations.latest(undefined, 'other')).rejects.toMatchObject({ code: 'not-a-latest-stream' });
    expect(await derivations.list(undefined)).toEqual([]);
  });
});
