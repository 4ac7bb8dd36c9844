import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { AnsweredTransforms, GivenTypes } from '../testing/view-feeding.js';
import { parseDeclaration } from './declaration.js';
import { lostTopics } from './regenerable.js';

const LATEST: JsonObject = { source: { topic: 't' }, columns: { id: 'key' } };

describe('whether rows could be made again', () => {
  /** @param policy what becomes of old records of the topic @param trimmed whether its first record is gone */
  async function lost(policy: string, trimmed: boolean, more: JsonObject = {}): Promise<readonly string[]> {
    const engine = new MemoryLogEngine();
    const clock = new WallClock();
    try {
      await engine.createTopic({ name: 't', partitions: 1, config: { 'cleanup.policy': policy } });
      const records = ['a', 'b'].map((key) => ({
        ...{ key: Buffer.from(key), value: Buffer.from('{}') },
        ...{ headers: [], timestamp: 0 },
      }));
      await engine.append({ topic: 't', partition: 0 }, encodeBatch(records));
      if (trimmed) await engine.deleteRecords([{ topic: 't', partition: 0, offset: 1 }]);
      const tools = { types: new GivenTypes(), transforms: new AnsweredTransforms() };
      const { definition } = await parseDeclaration('v', 'local', { ...LATEST, ...more }, tools);
      const directories = new TopicDirectories(new OneCluster(engine), new MemoryTopicNames(), clock);
      return await lostTopics(directories.of('local'), definition);
    } finally {
      await engine.close();
    }
  }

  it('is so while the last record of each key is there: compaction keeps it', async () => {
    expect(await lost('delete', false)).toEqual([]);
    expect(await lost('compact', false)).toEqual([]);
  });

  it('is not so where records are gone from the begin, in a topic that is compacted besides either: one may have been the last of its key', async () => {
    for (const policy of ['delete', 'compact,delete']) expect(await lost(policy, true)).toEqual(['t']);
  });

  it('is not so of histories, events and rows that end softly once records between others may be gone', async () => {
    for (const more of [{ history: true }, { deletes: { mode: 'soft' } }] as JsonObject[]) {
      expect(await lost('compact', false, more)).toEqual(['t']);
      expect(await lost('delete', false, more)).toEqual([]);
    }
  });
});
