import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Authenticator, Authorizer, DeclaredAccess, Principal } from '#libs/platform/auth';
import type { ConfluentDialect } from './confluent-api.js';
import { REVALIDATED } from './conditional.js';
import type { Connections } from './connections.js';
import { COUNTED_ANSWER } from './count-bytes.js';
import { requestIdOf } from './request-id.js';

/** An answer that stands ready: its JSON text, the bytes that text takes, and its entity tag. */
export interface AnswerAtHand {
  readonly body: string;
  readonly bytes: number;
  readonly tag: string;
}

/** A GET route whose path ends in a number, and whose answers may stand ready. */
export interface RouteAtHand {
  /** Its pattern, as the route table and the metrics have it: `/schemas/ids/:id`. */
  readonly url: string;
  /** What is demanded of whoever asks. It names no object: there is none in the path. */
  readonly access: Pick<DeclaredAccess, 'action' | 'kind'>;
  readonly dialect: ConfluentDialect;
  /** The answer for a number, if it stands ready and this caller may have it. Quick, and without any effect where there is none. */
  readonly answer: (principal: Principal, id: number) => AnswerAtHand | undefined;
}

/** Told of each answer that was given, with its status and the seconds it took. */
export type AnswerObserver = (route: string, method: string, status: number, seconds: number) => void;

/** A number as clients write it, that needs no look at its size: 1 to 999999999. */
const PLAIN_NUMBER = /^[1-9][0-9]{0,8}$/;

/**
 * Answers that stand ready in memory, given before a request goes its way through the framework, which takes longer than all else together. Only what the route itself would answer with 200 and these very
 * bytes is answered here; whatever is out of the ordinary (a query, a condition, another media type, a body, credentials that are not known, a request behind another one on its connection, a service that
 * stops) goes the whole way, and is refused there if it is to be. Both ways are held against each other by a test.
 */
export class AnswersAtHand {
  readonly #routes: { readonly prefix: string; readonly type: string; readonly route: RouteAtHand }[] = [];
  readonly #observers: AnswerObserver[] = [];
  #off = false;

  constructor(
    private readonly guard: { readonly authenticator: Authenticator; readonly authorizer: Authorizer },
    private readonly connections: Connections,
  ) {}

  add(route: RouteAtHand): void {
    const prefix = route.url.slice(0, route.url.lastIndexOf(':'));
    this.#routes.push({ prefix, type: route.dialect.offers[0]![0], route });
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
    const others = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.#given(request, response)) return;
      for (const listener of others) listener.call(server, request, response);
    });
  }

  #given(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = '', headers } = request;
    if (method !== 'GET' || this.#off) return false;
    for (const { prefix, type, route } of this.#routes) {
      if (!url.startsWith(prefix)) continue;
      const number = url.slice(prefix.length);
      if (!PLAIN_NUMBER.test(number) || !isPlain(headers, type) || this.connections.isStopping) return false;
      const began = performance.now();
      const principal = this.#mayAsk(request, route);
      const answer = principal && route.answer(principal, Number(number));
      if (answer === undefined || answer.bytes >= COUNTED_ANSWER) return false;
      if (this.connections.asked(request, response)) return false;
      response.writeHead(200, [
        'x-request-id',
        requestIdOf(request),
        'etag',
        answer.tag,
        'cache-control',
        REVALIDATED,
        'content-type',
        type,
        'content-length',
        String(answer.bytes),
      ]);
      response.end(answer.body);
      const seconds = (performance.now() - began) / 1_000;
      for (const observer of this.#observers) observer(route.url, method, 200, seconds);
      return true;
    }
    return false;
  }

  /** Who asks, where the guard would let it pass. What it would refuse is not counted here: the guard itself comes to it. */
  #mayAsk({ headers, socket }: IncomingMessage, { access }: RouteAtHand): Principal | undefined {
    const { authenticator, authorizer } = this.guard;
    const { authorization } = headers;
    const principal = authenticator.known({ authorization, address: socket.remoteAddress ?? '' });
    if (principal === undefined) return undefined;
    return authorizer.allows(principal, access.action, { kind: access.kind, name: null }) ? principal : undefined;
  }
}

/** Nothing in the headers changes what is answered. */
function isPlain(headers: IncomingMessage['headers'], type: string): boolean {
  const { accept } = headers;
  return (
    (accept === undefined || accept === type || accept === '*/*') &&
    headers['if-none-match'] === undefined &&
    headers['content-type'] === undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}
