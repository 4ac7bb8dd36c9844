import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { arrivedBody } from './arrived-bodies.js';
import { accountOf } from './count-bytes.js';
import { HttpFault } from './http-fault.js';

type Done = (error: Error | null, body: Buffer | undefined) => void;

/**
 * Collects the bytes of a body. One whose length was announced has been counted before it is read; one without is counted as it arrives.
 * Calls back once: with the body, with `body-too-large`, `body-cut-short`, or with what counting refuses.
 */
export function collectBody(request: FastifyRequest, payload: IncomingMessage, limit: number, done: Done): void {
  const announced = request.headers['content-length'];
  const expected = announced === undefined ? undefined : Number(announced);
  if (expected !== undefined && expected > limit) return done(tooLarge(), undefined);
  const before = arrivedBody(payload);
  if (before !== undefined) {
    const whole = 'bytes' in before && before.bytes.length === expected;
    return whole ? done(null, before.bytes) : done(cutShort(), undefined);
  }
  const account = expected === undefined ? accountOf(request) : undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  const end = (error: Error | null, body?: Buffer): void => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    done(error, body);
  };
  const onData = (chunk: Buffer): void => {
    length += chunk.length;
    if (length > limit) return end(tooLarge());
    try {
      account?.hold(chunk.length);
    } catch (error) {
      return end(error as Error);
    }
    chunks.push(chunk);
  };
  const onEnd = (): void => {
    if (expected !== undefined && expected !== length) return end(cutShort());
    end(null, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
  };
  const onError = (): void => end(cutShort());
  payload.on('data', onData).on('end', onEnd).on('error', onError);
}

function tooLarge(): HttpFault {
  return new HttpFault(413, 'body-too-large', 'The body is larger than this route takes.');
}

function cutShort(): HttpFault {
  return new HttpFault(400, 'body-cut-short', 'The connection ended before the body did.');
}
