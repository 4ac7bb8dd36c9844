import { Agent, request } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Requests whose path is sent as it is written: `fetch` would tidy `/..` and `//` away. Connections are kept; {@link close} lets go of them. */
export class RawClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #hostname: string;
  readonly #port: string;

  constructor(base: string) {
    const { hostname, port } = new URL(base);
    this.#hostname = hostname;
    this.#port = port;
  }

  async send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string | Buffer,
  ): Promise<RawAnswer> {
    try {
      return await this.#attempt(this.#agent, method, path, headers, body);
    } catch (error) {
      // The server may close a kept connection at the moment it is used again; on a connection of its own the request decides.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      return this.#attempt(false, method, path, headers, body);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt(
    agent: Agent | false,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | Buffer | undefined,
  ): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request({ hostname: this.#hostname, port: this.#port, method, path, headers, agent }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
