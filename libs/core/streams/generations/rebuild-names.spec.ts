import { describe, expect, it } from 'vitest';
import type { TopicState } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames } from '#libs/core/log/testing';
import { rebuildTopicNames } from './rebuild-names.js';

async function rebuilt(topics: Record<string, TopicState>): Promise<Record<string, number>> {
  const engine = new MemoryLogEngine();
  const names = new MemoryTopicNames();
  for (const [name, state] of Object.entries(topics)) await engine.createTopic({ name, partitions: 1, state });
  await rebuildTopicNames(engine, names);
  return Object.fromEntries((await names.list(engine.logId)).map((row) => [row.logical, row.generation]));
}

describe('rebuilding the name table', () => {
  it('gives each name to its active generation', async () => {
    expect(
      await rebuilt({ a: 'RETIRED', 'a--g2': 'RETIRED', 'a--g3': 'ACTIVE', b: 'ACTIVE', 'b--g2': 'FENCED' }),
    ).toEqual({
      a: 3,
    });
    expect(await rebuilt({ 'a--g4': 'ACTIVE' })).toEqual({ a: 4 });
  });

  it('takes the old side of a cutover that was cut short, which nobody can have overtaken', async () => {
    expect(await rebuilt({ 'a--g2': 'FENCED', 'a--g3': 'FENCED' })).toEqual({ a: 2 });
    expect(await rebuilt({ a: 'FENCED', 'a--g2': 'FENCED' })).toEqual({});
    expect(await rebuilt({ a: 'RETIRED', 'a--g2': 'FENCED' })).toEqual({ a: 2 });
  });

  it('leaves internal topics and present rows alone', async () => {
    const engine = new MemoryLogEngine();
    const names = new MemoryTopicNames();
    await engine.createTopic({ name: 'a', partitions: 1, state: 'RETIRED' });
    await engine.createTopic({ name: 'a--g2', partitions: 1 });
    await engine.createTopic({ name: '__map--g2', partitions: 1 });
    await names.compareAndSet(engine.logId, 'a', 0, 1);
    expect(await rebuildTopicNames(engine, names)).toEqual([]);
    expect(await names.list(engine.logId)).toMatchObject([{ logical: 'a', generation: 1 }]);
  });
});
