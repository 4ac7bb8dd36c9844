import type { FastifyInstance } from 'fastify';
import type { ProblemBody } from '#libs/platform/http';

type Headers = Readonly<Record<string, string>>;
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** What came back. */
export interface Answer<Body = unknown> {
  readonly status: number;
  /** The body read as JSON, undefined where it is none. It has the type that the caller expects of the route; nothing checks that. */
  readonly json: Body;
  /** The same body where the native API refused. */
  readonly problem: ProblemBody;
  /** `error_code` where the Confluent API refused, otherwise the status: what its clients branch on. */
  readonly code: number;
  /** The body as sent: numbers that JavaScript would round can be looked for in it. */
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A request as it goes out. */
interface Sent {
  readonly method: Method;
  readonly url: string;
  readonly headers: Headers;
  readonly payload?: string;
}

/** Where requests go, and how. */
export type Destination = (request: Sent) => Promise<Pick<Answer, 'status' | 'text' | 'headers'>>;

/** Routes in this process, without a connection. Asked for with each request, so that a client can be made before them. */
export function inProcess(fastify: () => FastifyInstance): Destination {
  return async (request) => {
    const { statusCode, body, headers } = await fastify().inject(request);
    return { status: statusCode, text: body, headers };
  };
}

/** A service at a base URL. Asked for with each request, so that a client outlives the process that it talks to. */
export function overHttp(url: () => string): Destination {
  return async ({ url: path, payload, ...request }) => {
    const response = await fetch(url() + path, { ...request, ...(payload === undefined ? {} : { body: payload }) });
    return {
      status: response.status,
      text: await response.text(),
      headers: Object.fromEntries(response.headers),
    };
  };
}

/**
 * Requests to routes of the service, with answers typed as the service declares them: `calls.get<UsageView>('/v1/…')`. Subclasses add what is often asked of
 * one feature.
 */
export class HttpClient {
  /** @param contentType of bodies, by path, unless a request names another. */
  constructor(
    private readonly destination: Destination,
    private readonly contentType: (url: string) => string = () => 'application/json',
  ) {}

  /**
   * @param body sent as JSON; a text goes out as it is.
   * @param as what stands in the bearer token.
   */
  async ask<Body = unknown>(
    method: Method,
    url: string,
    body?: unknown,
    as?: string,
    headers: Headers = {},
  ): Promise<Answer<Body>> {
    const payload = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    const answer = await this.destination({
      method,
      url,
      headers: {
        ...(payload === undefined ? {} : { 'content-type': this.contentType(url) }),
        ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    });
    const json = parsed(answer.text);
    const code = (json as { error_code?: number } | null | undefined)?.error_code ?? answer.status;
    return { ...answer, json: json as Body, problem: json as ProblemBody, code };
  }

  get<Body = unknown>(url: string, as?: string, headers?: Headers): Promise<Answer<Body>> {
    return this.ask('GET', url, undefined, as, headers);
  }

  post<Body = unknown>(url: string, body?: unknown, as?: string, headers?: Headers): Promise<Answer<Body>> {
    return this.ask('POST', url, body, as, headers);
  }

  put<Body = unknown>(url: string, body?: unknown, as?: string, headers?: Headers): Promise<Answer<Body>> {
    return this.ask('PUT', url, body, as, headers);
  }

  delete<Body = unknown>(url: string, as?: string, headers?: Headers): Promise<Answer<Body>> {
    return this.ask('DELETE', url, undefined, as, headers);
  }

  /** Asks for what must be granted. @returns the answer's body. @throws with what the service said when it is not. */
  async demand<Body = unknown>(method: Method, url: string, body?: unknown, as?: string): Promise<Body> {
    const { status, json, text } = await this.ask<Body>(method, url, body, as);
    if (status >= 300) throw new Error(`${method} ${url} was answered ${status}: ${text}`);
    return json;
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
