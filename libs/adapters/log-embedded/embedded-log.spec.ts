import { logEngineContract, SkippingClock } from '#libs/core/log/testing';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { SimulatedFileSystem, SimulatedLock } from './testing/index.js';

logEngineContract('embedded, on a simulated disk', async () => {
  const files = new SimulatedFileSystem();
  const lock = new SimulatedLock();
  const clock = new SkippingClock();
  const open = (): Promise<EmbeddedLog> => {
    return openEmbeddedLog({ directory: '/log', clock, files, lock });
  };
  let engine = await open();
  return {
    engine,
    skip: (ms) => clock.skip(ms),
    async reopen() {
      await engine.close();
      return (engine = await open());
    },
    dispose: () => engine.close(),
  };
});
