import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { AnswersAtHand } from '#libs/platform/http';
import type { Timing } from './histogram.js';
import type { Count, Metrics } from './metrics.js';

/** What is measured of one route. */
interface Measured {
  readonly duration: Timing;
  readonly answers: Map<number, Count>;
}

/** Counts and times every request by the pattern of its route, never by its path. */
export function installHttpMetrics(
  fastify: FastifyInstance,
  metrics: Metrics,
  atHand: Pick<AnswersAtHand, 'observe'>,
): void {
  const requests = metrics.counter('http_requests_total', 'Answered requests.', ['route', 'method', 'status']);
  const durations = metrics.histogram('http_request_duration_seconds', 'From the request to the end of its answer.', [
    'route',
    'method',
  ]);
  const routes = new Map<string, Map<string, Measured>>();
  const count = (route: string, method: string, status: number, seconds: number): void => {
    let methods = routes.get(route);
    if (methods === undefined) routes.set(route, (methods = new Map()));
    let measured = methods.get(method);
    if (measured === undefined) {
      methods.set(method, (measured = { duration: durations.of({ route, method }), answers: new Map() }));
    }
    let answers = measured.answers.get(status);
    if (answers === undefined) {
      measured.answers.set(status, (answers = requests.of({ route, method, status: String(status) })));
    }
    answers.add(1);
    measured.duration.observe(seconds);
  };
  fastify.addHook('onResponse', (request, reply, done) => {
    count(routeOf(request), request.method, reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  atHand.observe(count);
}

/** The pattern of the route, `/schemas/ids/:id`; `none` where there is none. */
function routeOf({ declared }: FastifyRequest): string {
  return (declared as { readonly url?: string } | null)?.url ?? 'none';
}

/** What requests hold, and how many were refused because they would hold too much. Both are read, never counted twice. */
export function installByteMetrics(
  metrics: Metrics,
  bytes: { readonly held: number; readonly refused: Readonly<Record<string, number>> },
): void {
  metrics.gauge('http_bytes_in_flight', 'Bytes of bodies and answers under way.', [], () => [{ value: bytes.held }]);
  metrics.gauge(
    'http_bytes_in_flight_refused',
    'Requests refused since the start because bodies and answers under way were at their bound.',
    ['bound'],
    () => Object.entries(bytes.refused).map(([bound, value]) => ({ labels: { bound }, value })),
  );
}

/** Gives requests a line in the log: all of them, those that were refused or failed, or none. */
export function installRequestLog(
  fastify: FastifyInstance,
  logger: Logger,
  which: 'none' | 'errors' | 'all',
  atHand: Pick<AnswersAtHand, 'turnOff'>,
): void {
  if (which === 'none') return;
  if (which === 'all') atHand.turnOff();
  fastify.addHook('onResponse', (request, reply, done) => {
    if (which === 'all' || reply.statusCode >= 400) {
      logger.info(
        {
          request_id: request.id,
          actor: request.principal?.id,
          method: request.method,
          route: routeOf(request),
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
        },
        'request',
      );
    }
    done();
  });
}
