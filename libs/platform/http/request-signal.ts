import type { ServerResponse } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#libs/core/kernel';
import { onDrain } from './drain.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The answer the client waits for; null only where the router refused the request. */
    answering: ServerResponse | null;
  }
}

const signals = new WeakMap<FastifyRequest, AbortSignal>();

/** @returns the step that lets {@link signalOf} find the answer of a request. */
export function installRequestSignals(
  fastify: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => void {
  fastify.decorateRequest('answering', null);
  return (request, reply) => {
    request.answering = reply.raw;
  };
}

/**
 * Aborts when the client goes away before it has its answer, or when the service begins to stop. Long polls and streams end on it. The reason is an
 * `AppError`, so that a wait that ends by throwing it is answered in order.
 */
export function signalOf(request: FastifyRequest): AbortSignal {
  const known = signals.get(request);
  if (known !== undefined) return known;
  const controller = new AbortController();
  signals.set(request, controller.signal);
  const { answering } = request;
  if (answering === null || answering.destroyed) {
    controller.abort(clientGone());
    return controller.signal;
  }
  const forget = onDrain(request.server, (reason) => controller.abort(reason));
  // A request is closed as soon as its body is read; the answer is closed when it is sent, or when nobody waits for it any more.
  answering.once('close', () => {
    forget();
    if (!answering.writableFinished) controller.abort(clientGone());
  });
  return controller.signal;
}

/** Nobody reads it; it tells the end of a wait apart from a defect. */
function clientGone(): AppError {
  return new AppError({ kind: 'unavailable', code: 'client-gone', message: 'The client went away.' });
}

/** {@link signalOf} as a parameter of a controller method. */
export const RequestSignal: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): AbortSignal =>
    signalOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
