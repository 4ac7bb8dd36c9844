import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Answers below this go as they are: they fit a packet or two, and packing them would take longer than sending them. */
export const COMPRESSED_FROM = 2_048;

/** What every answer of a route says whose answers may be compressed: caches keep the two apart (RFC 9110, 12.5.5). */
export const VARIES = 'Accept-Encoding';

/**
 * Whether a client takes gzip: named, or meant by `*` where it is not named, with a weight above 0 (RFC 9110, 12.5.3). A client that says nothing of codings is sent none.
 */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined || acceptEncoding === '') return false;
  let any = false;
  for (const one of acceptEncoding.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = one.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const wanted = weight === undefined || Number(weight.slice(2)) > 0;
    if (coding === 'gzip' || coding === 'x-gzip') return wanted;
    if (coding === '*') any = wanted;
  }
  return any;
}

/**
 * Compresses answers of the routes of Confluent's APIs for clients that take gzip, as the reference does (section 1.1 of the registry contract). It is done beside the event loop. Streams, and answers without a body, go as
 * they are. A compressed answer has the entity tag of the other, weakly: the two are not the same bytes, and either proves that nothing has changed.
 */
export function installCompression(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (route.config?.confluent === undefined) return;
    // After what makes the tag.
    route.onSend = [...[route.onSend ?? []].flat(), compressed];
  });
}

function compressed(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  const bytes = typeof payload === 'string' || payload instanceof Uint8Array ? payload : '';
  const asItIs = bytes.length < COMPRESSED_FROM || reply.hasHeader('content-encoding') || reply.statusCode === 206;
  if (asItIs || !takesGzip(headers['accept-encoding'])) {
    done(null, payload);
    return;
  }
  gzip(bytes, (error, packed) => {
    if (error !== null) return done(error);
    const tag = reply.getHeader('etag');
    if (typeof tag === 'string' && !tag.startsWith('W/')) reply.header('etag', `W/${tag}`);
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    done(null, packed);
  });
}
