import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ByteAccount } from './bytes-in-flight.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What is counted for it, if anything is. */
    work: RequestWork | null;
    /** What its route does, once it has begun. */
    handling: Promise<unknown> | null;
  }
}

/**
 * The work on one request: from when its body is there until its route has come to its end. It goes on when the answer was given up (504) and when the client went away, and holds what it holds; so what is counted
 * for it is counted until then.
 */
export class RequestWork {
  readonly #accounts: ByteAccount[] = [];
  #steps = 0;

  /** Bytes counted for the request now. */
  get held(): number {
    let held = 0;
    for (const account of this.#accounts) held += account.held;
    return held;
  }

  /** Takes in what is counted from now on. */
  covers(account: ByteAccount): void {
    this.#accounts.push(account);
    if (this.#steps > 0) account.beginWork();
  }

  /** A step of the work begins, before the one in front of it has ended. */
  begin(): void {
    if (this.#steps++ > 0) return;
    for (const account of this.#accounts) account.beginWork();
  }

  /** A step has come to its end, and with the last one the work. */
  end(): void {
    if (--this.#steps > 0) return;
    for (const account of this.#accounts) account.endWork();
  }
}

/** The work on a request, for counting on. */
export function workOf(request: FastifyRequest): RequestWork {
  if (request.work !== null) return request.work;
  const work = (request.work = new RequestWork());
  if (request.handling !== null) lasts(work, request.handling);
  return work;
}

/** What routes do is part of the work on their requests. */
export function installRequestWork(fastify: FastifyInstance): void {
  fastify.decorateRequest('work', null);
  fastify.decorateRequest('handling', null);
  fastify.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      const answer: unknown = handler.call(this, request, reply);
      // Nothing follows for routes that are done at once.
      if (!(answer instanceof Promise)) return answer;
      request.handling = answer;
      if (request.work !== null) lasts(request.work, answer);
      return answer;
    };
  });
}

/** A step that ends with a promise. */
function lasts(work: RequestWork, until: Promise<unknown>): void {
  const end = (): void => work.end();
  work.begin();
  until.then(end, end);
}
