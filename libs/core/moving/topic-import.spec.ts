import { MemoryLogEngine } from '#libs/core/log/testing';
import { topicImportSuite } from './testing/index.js';

topicImportSuite('a log in memory', async () => {
  const log = new MemoryLogEngine();
  return { log, dispose: () => log.close() };
});
