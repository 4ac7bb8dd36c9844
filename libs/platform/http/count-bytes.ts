import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BytesInFlight, type ByteAccount, type ByteUse } from './bytes-in-flight.js';
import type { HttpSettings } from './http-settings.js';
import { workOf } from './request-work.js';
import { STREAMED_TYPES } from './streamed-type.js';

declare module 'fastify' {
  interface FastifyInstance {
    bytesInFlight: BytesInFlight;
  }
  interface FastifyRequest {
    /** Counted with the body for the batches that are made of it (`ApiDoc.batched`). */
    batchBytes: number;
  }
  interface FastifyContextConfig {
    /** The answer is sent whatever else is in flight: what it says is known to nobody otherwise, or is needed just then. */
    answersAnyway?: boolean;
  }
}

/** Answers below this are not counted: so much is taken by the socket without waiting for the client, and there is one of them at a time on a connection. */
export const COUNTED_ANSWER = 16 * 1024;
/** What a request counts for that is sent behind another one before that is answered: for its headers, and what is made of them. */
const PIPELINED_BYTES = 4 * 1024;

/**
 * Counts what requests hold: a body from its announcement on, before it is read; one of unknown length as it arrives (`body-collector.ts`); batches made of bodies (`batch-room.ts`); an answer from when
 * it is made until the client has taken it. Routes that read their body while it arrives count themselves ({@link accountOf}). An answer beyond the bounds is refused where
 * nothing was done, and sent where something was: then it is the next request that is refused. A client that takes nothing of a counted answer for so long is cut off.
 */
export function installByteCounting(
  fastify: FastifyInstance,
  settings: HttpSettings,
): { pipelined: (request: FastifyRequest, reply: FastifyReply) => void; bodies: (request: FastifyRequest) => void } {
  const ledger = new BytesInFlight(settings);
  fastify.decorate('bytesInFlight', ledger);
  fastify.decorateRequest('batchBytes', 0);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const long = (typeof payload === 'string' || payload instanceof Uint8Array) && payload.length >= COUNTED_ANSWER;
    if (!long) return done(null, payload);
    const account = ledger.account(request.raw.socket, reply.raw);
    const bytes = Buffer.byteLength(payload as string | Uint8Array);
    try {
      if (nothingWasDone(request)) account.hold(bytes);
      else account.keep(bytes);
    } catch (error) {
      return done(error as Error);
    }
    cutWhenNotTaken(reply.raw, request, settings);
    done(null, payload);
  });
  return {
    pipelined: ({ raw: { socket } }, { raw }) => ledger.account(socket, raw).hold(PIPELINED_BYTES),
    bodies: (request) => {
      const length = Number(request.headers['content-length'] ?? 0);
      // One that is too long for its route is refused as such.
      if (length === 0 || length > bodyLimitOf(request, settings) || !isCollected(request)) return;
      // As far as a connection may hold so much: a body alone is always taken.
      const room = Math.max(0, settings.bytesInFlightPerConnection - length);
      request.batchBytes = makesBatches(request) ? Math.min(length, room) : 0;
      accountOf(request).hold(length + request.batchBytes);
    },
  };
}

/** Something on which a route that holds bytes counts them. What is counted is given back when the request is answered and its route has come to its end. */
export function accountOf(request: FastifyRequest, use: ByteUse = 'needed'): ByteAccount {
  const work = use === 'spare' ? null : workOf(request);
  return request.server.bytesInFlight.account(request.raw.socket, request.answering, use, work);
}

/** Largest body a route takes. */
export function bodyLimitOf(
  { declared }: FastifyRequest,
  { maxBodyBytes }: Pick<HttpSettings, 'maxBodyBytes'>,
): number {
  return declared?.api?.bodyLimit ?? maxBodyBytes;
}

/** Whether batches are made of the body; those that arrive as such are stored as they are. */
function makesBatches({ declared, headers }: FastifyRequest): boolean {
  return declared?.api?.batched === true && headers['content-type']?.startsWith('application/octet-stream') !== true;
}

/** Whether all of the body is read before the route runs. */
function isCollected({ method, declared, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || declared?.api?.streamed === true) return false;
  return !STREAMED_TYPES.some((type) => headers['content-type']?.startsWith(type) === true);
}

function nothingWasDone({ method, declared }: FastifyRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && declared?.answersAnyway !== true;
}

/** Node looks after the timeout of a socket, and takes progress of what is being written for a sign of life. */
function cutWhenNotTaken(response: ServerResponse, { raw: { socket } }: FastifyRequest, settings: HttpSettings): void {
  const { writeTimeoutMs, idleTimeoutMs } = settings;
  // A request that was injected, as tests do, comes over no connection.
  if (writeTimeoutMs >= idleTimeoutMs || !(socket instanceof Socket)) return;
  socket.setTimeout(writeTimeoutMs);
  response.once('close', () => {
    // Between requests the connection has another time, which Node has set by now.
    if (socket.timeout === writeTimeoutMs) socket.setTimeout(idleTimeoutMs);
  });
}
