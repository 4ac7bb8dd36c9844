import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { type LogEngine, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { JsonRecordDecoder } from '../record-decoder.js';
import { SOON, VERSIONED } from '../testing/derivation-world.js';
import { MemoryDerivationStore } from '../testing/memory-derivation-store.js';
import { TwoClusters } from '../testing/move-world.js';
import { Derivations } from './derivations.js';
import { JsonValueMerging } from './value-merging.js';
import { NoValueRewriting } from './value-rewriting.js';

const clock = new WallClock();

/** Two clusters, of which `far` is there or not. */
class SomeAway extends TwoClusters {
  isAway = false;

  override get(name: string): LogEngine {
    if (!this.present().includes(name)) {
      throw new AppError({ kind: 'unavailable', code: 'cluster-unavailable', message: 'It is away.' });
    }
    return super.get(name);
  }

  override present(): readonly string[] {
    return this.names().filter((name) => name !== 'far' || !this.isAway);
  }
}

describe('derivations of a cluster that is away when the service starts', () => {
  const store = new MemoryDerivationStore();
  const names = new MemoryTopicNames();
  const near = new MemoryLogEngine();
  const far = new MemoryLogEngine();
  let clusters: SomeAway;
  let supervisor: Supervisor;
  let derivations: Derivations;

  /** A process that finds the clusters as they are. */
  const start = (isAway: boolean): void => {
    clusters = new SomeAway({ near, far });
    clusters.isAway = isAway;
    supervisor = new Supervisor({ clock, owner: 'test', backoffMs: 1 });
    derivations = new Derivations({
      store,
      directories: new TopicDirectories(clusters, names, clock),
      names,
      decoder: new JsonRecordDecoder(),
      merging: new JsonValueMerging(),
      rewriting: new NoValueRewriting(),
      supervisor,
      clock,
      newId: () => 'd1',
    });
  };

  beforeEach(async () => {
    start(false);
    await far.createTopic({ name: 'orders', partitions: 1 });
    await near.createTopic({ name: 'orders', partitions: 1 });
    await derivations.create('far', { ...VERSIONED, name: 'versions', source: 'orders' }, 'somebody');
    await supervisor.close();
    start(true);
  });
  afterEach(async () => {
    clusters.isAway = false;
    await derivations.delete('far', 'versions');
    await supervisor.close();
    for (const engine of [near, far]) await engine.deleteTopic('orders');
    await names.remove(near.logId, 'orders');
  });

  it('begin when it comes, once, however often that is said', async () => {
    await derivations.start();
    await derivations.workers.reconcile();
    expect(supervisor.statuses()).toEqual([]);
    clusters.isAway = false;
    await Promise.all([derivations.takeUp('far'), derivations.workers.reconcile(), derivations.takeUp('far')]);
    expect(supervisor.statuses()).toHaveLength(1);
    await expect.poll(async () => (await derivations.describe('far', 'versions')).worker, SOON).toBe('running');
  });

  it('are not said to read nothing of a topic that may have been there', async () => {
    const unavailable = { code: 'cluster-unavailable' };
    // A name that nothing was ever done to has led nowhere else.
    expect(await derivations.over('near', 'orders')).toEqual([]);
    expect(await derivations.readersOn('near', 'orders', 1)).toEqual([]);
    await names.compareAndSet(near.logId, 'orders', 0, 2);
    await expect(derivations.over('near', 'orders')).rejects.toMatchObject(unavailable);
    await expect(derivations.readersOn('near', 'orders', 1)).rejects.toMatchObject(unavailable);
    await expect(derivations.writtenWith('orders-value', 1)).rejects.toMatchObject(unavailable);
    clusters.isAway = false;
    expect(await derivations.over('near', 'orders')).toEqual([]);
    expect(await derivations.over('far', 'orders')).toEqual(['versions']);
  });
});
