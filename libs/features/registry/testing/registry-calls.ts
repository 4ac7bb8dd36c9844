import type { RegistryApp } from './registry-app.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';

/** What a request came back with. */
export interface Answer {
  readonly status: number;
  /** The body read as JSON; undefined where it is none. */
  readonly json: unknown;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** `error_code` of an error, otherwise the status: what a client branches on. */
  readonly code: number;
}

/** Requests to a registry in this process, as stock clients make them. */
export class RegistryCalls {
  constructor(private readonly app: RegistryApp) {}

  /**
   * @param body sent as JSON; a text goes out as it is.
   * @param as whose name stands in the bearer token.
   */
  async ask(method: Method, url: string, body?: unknown, as?: string): Promise<Answer> {
    const sends = body !== undefined;
    const response = await this.app.http.fastify.inject({
      method,
      url,
      headers: {
        ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
        ...(sends ? { 'content-type': 'application/vnd.schemaregistry.v1+json' } : {}),
      },
      ...(sends ? { payload: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    });
    const json = parsed(response.body);
    const errorCode = (json as { error_code?: number } | null | undefined)?.error_code;
    return {
      status: response.statusCode,
      json,
      text: response.body,
      headers: response.headers,
      code: errorCode ?? response.statusCode,
    };
  }

  get(url: string, as?: string): Promise<Answer> {
    return this.ask('GET', url, undefined, as);
  }

  post(url: string, body?: unknown, as?: string): Promise<Answer> {
    return this.ask('POST', url, body, as);
  }

  put(url: string, body?: unknown, as?: string): Promise<Answer> {
    return this.ask('PUT', url, body, as);
  }

  delete(url: string, as?: string): Promise<Answer> {
    return this.ask('DELETE', url, undefined, as);
  }

  /** @param schema the text. @param more further members of the body. */
  register(subject: string, schema: string, more: object = {}, as?: string): Promise<Answer> {
    return this.post(`/subjects/${encodeURIComponent(subject)}/versions`, { schema, ...more }, as);
  }

  /** Registers what must be accepted. @returns the answer's body. @throws when it is not. */
  async registered(subject: string, schema: string, more: object = {}): Promise<Registered> {
    const answer = await this.register(subject, schema, more);
    if (answer.status !== 200) throw new Error(`${subject} was refused: ${answer.text}`);
    return answer.json as Registered;
  }
}

export interface Registered {
  readonly id: number;
  readonly version: number;
  readonly guid: string;
  readonly schema: string;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
