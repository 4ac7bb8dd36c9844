import { logEngineContract } from './log-engine-contract.js';
import { MemoryLogEngine } from './memory-engine.js';
import type { OpenedLog } from './contract/contract-context.js';

async function open(options: { denseOffsets: boolean }): Promise<OpenedLog> {
  let engine = new MemoryLogEngine(options);
  return {
    engine,
    async reopen() {
      await engine.close();
      return (engine = new MemoryLogEngine({ ...options, storage: engine.storage }));
    },
    dispose: () => engine.close(),
  };
}

logEngineContract('memory', () => open({ denseOffsets: true }));
logEngineContract('memory with gaps as Kafka leaves them', () => open({ denseOffsets: false }));
