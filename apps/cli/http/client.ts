import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { Failure } from '../failure.js';
import { reasonOf, refusal, unreachable } from './refusal.js';
import { proxyCredentials, proxyFailed, proxyFor, tunnel } from './proxy.js';

export interface ClientOptions {
  /** Addresses; the first that answers is used. */
  readonly servers: readonly string[];
  /** Value of the header `authorization`, and where it comes from. */
  readonly authorization: { readonly value: string; readonly origin: string } | undefined;
  readonly caFile: string | undefined;
  /** How long an answer is waited for; null: half a minute. */
  readonly timeoutMs: number | null;
  readonly idempotencyKey: string;
  /** Why something is changed: told with every request that may change something. */
  readonly reason?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of each request once it is answered, or is not. */
  readonly onRequest?: ((line: string) => void) | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Bytes instead of JSON, with their type. */
  readonly raw?: { readonly bytes: Buffer | string; readonly type: string };
  /** A list is a parameter that is given several times. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** An answer that goes on and on, in which something is said at least every so many milliseconds. */
  readonly silentMs?: number;
}

const ANSWER_MS = 30_000;

/** Requests of one invocation that were made, for benches and `-v`. */
export class Client {
  #server: URL | undefined;
  #agent: HttpAgent | HttpsAgent | undefined;
  #requests = 0;
  /** Requests that went out with a key. */
  #keyed = 0;

  constructor(private readonly options: ClientOptions) {}

  get requests(): number {
    return this.#requests;
  }

  /** The address in use; the first one before any request. */
  get address(): string {
    return (this.#server ?? new URL(this.options.servers[0]!)).href.replace(/\/$/, '');
  }

  /** The JSON answer. @throws Failure for a status of 300 and above, what is no JSON, and for a service that does not answer. */
  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return this.#read<T>(method, path, await this.call(method, path, options));
  }

  #read<T>(method: string, path: string, answer: Answer): T {
    const { status, body, headers } = answer;
    if (status >= 400) throw this.refused(method, path, answer);
    // Following would send the token to whatever is named, and turn a change into a read.
    if (status >= 300)
      throw new Failure({
        code: 'answer-redirected',
        exit: 'unreachable',
        message: `${this.address} sends ${method} ${path} on to ${headers.location ?? 'nowhere'}.`,
        hint: 'Name the service by its own address: --server, WEIR_URL or a context. It may begin with https://.',
      });
    if (body.length === 0) return undefined as T;
    try {
      return JSON.parse(body.toString('utf8')) as T;
    } catch (cause) {
      throw new Failure({
        code: 'answer-not-json',
        exit: 'unreachable',
        message: `${this.address} answered ${method} ${path} with something that is not JSON.`,
        hint: 'Is there a Weir service or a schema registry at this address, or a proxy in between?',
        cause,
      });
    }
  }

  get<T>(path: string, query?: CallOptions['query']): Promise<T> {
    return this.json<T>('GET', path, { query });
  }

  post<T>(path: string, body: unknown = {}, query?: CallOptions['query']): Promise<T> {
    return this.json<T>('POST', path, { body, query });
  }

  /** As {@link get}; undefined for what is not there. */
  async find<T>(path: string, query?: CallOptions['query']): Promise<T | undefined> {
    const answer = await this.call('GET', path, { query });
    return answer.status === 404 ? undefined : this.#read<T>('GET', path, answer);
  }

  /** What a status of 400 and above means, with what to do next. */
  refused(method: string, path: string, { status, headers, body }: Answer): Failure {
    return refusal(method, path, status, headers, body, this.options.authorization);
  }

  /** Every item of a list that comes in pages. */
  async *pages<T>(path: string, query: CallOptions['query'] = {}, most = Infinity): AsyncGenerator<T> {
    let cursor: string | undefined;
    let left = most;
    do {
      const page = await this.get<{ items: T[]; next: string | null }>(path, {
        limit: Math.min(1_000, left),
        ...query,
        cursor,
      });
      for (const item of page.items) {
        if (left-- <= 0) return;
        yield item;
      }
      cursor = page.next ?? undefined;
    } while (cursor !== undefined && left > 0);
  }

  /** The answer, whatever its status. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const response = await this.open(method, path, options);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch (cause) {
      throw unreachable(this.address, cause);
    }
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
  }

  /** The answer as it comes. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    // One key for all addresses, and counted apart from reads, so that a repeated invocation sends the same ones.
    const isOnce = method === 'POST' || method === 'DELETE';
    const key = isOnce ? `${this.options.idempotencyKey}-${++this.#keyed}` : undefined;
    if (this.#server !== undefined) return this.#send(this.#server, method, path, options, key);
    let last: unknown;
    for (const address of this.options.servers) {
      const server = serverUrl(address);
      try {
        const response = await this.#send(server, method, path, options, key);
        this.#server = server;
        return response;
      } catch (error) {
        // Only one that cannot be reached is passed over: what another answered is an answer.
        if (!(error instanceof Failure) || error.exit !== 'unreachable') throw error;
        last = error;
      }
    }
    throw last;
  }

  async #send(
    server: URL,
    method: string,
    path: string,
    options: CallOptions,
    idempotencyKey: string | undefined,
  ): Promise<IncomingMessage> {
    this.#requests++;
    const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
    for (const [name, value] of Object.entries(options.query ?? {}))
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== undefined) url.searchParams.append(name, String(one));
    const body = options.raw?.bytes ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const headers: Record<string, string> = {
      accept: options.accept ?? 'application/json, application/problem+json',
      'user-agent': 'weir-cli',
      ...options.headers,
    };
    if (body !== undefined) {
      headers['content-type'] = options.raw?.type ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    if (this.options.authorization !== undefined) headers['authorization'] = this.options.authorization.value;
    // Percent-encoded, as headers hold no more than Latin letters.
    if (this.options.reason !== undefined && method !== 'GET')
      headers['x-weir-reason'] = encodeURIComponent(this.options.reason);
    if (idempotencyKey !== undefined) headers['idempotency-key'] ??= idempotencyKey;
    const answerMs = this.options.timeoutMs ?? ANSWER_MS;
    const transport = await this.#transport(url, answerMs);
    Object.assign(headers, transport.headers);
    const began = performance.now();
    const told = (how: string | number): void =>
      this.options.onRequest?.(`${method} ${url.href} → ${how}, ${Math.round(performance.now() - began)} ms`);
    return new Promise((resolve, reject) => {
      const outgoing = transport.request({ ...transport.options, method, headers }, (response) => {
        told(response.statusCode ?? 0);
        resolve(response);
      });
      outgoing.setTimeout(Math.min(answerMs, options.silentMs ?? answerMs), () =>
        outgoing.destroy(Object.assign(new Error(`no answer within ${answerMs} ms`), { code: 'ETIMEDOUT' })),
      );
      const { proxy } = transport;
      outgoing.on('error', (cause) => {
        told(reasonOf(cause));
        reject(proxy === undefined ? unreachable(server.href, cause) : proxyFailed(proxy, cause));
      });
      outgoing.end(body);
    });
  }

  async #transport(url: URL, answerMs: number): Promise<Transport> {
    const proxy = proxyFor(url, this.options.env);
    if (url.protocol === 'http:') {
      if (proxy?.protocol === 'https:') {
        const https = await this.#https();
        const options = { ...target(proxy), path: url.href, agent: https.agent };
        return { request: https.request, options, headers: proxyCredentials(proxy), proxy };
      }
      this.#agent ??= new HttpAgent({ keepAlive: true, maxSockets: 8 });
      const agent = this.#agent as HttpAgent;
      if (proxy === undefined) return { request: httpRequest, options: { ...target(url), agent } };
      const options = { ...target(proxy), path: url.href, agent };
      return { request: httpRequest, options, headers: proxyCredentials(proxy), proxy };
    }
    const { request, agent, ca } = await this.#https();
    if (proxy === undefined) return { request, options: { ...target(url), agent } };
    const socket = await tunnel(proxy, url, ca, answerMs);
    // With an agent, even with none of its own, the request would make a connection itself: past the proxy.
    return { request, options: { ...target(url), createConnection: () => socket } };
  }

  async #https() {
    const https = await import('node:https');
    const { caFile } = this.options;
    const ca = caFile === undefined ? undefined : [...(await import('node:tls')).rootCertificates, certificate(caFile)];
    this.#agent ??= new https.Agent({ keepAlive: true, maxSockets: 8, ca });
    return { request: https.request as unknown as typeof httpRequest, agent: this.#agent as HttpsAgent, ca };
  }
}

/** How a request goes out. */
interface Transport {
  readonly request: typeof httpRequest;
  readonly options: RequestOptions;
  readonly headers?: Readonly<Record<string, string>>;
  /** The proxy that a request is handed to, rather than a tunnel that is opened by it. */
  readonly proxy?: URL;
}

function target(url: URL): RequestOptions {
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (url.protocol === 'http:' ? 80 : 443),
    path: url.pathname + url.search,
  };
}

function serverUrl(address: string): URL {
  try {
    const url = new URL(address);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  } catch {
    // Said below.
  }
  throw new Failure({
    code: 'server-address-invalid',
    exit: 'usage',
    message: `'${address}' is no address of a service.`,
    hint: 'Addresses begin with http:// or https://.',
  });
}

function certificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Failure({
      code: 'ca-file-unreadable',
      exit: 'usage',
      message: `The file of certificates '${path}' cannot be read.`,
      hint: 'It is named by WEIR_CA_FILE.',
      cause,
    });
  }
}
