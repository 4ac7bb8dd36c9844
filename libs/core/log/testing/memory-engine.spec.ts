import { logEngineContract } from './log-engine-contract.js';
import { MemoryLogEngine } from './memory-engine.js';
import { SkippingClock } from './skipping-clock.js';
import type { OpenedLog } from './contract/contract-context.js';

async function open(options: { denseOffsets: boolean }): Promise<OpenedLog> {
  const clock = new SkippingClock();
  let engine = new MemoryLogEngine({ ...options, clock });
  return {
    engine,
    skip: (ms) => clock.skip(ms),
    async reopen() {
      await engine.close();
      return (engine = new MemoryLogEngine({ ...options, clock, storage: engine.storage }));
    },
    dispose: () => engine.close(),
  };
}

logEngineContract('memory', () => open({ denseOffsets: true }));
logEngineContract('memory with gaps as Kafka leaves them', () => open({ denseOffsets: false }));
