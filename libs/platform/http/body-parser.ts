import { isUtf8 } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError, jsonValues, nestsDeeperThan } from '#libs/core/kernel';
import { parseExact, parseExactInTurns } from '#libs/core/schema';
import { RecurringBodies } from './recurring-bodies.js';

/** The media type of bodies that reach their route as a stream. */
export const STREAMED_TYPE = 'application/x-ndjson';

/** Bytes of a body that is parsed in one go. */
const AT_ONCE = 256 * 1024;

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
    const { jsonValues = limits.jsonValues, exactNumbers = false, recurring = false } = request.declared?.api ?? {};
    const parser = new JsonParser({ jsonDepth: limits.jsonDepth, jsonValues }, exactNumbers);
    if (body.length > AT_ONCE) {
      parser.parsedInTurns(body).then(
        (value) => done(null, value),
        (error: unknown) => done(error as Error, undefined),
      );
      return;
    }
    try {
      const parse = (bytes: Buffer): unknown => parser.parsed(bytes);
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

/** Reads bodies that must be JSON within limits. @throws `body-not-json`, `json-too-deep`, `json-too-many-values`. */
class JsonParser {
  constructor(
    private readonly limits: BodyLimits,
    private readonly exact: boolean,
  ) {}

  parsed(body: Buffer): unknown {
    this.#requireDepth(body);
    this.#requireFewValues(body);
    const text = textOf(body);
    try {
      return this.exact ? parseExact(text, this.limits.jsonDepth) : JSON.parse(text);
    } catch (cause) {
      throw notJson(placeOf((cause as Error).message), cause);
    }
  }

  /** As {@link parsed}: each look at 8 MiB takes some 20 ms, and others have their turn in between. */
  async parsedInTurns(body: Buffer): Promise<unknown> {
    this.#requireDepth(body);
    await turn();
    this.#requireFewValues(body);
    await turn();
    const text = textOf(body);
    try {
      if (!this.exact) return JSON.parse(text);
      return await parseExactInTurns(text, () => turn());
    } catch (cause) {
      throw notJson(placeOf((cause as Error).message), cause);
    }
  }

  #requireDepth(body: Buffer): void {
    const { jsonDepth } = this.limits;
    if (!isUtf8(body)) throw notJson('it is not UTF-8');
    if (!nestsDeeperThan(body, jsonDepth)) return;
    throw new AppError({
      kind: 'invalid',
      code: 'json-too-deep',
      message: `The body nests deeper than ${jsonDepth} levels.`,
      details: { limit: 'limits.jsonDepth', value: jsonDepth },
    });
  }

  #requireFewValues(body: Buffer): void {
    const most = this.limits.jsonValues;
    // A value takes two characters at least.
    if (body.length <= 2 * most) return;
    const measured = jsonValues(body);
    if (measured <= most) return;
    throw new AppError({
      kind: 'too-large',
      code: 'json-too-many-values',
      message: `The body holds ${measured} values; this route takes ${most}.`,
      details: { limit: 'limits.jsonValues', value: most, measured },
    });
  }
}

function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
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
