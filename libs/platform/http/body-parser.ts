import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  AppError,
  impossible,
  isAppError,
  JsonScanner,
  jsonTooDeep,
  measureJson,
  measureJsonInTurns,
  parseJsonInTurns,
  type JsonMeasure,
} from '#libs/core/kernel';
import { parseExact, parseSpelled } from '#libs/core/schema';
import { collectBody, type CollectedBody } from './body-collector.js';
import { noteBodyDigest } from './body-digest.js';
import { bodyLimitOf } from './count-bytes.js';
import type { RecurringBodies } from './recurring-bodies.js';
import { STREAMED_TYPES } from './streamed-type.js';
import { turn } from './turn.js';

/** Bytes of a body that is parsed in one go. */
const AT_ONCE = 64 * 1024;
/** Bytes of it that are measured in one go: a fraction of a millisecond, five while this is done for the first time and not compiled yet. */
const MEASURED_AT_ONCE = 64 * 1024;
/** How long a body is parsed before others have their turn. */
const TURN_MS = 5;
/** Digits of a number in a body. What a number of millions of them is takes the processor a quarter of a second. */
const LONGEST_NUMBER = 64 * 1024;

/** Bodies of native routes that stay bytes. */
const RAW_TYPES = ['application/octet-stream', 'application/yaml'];

export interface BodyLimits {
  /** Levels of nesting in a JSON body. */
  readonly jsonDepth: number;
  /** Values in a JSON body, of routes that do not name a limit of their own. */
  readonly jsonValues: number;
}

/**
 * One parser for every body. Which media types a route takes was settled before (`media-types.ts`), so that what validates the body never depends on how
 * its header was spelled. An empty body is `undefined`, whatever its type: official registry clients send a type with every DELETE. Binary bodies
 * of native routes, and YAML, stay bytes; everything else is JSON.
 */
export function installBodyParser(
  fastify: FastifyInstance,
  limits: BodyLimits & { readonly maxBodyBytes: number },
  recurringBodies: RecurringBodies,
): void {
  fastify.removeAllContentTypeParsers();
  const parse = (
    request: FastifyRequest,
    collected: CollectedBody,
    done: (error: Error | null, body?: unknown) => void,
  ): void => {
    const body = collected.bytes;
    /** What was made of it shares no memory with it. */
    const read = (error: Error | null, value?: unknown): void => {
      collected.letGo();
      done(error, value);
    };
    // No route will look at it, and how it reads must not change the answer.
    if (request.is404 || body.length === 0) return read(null, undefined);
    noteBodyDigest(request, body);
    const type = request.headers['content-type'];
    const binary = RAW_TYPES.some((raw) => type?.toLowerCase().startsWith(raw) === true);
    if (binary && request.declared?.confluent === undefined) return done(null, body);
    const {
      jsonValues = limits.jsonValues,
      exactNumbers = false,
      recurring = false,
      scanned = false,
    } = request.declared?.api ?? {};
    if (scanned) return done(null, new UnreadJson(collected, { jsonDepth: limits.jsonDepth, jsonValues }));
    const numbers = request.declared?.confluent !== undefined ? 'spelled' : exactNumbers ? 'exact' : 'doubles';
    const parser = new JsonParser({ jsonDepth: limits.jsonDepth, jsonValues }, numbers);
    if (body.length > AT_ONCE) {
      parser.parsedInTurns(body).then(
        (value) => read(null, value),
        (error: unknown) => read(error as Error, undefined),
      );
      return;
    }
    try {
      const parsed = (bytes: Buffer): unknown => parser.parsed(bytes);
      read(null, recurring ? recurringBodies.parsed(body, parsed) : parsed(body));
    } catch (error) {
      read(error as Error, undefined);
    }
  };
  fastify.addContentTypeParser('*', (request: FastifyRequest, payload, done) => {
    collectBody(request, payload, bodyLimitOf(request, limits), (error, body) => {
      if (body === undefined) return done(error, undefined);
      const { work } = request;
      // It is read whether its client waits or not; its route begins before this step ends.
      work?.begin();
      parse(request, body, (failed, value) => {
        done(failed, value);
        work?.end();
      });
    });
  });
  // Only routes that say so take them (`media-types.ts`), and read them while they arrive.
  fastify.addContentTypeParser([...STREAMED_TYPES], (request: FastifyRequest, payload, done) => {
    if (!request.is404) return done(null, payload);
    payload.resume();
    done(null, undefined);
  });
}

/** A JSON body that its route goes over itself (`ApiDoc.scanned`), once. */
export class UnreadJson {
  #body: CollectedBody | undefined;

  constructor(
    body: CollectedBody,
    private readonly limits: BodyLimits,
  ) {
    this.#body = body;
  }

  /**
   * What `use` makes of what `read` made of the text, as {@link JsonParser.scanned} does it. What was read may lie in the memory of the body, which is another body's when `use` has come to its end: nothing of it may be used later, by
   * anybody.
   */
  async scanned<T, R>(
    read: (text: JsonScanner, turnWhenDue: () => Promise<void>) => Promise<T>,
    use: (value: T) => R | Promise<R>,
  ): Promise<R> {
    const body = this.#body ?? impossible('a body is gone over twice');
    this.#body = undefined;
    try {
      return await use(await new JsonParser(this.limits, 'exact').scanned(body.bytes, read));
    } finally {
      body.letGo();
    }
  }
}

/** Reads texts that must be JSON within limits, as bodies are and what comes in streams. @throws `body-not-json`, `json-too-deep`, `json-too-many-values`, `json-number-too-long`, `json-name-too-long`. */
export class JsonParser {
  constructor(
    private readonly limits: BodyLimits,
    /** Confluent's contracts turn a number into its text where a text is expected. */
    private readonly numbers: 'doubles' | 'exact' | 'spelled',
  ) {}

  parsed(body: Buffer): unknown {
    if (!isUtf8(body)) throw notJson('it is not UTF-8');
    const measure = this.#demandWithin(measureJson(body));
    try {
      return this.#parse(measure)(withoutMark(body).toString());
    } catch (cause) {
      throw notJson(placeOf((cause as Error).message), cause);
    }
  }

  /** What `read` makes of a text that it goes over to its end. It is to ask for turns between its parts; others have one when it is due. */
  async scanned<T>(
    body: Buffer,
    read: (text: JsonScanner, turnWhenDue: () => Promise<void>) => Promise<T>,
  ): Promise<T> {
    if (!isUtf8(body)) throw notJson('it is not UTF-8');
    const text = new JsonScanner(withoutMark(body), { depth: this.limits.jsonDepth });
    try {
      const value = await read(text, turnsWhenDue());
      text.end();
      this.#demandFew(text);
      return value;
    } catch (error) {
      throw error instanceof SyntaxError ? notJson(placeOf(error.message), error) : error;
    }
  }

  /** As {@link parsed}, while others have their turn. */
  async parsedInTurns(body: Buffer): Promise<unknown> {
    const turnWhenDue = turnsWhenDue();
    if (!isUtf8(body)) throw notJson('it is not UTF-8');
    const measure = this.#demandWithin(await measureJsonInTurns(body, turnWhenDue, MEASURED_AT_ONCE));
    await turnWhenDue();
    try {
      return await parseJsonInTurns(withoutMark(body), { turn: turnWhenDue, parse: this.#parse(measure) });
    } catch (cause) {
      throw isAppError(cause) ? cause : notJson(placeOf((cause as Error).message), cause);
    }
  }

  #parse(measure: JsonMeasure): (text: string) => unknown {
    const { jsonDepth } = this.limits;
    if (this.numbers === 'spelled') return (text) => parseSpelled(text, jsonDepth);
    if (this.numbers === 'doubles' || !measure.longNumbers) return JSON.parse;
    return (text) => parseExact(text, jsonDepth);
  }

  #demandWithin(measure: JsonMeasure): JsonMeasure {
    if (measure.depth > this.limits.jsonDepth) throw jsonTooDeep(this.limits.jsonDepth);
    this.#demandFew(measure);
    return measure;
  }

  #demandFew(measure: Pick<JsonMeasure, 'values' | 'longestNumber'>): void {
    const { jsonValues } = this.limits;
    if (measure.values > jsonValues) {
      throw new AppError({
        kind: 'too-large',
        code: 'json-too-many-values',
        message: `The body holds ${measure.values} values; this route takes ${jsonValues}.`,
        details: { limit: 'limits.jsonValues', value: jsonValues, measured: measure.values },
      });
    }
    if (measure.longestNumber > LONGEST_NUMBER) {
      throw new AppError({
        kind: 'too-large',
        code: 'json-number-too-long',
        message: `The body holds a number of ${measure.longestNumber} digits; ${LONGEST_NUMBER} are the limit.`,
        details: { limit: 'jsonNumberDigits', value: LONGEST_NUMBER, measured: measure.longestNumber },
      });
    }
  }
}

/** Others have their turn where {@link TURN_MS} have gone by since they had one. */
function turnsWhenDue(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await turn();
    since = performance.now();
  };
}

/** Some editors put a byte order mark in front. */
function withoutMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
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
