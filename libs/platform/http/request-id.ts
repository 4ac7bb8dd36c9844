import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Visible ASCII without the comma that joins repeated headers: exactly one value, and nothing that could forge a log line. */
const ACCEPTABLE = /^[!-+\--~]{1,128}$/;

/** No other process counts from the same beginning. */
const BEGINNING = randomBytes(9).toString('base64url');
let counted = 0;

/** The id a request goes by: its own `X-Request-Id` where it brought exactly one, otherwise one that no other request has. */
export function requestIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : `${BEGINNING}.${++counted}`;
}

/** Sends the id back with every answer. */
export function installRequestId(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    done();
  });
}
