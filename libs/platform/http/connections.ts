import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpSettings } from './http-settings.js';

/** The open connections of a server: bounded in all and per address, and let go of when the service stops. */
export class Connections {
  /** With the answer to what was asked last on each; null before anything was. */
  readonly #open = new Map<Socket, ServerResponse | null>();
  /** Answers to what was asked behind another request, before that was answered. */
  readonly #pipelined = new WeakSet<ServerResponse>();
  readonly #byAddress = new Map<string, number>();
  #stopping = false;

  constructor(
    server: Server,
    private readonly settings: HttpSettings,
  ) {
    server.maxConnections = settings.maxConnections;
    server.on('connection', (socket: Socket) => this.#opened(socket));
  }

  /**
   * To be told of every request before it is answered, so that its connection is ended after the answer and not before. Harmless to repeat.
   * @returns whether the one before it on its connection is still being answered.
   */
  asked({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const before = this.#open.get(socket);
    if (before === response) return this.#pipelined.has(response);
    if (before !== undefined) this.#open.set(socket, response);
    if (this.#stopping) endAfter(response, socket);
    const pipelined = before !== undefined && before !== null && !before.closed;
    if (pipelined) this.#pipelined.add(response);
    return pipelined;
  }

  /** Whether every connection ends with what is asked on it. */
  get isStopping(): boolean {
    return this.#stopping;
  }

  /**
   * Ends connections on which nothing is asked, now and as soon as that becomes so. Node closes those that have been used before, but waits for clients
   * that connected and have asked nothing yet.
   */
  endUnused(): void {
    this.#stopping = true;
    for (const [socket, response] of this.#open) {
      if (response === null || response.closed) socket.destroy();
      else endAfter(response, socket);
    }
  }

  /** One too many is closed without a word: it has asked nothing yet. */
  #opened(socket: Socket): void {
    const address = socket.remoteAddress;
    if (this.#stopping || address === undefined) {
      socket.destroy();
      return;
    }
    this.#open.set(socket, null);
    const counted = !isLoopback(address);
    const count = (this.#byAddress.get(address) ?? 0) + 1;
    if (counted) this.#byAddress.set(address, count);
    socket.once('close', () => {
      this.#open.delete(socket);
      if (counted) this.#closed(address);
    });
    if (counted && count > this.settings.maxConnectionsPerAddress) socket.destroy();
  }

  #closed(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left <= 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}

function endAfter(response: ServerResponse, socket: Socket): void {
  response.once('close', () => socket.end());
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
