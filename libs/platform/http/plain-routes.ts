import type { FastifyInstance } from 'fastify';
import type { AnswersAtHand } from './answers-at-hand.js';

/**
 * Where features add routes that Nest's own layer would slow down, or that stream. The guard, the limits, the media types and the error replies are the
 * same as for Nest's; what a route needs is said in its `config`. To be used while modules start (`onModuleInit`).
 */
export class PlainRoutes {
  constructor(
    readonly fastify: FastifyInstance,
    /** For routes whose answers may stand ready: they are looked for before anything else is done. */
    readonly atHand: AnswersAtHand,
  ) {}
}
