import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deferred } from '#libs/core/kernel';

/** A connection on which a test says every byte itself: what is announced and not sent, sent and not read, or sent slowly. */
export class SocketClient {
  #text = '';
  #news = deferred<void>();

  private constructor(readonly socket: Socket) {
    const tell = (): void => {
      this.#news.resolve();
      this.#news = deferred();
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#text += chunk;
      tell();
    });
    socket.on('error', () => undefined);
    socket.on('drain', tell);
    socket.on('close', tell);
  }

  /** @param url of the service. */
  static async open(url: string): Promise<SocketClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new SocketClient(socket);
  }

  /** What has come back so far. */
  get text(): string {
    return this.#text;
  }

  /** Status lines of the answers so far, without their reasons. */
  get statuses(): readonly number[] {
    return [...this.#text.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(([, status]) => Number(status));
  }

  /** Sends a request line and headers, `Host` among them. */
  head(line: string, headers: Readonly<Record<string, string | number>> = {}): void {
    const fields = Object.entries({ Host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.send(`${line} HTTP/1.1\r\n${fields.join('')}\r\n`);
  }

  /** Sends bytes of a body, or anything else. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a piece of a body that has no announced length. */
  chunk(bytes: string | Uint8Array): void {
    this.send(`${Buffer.byteLength(bytes).toString(16)}\r\n`);
    this.send(bytes);
    this.send('\r\n');
  }

  /** Announces a body that is not sent yet; resolves when the service has taken note of it. */
  async announce(line: string, length: number, headers: Readonly<Record<string, string | number>>): Promise<void> {
    this.head(line, { ...headers, Expect: '100-continue', 'Content-Length': length });
    await this.until('100 Continue');
  }

  /** Resolves when the text has come back. @throws when the connection ends before. */
  async until(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      if (this.socket.destroyed)
        throw new Error(`The connection ended before '${text}' came; there was:\n${this.#text}`);
      await this.#news.promise;
    }
  }

  /** Sends the same bytes again and again until the service has ended the connection, and takes nothing of what comes back. */
  async sendWithoutReading(bytes: string): Promise<void> {
    const { socket } = this;
    socket.pause();
    while (!socket.destroyed && socket.writable) {
      if (socket.write(bytes)) await new Promise(setImmediate);
      else await this.#news.promise;
    }
  }

  /** Resolves when the connection has ended. */
  async ended(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}
