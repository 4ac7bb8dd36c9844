import type { DynamicModule, Type } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import type { SqlStoreOptions } from '#libs/adapters/store-sql';
import type { Clock } from '#libs/core/kernel';
import { BackupsModule } from '#libs/features/backups';
import { rewriteRegistryUrl } from '#libs/features/registry';
import { RegistryMovesModule } from '#libs/features/registry-moves';
import { rewriteRestProxyUrl } from '#libs/features/rest-proxy';
import type { Config } from '#libs/platform/config';
import { createHttpApp, type AnswersAtHand, type HttpApp, type RouteTable } from '#libs/platform/http';
import {
  Health,
  installByteMetrics,
  installHttpMetrics,
  installProcessMetrics,
  installRequestLog,
  Metrics,
  nestLogger,
  ObservabilityModule,
  type Logger,
} from '#libs/platform/observability';
import { makeAuthenticator, makeAuthorizer } from './access.js';
import { Closers } from './closers.js';
import { openCore } from './core.js';
import { installDocumentRoute } from './document-route.js';
import { FailPoints } from './fail-points.js';
import { FEATURES } from './features.js';
import { StartDoor } from './start-door.js';

/** What a service is made from. */
export interface ServiceOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly failPoints?: FailPoints;
  /** Called when the disk can no longer be trusted with writes: the process should end with its reserved code. */
  readonly onFatal?: (error: Error) => void;
  /** Called when the service is to stop in order and to start again, on what was restored. Nobody does unless given: then the next start is on it. */
  readonly onRestored?: () => void;
  /** How the metadata store's SQLite file is flushed; benchmarks put a slow disk in its place. */
  readonly datasync?: SqlStoreOptions['datasync'];
}

/** What the parts of a service share while it is put together. */
export interface ServiceParts extends Required<Omit<ServiceOptions, 'datasync'>>, Pick<ServiceOptions, 'datasync'> {
  readonly health: Health;
  readonly metrics: Metrics;
}

/** A service that runs. */
export interface Service {
  readonly url: string;
  readonly app: HttpApp;
  /** Not ready any more, drained, flushed, closed; harmless to repeat. @returns whether all of it went in order. */
  stop(): Promise<boolean>;
  /** Flushes and closes the data without waiting for what is under way, but for so many ms (0 by default) in which answers that are there can leave. */
  stopAtOnce(answersMs?: number): Promise<boolean>;
}

/**
 * Starts a service: data first, then what works on it, then HTTP. When a step fails, what was open is closed again.
 * @throws what keeps it from starting: `log-locked`, `store-in-use`, `invalid-tokens-file`, …
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const parts: ServiceParts = {
    failPoints: FailPoints.from(undefined),
    onFatal: () => undefined,
    onRestored: () => undefined,
    ...options,
    health: new Health(),
    metrics: new Metrics(),
  };
  const { config, clock, logger, health } = parts;
  const data = new Closers();
  const door = await StartDoor.open(config.http.host, config.http.port, health);
  try {
    const { app, run } = await build(parts, data);
    const doors = closing(app);
    try {
      await run();
      await door?.close();
      const url = await app.listen(config.http.host, config.http.port);
      health.started();
      return {
        url,
        app,
        stop: async () => {
          health.stopping();
          const drained = await doors(config.http.drainMs);
          if (!drained) logger.warn({ drainMs: config.http.drainMs }, 'requests were still under way and were cut off');
          return data.close(logger);
        },
        stopAtOnce: async (answersMs = 0) => {
          health.stopping();
          if (answersMs > 0) await clock.sleep(answersMs);
          app.fastify.server.closeAllConnections();
          return await data.close(logger);
        },
      };
    } catch (error) {
      await app.close();
      throw error;
    }
  } catch (error) {
    await data.close(logger);
    throw error;
  } finally {
    await door?.close();
  }
}

async function build(parts: ServiceParts, data: Closers): Promise<{ app: HttpApp; run: () => Promise<void> }> {
  const { config, clock, logger, metrics, health, version } = parts;
  data.add('process metrics', installProcessMetrics(metrics, version));
  const authorizer = makeAuthorizer();
  const authenticator = await makeAuthenticator(config, clock);
  const core = await openCore(parts, authorizer, data);
  const modules: (Type | DynamicModule)[] = [
    core.module,
    ObservabilityModule.with(health, metrics),
    ...FEATURES,
    registryMoves(config),
    BackupsModule.with({ maxBytes: config.limits.backupBytes }),
  ];
  const app = await createHttpApp({
    modules,
    authenticator,
    authorizer,
    settings: {
      maxBodyBytes: config.limits.bodyBytes,
      jsonDepth: config.limits.jsonDepth,
      jsonValues: config.limits.jsonValues,
      maxConnections: config.limits.connections,
      maxConnectionsPerAddress: config.limits.connectionsPerAddress,
      bytesInFlight: config.limits.bytesInFlight,
      bytesInFlightPerConnection: config.limits.bytesInFlightPerConnection,
      headersTimeoutMs: config.http.headersTimeoutMs,
      requestTimeoutMs: config.http.requestTimeoutMs,
      handlerTimeoutMs: config.http.handlerTimeoutMs,
      idleTimeoutMs: config.http.idleTimeoutMs,
      writeTimeoutMs: config.http.writeTimeoutMs,
      streamTimeoutMs: config.http.streamTimeoutMs,
    },
    logger,
    nestLogger: nestLogger(logger),
    rewriteUrl: (url) => rewriteRegistryUrl(rewriteRestProxyUrl(url)),
    prepare: (fastify: FastifyInstance, routes: RouteTable, atHand: AnswersAtHand) => {
      installDocumentRoute(fastify, routes, version);
      installHttpMetrics(fastify, metrics, atHand);
      installRequestLog(fastify, logger, config.logging.requests, atHand);
    },
  });
  installByteMetrics(metrics, app.bytesInFlight);
  return { app, run: core.run };
}

/** Moving registries, within the limits of the configuration. */
function registryMoves({ limits }: Config): DynamicModule {
  const { importBytes: totalBytes, importEntryBytes: entryBytes, importEntries: entries } = limits;
  return RegistryMovesModule.with({ totalBytes, entryBytes, entries });
}

/** Closes the HTTP side within a time; afterwards connections are cut. @returns whether everything under way had ended. */
function closing(app: HttpApp): (withinMs: number) => Promise<boolean> {
  return async (withinMs) => {
    const closed = app.close().then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), withinMs)));
    const drained = await Promise.race([closed, late]);
    clearTimeout(timer);
    if (!drained) {
      app.fastify.server.closeAllConnections();
      await closed;
    }
    return drained;
  };
}
