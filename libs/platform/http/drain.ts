import type { FastifyInstance } from 'fastify';

const controllers = new WeakMap<object, AbortController>();

/** Aborts when the service begins to stop. One per server, whatever encapsulated instance asks. */
export function drainSignal(fastify: FastifyInstance): AbortSignal {
  return controllerOf(fastify).signal;
}

/** Tells long polls and streams to end with what they have. */
export function beginDrain(fastify: FastifyInstance): void {
  controllerOf(fastify).abort();
}

function controllerOf(fastify: FastifyInstance): AbortController {
  let controller = controllers.get(fastify.server);
  if (controller === undefined) controllers.set(fastify.server, (controller = new AbortController()));
  return controller;
}
