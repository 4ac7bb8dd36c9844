import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { drainSignal } from './drain.js';

const signals = new WeakMap<FastifyRequest, AbortSignal>();

/** Aborts when the client goes away before it has its answer, or when the service begins to stop. Long polls and streams end on it. */
export function signalOf(request: FastifyRequest): AbortSignal {
  let signal = signals.get(request);
  if (signal === undefined) {
    const gone = new AbortController();
    const { socket } = request.raw;
    const abort = (): void => gone.abort();
    if (socket.destroyed) abort();
    else {
      socket.once('close', abort);
      request.raw.once('close', () => {
        // A request is closed as soon as its body is read; only a closed socket means that nobody listens.
        if (socket.destroyed) abort();
      });
    }
    signal = AbortSignal.any([gone.signal, drainSignal(request.server)]);
    signals.set(request, signal);
  }
  return signal;
}

/** {@link signalOf} as a parameter of a controller method. */
export const RequestSignal: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): AbortSignal =>
    signalOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
