import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig } from 'fastify';

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
