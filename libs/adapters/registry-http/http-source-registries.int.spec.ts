import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { temporaryDirectory } from '#libs/platform/testing';
import { HttpSourceRegistries, type SourceRegistryDefinition } from './index.js';

/** Waits end at once, and are written down. */
class RecordingClock extends ManualClock {
  readonly waits: number[] = [];
  override sleep(ms: number): Promise<void> {
    this.waits.push(ms);
    this.advance(ms);
    return Promise.resolve();
  }
}

describe('a registry over HTTP', () => {
  let server: Server;
  let port: number;
  let clock: RecordingClock;
  let asked: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  beforeEach(async () => {
    asked = [];
    clock = new RecordingClock();
    answer = (_, response) => response.end('[]');
    server = createServer((request, response) => {
      asked.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const open = (more: Partial<SourceRegistryDefinition> = {}) => {
    const definition = {
      url: `http://127.0.0.1:${port}/base/`,
      allowedAddresses: ['127.0.0.1'],
      timeoutMs: 5_000,
      ...more,
    };
    return new HttpSourceRegistries(new Map([['old', definition]]), clock).get('old');
  };
  /** Answers with these statuses, one after another, then well. */
  const refusing = (...refusals: [number, Record<string, string>?][]) => {
    answer = (_, response) => {
      const [status, headers] = refusals.shift() ?? [200, {}];
      response.writeHead(status, headers).end('[]');
    };
  };

  it('is asked below its base, as it says who asks', async () => {
    await open().get('/subjects?deleted=true');
    await open({ username: 'u', password: 'p:ß' }).get('/');
    await open({ token: 'tok' }).get('/');
    expect(asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/base/subjects?deleted=true', undefined],
      ['/base/', `Basic ${Buffer.from('u:p:ß').toString('base64')}`],
      ['/base/', 'Bearer tok'],
    ]);
  });

  it('is left alone as long as it asks, by everybody', async () => {
    refusing([429, { 'retry-after': '7' }]);
    const registry = open();
    await registry.get('/a');
    expect(clock.waits).toEqual([7_000]);
    refusing([503, { 'retry-after': '30' }]);
    const both = await Promise.all([registry.get('/b'), registry.get('/c')]);
    expect(both.map(({ status }) => status)).toEqual(['found', 'found']);
    expect(clock.waits.reduce((sum, ms) => sum + ms, 0)).toBe(37_000);
  });

  it('is asked again with growing pauses where it does not say how long, and not for ever', async () => {
    refusing([500], [502], [408], [503]);
    await open().get('/');
    expect(clock.waits).toEqual([200, 400, 800, 1_600]);
    answer = (_, response) => response.writeHead(503).end();
    await expect(open().get('/')).rejects.toMatchObject({ code: 'source-registry-busy', retryable: true });
    expect(asked).toHaveLength(10);
  });

  it('that wants to be left alone for long is given up for now', async () => {
    refusing([429, { 'retry-after': '3600' }]);
    const registry = open();
    for (let n = 0; n < 2; n++)
      await expect(registry.get('/')).rejects.toMatchObject({ code: 'source-registry-busy', retryable: true });
    expect(asked).toHaveLength(1);
    clock.advance(3_600_000);
    expect((await registry.get('/')).status).toBe('found');
  });

  it('is not followed elsewhere, not read beyond bounds, and not waited for without end', async () => {
    const failure = (more: Partial<SourceRegistryDefinition> = {}) =>
      open(more)
        .get('/')
        .then(
          () => undefined,
          (error: { code: string }) => error.code,
        );
    answer = (_, response) => response.writeHead(307, { location: '/elsewhere' }).end();
    expect(await failure()).toBe('source-registry-redirects');
    answer = (_, response) => response.end(Buffer.alloc(17 * 1024 * 1024, ' '));
    expect(await failure()).toBe('source-registry-invalid');
    answer = () => undefined;
    expect(await failure({ timeoutMs: 50 })).toBe('source-registry-unreachable');
    answer = (request) => request.socket.destroy();
    expect(await failure()).toBe('source-registry-unreachable');
    answer = (_, response) => response.writeHead(403).end();
    expect(await failure()).toBe('source-registry-refused');
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    answer = () => stop.abort(new Error('enough'));
    await expect(open().get('/', stop.signal)).rejects.toThrow('enough');
  });

  it('behind a name that leads inside is not connected to, unless that is allowed', async () => {
    const named = { url: `http://localhost:${port}/` };
    await expect(open({ ...named, allowedAddresses: [] }).get('/')).rejects.toMatchObject({
      code: 'source-registry-not-allowed',
    });
    expect(asked).toEqual([]);
    expect((await open({ ...named, allowedAddresses: ['127.0.0.0/8', '::1'] }).get('/')).status).toBe('found');
  });

  it('keeps its secrets out of what it says', async () => {
    answer = (_, response) => response.writeHead(401).end('secret-word');
    const registry = open({ username: 'u', password: 'secret-word', url: `http://127.0.0.1:${port}/` });
    const error: unknown = await registry.get('/').catch((thrown: unknown) => thrown);
    const basic = Buffer.from('u:secret-word').toString('base64');
    const shown = [JSON.stringify(error), String(error), registry.location].join();
    expect([shown.includes('secret-word'), shown.includes(basic)]).toEqual([false, false]);
  });
});

describe('a registry over TLS', () => {
  const hasOpenssl = (() => {
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  })();
  if (!hasOpenssl) {
    it('SUITE NOT RUN: openssl is not installed', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
    return;
  }

  it('is believed by its authority and name alone', async () => {
    const directory = await temporaryDirectory();
    const [keyFile, certFile] = [join(directory.path, 'key.pem'), join(directory.path, 'cert.pem')];
    const subject = ['-subj', '/CN=registry.test', '-addext', 'subjectAltName=DNS:registry.test'];
    const files = ['-keyout', keyFile, '-out', certFile];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        ...subject,
        ...files,
      ],
      { stdio: 'ignore' },
    );
    const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
    const server = createTlsServer({ key, cert }, (_, response) => response.end('[]'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const asked = (tls?: SourceRegistryDefinition['tls']) => {
      const definition = {
        url,
        allowedAddresses: ['127.0.0.1'],
        timeoutMs: 5_000,
        ...(tls === undefined ? {} : { tls }),
      };
      const registries = new HttpSourceRegistries(new Map([['old', definition]]), new RecordingClock());
      return registries
        .get('old')
        .get('/')
        .finally(() => registries.close());
    };
    try {
      expect(await asked({ ca: cert, serverName: 'registry.test' })).toEqual({ status: 'found', body: [] });
      for (const tls of [
        undefined,
        { serverName: 'registry.test' },
        { ca: cert },
        { ca: cert, serverName: 'other.test' },
      ]) {
        await expect(asked(tls)).rejects.toMatchObject({ code: 'source-registry-unreachable' });
      }
    } finally {
      server.closeAllConnections();
      server.close();
      await directory.remove();
    }
  });
});
