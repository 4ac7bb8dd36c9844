import { request, type IncomingMessage } from 'node:http';
import { Body, Controller, Delete, Get, HttpCode, Module, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '#libs/core/kernel';
import {
  Access,
  CurrentPrincipal,
  OpenAuthenticator,
  Public,
  RoleAuthorizer,
  type Principal,
} from '#libs/platform/auth';
import {
  ApiJson,
  ConfluentApi,
  ConfluentErrorMapper,
  createHttpApp,
  sendEvents,
  ZodPipe,
  type ConfluentError,
  type HttpApp,
} from './index.js';

const body = z.strictObject({ name: z.string(), size: z.int().min(1) });
const query = z.strictObject({ limit: z.coerce.number().int().min(1).default(5) });

@Controller('v1/things')
class ThingsController {
  @Get()
  @Access('read', 'service')
  list(@Query(new ZodPipe(query)) q: { limit: number }, @CurrentPrincipal() principal: Principal): unknown {
    return { limit: q.limit, who: principal.id };
  }

  @Post()
  @HttpCode(201)
  @Access('write', 'service')
  @ApiJson({ id: 'createThing', summary: 'Create a thing', tag: 'things', body, bodyLimit: 4_000_000 })
  create(@Body(new ZodPipe(body)) thing: unknown): unknown {
    return thing;
  }

  @Post('raw')
  @HttpCode(200)
  @Access('write', 'service')
  raw(@Body() given: unknown): unknown {
    return { given: given === undefined ? 'nothing' : given };
  }

  @Get('failing/:how')
  @Access('read', 'service')
  failing(@Param('how') how: string): never {
    if (how === 'defect') throw new TypeError('secret inner text');
    throw new AppError({
      kind: 'exhausted',
      code: 'too-busy',
      message: 'Busy.',
      hint: 'Wait.',
      details: { limit: 3 },
      retryAfterMs: 1_500,
    });
  }

  @Get(':name/events')
  @Access('read', 'service')
  events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendEvents(request, reply, async function* (afterId) {
      for (let id = Number(afterId ?? 0) + 1; id <= 3; id++) yield { id: String(id), event: 'step', data: { id } };
    });
  }
}

@Controller()
@ConfluentApi()
class SubjectsController {
  @Get('subjects')
  @Access('read', 'subject')
  list(): string[] {
    return ['a'];
  }

  @Get('subjects/:subject/versions')
  @Access('read', 'subject', 'subject')
  versions(@Param('subject') subject: string): unknown {
    if (subject === 'missing') throw new AppError({ kind: 'not-found', code: 'subject-not-found', message: 'x' });
    return { subject };
  }

  @Delete('subjects/:subject')
  @Access('delete', 'subject', 'subject')
  remove(@Param('subject') subject: string, @Body() given: unknown): unknown {
    return { subject, given: given ?? null };
  }

  @Get()
  @Public('clients probe it')
  root(): unknown {
    return {};
  }
}

class Mapper extends ConfluentErrorMapper {
  map(error: AppError): ConfluentError | undefined {
    return error.code === 'subject-not-found'
      ? { status: 404, errorCode: 40401, message: "Subject 'missing' not found." }
      : undefined;
  }
}

@Module({
  controllers: [ThingsController, SubjectsController],
  providers: [{ provide: ConfluentErrorMapper, useClass: Mapper }],
})
class ThingsModule {}

const V1 = 'application/vnd.schemaregistry.v1+json';

describe('the HTTP application', () => {
  let app: HttpApp;
  let base: string;
  beforeAll(async () => {
    app = await createHttpApp({
      modules: [ThingsModule],
      authenticator: new OpenAuthenticator(),
      authorizer: new RoleAuthorizer(),
    });
    base = await app.listen('127.0.0.1', 0);
  });
  afterAll(() => app.close());

  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${base}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as never };
  };
  const post = (path: string, given: string, type = 'application/json') =>
    call(path, { method: 'POST', body: given, headers: { 'content-type': type } });

  describe('on native paths', () => {
    it('parses queries with defaults and hands over the principal', async () => {
      expect((await call('/v1/things')).json()).toEqual({ limit: 5, who: 'anonymous' });
    });

    it('names every problem of a body, unknown members included', async () => {
      const refused = await post('/v1/things', '{"name":1,"size":0,"colour":"red"}');
      expect(refused.status).toBe(400);
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
      expect(refused.json()).toMatchObject({
        type: 'urn:weir:problem:invalid-request',
        status: 400,
        code: 'invalid-request',
        instance: '/v1/things',
        errors: expect.arrayContaining([
          expect.objectContaining({ path: '/name' }),
          expect.objectContaining({ path: '/size' }),
          { path: '/colour', message: 'is not known here' },
        ]) as never,
      });
    });

    it('tells a defect to nobody, and names the request', async () => {
      const refused = await call('/v1/things/failing/defect', { headers: { 'x-request-id': 'abc-1' } });
      expect(refused.status).toBe(500);
      expect(refused.text).not.toContain('secret');
      expect(refused.json()).toMatchObject({ code: 'internal', request_id: 'abc-1' });
      expect(refused.headers.get('x-request-id')).toBe('abc-1');
    });

    it('passes on code, hint, facts and the time to wait', async () => {
      const refused = await call('/v1/things/failing/app');
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toBe('2');
      expect(refused.json()).toMatchObject({ code: 'too-busy', hint: 'Wait.', details: { limit: 3 } });
    });

    it.each([
      ['no JSON', '{"a":', 'application/json', 400, 'body-not-json'],
      ['text after the value', '{} x', 'application/json', 400, 'body-not-json'],
      ['a missing body', '', 'application/json', 400, 'invalid-request'],
      ['another media type', 'a=b', 'application/x-www-form-urlencoded', 415, 'unsupported-media-type'],
      ['a media type with a trick in it', '{}', 'application/json\u0020x', 415, 'unsupported-media-type'],
      ['bytes where JSON is due', '{}', 'application/octet-stream', 415, 'unsupported-media-type'],
      ['nesting beyond the limit', `${'['.repeat(40)}${']'.repeat(40)}`, 'application/json', 400, 'json-too-deep'],
      ['a million brackets', '['.repeat(1_000_000), 'application/json', 400, 'json-too-deep'],
      ['more values than anyone sends', `[${'0,'.repeat(20_000)}0]`, 'application/json', 413, 'json-too-many-values'],
      ['a number longer than any', `{"size":${'7'.repeat(70_000)}}`, 'application/json', 413, 'json-number-too-long'],
      ['a name longer than any', `{"${'n'.repeat(70_000)}":1}`, 'application/json', 413, 'json-name-too-long'],
      ['a long body that breaks off', `{"name":"${'x'.repeat(70_000)}`, 'application/json', 400, 'body-not-json'],
      ['a body over the limit of the route', `"${'x'.repeat(4_000_001)}"`, 'application/json', 413, 'body-too-large'],
    ])('refuses %s', async (_what, given, type, status, code) => {
      const refused = await post('/v1/things', given, type);
      expect([refused.status, (refused.json() as { code: string }).code]).toEqual([status, code]);
    });

    it('takes brackets inside strings for text', async () => {
      const given = { name: `${'['.repeat(100)}\\"${'{'.repeat(100)}`, size: 1 };
      expect((await post('/v1/things', JSON.stringify(given))).json()).toEqual(given);
    });

    it('keeps __proto__ in a body as data that is refused', async () => {
      const refused = await post('/v1/things', '{"name":"a","size":1,"__proto__":{"polluted":true}}');
      expect(refused.status).toBe(400);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

    it('answers 404 and 405 with what there is', async () => {
      expect((await call('/v1/nothing')).json()).toMatchObject({ status: 404, code: 'route-not-found' });
      expect((await call('/v1')).json()).toMatchObject({ status: 404, code: 'route-not-found' });
      const refused = await call('/v1/things', {
        method: 'PUT',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      expect(refused.status).toBe(405);
      expect(refused.headers.get('allow')).toBe('GET, HEAD, POST');
    });

    it('refuses paths that cannot be read, and long ones', async () => {
      expect((await call('/v1/things/failing/%zz')).json()).toMatchObject({ status: 400, code: 'path-not-readable' });
      expect((await call('/v1/things/failing/a%00b')).json()).toMatchObject({ status: 400, code: 'path-not-readable' });
      expect((await call(`/v1/things/failing/${'a'.repeat(1_025)}`)).json()).toMatchObject({ status: 414 });
      expect((await call(`/v1/things/failing/${'a'.repeat(4_000)}`)).json()).toMatchObject({ status: 414 });
      expect((await call(`/v1/things?${'a=1&'.repeat(65)}`)).json()).toMatchObject({ code: 'too-many-parameters' });
    });

    it('gives a request an id of its own when it brings none, or several', async () => {
      const idOf = async (headers?: Record<string, string>) =>
        (await call('/v1/things', { headers })).headers.get('x-request-id');
      const ids = [await idOf(), await idOf(), await idOf({ 'x-request-id': 'a, b' })];
      expect(new Set(ids)).toHaveProperty('size', 3);
      for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    });

    it('streams events, and goes on after the last one a client has seen', async () => {
      const all = await call('/v1/things/a/events');
      expect(all.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(all.text).toContain('id: 1\nevent: step\ndata: {"id":1}\n\n');
      const rest = await call('/v1/things/a/events', { headers: { 'last-event-id': '2' } });
      expect(rest.text.match(/^id: .*$/gm)).toEqual(['id: 3']);
    });
  });

  describe('on registry paths', () => {
    it('answers in the media type the client prefers', async () => {
      const typeFor = async (accept: string) =>
        (await call('/subjects', { headers: { accept } })).headers.get('content-type');
      expect(await typeFor('*/*')).toBe(V1);
      expect(await typeFor('application/json')).toBe('application/json');
      expect(await typeFor(`${V1}, application/vnd.schemaregistry+json, application/json`)).toBe(V1);
      expect(await typeFor('application/json, application/vnd.schemaregistry+json;q=0.1')).toBe('application/json');
    });

    it('refuses what it cannot send, without a media type, and types it cannot read even on GET', async () => {
      const unacceptable = await call('/subjects', { headers: { accept: 'text/html' } });
      expect([unacceptable.status, unacceptable.headers.get('content-type')]).toEqual([406, null]);
      expect(unacceptable.json()).toEqual({ error_code: 406, message: 'HTTP 406 Not Acceptable' });
      const unreadable = await call('/subjects', { headers: { 'content-type': 'text/plain' } });
      expect(unreadable.json()).toEqual({ error_code: 415, message: 'HTTP 415 Unsupported Media Type' });
      expect(unreadable.headers.get('content-type')).toBe(V1);
    });

    it('takes a DELETE with a content type and no body', async () => {
      const removed = await call('/subjects/a', { method: 'DELETE', headers: { 'content-type': V1 } });
      expect(removed.json()).toEqual({ subject: 'a', given: null });
    });

    it('uses the codes of the registry in exactly two members', async () => {
      expect((await call('/subjects/missing/versions')).json()).toEqual({
        error_code: 40401,
        message: "Subject 'missing' not found.",
      });
      expect((await call('/subjects/a/b/c/d')).json()).toEqual({ error_code: 404, message: 'HTTP 404 Not Found' });
    });

    it('reads subjects with slashes, long ones, trailing slashes and matrix parameters', async () => {
      expect((await call('/subjects/a%2Fb%20c/versions/')).json()).toEqual({ subject: 'a/b c' });
      expect((await call('/subjects/a;x=y/versions')).json()).toEqual({ subject: 'a' });
      expect((await call('/subjects/a%3Bx/versions')).json()).toEqual({ subject: 'a;x' });
      expect((await call(`/subjects/${'%C3%A4'.repeat(500)}/versions`)).json()).toEqual({ subject: 'ä'.repeat(500) });
    });

    it('refuses empty parts of the path and escaped dots, and takes a dot for a name', async () => {
      // Not by fetch, which resolves dots itself.
      const statusOf = (path: string) =>
        new Promise((resolve, reject) => {
          const answered = (response: IncomingMessage) => resolve(response.resume().statusCode);
          request(base, { path }, answered).on('error', reject).end();
        });
      for (const path of ['/subjects//versions', '//subjects', '/subjects/%2E/versions', '/subjects/%2e./versions']) {
        expect([path, await statusOf(path)]).toEqual([path, 400]);
      }
      for (const path of ['/subjects/./versions', '/subjects/a%2E/versions', '/subjects?x=//%2E/']) {
        expect([path, await statusOf(path)]).toEqual([path, 200]);
      }
    });
  });

  it('ends streams and refuses to begin again once it is closed', async () => {
    const other = await createHttpApp({
      modules: [ThingsModule],
      authenticator: new OpenAuthenticator(),
      authorizer: new RoleAuthorizer(),
    });
    await other.listen('127.0.0.1', 0);
    await other.close();
    await other.close();
    expect(other.fastify.server.listening).toBe(false);
  });
});

describe('a route without a declaration', () => {
  @Controller('v1/forgotten')
  class ForgottenController {
    @Get()
    list(): string {
      return 'open to everybody';
    }
  }

  @Module({ controllers: [ForgottenController] })
  class ForgottenModule {}

  it('keeps the service from starting', async () => {
    const options = { authenticator: new OpenAuthenticator(), authorizer: new RoleAuthorizer() };
    await expect(createHttpApp({ ...options, modules: [ForgottenModule] })).rejects.toMatchObject({
      code: 'undeclared-route',
      message: expect.stringContaining('GET /v1/forgotten') as string,
    });
    await expect(
      createHttpApp({ ...options, modules: [], prepare: (fastify) => void fastify.get('/plain', () => 'open') }),
    ).rejects.toMatchObject({ code: 'undeclared-route' });
  });
});
