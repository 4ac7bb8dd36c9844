import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Visible ASCII without the comma that joins repeated headers: exactly one value, and nothing that could forge a log line. */
const ACCEPTABLE = /^[!-+\--~]{1,128}$/;

/** The id a request goes by: its own `X-Request-Id` where it brought exactly one, otherwise a random one. */
export function requestIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : randomUUID();
}

/** Sends the id back with every answer. */
export function installRequestId(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    done();
  });
}
