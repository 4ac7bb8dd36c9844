import { createHash, hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { declareRoute } from '#libs/platform/auth';
import { turn } from './turn.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's answers carry a strong entity tag, and a request that names it is answered 304 without a body. */
    conditional?: boolean;
  }
}

/** A copy may be kept by whoever asked, and is asked about each time: answers depend on who asks and on what is true now. */
export const REVALIDATED = 'private, no-cache';

/** Gives a GET route's answers entity tags. Plain Fastify routes carry the same as `config: { conditional: true }`. */
export function Conditional(): MethodDecorator {
  return declareRoute({ conditional: true });
}

/** Bytes from here on take long to put a tag to: others have their turn after every so many. */
const LONG = 1024 * 1024;

/** A strong tag: equal for equal bytes, and only for them. */
export function entityTag(body: string | Uint8Array): string {
  return quoted(hash('sha256', body, 'base64url'));
}

/** The same of a long body, while others have their turn. */
async function entityTagInTurns(body: Uint8Array): Promise<string> {
  const digest = createHash('sha256');
  for (let at = 0; at < body.length; at += LONG) {
    await turn();
    digest.update(body.subarray(at, at + LONG));
  }
  return quoted(digest.digest('base64url'));
}

function quoted(digest: string): string {
  return `"${digest.slice(0, 27)}"`;
}

/** Whether the client has the answer with this tag (RFC 9110, 13.1.2: compared weakly, `*` stands for any). */
export function isUnchanged(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}

/** Adds tags to the answers of the routes that declare so; other routes are not touched. */
export function installConditional(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (route.config?.conditional !== true) return;
    route.onSend = [...[route.onSend ?? []].flat(), tagged];
  });
}

function tagged(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  if (reply.statusCode !== 200 || !(typeof payload === 'string' || payload instanceof Uint8Array)) {
    done(null, payload);
    return;
  }
  if (payload.length < LONG) {
    sendTagged(request, reply, payload, entityTag(payload), done);
    return;
  }
  // As bytes from here on, made once: what follows counts them and sends them.
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  entityTagInTurns(bytes).then((tag) => sendTagged(request, reply, bytes, tag, done), done);
}

function sendTagged(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: string | Uint8Array,
  tag: string,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  reply.header('etag', tag).header('cache-control', REVALIDATED);
  if (!isUnchanged(request.headers['if-none-match'], tag)) {
    done(null, payload);
    return;
  }
  reply.code(304).removeHeader('content-length');
  done(null, null);
}
