import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { WallClock } from '#libs/core/log/testing';
import { topicImportSuite } from '#libs/core/moving/testing';
import { temporaryDirectory } from '#libs/platform/testing';

topicImportSuite('the embedded log', async () => {
  const directory = await temporaryDirectory();
  const log = await openEmbeddedLog({ directory: directory.path, clock: new WallClock() });
  return {
    log,
    dispose: async () => {
      await log.close();
      await directory.remove();
    },
  };
});
