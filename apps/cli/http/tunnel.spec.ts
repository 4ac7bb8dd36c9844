import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runWeir } from '../testing/index.js';

const HAS_OPENSSL = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('a service behind a proxy, encrypted', () => {
  if (!HAS_OPENSSL) {
    it('SUITE NOT RUN: openssl is not installed', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'weir-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const servers: Server[] = [];
  const sockets = new Set<Duplex>();
  /** What was asked of proxies. */
  let asked: string[] = [];
  let [service, proxy, encryptedProxy] = [0, 0, 0];

  beforeAll(async () => {
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
    const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext ${names}`;
    execFileSync('openssl', [...args.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const own = { key: readFileSync(key), cert: readFileSync(cert) };
    const tunnel = (request: IncomingMessage, socket: Duplex): void => {
      asked.push(`CONNECT ${request.url}`);
      const [host, port] = request.url!.split(':') as [string, string];
      const there = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        there.pipe(socket).pipe(there);
      });
      for (const [one, other] of [
        [socket, there],
        [there, socket],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
      }
    };
    const answer = (request: IncomingMessage, response: { end: (text: string) => unknown }): void => {
      if (request.url!.startsWith('http://')) asked.push(`GET ${new URL(request.url!).host}`);
      response.end('{"items": [], "next": null}');
    };
    const listening = async (server: Server): Promise<number> => {
      servers.push(server);
      server.on('connect', tunnel);
      await new Promise<void>((done) => server.listen(0, done));
      return (server.address() as AddressInfo).port;
    };
    service = await listening(createHttpsServer(own, answer) as unknown as Server);
    proxy = await listening(createHttpServer(answer));
    encryptedProxy = await listening(createHttpsServer(own, answer) as unknown as Server);
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const list = (url: string, env: Record<string, string>) => {
    asked = [];
    return runWeir(['topic', 'list', '-o', 'name', '-s', url], { env });
  };

  it('is reached through it and never past it, with the certificates that are named', async () => {
    for (const host of ['localhost', '127.0.0.1'])
      for (const through of [`http://127.0.0.1:${proxy}`, `https://localhost:${encryptedProxy}`]) {
        const env = { WEIR_CA_FILE: cert, HTTPS_PROXY: through };
        expect(await list(`https://${host}:${service}`, env)).toMatchObject({ code: 0, err: '' });
        expect(asked).toEqual([`CONNECT ${host}:${service}`]);
      }
    const env = { WEIR_CA_FILE: cert, HTTP_PROXY: `https://localhost:${encryptedProxy}` };
    expect(await list('http://weir.invalid', env)).toMatchObject({ code: 0, err: '' });
    expect(asked).toEqual(['GET weir.invalid']);
  });

  it('is not trusted without them, and that is said', async () => {
    const ran = await list(`https://localhost:${service}`, { HTTPS_PROXY: `http://127.0.0.1:${proxy}` });
    expect([ran.code, ran.err]).toEqual([7, expect.stringContaining('its certificate is not trusted')]);
    expect(asked).toEqual([`CONNECT localhost:${service}`]);
  });
});
