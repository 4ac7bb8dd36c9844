import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';

/** How long what a client still sends is taken after its answer has ended, so that it can read it: 2 MiB over a slow line. */
const LINGER_MS = 5_000;

/**
 * Ends an answer that may have come before the whole of its request. What has arrived already is passed over, so that the connection serves the client's next request: ended with bytes unread it would be
 * reset under that. A client that is still sending is listened to for a moment, then cut off: what it sends would be taken for its next request.
 */
export function endAnswer(request: FastifyRequest, raw: ServerResponse): void {
  raw.end();
  passOver(request);
}

/** As {@link endAnswer}, of an answer that others send and end: a body that is refused before it is read. A client that only sees its connection reset never learns why, and tries again. */
export function whenAnswered(request: FastifyRequest, raw: ServerResponse): void {
  raw.once('finish', () => passOver(request));
}

function passOver({ raw: request }: FastifyRequest): void {
  if (request.complete || request.destroyed) return;
  // What was to take it takes no more.
  request.unpipe().resume();
  const cut = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(cut));
}
