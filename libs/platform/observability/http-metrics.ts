import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.js';

/** Counts and times every request by the pattern of its route, never by its path. */
export function installHttpMetrics(fastify: FastifyInstance, metrics: Metrics): void {
  const requests = metrics.counter('http_requests_total', 'Answered requests.', ['route', 'method', 'status']);
  const duration = metrics.histogram('http_request_duration_seconds', 'From the request to the end of its answer.', [
    'route',
    'method',
  ]);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    requests.add(1, { route, method, status: String(reply.statusCode) });
    duration.observe(reply.elapsedTime / 1_000, { route, method });
    done();
  });
}

/** Gives requests a line in the log: all of them, those that were refused or failed, or none. */
export function installRequestLog(fastify: FastifyInstance, logger: Logger, which: 'none' | 'errors' | 'all'): void {
  if (which === 'none') return;
  fastify.addHook('onResponse', (request, reply, done) => {
    if (which === 'all' || reply.statusCode >= 400) {
      logger.info(
        {
          request_id: request.id,
          actor: request.principal?.id,
          method: request.method,
          route: request.routeOptions.url ?? 'none',
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
        },
        'request',
      );
    }
    done();
  });
}
