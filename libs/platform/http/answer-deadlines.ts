import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpFault } from './http-fault.js';
import { mayTakeItsTime } from './slow-bodies.js';

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
  const waiting = new Set<FastifyReply>();
  fastify.addHook('onResponse', (_request, reply, done) => {
    waiting.delete(reply);
    done();
  });
  const timer = setInterval(() => {
    for (const reply of waiting) {
      if (reply.elapsedTime < timeoutMs) break;
      waiting.delete(reply);
      // A stream that has begun, a body that takes its time to arrive, and a client that went away are looked after elsewhere.
      if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) continue;
      if (!mayTakeItsTime(reply.request.raw.socket)) refuse(tooLate(), reply.request, reply);
    }
  }, timeoutMs / 10).unref();
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
  return (_request, reply) => void waiting.add(reply);
}

function tooLate(): HttpFault {
  return new HttpFault(504, 'handler-timeout', 'The request took too long; whether it had an effect is not known.');
}
