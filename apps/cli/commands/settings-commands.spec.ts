import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runWeir } from '../testing/index.js';

describe('weir compat and weir mode', () => {
  let server: Server | undefined;
  afterEach(() => new Promise((done) => (server === undefined ? done(undefined) : server.close(done))));

  /** Answers with the level that a path states, and with that of `/config` where one is asked for whatever states it. */
  async function serve(levels: Readonly<Record<string, string>>): Promise<string> {
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://x');
      const level =
        levels[decodeURIComponent(pathname)] ??
        (searchParams.get('defaultToGlobal') === 'true' ? levels['/config'] : undefined);
      response
        .writeHead(level === undefined ? 404 : 200, { 'content-type': 'application/json', connection: 'close' })
        .end(
          JSON.stringify(level === undefined ? { error_code: 40408, message: 'none' } : { compatibilityLevel: level }),
        );
    });
    await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('say which of subject, context and all the level in force comes from', async () => {
    const url = await serve({
      '/config': 'BACKWARD',
      '/config/:.staging:': 'FULL',
      '/config/:.staging:own': 'NONE',
    });
    const got = async (...args: string[]): Promise<unknown> => {
      const { out } = await runWeir(['compat', 'get', ...args, '-s', url, '-o', 'json']);
      return (JSON.parse(out) as { data: unknown }).data;
    };
    expect(await got(':.staging:own')).toEqual({
      target: ':.staging:own',
      value: 'NONE',
      origin: 'subject',
      wouldBe: null,
    });
    expect(await got(':.staging:other')).toEqual({
      target: ':.staging:other',
      value: 'FULL',
      origin: 'context',
      wouldBe: null,
    });
    expect(await got(':.test:other')).toEqual({
      target: ':.test:other',
      value: 'BACKWARD',
      origin: 'global',
      wouldBe: null,
    });
    expect(await got('other')).toEqual({ target: 'other', value: 'BACKWARD', origin: 'global', wouldBe: null });
    expect(await got('--global')).toEqual({ target: '(global)', value: 'BACKWARD', origin: 'global', wouldBe: null });
  });

  it('change nothing with --dry-run at a registry that cannot be asked', async () => {
    const changes: string[] = [];
    server = createServer((request, response) => {
      if (request.method !== 'GET') changes.push(`${request.method} ${request.url}`);
      const isMode = request.method === 'GET';
      response
        .writeHead(isMode ? 200 : 404, { 'content-type': 'application/json', connection: 'close' })
        .end(JSON.stringify(isMode ? { mode: 'READWRITE' } : { error_code: 404, message: 'HTTP 404 Not Found' }));
    });
    await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ran = await runWeir(['mode', 'set', 'IMPORT', 'orders-value', '-s', url, '--dry-run', '-o', 'json']);
    expect([ran.code, JSON.parse(ran.out)]).toMatchObject([0, { data: { value: 'READWRITE', wouldBe: 'IMPORT' } }]);
    expect(changes).toEqual(['POST /v1/setting-changes:check']);
  });
});
