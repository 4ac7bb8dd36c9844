import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError, jsonValues, nestsDeeperThan } from '#libs/core/kernel';
import { parseExact } from '#libs/core/schema';
import { RecurringBodies } from './recurring-bodies.js';

/** The media type of bodies that reach their route as a stream. */
export const STREAMED_TYPE = 'application/x-ndjson';

export interface BodyLimits {
  /** Levels of nesting in a JSON body. */
  readonly jsonDepth: number;
  /** Values in a JSON body, of routes that do not name a limit of their own. */
  readonly jsonValues: number;
}

/**
 * One parser for every body. Which media types a route takes was settled before (`media-types.ts`), so that what validates the body never depends on how
 * its header was spelled. An empty body is `undefined`, whatever its type: official registry clients send a type with every DELETE. Binary bodies of
 * native routes stay bytes; everything else is JSON.
 */
export function installBodyParser(fastify: FastifyInstance, limits: BodyLimits): void {
  fastify.removeAllContentTypeParsers();
  const recurringBodies = new RecurringBodies();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    // No route will look at it, and how it reads must not change the answer.
    if (request.is404 || body.length === 0) return done(null, undefined);
    const binary = request.headers['content-type']?.startsWith('application/octet-stream') === true;
    if (binary && request.declared?.confluent !== true) return done(null, body);
    try {
      const { jsonValues = limits.jsonValues, exactNumbers = false, recurring = false } = request.declared?.api ?? {};
      const parse = (bytes: Buffer): unknown => parseJson(bytes, limits.jsonDepth, jsonValues, exactNumbers);
      done(null, recurring ? recurringBodies.parsed(body, parse) : parse(body));
    } catch (error) {
      done(error as Error, undefined);
    }
  });
  // Only routes that say so take lines of JSON (`media-types.ts`), and read them while they arrive.
  fastify.addContentTypeParser(STREAMED_TYPE, (request: FastifyRequest, payload, done) => {
    if (!request.is404) return done(null, payload);
    payload.resume();
    done(null, undefined);
  });
}

/** @throws `body-not-json`, `json-too-deep`, `json-too-many-values`. */
function parseJson(body: Buffer, maxDepth: number, maxValues: number, exact: boolean): unknown {
  if (!isUtf8(body)) throw notJson('it is not UTF-8');
  if (nestsDeeperThan(body, maxDepth)) {
    throw new AppError({
      kind: 'invalid',
      code: 'json-too-deep',
      message: `The body nests deeper than ${maxDepth} levels.`,
      details: { limit: 'limits.jsonDepth', value: maxDepth },
    });
  }
  // A value takes two characters at least.
  if (body.length > 2 * maxValues) {
    const measured = jsonValues(body);
    if (measured > maxValues) {
      throw new AppError({
        kind: 'too-large',
        code: 'json-too-many-values',
        message: `The body holds ${measured} values; this route takes ${maxValues}.`,
        details: { limit: 'limits.jsonValues', value: maxValues, measured },
      });
    }
  }
  const text = body.toString('utf8');
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return exact ? parseExact(json, maxDepth) : JSON.parse(json);
  } catch (cause) {
    throw notJson(placeOf((cause as Error).message), cause);
  }
}

/** What of the parser's message can be repeated: the place, never the text around it. */
function placeOf(message: string): string {
  const place = /at position (\d+)/.exec(message);
  return place === null ? 'it ends too early or holds something else' : `see position ${place[1]}`;
}

function notJson(why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'body-not-json',
    message: `The body is not valid JSON: ${why}.`,
    hint: 'Check quotes, commas and the encoding.',
    cause,
  });
}
