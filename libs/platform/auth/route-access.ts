import { declareRoute } from './route-config.js';
import type { Action, ObjectKind } from './access.js';

/** What a route declares about access. Fastify routes outside Nest carry it as `config: { access }`. */
export type RouteAccess = DeclaredAccess | PublicAccess;

export interface DeclaredAccess {
  readonly action: Action;
  readonly kind: ObjectKind;
  /**
   * Where the request names the object: a parameter of the path, else of the query (`topic`), or a member of the body (`body.name`).
   * Absent: the kind as a whole. A request that leaves the name out is judged as the kind as a whole too.
   */
  readonly name?: string;
  /** The service asks for every object by its name; the route only keeps out who reaches none of the kind. */
  readonly some?: true;
}

export interface PublicAccess {
  /** Why no credentials are asked for; a person reads it when the list of public routes is reviewed. */
  readonly public: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}

/** Declares action and object of a route. Every route has this or {@link Public}; without, the service does not start. */
export function Access(action: Action, kind: ObjectKind, name?: string): MethodDecorator {
  return declareRoute({ access: name === undefined ? { action, kind } : { action, kind, name } });
}

/**
 * Declares a route whose service asks for every object it touches by name, because they stand where the route does not look: in a list, behind an id or a hash
 * of a plan. The route itself keeps out who may do this with none of the kind.
 */
export function AccessToSome(action: Action, kind: ObjectKind): MethodDecorator {
  return declareRoute({ access: { action, kind, some: true } });
}

/** Declares a route that answers without credentials, and why. */
export function Public(reason: string): MethodDecorator {
  return declareRoute({ access: { public: reason } });
}
