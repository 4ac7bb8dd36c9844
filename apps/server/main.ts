import 'reflect-metadata';
import { deferred, isAppError } from '#libs/core/kernel';
import { readConfig, type Config } from '#libs/platform/config';
import { createLogger, SystemClock, type Logger } from '#libs/platform/observability';
import { EXIT } from './exit-codes.js';
import { FailPoints } from './fail-points.js';
import { restoreInto } from './restore.js';
import { startService, type Service } from './service.js';
import { startFailureOf } from './start-failure.js';
import { keepTickObject } from './tick-objects.js';
import { productVersion } from './version.js';

/** Longest a process that cannot trust its disk waits for its end. */
const FATAL_DRAIN_MS = 1_000;
/** What it leaves its last answers: that the outcome of a write is unknown is better told than shown by a connection that breaks. Nothing is acknowledged meanwhile. */
const FATAL_ANSWERS_MS = 100;

/** What the service creates, by drivers too, is for its owner and group alone. */
const UMASK = 0o027;

async function main(): Promise<void> {
  keepTickObject();
  process.umask(UMASK);
  const version = productVersion();
  const config = configuration();
  const logger = createLogger(config.logging);
  process.on('uncaughtException', (error) => defect(logger, error, 'an error was not caught'));
  process.on('unhandledRejection', (error) => defect(logger, error, 'a rejection was not handled'));
  const fatal = fatalStorage(logger);
  const stop = stopOnSignals(logger);
  try {
    const failPoints = FailPoints.from(process.env['WEIR_FAIL_POINT']);
    await restoreInto(config, process.argv.slice(2), logger, failPoints.pass);
    const start = async (settings: Config): Promise<void> => {
      const started = deferred<Service>();
      const service = await startService({
        config: settings,
        clock: new SystemClock(),
        logger,
        version,
        failPoints,
        onFatal: fatal.raise,
        // A restore that was cut short goes on with the start, and may be done before that is.
        onRestored: () => void started.promise.then(again),
      });
      fatal.arm(service);
      announce(service, config, logger, version);
      stop.arm(service);
      started.resolve(service);
    };
    /** On what was restored, where clients know it. */
    const again = async (before: Service): Promise<void> => {
      logger.info({}, 'the service stops, to start again on what was restored');
      await before.stop();
      const port = Number(new URL(before.url).port);
      await start({ ...config, http: { ...config.http, port } }).catch((error: unknown) =>
        refuseToStart(logger, error),
      );
    };
    await start(config);
  } catch (error) {
    refuseToStart(logger, error);
  }
}

function configuration(): Config {
  try {
    return readConfig({ env: process.env, cwd: process.cwd() });
  } catch (error) {
    if (!isAppError(error)) throw error;
    process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`);
    process.exit(EXIT.configuration);
  }
}

function announce({ url }: Service, config: Config, logger: Logger, version: string): void {
  const people =
    config.logging.format === 'pretty' || (config.logging.format === 'auto' && process.stdout.isTTY === true);
  const startMs = Math.round(process.uptime() * 1_000);
  if (people && config.logging.level !== 'silent') {
    process.stdout.write(
      `Weir ${version} is ready after ${startMs} ms: ${url} (registry at /, native API at /v1, health at /readyz, document at /openapi.json); data in ${config.data.dir}\n`,
    );
  } else {
    logger.info({ url, version, startMs, dataDir: config.data.dir, auth: config.auth.mode }, 'the service is ready');
  }
}

/** First signal: an orderly stop. Second: flush and go. A signal during the start waits until there is something to stop. */
function stopOnSignals(logger: Logger): { arm(service: Service): void } {
  let service: Service | undefined;
  let signals = 0;
  const stop = async (): Promise<void> => {
    logger.info({}, 'the service stops');
    const clean = await service!.stop();
    // A second signal took over, and ends the process itself.
    if (signals > 1) return;
    process.exit(clean ? EXIT.stopped : EXIT.defect);
  };
  const hurry = async (): Promise<void> => {
    logger.warn({}, 'told twice to stop: flushing without waiting for what is under way');
    await service!.stopAtOnce();
    process.exit(EXIT.hurried);
  };
  const onSignal = (): void => {
    signals++;
    if (service === undefined) {
      // Nothing was acknowledged yet; a start can be cut anywhere.
      if (signals > 1) process.exit(EXIT.hurried);
      return;
    }
    if (signals === 1) void stop();
    else if (signals === 2) void hurry();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    arm(started) {
      service = started;
      if (signals > 0) void stop();
    },
  };
}

/** A flush failed: what waits gets "outcome unknown", nothing more is acknowledged, and the process ends with the code reserved for it. */
function fatalStorage(logger: Logger): { raise(error: Error): void; arm(service: Service): void } {
  let service: Service | undefined;
  let raised = false;
  const leave = (): void => {
    setTimeout(() => process.exit(EXIT.fatalStorage), FATAL_DRAIN_MS).unref();
    void service?.stopAtOnce(FATAL_ANSWERS_MS).finally(() => process.exit(EXIT.fatalStorage));
  };
  return {
    raise(error) {
      raised = true;
      logger.fatal(
        { err: error },
        'the disk can no longer be trusted: the service ends, and verifies the log at its next start',
      );
      leave();
    },
    arm(started) {
      service = started;
      if (raised) leave();
    },
  };
}

function defect(logger: Logger, error: unknown, what: string): never {
  logger.fatal({ err: error }, what);
  process.exit(EXIT.defect);
}

function refuseToStart(logger: Logger, error: unknown): never {
  const { exit, message, hint } = startFailureOf(error);
  const told = isAppError(error) ? { code: error.code, details: error.details } : {};
  logger.fatal({ ...told, hint, err: error }, message);
  process.exit(exit);
}

await main();
