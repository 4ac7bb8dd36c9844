import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Visible ASCII without the comma that joins repeated headers: exactly one value, and nothing that could forge a log line. */
const ACCEPTABLE = /^[!-+\--~]{1,128}$/;

/** The id a request goes by: its own `X-Request-Id` where it brought exactly one, otherwise a random UUID (contract 1.2). */
export function requestIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : randomUUID();
}

/** Sends the id back with the answer. */
export function sendRequestId({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', id);
}
