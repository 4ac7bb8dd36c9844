import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Authenticator, Authorizer, DeclaredAccess, Principal } from '#libs/platform/auth';
import { arriveUnread, type Arrived } from './arrived-bodies.js';
import type { BytesInFlight } from './bytes-in-flight.js';
import { COMPRESSED_FROM, takesGzip, VARIES } from './compressed-answers.js';
import type { ConfluentDialect } from './confluent-api.js';
import { REVALIDATED } from './conditional.js';
import type { Connections } from './connections.js';
import { COUNTED_ANSWER } from './count-bytes.js';
import { REASON_HEADER } from './reason.js';
import type { RecurringBodies } from './recurring-bodies.js';
import { requestIdOf } from './request-id.js';

/** An answer that stands ready: its JSON text, the bytes that text takes, and its entity tag where the route sends one. */
export interface AnswerAtHand {
  readonly body: string;
  readonly bytes: number;
  readonly tag?: string;
}

/** A route with one parameter whose answers may stand ready. */
export interface RouteAtHand {
  /** Answers of `POST` stand ready for bodies that came before (`ApiDoc.recurring`). */
  readonly method: 'GET' | 'POST';
  /** Its pattern, as the route table and the metrics have it: `/schemas/ids/:id`. */
  readonly url: string;
  /** Parameters that are taken as they are written: nothing in them is escaped, or could be read otherwise. */
  readonly parameter: RegExp;
  /** What is demanded of whoever asks; the object's name, if it has one, is the parameter. */
  readonly access: DeclaredAccess;
  readonly dialect: ConfluentDialect;
  /** The answer, if it stands ready and this caller may have it. Quick, and without any effect. What it throws, the route throws. */
  readonly answer: (principal: Principal, parameter: string, body: unknown) => AnswerAtHand | undefined;
}

/** Told of each answer that was given, with its status and the seconds it took. */
export type AnswerObserver = (route: string, method: string, status: number, seconds: number) => void;

interface Place {
  readonly prefix: string;
  readonly suffix: string;
  readonly type: string;
  readonly route: RouteAtHand;
}

/** What answers are given under. */
interface AnswersAtHandTools {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly connections: Connections;
  readonly bytesInFlight: BytesInFlight;
  readonly bodies: RecurringBodies;
}

/**
 * Answers that stand ready in memory, given before a request goes its way through the framework, which takes longer than all else together. Only what the route itself would answer with 200 and these very
 * bytes is answered here; whatever is out of the ordinary (a query, a condition, another media type, a body that never came before, credentials that are not known, an answer to be compressed, a request behind another
 * one on its connection, a service that stops) goes the whole way, and is refused there if it is to be. Both ways are held against each other by a test.
 */
export class AnswersAtHand {
  readonly #places: Place[] = [];
  readonly #observers: AnswerObserver[] = [];
  #whole: readonly RequestListener[] = [];
  #off = false;

  constructor(private readonly tools: AnswersAtHandTools) {}

  add(route: RouteAtHand): void {
    const [prefix = '', suffix = ''] = route.url.split(/:[^/]+/);
    this.#places.push({ prefix, suffix, type: route.dialect.offers[0]![0], route });
  }

  observe(observer: AnswerObserver): void {
    this.#observers.push(observer);
  }

  /** Everything goes the whole way from now on: for a service that tells of every request. */
  turnOff(): void {
    this.#off = true;
  }

  /** Stands before whatever listens to the requests of a server. */
  installOn(server: Server): void {
    this.#whole = (server.listeners('request') as RequestListener[]).map((one) => one.bind(server));
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.#off || !this.#taken(request, response)) this.#goesTheWholeWay(request, response);
    });
  }

  #goesTheWholeWay(request: IncomingMessage, response: ServerResponse): void {
    for (const listener of this.#whole) listener(request, response);
  }

  /** Whether the request is answered, or will be once its body is there. */
  #taken(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = '' } = request;
    for (const place of this.#places) {
      const { prefix, suffix, route } = place;
      if (method !== route.method || !url.startsWith(prefix) || !url.endsWith(suffix)) continue;
      const parameter = url.slice(prefix.length, url.length - suffix.length);
      if (!route.parameter.test(parameter)) continue;
      if (!isPlain(request.headers, place.type)) return false;
      return method === 'GET'
        ? hasNoBody(request.headers) && this.#given(request, response, place, parameter, undefined)
        : this.#collected(request, response, place, parameter);
    }
    return false;
  }

  /** Waits for a body that is short and of a type the route takes; then it is answered here, or goes the whole way with its body. */
  #collected(request: IncomingMessage, response: ServerResponse, place: Place, parameter: string): boolean {
    const { connections, bytesInFlight, bodies } = this.tools;
    const { headers } = request;
    const length = Number(headers['content-length']);
    if (!(length > 0 && bodies.mayKnow(length) && place.route.dialect.takes?.has(headers['content-type'] ?? ''))) {
      return false;
    }
    // Whoever is to be refused is told so without sending a body, and none is waited for or counted.
    if (this.#admitted(request, place.route, parameter) === undefined) return false;
    if (connections.asked(request, response)) return false;
    const account = bytesInFlight.account(request.socket, response);
    try {
      account.hold(length);
    } catch {
      // The same is refused on the whole way, with its reason.
      return false;
    }
    arriveUnread(request, (arrived: Arrived) => {
      const body = 'bytes' in arrived && arrived.bytes.length === length ? bodies.known(arrived.bytes) : undefined;
      if (body !== undefined && this.#given(request, response, place, parameter, body)) return;
      account.close();
      this.#goesTheWholeWay(request, response);
    });
    return true;
  }

  #given(
    request: IncomingMessage,
    response: ServerResponse,
    { type, route }: Place,
    parameter: string,
    body: unknown,
  ): boolean {
    const { connections } = this.tools;
    if (connections.isStopping) return false;
    const began = performance.now();
    const answer = this.#answer(request, route, parameter, body);
    if (answer === undefined || answer.bytes >= COUNTED_ANSWER) return false;
    if (answer.bytes >= COMPRESSED_FROM && takesGzip(request.headers['accept-encoding'])) return false;
    if (connections.asked(request, response)) return false;
    const headers = ['x-request-id', requestIdOf(request), 'vary', VARIES];
    if (answer.tag !== undefined) headers.push('etag', answer.tag, 'cache-control', REVALIDATED);
    headers.push('content-type', type, 'content-length', String(answer.bytes));
    response.writeHead(200, headers);
    response.end(answer.body);
    const seconds = (performance.now() - began) / 1_000;
    for (const observer of this.#observers) observer(route.url, route.method, 200, seconds);
    return true;
  }

  /** The answer for a caller whom the guard would let pass. */
  #answer(request: IncomingMessage, route: RouteAtHand, parameter: string, body: unknown): AnswerAtHand | undefined {
    const principal = this.#admitted(request, route, parameter);
    if (principal === undefined) return undefined;
    try {
      return route.answer(principal, parameter, body);
    } catch {
      // The route comes to the same, and says it as errors are said.
      return undefined;
    }
  }

  /** The caller, if the guard would let it pass. What it would refuse is not counted here: the guard itself comes to it. */
  #admitted(
    { headers, socket }: IncomingMessage,
    { access: { action, kind, name } }: RouteAtHand,
    parameter: string,
  ): Principal | undefined {
    const { authenticator, authorizer } = this.tools;
    const { authorization } = headers;
    const principal = authenticator.known({ authorization, address: socket.remoteAddress ?? '' });
    if (principal === undefined) return undefined;
    const object = { kind, name: name === undefined ? null : parameter };
    return authorizer.allows(principal, action, object) ? principal : undefined;
  }
}

/** Nothing in the headers changes what is answered, or is to be noted. */
function isPlain(headers: IncomingMessage['headers'], type: string): boolean {
  const { accept } = headers;
  return (
    (accept === undefined || accept === type || accept === '*/*') &&
    headers['if-none-match'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers['content-encoding'] === undefined &&
    headers[REASON_HEADER] === undefined
  );
}

function hasNoBody(headers: IncomingMessage['headers']): boolean {
  return headers['content-type'] === undefined && headers['content-length'] === undefined;
}
