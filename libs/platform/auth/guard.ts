import type { FastifyInstance, FastifyRequest, preHandlerHookHandler } from 'fastify';
import { AppError } from '#libs/core/kernel';
import type { Authorizer, Principal } from './access.js';
import type { Authenticator } from './authenticator.js';
import type { DeclaredAccess, RouteAccess } from './route-access.js';

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

/**
 * The one guard of all routes, Nest's and plain Fastify's alike; it reads the route's own declaration. Install it before any route is added: a route
 * without a declaration then fails to be added, and with it the start. Credentials are checked before the body is read, and so is the permission,
 * unless the object's name stands in the body. Requests that match no route need valid credentials too, so that routes cannot be probed.
 * @returns the step that every request passes before its body is read.
 */
export function installGuard(
  fastify: FastifyInstance,
  { authenticator, authorizer }: GuardOptions,
): (request: FastifyRequest) => void {
  fastify.decorateRequest('principal', null);
  fastify.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (access === undefined) throw undeclared(String(route.method), route.url);
    if ('public' in access || !namedInBody(access)) return;
    const bodyRead: preHandlerHookHandler = (request, _reply, done) => {
      demand(authorizer, request.principal!, access, request);
      done();
    };
    route.preHandler = [bodyRead, ...[route.preHandler ?? []].flat()];
  });
  return (request) => {
    const access: RouteAccess | undefined = request.declared?.access;
    if (access !== undefined && 'public' in access) return;
    const principal = authenticator.authenticate({
      authorization: request.headers.authorization,
      address: request.ip,
    });
    request.principal = principal;
    if (access !== undefined && !namedInBody(access)) demand(authorizer, principal, access, request);
  };
}

function namedInBody(access: DeclaredAccess): boolean {
  return access.name?.startsWith('body.') ?? false;
}

function demand(authorizer: Authorizer, principal: Principal, access: DeclaredAccess, request: FastifyRequest): void {
  const { action, kind, name, some } = access;
  authorizer.demand(
    principal,
    action,
    some === true ? { kind, name: null, some } : { kind, name: nameOf(request, name) },
  );
}

/** The object's name as the request gives it; null when it gives none, or several, or something that is no text. */
function nameOf(request: FastifyRequest, name: string | undefined): string | null {
  if (name === undefined) return null;
  const given = name.startsWith('body.')
    ? member(request.body, name.slice('body.'.length))
    : (member(request.params, name) ?? member(request.query, name));
  return typeof given === 'string' ? given : null;
}

function member(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, name)
    ? (from as Record<string, unknown>)[name]
    : undefined;
}

function undeclared(method: string, url: string): AppError {
  return new AppError({
    kind: 'internal',
    code: 'undeclared-route',
    message: `The route ${method} ${url} does not declare what access it needs.`,
    hint: 'Add @Access(action, kind, name) or @Public(reason); on a plain Fastify route `config: { access }`.',
  });
}
