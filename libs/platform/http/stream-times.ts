import type { FastifyRequest } from 'fastify';
import type { HttpSettings } from './http-settings.js';

/** How long clients of streams may take for what, ms. */
export type StreamTimes = Pick<HttpSettings, 'writeTimeoutMs' | 'streamTimeoutMs' | 'requestTimeoutMs'>;

declare module 'fastify' {
  interface FastifyInstance {
    streamTimes: StreamTimes;
  }
}

/** The times that hold for a request. */
export function streamTimesOf({ server }: FastifyRequest): StreamTimes {
  return server.streamTimes;
}
