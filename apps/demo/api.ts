/** An answer of the service that says no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: Record<string, unknown>,
    what: string,
  ) {
    super(`${what} → ${status} ${String(body['detail'] ?? body['message'] ?? JSON.stringify(body))}`);
    this.name = 'Refused';
  }
}

/** The service over HTTP, as any program would use it. */
export class Api {
  constructor(private readonly base: string) {}

  /** The JSON answer of a request. @throws Refused for a status of 400 and above; a TypeError when the service cannot be reached. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.base + path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const answer = text === '' ? undefined : (JSON.parse(text) as unknown);
    if (response.status >= 400)
      throw new Refused(response.status, (answer ?? {}) as Record<string, unknown>, `${method} ${path}`);
    return answer as T;
  }

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.call<T>('POST', path, body);
  }

  put<T>(path: string, body?: unknown): Promise<T> {
    return this.call<T>('PUT', path, body);
  }
}

/** Repeats a request over a restart of the service, until `deadlineMs` from now. Only for requests that may be repeated. */
export async function patiently<T>(request: () => Promise<T>, deadlineMs = 20_000): Promise<T> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const refused = error instanceof Refused && error.status !== 503;
      if (refused || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
