import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A line between an instance and its database that can be held: nothing passes, nobody is told, as on a network that drops packets. */
export class DatabaseLink {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #held = false;

  private constructor(
    private readonly server: Server,
    /** The database's URL, through this line. */
    readonly url: string,
  ) {}

  static async open(databaseUrl: string): Promise<DatabaseLink> {
    const target = new URL(databaseUrl);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const here = new URL(databaseUrl);
    here.hostname = '127.0.0.1';
    here.port = String(typeof address === 'object' && address !== null ? address.port : 0);
    const link = new DatabaseLink(server, here.href);
    server.on('connection', (near) => link.#join(near, connect(Number(target.port), target.hostname)));
    return link;
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    if (this.#held) for (const socket of pair) socket.pause();
    const cut = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', cut).on('close', cut);
  }

  hold(): void {
    this.#held = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  release(): void {
    this.#held = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** Cuts every connection; the next ones pass again. */
  cut(): void {
    for (const [near] of this.#pairs) near.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
