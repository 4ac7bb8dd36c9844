import type { FastifyInstance, FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import { VARIES } from './compressed-answers.js';
import type { ConfluentDialect } from './confluent-api.js';
import { HttpFault } from './http-fault.js';
import { CONFLUENT_TYPE, REGISTRY_DIALECT } from './registry-dialect.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Media types of bodies beyond JSON, exactly: `application/octet-stream`. Routes of Confluent APIs have lists of their own. */
    consumes?: readonly string[];
  }
  interface FastifyRequest {
    /** On routes of a Confluent API: the media type agreed for the answer. Null where none was acceptable, and the error goes without one. */
    confluentType: string | null;
  }
}

const NATIVE_BODIES: ReadonlySet<string> = new Set([
  'application/json',
  'application/problem+json',
  'application/merge-patch+json',
]);

/**
 * Settles media types before anything is read: types of bodies are an exact list; routes of Confluent APIs judge the type of a request without body too, and agree
 * on one of the types of their dialect for the answer.
 * @returns the step that settles them for a request.
 */
export function installMediaTypes(fastify: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => void {
  fastify.decorateRequest('confluentType', CONFLUENT_TYPE);
  fastify.addHook('onSend', sendAgreedType);
  return (request, reply) => {
    const config = request.declared;
    const { headers } = request;
    const dialect = config?.confluent;
    if (dialect !== undefined) {
      reply.header('vary', VARIES);
      request.confluentType = agreedType(headers.accept, dialect);
      if (request.confluentType === null)
        throw new HttpFault(406, 'not-acceptable', 'None of the media types in Accept can be sent.');
      const given = headers['content-type'];
      if (given !== undefined && dialect.takes !== null) demandDialectType(request, given, dialect, dialect.takes);
    } else if (!request.is404 && hasBody(request) && headers['content-type'] !== undefined) {
      demandType(headers['content-type'], NATIVE_BODIES, config?.consumes);
    }
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity' && hasBody(request)) {
      throw new HttpFault(415, 'unsupported-encoding', 'Bodies are taken uncompressed only.');
    }
  };
}

const sendAgreedType: onSendHookHandler = ({ declared, confluentType }, reply, payload, done) => {
  const confluent = declared?.confluent !== undefined || confluentType === null;
  if (confluent && payload !== undefined && payload !== null) {
    if (confluentType === null) reply.removeHeader('content-type');
    else reply.header('content-type', confluentType);
  }
  done(null, payload);
};

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function demandType(header: string, allowed: ReadonlySet<string>, more: readonly string[] = []): void {
  const type = header.split(';', 1)[0]!.trim().toLowerCase();
  if (allowed.has(type) || more.includes(type)) return;
  throw new HttpFault(415, 'unsupported-media-type', 'Bodies of this media type are not taken here.', {
    hint: `Send ${[...allowed].slice(0, 2).join(' or ')}.`,
  });
}

function demandDialectType(
  request: FastifyRequest,
  given: string,
  dialect: ConfluentDialect,
  takes: ReadonlySet<string>,
): void {
  if (!given.includes('/')) {
    request.confluentType = 'application/json';
    throw new HttpFault(400, 'bad-request', 'Bad Request', { hint: 'Content-Type holds no media type.' });
  }
  const agreed = request.confluentType;
  request.confluentType = dialect.refusalType ?? agreed;
  demandType(given, takes);
  request.confluentType = agreed;
}

/** The best of a dialect's types for an `Accept` header: its weight times the dialect's, the most specific range deciding. Null when none is wanted. */
export function agreedType(accept: string | undefined, { offers }: ConfluentDialect = REGISTRY_DIALECT): string | null {
  const preferred = offers[0]![0];
  if (accept === undefined || accept === '*/*' || accept === preferred) return preferred;
  const ranges = accept.split(',').map(rangeOf);
  let best: string | null = null;
  let bestWeight = 0;
  for (const [type, weight] of offers) {
    const quality = qualityOf(type, ranges) * weight;
    if (quality > bestWeight) [best, bestWeight] = [type, quality];
  }
  return best;
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = q === undefined ? 1 : Number(q.slice(2));
  return { type: type === '' ? '*/*' : type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

function qualityOf(type: string, ranges: readonly Range[]): number {
  for (const wanted of [type, 'application/*', '*/*']) {
    const range = ranges.find((candidate) => candidate.type === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
