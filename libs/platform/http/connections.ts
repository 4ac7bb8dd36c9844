import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpSettings } from './http-settings.js';

/** Bounds the connections of a server in all and per address. One too many is closed without a word: it has asked nothing yet. */
export function limitConnections(server: Server, settings: HttpSettings): void {
  server.maxConnections = settings.maxConnections;
  const byAddress = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress;
    if (address === undefined || isLoopback(address)) return;
    const count = (byAddress.get(address) ?? 0) + 1;
    byAddress.set(address, count);
    socket.once('close', () => {
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left <= 0) byAddress.delete(address);
      else byAddress.set(address, left);
    });
    if (count > settings.maxConnectionsPerAddress) socket.destroy();
  });
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
