import { describe, expect, it } from 'vitest';
import { holdFor, holdTopic, releaseAbandonedHolds, releaseHold } from './operation-holds.js';
import { MemoryLogEngine } from './testing/index.js';

describe('what an operation holds', () => {
  const open = async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 'orders', partitions: 2 });
    return engine;
  };
  const holds = async (engine: MemoryLogEngine) => (await engine.listRetentionHolds()).map(({ id }) => id);

  it('is everything that a topic retains, until it is released', async () => {
    const engine = await open();
    await holdTopic(engine, 'import', 'op1', 'orders');
    expect(await engine.listRetentionHolds()).toEqual([
      { id: 'import-op1', positions: [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 0 })) },
    ]);
    await releaseHold(engine, 'import', 'op1');
    await releaseHold(engine, 'import', 'op1');
    expect(await holds(engine)).toEqual([]);
  });

  it('is released when nobody knows the operation, or it has ended; the hold of another kind is not touched', async () => {
    const engine = await open();
    for (const work of ['repartition', 'scan', 'import'] as const) {
      await holdFor(engine, work, 'live', []);
      await holdFor(engine, work, 'over', []);
    }
    await engine.holdRetention('backup-over', []);
    const released = await releaseAbandonedHolds(engine, async (id) => id === 'live');
    expect(released).toEqual(['over', 'over', 'over']);
    expect(await holds(engine)).toEqual(['backup-over', 'import-live', 'repartition-live', 'scan-live']);
  });
});
