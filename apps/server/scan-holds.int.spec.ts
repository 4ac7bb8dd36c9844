import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { WallClock } from '#libs/core/log/testing';
import { rangeHoldPromises } from '#libs/core/scans/testing';
import { temporaryDirectory } from '#libs/platform/testing';

rangeHoldPromises('an embedded log', async () => {
  const directory = await temporaryDirectory();
  const settings = { segmentBytes: 64 * 1024, checkpointBytes: 64 * 1024 };
  const engine = await openEmbeddedLog({ directory: `${directory.path}/log`, clock: new WallClock(), settings });
  return {
    engine,
    config: { 'retention.bytes': '1' },
    retain: async () => {
      await engine.checkpoint();
      await engine.checkRetention();
    },
    dispose: async () => {
      await engine.close();
      await directory.remove();
    },
  };
});
