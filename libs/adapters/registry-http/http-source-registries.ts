import { lookup as dnsLookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError, isAppError, measureJson, type Clock, type JsonValue } from '#libs/core/kernel';
import { SourceRegistries, SourceRegistry, type SourceAnswer } from '#libs/core/moving';
import { AllowedAddresses } from './allowed-addresses.js';
import { retryAfterMs } from './retry-after.js';

/** A registry as the configuration names it, secrets and certificates read. */
export interface SourceRegistryDefinition {
  /** `http://` or `https://`, with a path below which the API lies, without credentials. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
  /** Networks beside the public ones that it may lie in. */
  readonly allowedAddresses: readonly string[];
  /** Longest a request may take in all, ms. */
  readonly timeoutMs: number;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
}

const CONNECT_MS = 5_000;
const MAX_REPLY_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 64;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
/** Longest that a request waits for a registry that asks to be left alone; when it asks for more, every request fails until then. */
const LONGEST_REST_MS = 60_000;

interface Received {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfter: string | undefined;
}

/** Registries reached over HTTP. Redirects are not followed, addresses are judged when connecting, and answers are bounded before they are read. */
export class HttpSourceRegistries extends SourceRegistries {
  readonly #registries: ReadonlyMap<string, HttpSourceRegistry>;

  constructor(definitions: ReadonlyMap<string, SourceRegistryDefinition>, clock: Clock) {
    super();
    this.#registries = new Map(
      [...definitions].map(([name, definition]) => [name, new HttpSourceRegistry(name, definition, clock)]),
    );
  }

  list(): readonly SourceRegistry[] {
    return [...this.#registries.values()];
  }

  get(name: string): SourceRegistry {
    const found = this.#registries.get(name);
    if (found !== undefined) return found;
    const names = [...this.#registries.keys()];
    throw new AppError({
      kind: 'not-found',
      code: 'source-registry-not-found',
      message: `The configuration names no registry '${name.slice(0, 100)}'.`,
      hint: names.length === 0 ? 'Add it under `registries`.' : `Registries: ${names.join(', ')}.`,
    });
  }

  /** Lets go of kept connections. */
  close(): void {
    for (const registry of this.#registries.values()) registry.close();
  }
}

class HttpSourceRegistry extends SourceRegistry {
  readonly location: string;
  readonly #base: URL;
  readonly #agent: HttpAgent;
  readonly #addresses: AllowedAddresses;
  /** On the monotonic clock. */
  #restsUntil = -Infinity;

  constructor(
    readonly name: string,
    private readonly definition: SourceRegistryDefinition,
    private readonly clock: Clock,
  ) {
    super();
    this.#base = new URL(definition.url);
    this.location = `${this.#base.origin}${this.#base.pathname.replace(/\/$/, '')}`;
    this.#addresses = new AllowedAddresses(definition.allowedAddresses);
    const options = { keepAlive: true, maxSockets: 16 };
    this.#agent = this.#base.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  close(): void {
    this.#agent.destroy();
  }

  async get(path: string, signal?: AbortSignal): Promise<SourceAnswer> {
    for (let attempt = 1; ; attempt++) {
      await this.#rest(signal);
      try {
        return await this.#attempt(path, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isAppError(error) || !error.retryable || attempt >= ATTEMPTS) throw error;
        this.#leaveAlone(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  /** Nobody asks it anything for as long: who is refused speaks for all. */
  #leaveAlone(ms: number): void {
    this.#restsUntil = Math.max(this.#restsUntil, this.clock.monotonic() + ms);
  }

  async #rest(signal: AbortSignal | undefined): Promise<void> {
    for (let left = this.#left; left > 0; left = this.#left) {
      if (left > LONGEST_REST_MS)
        throw this.#fault('busy', `asks to be left alone for ${Math.ceil(left / 1_000)} s`, true);
      await this.clock.sleep(left, signal);
    }
  }

  get #left(): number {
    return this.#restsUntil - this.clock.monotonic();
  }

  async #attempt(path: string, signal: AbortSignal | undefined): Promise<SourceAnswer> {
    const { status, body, retryAfter } = await this.#send(path, signal);
    if (status === 404 || status === 405) return { status: 'missing' };
    if (status >= 300 && status < 400)
      throw this.#fault('redirects', `answers with a redirect (${status}), which is not followed`);
    if (status === 401 || status === 403) throw this.#fault('refused', `refuses the credentials (${status})`);
    if (status === 408 || status === 429 || status >= 500) {
      this.#leaveAlone(retryAfterMs(retryAfter, this.clock.now()) ?? 0);
      throw this.#fault('busy', `answered ${status}`, true);
    }
    if (status !== 200) throw this.#fault('invalid', `answered ${status}`);
    return { status: 'found', body: this.#parsed(body) };
  }

  #parsed(body: Buffer): JsonValue {
    if (measureJson(body).depth > MAX_DEPTH)
      throw this.#fault('invalid', `answered with JSON deeper than ${MAX_DEPTH} levels`);
    try {
      return JSON.parse(body.toString('utf8')) as JsonValue;
    } catch {
      throw this.#fault('invalid', 'answered with something that is no JSON');
    }
  }

  #send(path: string, signal: AbortSignal | undefined): Promise<Received> {
    const { hostname } = this.#base;
    const literal = hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !this.#addresses.allows(literal)) return Promise.reject(this.#notAllowed());
    const send = this.#base.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        request.destroy();
        reject(error);
      };
      const request = send(this.#options(path), (response) => {
        clearTimeout(connecting);
        this.#read(response).then(resolve, fail);
      });
      const late = (): void => fail(this.#fault('unreachable', 'takes too long', true));
      const connecting = setTimeout(late, Math.min(CONNECT_MS, this.definition.timeoutMs));
      const whole = setTimeout(late, this.definition.timeoutMs);
      const abort = (): void => fail(signal!.reason as Error);
      signal?.addEventListener('abort', abort, { once: true });
      request.once('socket', (socket) =>
        socket.connecting ? socket.once('connect', () => clearTimeout(connecting)) : clearTimeout(connecting),
      );
      request.once('error', (error: NodeJS.ErrnoException) => {
        // Such as ECONNREFUSED, or what is wrong with a certificate.
        const why = error.code === undefined ? '' : ` (${error.code})`;
        fail(isAppError(error) ? error : this.#fault('unreachable', `cannot be reached${why}`, true));
      });
      request.once('close', () => {
        clearTimeout(connecting);
        clearTimeout(whole);
        signal?.removeEventListener('abort', abort);
      });
      request.end();
    });
  }

  async #read(response: IncomingMessage): Promise<Received> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_REPLY_BYTES) throw this.#fault('invalid', `answers with more than ${MAX_REPLY_BYTES} bytes`);
      chunks.push(chunk);
    }
    const { statusCode: status = 0, headers } = response;
    return { status, body: Buffer.concat(chunks, length), retryAfter: headers['retry-after'] };
  }

  #options(path: string): RequestOptions & { servername?: string } {
    const { username, password, token, tls } = this.definition;
    const authorization =
      token !== undefined
        ? `Bearer ${token}`
        : username !== undefined
          ? `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
          : undefined;
    return {
      method: 'GET',
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      path: `${this.#base.pathname.replace(/\/$/, '')}${path}`,
      agent: this.#agent,
      lookup: this.#lookup,
      headers: {
        accept: 'application/vnd.schemaregistry.v1+json, application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(tls === undefined ? {} : { ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.serverName }),
    };
  }

  /** Names are looked up for each connection, and every address they have is judged, so that a name cannot come to mean another place. */
  readonly #lookup: LookupFunction = (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const allowed = addresses.filter(({ address }) => this.#addresses.allows(address));
      const [first] = allowed;
      if (first === undefined) return callback(this.#notAllowed() as NodeJS.ErrnoException, '', 0);
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };

  #notAllowed(): AppError {
    return this.#fault(
      'not-allowed',
      'lies in a private network that registries.<name>.allowedAddresses does not name',
    );
  }

  #fault(what: string, why: string, retryable = false): AppError {
    return new AppError({
      kind: retryable ? 'unavailable' : 'unprocessable',
      code: `source-registry-${what}`,
      message: `Registry '${this.name}' ${why}.`,
      details: { registry: this.name },
      retryable,
    });
  }
}
