import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * What the route declares about itself: empty where no route matched, null where the router refused the request. Looked up once, since Fastify builds
     * `routeOptions` anew at every look.
     */
    declared: FastifyContextConfig | null;
  }
}

const declared = new WeakMap<object, FastifyContextConfig>();

/**
 * A method decorator that adds members to the Fastify route's `config`. Several such decorators on one method add up, whatever their order,
 * which Nest's own `RouteConfig` does not offer.
 */
export function declareRoute(part: FastifyContextConfig): MethodDecorator {
  return (target, key, descriptor) => {
    const handler = descriptor.value as object;
    const config = declared.get(handler) ?? {};
    declared.set(handler, Object.assign(config, part));
    RouteConfig(config)(target, key, descriptor);
  };
}

/** @returns the step that gives a request the declaration of its route as {@link FastifyRequest.declared}; it comes before any that reads it. */
export function installDeclarations(fastify: FastifyInstance): (request: FastifyRequest) => void {
  fastify.decorateRequest('declared', null);
  return (request) => {
    request.declared = request.routeOptions.config;
  };
}
