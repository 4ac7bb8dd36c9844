import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { WallClock } from '#libs/core/log/testing';
import type { OperationRun } from '#libs/core/operations';
import {
  drive,
  expectPlaced,
  Killed,
  Mortality,
  runOf,
  textOf,
  TogetherWorld,
  valuesByKey,
  workInterrupted,
} from '../testing/index.js';

const clock = new WallClock();
const TOPICS = ['orders', 'payments'];

const request = (more: JsonObject = {}): JsonObject => ({ topics: TOPICS, target: { partitions: 3 }, ...more });

/** Orders and their payments, by the same keys in as many partitions. */
async function prepared(): Promise<TogetherWorld> {
  const world = new TogetherWorld();
  const { engine } = world.one;
  for (const topic of TOPICS) {
    await engine.createTopic({ name: topic, partitions: 2 });
    for (let n = 0; n < 8; n++) await world.one.write(topic, `k${n % 5}`, `${topic}-${n}`);
    const { partitions } = await engine.describeTopic(topic);
    const positions = partitions.map(({ partition, endOffset: offset }) => ({ topic, partition, offset }));
    await engine.commitPositions('joiner', positions);
  }
  return world;
}

/** Writes to the topics in turns until told to stop. Answers the generation that took each record, in order, and what was acknowledged. */
function startJoinedWriter(world: TogetherWorld) {
  let going = true;
  const generations: number[] = [];
  const acknowledged = new Map<string, string[]>(TOPICS.map((topic) => [topic, []]));
  const writing = (async () => {
    for (let n = 0; going; n++) {
      const topic = TOPICS[n % 2]!;
      const value = `w${n}`;
      const record = { key: Buffer.from(`k${n % 5}`), value: Buffer.from(value), headers: [], timestamp: -1 };
      const { outcomes, token } = await world.one.producer.produce(topic, [record], { maxHoldMs: 10_000 });
      for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
      generations.push(token!.generation);
      acknowledged.get(topic)!.push(value);
      if (n % 3 === 0) await clock.sleep(0);
    }
  })();
  return {
    generations,
    acknowledged,
    stop: async () => {
      going = false;
      await writing;
    },
  };
}

describe('several topics in one step', () => {
  it('are planned as one operation that says all of each, without a risk that one is left behind', async () => {
    const world = await prepared();
    const { plan } = await world.planned(request());
    expect(plan.blockers).toEqual([]);
    expect(plan.subject).toBe('topic:local/orders');
    expect(plan.alsoOn).toEqual(['topic:local/payments']);
    expect(plan.steps.filter((one) => one.startsWith('payments: '))).not.toHaveLength(0);
    expect(plan.steps.at(-1)).toContain('all in one step');
    expect(plan.risks.join('\n')).not.toContain('co-partitioned');
    expect(plan.impact).toMatchObject({
      topics: TOPICS,
      coPartitioned: [],
      members: { orders: { topic: 'orders' }, payments: { topic: 'payments' } },
      profile: { orders: { records: 8 }, payments: { records: 8 } },
    });
    expect(plan.estimates.records).toBe(16);
    expect(await world.process().fingerprint(plan.parameters)).toEqual(plan.fingerprint);
    // Alone it would be.
    const alone = await world.planned({ topic: 'orders', target: { partitions: 3 } });
    expect(alone.plan.risks.join('\n')).toContain("co-partitioned: 'payments'");
  });

  it('are refused where they are not several, and blocked where they would not be alike or one of them is in the way', async () => {
    const world = await prepared();
    for (const topics of [['orders'], ['orders', 'orders'], 'orders', [1, 2]]) {
      await expect(world.planned({ topics })).rejects.toMatchObject({ code: 'invalid-repartition-request' });
    }
    await expect(world.planned({ topic: 'orders', topics: TOPICS })).rejects.toMatchObject({
      code: 'invalid-repartition-request',
    });
    await world.one.engine.createTopic({ name: 'wide', partitions: 5 });
    const unlike = await world.planned({ topics: ['orders', 'wide'], target: { partitioner: 'crc32' } });
    expect(unlike.plan.blockers).toEqual([expect.stringContaining('orders 2, wide 5')]);
    const nothing = await world.planned({ topics: ['orders', 'wide'], target: { partitions: 5 } });
    expect(nothing.plan.blockers).toEqual([expect.stringMatching(/^wide: nothing would change/)]);
  });

  it('are switched and taken back together: no writer finds one of them here and another there, and nothing is lost', async () => {
    const world = await prepared();
    const writer = startJoinedWriter(world);
    const operation = await world.planned(request());
    await drive(world.process({ readyRecords: 20 }), operation, { until: 'SWITCHED' });
    expect(await world.generations(TOPICS)).toEqual([2, 2]);
    await clock.sleep(5);
    const switched = writer.generations.length;
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect(await world.generations(TOPICS)).toEqual([1, 1]);
    await clock.sleep(5);
    await writer.stop();
    const turns = writer.generations.filter((one, i) => i === 0 || one !== writer.generations[i - 1]);
    expect(turns).toEqual([1, 2, 1]);
    expect(switched).toBeGreaterThan(0);
    for (const topic of TOPICS) {
      const partitions = await world.one.read(topic);
      expectPlaced(partitions);
      const values = partitions.flat().map((one) => textOf(one.value));
      const written = [...Array.from({ length: 8 }, (_, n) => `${topic}-${n}`), ...writer.acknowledged.get(topic)!];
      expect(values.sort()).toEqual(written.sort());
    }
    expect(await world.one.topics()).toEqual(['orders:ACTIVE', 'payments:ACTIVE']);
    expect(await world.one.engine.listRetentionHolds()).toEqual([]);
  });

  it('catch up side by side: none is kept behind its writers by waiting for its turn, or for another to have had it', async () => {
    const world = await prepared();
    const operation = await world.planned(request());
    const handler = world.process({ readyRecords: 2 });
    await drive(handler, operation, { until: 'CATCHING_UP' });
    for (const topic of TOPICS)
      for (let n = 0; n < 12; n++) await world.one.write(topic, `k${n % 5}`, `${topic}-more-${n}`);
    const lies = async (topic: string): Promise<number> =>
      (await world.one.engine.describeTopic(topic)).partitions.reduce((sum, one) => sum + one.endOffset, 0);
    const run = runOf(operation) as { -readonly [Member in keyof OperationRun]: OperationRun[Member] };
    let asked = 0;
    // As long as anything of the one is missing, the other gets more than it may be behind by.
    run.pace = async () => {
      if ((await lies('payments--g2')) === (await lies('payments'))) return;
      if (++asked > 200) throw new Error('orders never catches up, and payments waits for it');
      for (let n = 0; n < 3; n++) await world.one.write('orders', `k${n}`, `meanwhile-${asked}-${n}`);
    };
    expect(await handler.phases.CATCHING_UP!(run)).toMatchObject({ next: 'READY' });
    expect(asked).toBeGreaterThan(0);
  });

  it('are copied side by side: each gets on while the other is not done, and progress counts all of them', async () => {
    const world = await prepared();
    const { engine } = world.one;
    for (const topic of TOPICS)
      for (let n = 0; n < 40; n++) await world.one.write(topic, `k${n % 5}`, `${topic}-more-${n}`);
    const operation = await world.planned(request());
    const handler = world.process();
    await drive(handler, operation, { until: 'COPYING' });
    const run = runOf(operation) as { -readonly [Member in keyof OperationRun]: OperationRun[Member] };
    const copied = async (topic: string): Promise<number> =>
      (await engine.describeTopic(topic)).partitions.reduce((sum, one) => sum + one.endOffset, 0);
    let bothUnderWay = 0;
    run.pace = async () => {
      const parts = await Promise.all(['orders--g2', 'payments--g2'].map(copied));
      if (parts.every((one) => one > 0 && one < 48)) bothUnderWay++;
    };
    expect(await handler.phases.COPYING!(run)).toMatchObject({ next: 'CATCHING_UP' });
    expect(bothUnderWay).toBeGreaterThan(0);
    expect(operation.progress).toMatchObject({ recordsDone: 96, recordsTotal: 96 });
  });

  it('show verification, errors and groups of all, and progress over all partitions', async () => {
    const world = await prepared();
    const operation = await world.planned(request());
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(operation.notes).toMatchObject({
      verification: { state: 'passed', checked: 16 },
      errors: { poison: 0, written: 16 },
      groups: [
        { group: 'joiner', topic: 'orders', translation: 'exact' },
        { group: 'joiner', topic: 'payments', translation: 'exact' },
      ],
      members: { orders: { generation: 2 }, payments: { generation: 2 } },
    });
    expect(operation.progress).toMatchObject({ recordsDone: 16 });
    expect(operation.progress!.partitions!.map((one) => one.partition)).toEqual([0, 1, 2, 3]);
    const { positions } = await world.one.engine.describeGroup('joiner');
    for (const topic of TOPICS) {
      const { physical, description } = await world.one.directory.resolve(topic);
      const here = positions.filter((one) => one.topic === physical).map((one) => one.offset);
      expect(here).toEqual(description.partitions.map((one) => one.endOffset));
    }
    await world.process().finish(runOf(operation));
    expect(await world.one.topics()).toEqual(['orders--g2:ACTIVE', 'payments--g2:ACTIVE']);
  });

  it('stay where they are, all of them, when one cannot be switched in time, and go together when it can', async () => {
    const world = await prepared();
    const { engine } = world.one;
    // It has read the first record of two partitions that become one.
    const read = [0, 1].map((partition) => ({ topic: 'payments', partition, offset: 1 }));
    await engine.commitPositions('slow', read);
    const operation = await world.planned(request({ target: { partitions: 1 }, cutover: { maxPauseMs: 300 } }));
    const process = world.process();
    await drive(process, operation, { until: 'CUTTING_OVER' });
    await drive(process, operation, { until: 'READY' });
    expect(operation.reason).toContain("group 'slow'");
    expect(await world.generations(TOPICS)).toEqual([1, 1]);
    for (const topic of TOPICS) await world.one.write(topic, 'k1', 'on we go');
    for (const group of ['slow', 'joiner']) {
      for (const topic of TOPICS) {
        const ends = (await engine.describeTopic(topic)).partitions;
        await engine.commitPositions(
          group,
          ends.map(({ partition, endOffset: offset }) => ({ topic, partition, offset })),
        );
      }
    }
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const [orders, payments] = await world.generations(TOPICS);
    expect(orders).toBe(payments);
    expect(orders).toBeGreaterThan(1);
  });

  it('are not switched when a user froze one of them', async () => {
    const world = await prepared();
    const operation = await world.planned(request());
    const process = world.process();
    await drive(process, operation, { until: 'CUTTING_OVER' });
    const names = world.one.tableOfNames;
    const row = await names.find(world.one.engine.logId, 'payments');
    const guard = { protected: false, frozen: true, deletion: null };
    await names.setGuard(world.one.engine.logId, 'payments', row?.guardRevision ?? 0, guard);
    await drive(process, operation, { until: 'READY' });
    expect(operation.reason).toContain('frozen by a user');
    expect(await world.generations(TOPICS)).toEqual([1, 1]);
    await world.one.write('orders', 'k1', 'on we go');
  });

  for (const last of ['finish', 'rollback'] as const) {
    it(`end as if nothing had happened, killed before or after any effect (${last}), and are never apart`, async () => {
      const write = async (world: TogetherWorld): Promise<void> => {
        for (const topic of TOPICS) for (const n of [1, 2]) await world.one.write(topic, `k${n}`, `late-${n}`);
      };
      const clean = await prepared();
      const calm = new Mortality();
      await workInterrupted({ world: clean, operation: await clean.planned(request()), mortality: calm, last, write });
      const expected = await Promise.all(TOPICS.map(async (topic) => valuesByKey(await clean.one.read(topic))));
      const topics = await clean.one.topics();
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const operation = await world.planned(request());
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          const mortality = new Mortality(at, after);
          let apart = 0;
          const look = async (): Promise<void> => {
            if (new Set((await world.generations(TOPICS)).map((one) => one > 1)).size > 1) apart++;
          };
          const watched = { process: (options = {}) => world.process({ ...options, failPoint: look }) };
          const again = { ...watched, one: world.one } as unknown as TogetherWorld;
          await workInterrupted({ world: again, operation, mortality, last, write });
          expect(apart, name).toBe(0);
          const found = await Promise.all(TOPICS.map(async (topic) => valuesByKey(await world.one.read(topic))));
          expect(found, name).toEqual(expected);
          expect(await world.one.topics(), name).toEqual(topics);
          expect(await world.one.engine.listRetentionHolds(), name).toEqual([]);
        }
      }
    }, 300_000);
  }

  it('leave no trace when they are cancelled, wherever they were', async () => {
    const clean = await prepared();
    const calm = new Mortality();
    await drive(clean.process({ mortality: calm }), await clean.planned(request()), { until: 'SWITCHED' });
    for (let at = 1; at <= calm.effects; at++) {
      const world = await prepared();
      const cut = await world.planned(request());
      const mortality = new Mortality(at);
      await drive(world.process({ mortality }), cut, { until: 'SWITCHED' }).catch((error: unknown) => {
        if (!mortality.dead) throw error;
      });
      if ((await world.generations(TOPICS))[0] !== 1) continue;
      const dying = new Mortality(1 + (at % 5));
      await world
        .process({ mortality: dying })
        .cancel(runOf(cut))
        .catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      await world.process().cancel(runOf(cut));
      expect(await world.one.topics(), calm.names[at - 1]).toEqual(['orders:ACTIVE', 'payments:ACTIVE']);
      expect(await world.one.engine.listRetentionHolds(), calm.names[at - 1]).toEqual([]);
      for (const topic of TOPICS) await world.one.write(topic, 'later', 'x');
    }
  });

  it('negative control: moved one after another, a writer finds one of them here and another there', async () => {
    const world = await prepared();
    const writer = startJoinedWriter(world);
    for (const [i, topic] of TOPICS.entries()) {
      const operation = await world.planned({ topic, target: { partitions: 3 } }, `op-${i}`);
      await drive(world.process(), operation, { until: 'SWITCHED' });
      await clock.sleep(5);
    }
    await writer.stop();
    const turns = writer.generations.filter((one, i) => i === 0 || one !== writer.generations[i - 1]);
    expect(turns.length).toBeGreaterThan(2);
  });
});
