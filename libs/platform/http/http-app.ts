import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Module, type DynamicModule, type LoggerService, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  fastify as createFastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { impossible } from '#libs/core/kernel';
import { installDeclarations, installGuard, type Authenticator, type Authorizer } from '#libs/platform/auth';
import { AnswersAtHand } from './answers-at-hand.js';
import { installAnswerDeadlines } from './answer-deadlines.js';
import { installBodyParser } from './body-parser.js';
import { installCompression } from './compressed-answers.js';
import { installConditional } from './conditional.js';
import { ConfluentErrorMapper } from './confluent-api.js';
import { Connections } from './connections.js';
import { installByteCounting } from './count-bytes.js';
import type { BytesInFlight } from './bytes-in-flight.js';
import { beginDrain } from './drain.js';
import { ErrorFilter, ErrorReplies } from './error-replies.js';
import { HTTP_SETTINGS, type HttpSettings } from './http-settings.js';
import { globalProviders } from './global-providers.js';
import { withLazyChildren } from './lazy-logger.js';
import { installMediaTypes } from './media-types.js';
import { demandPathRules, MAX_ENCODED_SEGMENT, withoutMatrixParameters } from './path-rules.js';
import { PlainRoutes } from './plain-routes.js';
import { RecurringBodies } from './recurring-bodies.js';
import { requestIdOf, sendRequestId } from './request-id.js';
import { reasonLog } from './reason.js';
import { installRequestWork } from './request-work.js';
import { installRequestSignals } from './request-signal.js';
import { RouteTable } from './route-table.js';
import { mayTakeItsTime } from './slow-bodies.js';

export interface HttpAppOptions {
  /** Feature modules, and the modules that provide what they need. */
  readonly modules: readonly (Type | DynamicModule)[];
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly settings?: Partial<HttpSettings>;
  /** Where requests are logged; nowhere unless given. */
  readonly logger?: FastifyBaseLogger;
  /** Where Nest logs what it does; nowhere unless given. */
  readonly nestLogger?: LoggerService;
  /** Rewrites path and query before they are routed (and before access is judged): contexts of the registry. */
  readonly rewriteUrl?: (url: string) => string;
  /** Adds hooks and plain routes before Nest's routes are added. */
  readonly prepare?: (fastify: FastifyInstance, routes: RouteTable, atHand: AnswersAtHand) => void;
}

/** A service that answers HTTP: the same for the server, for tests and for the OpenAPI document. */
export interface HttpApp {
  readonly nest: NestFastifyApplication;
  readonly fastify: FastifyInstance;
  readonly routes: RouteTable;
  /** What its requests hold. */
  readonly bytesInFlight: BytesInFlight;
  /** @returns the base URL, `http://127.0.0.1:8081`. */
  listen(host: string, port: number): Promise<string>;
  /** Ends long polls and streams, waits for the requests under way, then closes. Harmless to repeat. */
  close(): Promise<void>;
}

/** How often slow requests are looked for while one may take its time: an answer is late by so much of it at most. */
const LOOKS_A_TIMEOUT = 5;

@Module({})
class HttpAppModule {}

/**
 * Builds the application. Every route passes, in this order: request id, path rules, guard, media types, body parser; every error leaves through
 * {@link ErrorReplies}. Resolves when all routes are there. Nothing listens yet.
 * @throws `undeclared-route` when a route does not say what access it needs.
 */
export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const settings = { ...HTTP_SETTINGS, ...options.settings };
  const late: { replies?: ErrorReplies; connections?: Connections } = {};
  const fastify = createFastify(serverOptions(settings, options, late));
  const connections = (late.connections = new Connections(fastify.server, settings));
  const routes = new RouteTable(fastify);
  const replies = (late.replies = new ErrorReplies(routes, options.authenticator.challenge));
  fastify.setErrorHandler((error, request, reply) => replies.send(error, request, reply));

  // One hook for all of them: Fastify's way from hook to hook takes longer than most of these steps.
  installRequestWork(fastify);
  const counting = installByteCounting(fastify, settings);
  const bodies = new RecurringBodies();
  const { bytesInFlight } = fastify;
  const atHand = new AnswersAtHand({ ...options, connections, bytesInFlight, bodies });
  atHand.installOn(fastify.server);
  fastify.decorate('streamTimes', settings);
  const steps = [
    (request: FastifyRequest, reply: FastifyReply) => {
      if (connections.asked(request.raw, reply.raw)) counting.pipelined(request, reply);
    },
    installDeclarations(fastify),
    sendRequestId,
    installRequestSignals(fastify),
    installAnswerDeadlines(fastify, settings.handlerTimeoutMs, (...late) => replies.send(...late)),
    demandPathRules,
    installGuard(fastify, options),
    reasonLog(options.logger),
    installMediaTypes(fastify),
    counting.bodies,
  ];
  fastify.addHook('onRequest', (request, reply, done) => {
    for (const step of steps) step(request, reply);
    done();
  });
  installConditional(fastify);
  installCompression(fastify);
  installBodyParser(fastify, settings, bodies);
  fastify.addHook('onRoute', (route) => {
    const bodyLimit = route.config?.api?.bodyLimit;
    if (bodyLimit !== undefined) route.bodyLimit = bodyLimit;
  });
  options.prepare?.(fastify, routes, atHand);

  const adapter = await nestAdapter(fastify);
  const plain = globalProviders([{ provide: PlainRoutes, useValue: new PlainRoutes(fastify, atHand) }]);
  const root: DynamicModule = { module: HttpAppModule, imports: [plain, ...options.modules] };
  const nest = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: options.nestLogger ?? false,
    bodyParser: false,
    abortOnError: false,
    routeConflictPolicy: { duplicate: 'error' },
  });
  nest.useGlobalFilters(new ErrorFilter(replies));
  replies.confluentMapper = optional(nest, ConfluentErrorMapper);
  try {
    await nest.init();
    await fastify.ready();
  } catch (error) {
    await nest.close();
    throw error;
  }

  let closed: Promise<void> | undefined;
  return {
    nest,
    fastify,
    routes,
    bytesInFlight: fastify.bytesInFlight,
    async listen(host, port) {
      await nest.listen(port, host);
      const address = fastify.server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
    },
    close: () =>
      (closed ??= (() => {
        beginDrain(fastify);
        connections.endUnused();
        return nest.close();
      })()),
  };
}

/**
 * Nest on an encapsulated instance of its own. Nest adds hooks to every request of the instance it is given, which take a tenth of an answer from memory:
 * plain routes, on the root, do without them.
 */
async function nestAdapter(fastify: FastifyInstance): Promise<FastifyAdapter> {
  let adapter: FastifyAdapter | undefined;
  await fastify.register(async (encapsulated) => {
    // Nest reads these two from what it is given, be it options or an instance.
    encapsulated.decorate('skipMiddie', true).decorate('multipart', false);
    adapter = new FastifyAdapter(encapsulated as never);
  });
  return adapter ?? impossible('Fastify has not run a plugin it was given');
}

function serverOptions(
  settings: HttpSettings,
  { logger, rewriteUrl = (url) => url }: HttpAppOptions,
  late: { readonly replies?: ErrorReplies; readonly connections?: Connections },
): FastifyHttpOptions<Server> {
  return {
    ...(logger === undefined ? { logger: false } : { loggerInstance: withLazyChildren(logger) }),
    genReqId: requestIdOf,
    requestIdHeader: false,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: settings.maxBodyBytes,
    requestTimeout: settings.requestTimeoutMs,
    connectionTimeout: settings.idleTimeoutMs,
    keepAliveTimeout: Math.min(settings.idleTimeoutMs, 75_000),
    http: {
      headersTimeout: settings.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(settings.headersTimeoutMs, settings.requestTimeoutMs) / LOOKS_A_TIMEOUT,
      maxHeaderSize: 16_384,
    },
    return503OnClosing: false,
    // Bodies are checked by zod; Fastify's own compilers would be loaded, take a while, and turn schemas into code.
    schemaController: { compilersFactory: { buildValidator: neverUsed, buildSerializer: neverUsed } },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_ENCODED_SEGMENT },
    rewriteUrl: ({ url = '/' }) =>
      url.startsWith('/v1/') && !url.startsWith('/v1/metadata') ? url : rewriteUrl(withoutMatrixParameters(url)),
    frameworkErrors: (error, request, reply) => {
      late.connections?.asked(request.raw, reply.raw);
      late.replies?.send(error, request, reply);
    },
    clientErrorHandler: refuseConnection,
  };
}

/** Stands where a route with a Fastify schema would get its compiler: there are none such. */
function neverUsed(): never {
  return impossible('a route has a Fastify schema; declare it with @ApiJson and parse with ZodPipe');
}

const REFUSALS: Readonly<Record<number, string>> = {
  408: 'The request took longer to arrive than http.headersTimeoutMs or http.requestTimeoutMs allow; nothing was done.',
  431: 'The headers are larger than 16384 bytes.',
};

/** Answers what is no HTTP at all, or took too long to become it. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && mayTakeItsTime(socket)) return;
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const title = STATUS_CODES[status] ?? '';
  const detail = REFUSALS[status];
  const body = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    ...(detail && { detail }),
    code: `http-${status}`,
  });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

function optional<T>(nest: NestFastifyApplication, token: abstract new () => T): T | undefined {
  try {
    return nest.get<T>(token as never, { strict: false });
  } catch {
    return undefined;
  }
}
