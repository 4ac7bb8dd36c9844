import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { declareRoute } from '#libs/platform/auth';

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

/** A strong tag: equal for equal bytes, and only for them. */
export function entityTag(body: string | Uint8Array): string {
  return `"${hash('sha256', body, 'base64url').slice(0, 27)}"`;
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
  const tag = entityTag(payload);
  reply.header('etag', tag).header('cache-control', REVALIDATED);
  if (!isUnchanged(request.headers['if-none-match'], tag)) {
    done(null, payload);
    return;
  }
  reply.code(304).removeHeader('content-length');
  done(null, null);
}
