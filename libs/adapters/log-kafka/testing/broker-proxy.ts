import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { BrokerAddress } from '../index.js';

/** What happens to the next request of a kind. */
export type Cut =
  /** The broker never gets it; the connection ends. */
  | 'request'
  /** The broker gets it and answers; the answer is lost with the connection. */
  | 'answer';

/**
 * A TCP proxy in front of one broker that understands request frames just enough to lose chosen ones. Give its {@link address} to the engine
 * by the option `addressOf`.
 */
export class BrokerProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #cuts: { readonly apiKey: number; readonly cut: Cut; readonly thenDown: boolean }[] = [];
  #down = false;
  #damage: { readonly from: Buffer; readonly to: Buffer } | undefined;
  /** Requests seen, by api key. */
  readonly seen = new Map<number, number>();
  /** For each request of this api key: lose its answer, and no other, when this says so. The connection ends with it. */
  loseAnswers: ((apiKey: number) => boolean) | undefined;
  /** Changes a request, or an answer, in place. The frame begins with its size. */
  rewrite: ((apiKey: number, frame: Buffer, kind: 'request' | 'answer') => void) | undefined;

  private constructor(target: BrokerAddress) {
    this.#server = createServer((client) => this.#serve(client, target));
  }

  static async start(target: BrokerAddress): Promise<BrokerProxy> {
    const proxy = new BrokerProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get address(): BrokerAddress {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  /** Loses the next request of this kind, or its answer. `thenDown`: and lets nobody through afterwards. */
  cutNext(apiKey: number, cut: Cut, thenDown = false): void {
    this.#cuts.push({ apiKey, cut, thenDown });
  }

  /** Replaces a text in everything the broker sends with another of the same length; undefined: no longer. */
  damage(from?: string, to?: string): void {
    this.#damage = from === undefined ? undefined : { from: Buffer.from(from), to: Buffer.from(to!) };
  }

  /** Ends all connections and refuses new ones. */
  goDown(): void {
    this.#down = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  comeUp(): void {
    this.#down = false;
  }

  async stop(): Promise<void> {
    this.goDown();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket, target: BrokerAddress): void {
    this.#keep(client);
    if (this.#down) return void client.destroy();
    const broker = connect(target.port, target.host);
    this.#keep(broker);
    client.once('close', () => broker.destroy());
    broker.once('close', () => client.destroy());
    /** Requests under way, by correlation id. */
    const asked = new Map<number, { readonly apiKey: number; readonly lose: (() => void) | undefined }>();
    onFrame(client, (frame) => {
      const apiKey = frame.readInt16BE(4);
      this.seen.set(apiKey, (this.seen.get(apiKey) ?? 0) + 1);
      const at = this.#cuts.findIndex((one) => one.apiKey === apiKey);
      const found = at < 0 ? undefined : this.#cuts.splice(at, 1)[0];
      const end = (): void => (found?.thenDown ? this.goDown() : client.destroySoon());
      if (found?.cut === 'request') return end();
      const lost = found !== undefined || (this.loseAnswers?.(apiKey) ?? false);
      asked.set(frame.readInt32BE(8), { apiKey, lose: lost ? end : undefined });
      this.rewrite?.(apiKey, frame, 'request');
      broker.write(frame);
    });
    onFrame(broker, (frame) => {
      const request = asked.get(frame.readInt32BE(4));
      asked.delete(frame.readInt32BE(4));
      if (request?.lose !== undefined) return request.lose();
      if (request !== undefined) this.rewrite?.(request.apiKey, frame, 'answer');
      if (client.writable) client.write(this.#damaged(frame));
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #damaged(chunk: Buffer): Buffer {
    if (this.#damage === undefined) return chunk;
    const copy = Buffer.from(chunk);
    for (let at = copy.indexOf(this.#damage.from); at >= 0; at = copy.indexOf(this.#damage.from, at + 1)) {
      this.#damage.to.copy(copy, at);
    }
    return copy;
  }
}

/** Calls back with every whole frame that a socket receives. */
function onFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 12 && rest.length >= 4 + rest.readInt32BE(0)) {
      const frame = Buffer.from(rest.subarray(0, 4 + rest.readInt32BE(0)));
      rest = rest.subarray(frame.length);
      take(frame);
    }
  });
}
