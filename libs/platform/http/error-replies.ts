import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ConfluentErrorMapper } from './confluent-api.js';
import { answerOf, type ErrorAnswer } from './error-answer.js';
import { whenAnswered } from './end-answer.js';
import { confluentBody, problemBody } from './error-bodies.js';
import { HttpFault } from './http-fault.js';
import { CONFLUENT_TYPE } from './registry-dialect.js';
import type { RouteTable } from './route-table.js';
import { Seldom } from './seldom.js';

/** Of requests that cannot be served for one reason, one is warned of in so long. Each has its line where `logging.requests` asks for it, and is counted. */
const WARN_EVERY_MS = 1_000;

/** Everything that goes wrong in a request ends here, wherever it was thrown, and leaves in the words of the path's protocol. */
export class ErrorReplies {
  /** Set once the modules are loaded; before, and without one, registry errors carry the HTTP status as code. */
  confluentMapper: ConfluentErrorMapper | undefined;
  readonly #warnings = new Seldom(WARN_EVERY_MS);

  constructor(
    private readonly routes: RouteTable,
    private readonly challenge: string | undefined,
  ) {}

  send(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // Nothing can be said any more: the client sees an answer that breaks off, which is the truth.
    if (reply.raw.headersSent || reply.sent) {
      request.log.error({ err: error }, 'a request failed after its answer had begun');
      reply.raw.destroy();
      return;
    }
    const path = pathOf(request);
    if (request.is404 && request.method === 'OPTIONS' && !isFault(error) && this.sendOptions(path, reply)) return;
    const answer = answerOf(request.is404 && !isFault(error) ? this.unmatched(request, path) : error);
    this.log(error, answer, request);
    reply.header('X-Request-Id', request.id);
    for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value);
    if (answer.status === 401 && this.challenge !== undefined) reply.header('WWW-Authenticate', this.challenge);
    // Fastify would end the connection with the answer, which takes the answer from a client that is not done sending.
    if (answer.code === 'body-too-large') reply.removeHeader('Connection');
    // Requests that come by no connection, as tests inject them, do not say whether they are complete.
    if (request.raw.complete === false) whenAnswered(request, reply.raw);
    const dialect = request.routeOptions.config?.confluent ?? (request.is404 ? this.routes.dialectOf(path) : undefined);
    if (dialect !== undefined) {
      const { status, body } = confluentBody(answer, dialect.errors ?? this.confluentMapper);
      // The reference sends these without a type, and clients' recordings show it.
      if (dialect.untyped.has(answer.code)) request.confluentType = null;
      reply.code(status).header('Content-Type', request.confluentType ?? CONFLUENT_TYPE);
      reply.send(Buffer.from(JSON.stringify(body)));
    } else {
      reply.code(answer.status).header('Content-Type', 'application/problem+json');
      reply.send(Buffer.from(JSON.stringify(problemBody(answer, path, request.id))));
    }
  }

  /** Answers `OPTIONS` with the methods of a path, if it has any. */
  private sendOptions(path: string, reply: FastifyReply): boolean {
    const methods = this.routes.methodsFor(path);
    if (methods.length === 0) return false;
    const allowed = [...methods, 'OPTIONS'].join(', ');
    reply.code(200).header('Allow', allowed).header('Content-Type', 'text/plain').send(allowed);
    return true;
  }

  private unmatched(request: FastifyRequest, path: string): HttpFault {
    const methods = this.routes.methodsFor(path);
    if (methods.length === 0 || methods.includes(request.method)) {
      return new HttpFault(404, 'route-not-found', 'There is nothing at this path.', {
        hint: '/openapi.json lists the paths there are.',
      });
    }
    return new HttpFault(405, 'method-not-allowed', `This path does not answer to ${request.method}.`, {
      hint: `It answers to ${methods.join(', ')}.`,
      headers: { allow: methods.join(', ') },
    });
  }

  private log(error: unknown, answer: ErrorAnswer, request: FastifyRequest): void {
    const facts = { code: answer.code, status: answer.status, actor: request.principal?.id };
    if (answer.defect)
      request.log.error({ ...facts, err: error, details: answer.appError?.details }, 'a request met a defect');
    else if (answer.status >= 500) {
      const leftOut = this.#warnings.due(answer.code);
      if (leftOut !== undefined) request.log.warn({ ...facts, leftOut, err: error }, 'a request could not be served');
    } else request.log.debug({ ...facts, detail: answer.detail }, 'a request was refused');
  }
}

/** Hands what Nest's handlers throw to {@link ErrorReplies}. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly replies: ErrorReplies) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.replies.send(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** Whether an error on an unmatched path is more than "unmatched": credentials come first. */
function isFault(error: unknown): boolean {
  return answerOf(error).status !== 404;
}

function pathOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '/';
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
