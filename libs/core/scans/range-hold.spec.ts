import { MemoryLogEngine } from '#libs/core/log/testing';
import { rangeHoldPromises } from './testing/index.js';

rangeHoldPromises('a log in memory', async () => {
  const engine = new MemoryLogEngine();
  return {
    engine,
    config: {},
    // Retention of this engine is whoever deletes records.
    retain: async (topic) => void (await engine.deleteRecords([{ topic, partition: 0, offset: 'end' }])),
    dispose: () => engine.close(),
  };
});
