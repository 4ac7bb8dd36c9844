import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

const taken = new WeakSet<Socket>();

/**
 * Takes a request out of the time its client has to send it (`http.requestTimeoutMs`) and out of the time its route has to begin an answer (`http.handlerTimeoutMs`): the route reads the body while it arrives, and bounds
 * it itself.
 * @returns how the connection is put under the rule again, for the requests after this one.
 */
export function takeYourTime({ raw: { socket } }: FastifyRequest): () => void {
  taken.add(socket);
  return () => void taken.delete(socket);
}

/** Whether the request that is arriving on a connection may take its time. */
export function mayTakeItsTime(socket: Socket): boolean {
  return taken.has(socket);
}
