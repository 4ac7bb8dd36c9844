import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from './access.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard before any handler runs; null on public routes only. */
    principal: Principal | null;
  }
}

/** Who a public route is called by, as far as anyone can tell: nobody with rights. */
export const NOBODY: Principal = { id: 'nobody', roles: [] };

/** The principal the guard let through. */
export const CurrentPrincipal: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal =>
    context.switchToHttp().getRequest<FastifyRequest>().principal ?? NOBODY,
);
