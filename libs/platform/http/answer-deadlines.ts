import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Arrivals, type Arrival } from './arrivals.js';
import { HttpFault } from './http-fault.js';
import { mayTakeItsTime } from './slow-bodies.js';

declare module 'fastify' {
  interface FastifyReply {
    /** Where it stands among the answers that have not been sent. */
    arrival: Arrival<FastifyReply> | null;
  }
}

/**
 * Answers for a route that does not begin its answer in time: 504, outcome not known, and what the route says later is dropped. One timer looks after all
 * requests, in the order of their arrival, so an answer may be up to a tenth late; Fastify's own limit keeps a timer, a signal and three listeners for
 * each, which takes as long as a whole answer from memory.
 * @returns the step with which the time of a request begins.
 */
export function installAnswerDeadlines(
  fastify: FastifyInstance,
  timeoutMs: number,
  refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const waiting = new Arrivals<FastifyReply>();
  const leave = ({ arrival }: FastifyReply): void => {
    if (arrival !== null) waiting.remove(arrival);
  };
  fastify.decorateReply('arrival', null);
  fastify.addHook('onResponse', (_request, reply, done) => {
    leave(reply);
    done();
  });
  const timer = setInterval(() => {
    for (const reply of waiting) {
      if (reply.elapsedTime < timeoutMs) break;
      leave(reply);
      // A stream that has begun, a body that takes its time to arrive, and a client that went away are looked after elsewhere.
      if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) continue;
      if (!mayTakeItsTime(reply.request.raw.socket)) refuse(tooLate(), reply.request, reply);
    }
  }, timeoutMs / 10).unref();
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
  return (_request, reply) => {
    reply.arrival = waiting.add(reply);
  };
}

function tooLate(): HttpFault {
  return new HttpFault(504, 'handler-timeout', 'The request took too long; whether it had an effect is not known.');
}
