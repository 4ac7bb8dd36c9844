import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Connections } from './connections.js';
import { HTTP_SETTINGS } from './http-settings.js';

/** A connection from somewhere, as far as it is looked at. */
class Caller extends EventEmitter {
  destroyed = false;

  constructor(readonly remoteAddress: string) {
    super();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

describe('connections', () => {
  let server: Server | undefined;
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.close();
    server = undefined;
  });

  it('are taken up to their number in all, and again when one has gone', async () => {
    server = createServer((_request, response) => response.end('served'));
    void new Connections(server, { ...HTTP_SETTINGS, maxConnections: 2 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const open = async (): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    /** Whether it is answered; false when it is closed instead. */
    const asks = async (socket: Socket): Promise<boolean> => {
      const answered = once(socket, 'data').then(() => true);
      const closed = once(socket, 'close').then(() => false);
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return await Promise.race([answered, closed]);
    };
    const [one, two] = [await open(), await open()];
    expect([await asks(one), await asks(two)]).toEqual([true, true]);
    expect(await asks(await open())).toBe(false);
    one.destroy();
    for (let again = false; !again;) again = await asks(await open());
    expect(await asks(two)).toBe(true);
  });

  it('from one address are taken up to a number of their own, whoever else comes; those of the machine itself are not counted', () => {
    server = createServer();
    void new Connections(server, { ...HTTP_SETTINGS, maxConnectionsPerAddress: 2 });
    const call = (address: string): Caller => {
      const caller = new Caller(address);
      server!.emit('connection', caller as unknown as Socket);
      return caller;
    };
    const far = [0, 1, 2].map(() => call('192.0.2.7'));
    expect(far.map((one) => one.destroyed)).toEqual([false, false, true]);
    expect(call('192.0.2.8').destroyed).toBe(false);
    far[0]!.destroy();
    expect(call('192.0.2.7').destroyed).toBe(false);
    expect([0, 1, 2, 3].map(() => call('127.0.0.1').destroyed)).toEqual([false, false, false, false]);
  });
});
