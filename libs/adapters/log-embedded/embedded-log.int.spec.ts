import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logEngineContract, SkippingClock } from '#libs/core/log/testing';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';

logEngineContract('embedded, on the real disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weir-log-'));
  const clock = new SkippingClock();
  const open = (): Promise<EmbeddedLog> => openEmbeddedLog({ directory, clock });
  let engine = await open();
  return {
    engine,
    skip: (ms) => clock.skip(ms),
    async reopen() {
      await engine.close();
      return (engine = await open());
    },
    async dispose() {
      await engine.close();
      await rm(directory, { recursive: true });
    },
  };
});
