import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runWeir } from '../testing/index.js';

describe('weir compat get', () => {
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

  it('says which of subject, context and all the level in force comes from', async () => {
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
});
