import 'reflect-metadata';
import { setTimeout as wait } from 'node:timers/promises';
import { readConfig } from '#libs/platform/config';
import { createLogger, SystemClock } from '#libs/platform/observability';
import { startService } from '../apps/server/service.js';

/** A service whose metadata store sits on a disk that takes so many milliseconds longer for each flush. Told by message: `{ directory, flushMs }`. */
process.once('message', ({ directory, flushMs }: { directory: string; flushMs: number }) => {
  const config = readConfig({
    env: { WEIR_DATA_DIR: directory, WEIR_HTTP_PORT: '0', WEIR_LOGGING_LEVEL: 'warn' },
    cwd: directory,
  });
  void startService({
    config,
    clock: new SystemClock(),
    logger: createLogger(config.logging),
    version: 'bench',
    datasync: async (file) => {
      await wait(flushMs);
      await file.datasync();
    },
  }).then((service) => {
    process.send?.(service.url);
    process.once('SIGTERM', () => void service.stop().then(() => process.exit(0)));
  });
});
