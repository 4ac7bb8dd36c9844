import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Controller, Get, HttpCode, Module, Param, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access, OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { COMPRESSED_FROM, takesGzip } from './compressed-answers.js';
import { Conditional, ConfluentApi, createHttpApp, entityTag, type HttpApp } from './index.js';

const textOf = (length: number): string[] => ['ä'.repeat(length)];

@Controller('texts')
@ConfluentApi()
class TextsController {
  @Get(':length')
  @Conditional()
  @Access('read', 'subject')
  get(@Param('length') length: string): string[] {
    return textOf(Number(length));
  }

  @Post(':length')
  @HttpCode(200)
  @Access('read', 'subject')
  make(@Param('length') length: string): string[] {
    return textOf(Number(length));
  }
}

@Controller('v1/texts')
class NativeController {
  @Get(':length')
  @Access('read', 'subject')
  get(@Param('length') length: string): string[] {
    return textOf(Number(length));
  }
}

@Module({ controllers: [TextsController, NativeController] })
class TextsModule {}

describe('answers to clients that take gzip', () => {
  let app: HttpApp;
  let base: string;
  beforeAll(async () => {
    const [authenticator, authorizer] = [new OpenAuthenticator(), new RoleAuthorizer()];
    app = await createHttpApp({ modules: [TextsModule], authenticator, authorizer });
    base = await app.listen('127.0.0.1', 0);
  });
  afterAll(() => app.close());

  function call(path: string, headers: Readonly<Record<string, string>>, method = 'GET') {
    return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>((resolve, reject) => {
      const sent = request(`${base}${path}`, { method, headers }, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(pieces) }),
        );
      });
      sent.on('error', reject).end();
    });
  }

  const TAKES = { 'accept-encoding': 'gzip, deflate, br' };
  const LONG = COMPRESSED_FROM;
  const BODY = JSON.stringify(textOf(LONG));

  it.each(['GET', 'POST'])('are compressed where they are long (%s)', async (method) => {
    const { status, headers, body } = await call(`/texts/${LONG}`, TAKES, method);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(headers['content-type']).toBe('application/vnd.schemaregistry.v1+json');
    expect(headers['content-length']).toBe(String(body.length));
    expect(body.length).toBeLessThan(LONG / 10);
    expect(gunzipSync(body).toString()).toBe(BODY);
  });

  it.each<[string, string, Readonly<Record<string, string>>]>([
    ['are short', '/texts/100', TAKES],
    ['are for a client that says nothing of codings', `/texts/${LONG}`, {}],
    ['are for a client that takes others', `/texts/${LONG}`, { 'accept-encoding': 'br' }],
    ['are for a client that does not want it', `/texts/${LONG}`, { 'accept-encoding': 'gzip;q=0, *' }],
  ])('go as they are where they %s', async (_, path, sent) => {
    const { headers, body } = await call(path, sent);
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers['vary']).toBe('Accept-Encoding');
    expect(headers['etag']).toBe(entityTag(body));
    expect(JSON.parse(body.toString())).toEqual(textOf(Number(path.split('/')[2])));
  });

  it('have a weak entity tag, by which either is known again', async () => {
    const packed = await call(`/texts/${LONG}`, TAKES);
    expect(packed.headers['etag']).toBe(`W/${entityTag(BODY)}`);
    for (const headers of [TAKES, {}]) {
      const again = await call(`/texts/${LONG}`, { ...headers, 'if-none-match': packed.headers['etag'] as string });
      expect([again.status, again.body.length, again.headers['content-encoding']]).toEqual([304, 0, undefined]);
    }
  });

  it('are told as they are under HEAD', async () => {
    const { headers, body } = await call(`/texts/${LONG}`, TAKES, 'HEAD');
    expect([headers['content-encoding'], headers['content-length'], body.length]).toEqual([
      undefined,
      String(Buffer.byteLength(BODY)),
      0,
    ]);
  });

  it('of native routes go as they are', async () => {
    const { headers, body } = await call(`/v1/texts/${LONG}`, TAKES);
    expect(headers['content-encoding']).toBeUndefined();
    expect(body.toString()).toBe(BODY);
  });
});

it.each<[string | undefined, boolean]>([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['GZIP ; Q=0.5', true],
  ['x-gzip', true],
  ['br, gzip;q=0.001', true],
  ['gzip;q=0', false],
  ['gzip;q=0.0, *;q=1', false],
  ['*', true],
  ['*;q=0', false],
  ['deflate, identity', false],
  ['gzipped', false],
  ['gzip;q=x', false],
])('%j asks for gzip: %j', (header, expected) => {
  expect(takesGzip(header)).toBe(expected);
});
