import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { arrivedBody } from './arrived-bodies.js';
import { BodyRoom } from './body-room.js';
import { accountOf } from './count-bytes.js';
import { HttpFault } from './http-fault.js';

/** A body that has arrived. */
export interface CollectedBody {
  readonly bytes: Buffer;
  /** Gives its memory to the next body; to be called when nothing of the bytes is used any more, by anybody. Harmless to repeat, and to forget: then the collector comes to it. */
  letGo(): void;
}

type Done = (error: Error | null, body: CollectedBody | undefined) => void;

/** Where long bodies are put together. */
const ROOM = new BodyRoom();
/** Bodies from here on are. What is shorter comes in one piece, and is dead before it is worth an effort. */
const OWN_FROM = 16 * 1024;

/**
 * Collects the bytes of a body. One whose length was announced has been counted before it is read, and a long one is put together where it will lie, so that its pieces are let go of at once; one without is counted as it arrives.
 * Calls back once: with the body, with `body-too-large`, `body-cut-short`, or with what counting refuses.
 */
export function collectBody(request: FastifyRequest, payload: IncomingMessage, limit: number, done: Done): void {
  const announced = request.headers['content-length'];
  const expected = announced === undefined ? undefined : Number(announced);
  if (expected !== undefined && expected > limit) return done(tooLarge(limit, expected), undefined);
  const before = arrivedBody(payload);
  if (before !== undefined) {
    const whole = 'bytes' in before && before.bytes.length === expected;
    return whole ? done(null, ofOthers(before.bytes)) : done(cutShort(), undefined);
  }
  const account = expected === undefined ? accountOf(request) : undefined;
  const chunks: Buffer[] = [];
  let memory: Buffer | undefined;
  let length = 0;
  const end = (error: Error | null, body?: CollectedBody): void => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    if (error !== null && memory !== undefined) ROOM.giveBack(memory);
    done(error, body);
  };
  const onData = (chunk: Buffer): void => {
    const at = length;
    length += chunk.length;
    if (length > limit) return end(tooLarge(limit));
    if (expected !== undefined && expected >= OWN_FROM) {
      if (length > expected) return end(cutShort());
      (memory ??= ROOM.take(expected)).set(chunk, at);
      return;
    }
    try {
      account?.hold(chunk.length);
    } catch (error) {
      return end(error as Error);
    }
    chunks.push(chunk);
  };
  const onEnd = (): void => {
    if (expected !== undefined && expected !== length) return end(cutShort());
    if (memory !== undefined) return end(null, own(memory));
    end(null, ofOthers(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)));
  };
  const onError = (): void => end(cutShort());
  payload.on('data', onData).on('end', onEnd).on('error', onError);
}

function own(bytes: Buffer): CollectedBody {
  let held = true;
  return {
    bytes,
    letGo: () => {
      if (held) ROOM.giveBack(bytes);
      held = false;
    },
  };
}

/** Bytes that came from elsewhere, which others may have, too. */
function ofOthers(bytes: Buffer): CollectedBody {
  return { bytes, letGo: () => undefined };
}

/** @param measured bytes, where they were announced. */
function tooLarge(limit: number, measured?: number): HttpFault {
  const size = measured === undefined ? 'more' : `${measured} bytes`;
  return new HttpFault(
    413,
    'body-too-large',
    `The body is larger than this route takes: ${size}, where ${limit} bytes are the limit.`,
  );
}

function cutShort(): HttpFault {
  return new HttpFault(400, 'body-cut-short', 'The connection ended before the body did.');
}
