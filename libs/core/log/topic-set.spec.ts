import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from './testing/index.js';
import { TopicDirectories } from './topic-directories.js';
import { TopicLifecycle } from './topic-lifecycle.js';
import { TopicSets, type DeclaredTopic } from './topic-set.js';

class FailingLog extends MemoryLogEngine {
  failing: string | undefined;
  override async createTopic(spec: Parameters<MemoryLogEngine['createTopic']>[0]) {
    if (spec.name === this.failing)
      throw new AppError({ kind: 'unavailable', code: 'log-unavailable', message: 'The log does not answer.' });
    return super.createTopic(spec);
  }
}

function open() {
  const engine = new FailingLog();
  const [names, clock] = [new MemoryTopicNames(), new ManualClock()];
  const directories = new TopicDirectories(new OneCluster(engine), names, clock);
  const lifecycle = new TopicLifecycle({
    directories,
    names,
    clock,
    deletedRetentionMs: 60_000,
    use: { usersOf: () => Promise.resolve([]), operationOn: () => Promise.resolve(undefined) },
  });
  const sets = new TopicSets(directories, lifecycle);
  const applied = async (declared: readonly DeclaredTopic[]) =>
    sets.apply(declared, (await sets.plan(declared)).restsOn);
  return { engine, directory: directories.of(), lifecycle, sets, applied };
}

const ORDERS: DeclaredTopic = { name: 'orders', partitions: 3, config: { 'retention.ms': '1000' }, protected: true };
const PLAIN: DeclaredTopic = { name: 'plain', config: {} };

describe('topics that are declared', () => {
  it('are created, set and protected, and then are so already', async () => {
    const { sets, applied, directory } = open();
    const { topics, blockers } = await sets.plan([ORDERS, PLAIN]);
    expect([topics.map((one) => [one.topic, one.outcome, one.partitions, one.protect]), blockers]).toEqual([
      [
        ['orders', 'new', 3, true],
        ['plain', 'new', 1, null],
      ],
      [],
    ]);
    expect(await directory.list()).toEqual([]);
    expect((await applied([ORDERS, PLAIN])).map(({ outcome }) => outcome)).toEqual(['new', 'new']);
    expect(await directory.resolve('orders')).toMatchObject({
      guard: { protected: true },
      description: { config: { 'retention.ms': '1000' }, partitions: [{}, {}, {}] },
    });
    expect((await sets.plan([ORDERS, PLAIN])).topics.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged']);
    const other = { ...ORDERS, config: { 'retention.ms': '2000' }, protected: false };
    expect((await applied([other]))[0]).toMatchObject({
      outcome: 'set',
      protect: false,
      settings: [{ name: 'retention.ms', before: '1000', after: '2000' }],
    });
    expect(await directory.resolve('orders')).toMatchObject({
      guard: { protected: false },
      description: { config: { 'retention.ms': '2000' } },
    });
  });

  it('never get partitions in passing, and are told what else cannot be before anything is done', async () => {
    const { sets, applied, directory, lifecycle } = open();
    await applied([ORDERS, PLAIN, { name: 'gone', config: {} }]);
    await lifecycle.delete(undefined, 'gone', { permanent: false, force: false });
    const declared: DeclaredTopic[] = [
      { ...ORDERS, partitions: 4 },
      { ...PLAIN, config: { 'retention.ms': 'long' } },
      { name: 'gone', config: {} },
      { name: '__inner', config: {} },
      { name: 'new', config: { 'retentoin.ms': '1' } },
      { name: 'fine', config: {} },
    ];
    const { topics, blockers, restsOn } = await sets.plan(declared);
    expect(topics.map(({ refusal }) => refusal?.code ?? null)).toEqual([
      'topic-partitions-differ',
      'invalid-topic-config',
      'topic-name-kept',
      'invalid-topic-name',
      'invalid-topic-config',
      null,
    ]);
    expect(blockers).toHaveLength(5);
    expect(topics[0]!.refusal!.hint).toContain('weir topic repartition orders --partitions 4');
    await expect(sets.apply(declared, restsOn)).rejects.toMatchObject({ code: 'plan-blocked' });
    expect((await directory.list()).map(({ logical }) => logical)).toEqual(['orders', 'plain']);
  });

  it('are not touched when one has moved since, and it is named; what is as it was to become has not moved', async () => {
    const { sets, directory, lifecycle } = open();
    await directory.create({ name: 'orders', partitions: 3 });
    const declared = [ORDERS, PLAIN];
    const { restsOn } = await sets.plan(declared);
    await lifecycle.protect(undefined, 'orders', true);
    await expect(sets.apply(declared, restsOn)).rejects.toMatchObject({
      code: 'plan-stale',
      message: expect.stringContaining("settings or protection of topic 'orders' have changed") as string,
    });
    await expect(sets.apply([...declared, { name: 'more', config: {} }], restsOn)).rejects.toMatchObject({
      details: { moved: [expect.any(String), "topic 'more' was not planned"] },
    });
    const again = await sets.plan(declared);
    await directory.create({ name: 'plain', partitions: 1 });
    // Somebody has made it meanwhile, just so.
    expect((await sets.apply(declared, again.restsOn)).map(({ outcome }) => outcome)).toEqual(['set', 'unchanged']);
    const last = await sets.plan([{ name: 'third', partitions: 2, config: {} }]);
    await directory.create({ name: 'third', partitions: 1 });
    await expect(sets.apply([{ name: 'third', partitions: 2, config: {} }], last.restsOn)).rejects.toMatchObject({
      details: { moved: ["topic 'third' was not there and is now"] },
    });
  });

  it('are made one after another: what fails is told, what comes after it is not tried, and the same plan goes on', async () => {
    const { sets, engine, directory } = open();
    const declared: DeclaredTopic[] = ['a', 'b', 'c'].map((name) => ({ name, config: {} }));
    const { restsOn } = await sets.plan(declared);
    engine.failing = 'b';
    const done = await sets.apply(declared, restsOn);
    expect(done.map(({ outcome, refusal }) => [outcome, refusal?.code])).toEqual([
      ['new', undefined],
      ['failed', 'log-unavailable'],
      ['not-tried', undefined],
    ]);
    engine.failing = undefined;
    expect((await sets.apply(declared, restsOn)).map(({ outcome }) => outcome)).toEqual(['unchanged', 'new', 'new']);
    expect((await directory.list()).map(({ logical }) => logical)).toEqual(['a', 'b', 'c']);
  });

  it('take the right to alter only where something changes, asked before anything is done', async () => {
    const { sets, applied, directory } = open();
    await applied([PLAIN]);
    const declared = [PLAIN, ORDERS];
    const { restsOn } = await sets.plan(declared);
    const refused = sets.apply(declared, restsOn, {
      permit: (outcomes) => {
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['unchanged', 'new']);
        throw new Error('not permitted');
      },
    });
    await expect(refused).rejects.toThrow('not permitted');
    expect((await sets.apply(declared, restsOn, { dryRun: true })).map(({ outcome }) => outcome)).toEqual([
      'unchanged',
      'new',
    ]);
    expect(await directory.list()).toHaveLength(1);
  });
});
