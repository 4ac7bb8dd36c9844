import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';

/** How long what a client still sends is taken after its answer has ended, so that it can read it. */
const LINGER_MS = 1_000;

/**
 * Ends an answer that may have come before the whole of its request. What has arrived already is passed over, so that the connection serves the client's next request: ended with bytes unread it would be
 * reset under that. A client that is still sending is listened to for a moment, then cut off: what it sends would be taken for its next request.
 */
export function endAnswer({ raw: request }: FastifyRequest, raw: ServerResponse): void {
  raw.end();
  if (request.complete || request.destroyed) return;
  request.resume();
  const cut = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(cut));
}
