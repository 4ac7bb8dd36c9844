import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { RoleAuthorizer, TokenAuthenticator } from '#libs/platform/auth';
import { entityTag, isUnchanged, REVALIDATED } from './conditional.js';
import { createHttpApp, type HttpApp } from './http-app.js';
import { PlainRoutes } from './plain-routes.js';
import { REGISTRY_DIALECT } from './registry-dialect.js';

const READ = { action: 'read', kind: 'subject' } as const;
const URL_PATTERN = '/things/:id';
const LONG = 7;
const MIDDLE = 8;
/** Umlauts in the answers of numbers that have more than one. */
const LENGTHS = new Map([
  [LONG, 8 * 1024],
  [MIDDLE, 2 * 1024],
]);
const NOTES = '/things/:name/notes';
const READ_NAMED = { ...READ, name: 'name' } as const;
const TYPE = 'application/vnd.schemaregistry.v1+json';

const noteOf = (name: string, given: unknown): string => JSON.stringify({ name, given });

/** What the route answers; with umlauts, whose bytes are more than their characters. */
const bodyOf = (id: number): string => JSON.stringify({ id, name: 'ü'.repeat(LENGTHS.get(id) ?? 1), at: 'hand' });

/** How often the route itself was asked, and of which numbers no answer stands ready. */
let asked = 0;
const absent = 404;

@Injectable()
class ThingRoutes implements OnModuleInit {
  constructor(private readonly plain: PlainRoutes) {}

  onModuleInit(): void {
    const { fastify, atHand } = this.plain;
    atHand.add({
      ...{ method: 'GET', url: URL_PATTERN, parameter: /^[1-9][0-9]{0,8}$/, access: READ, dialect: REGISTRY_DIALECT },
      answer: (_principal, id) => {
        if (Number(id) === absent) return undefined;
        const body = bodyOf(Number(id));
        return { body, bytes: Buffer.byteLength(body), tag: entityTag(body) };
      },
    });
    atHand.add({
      ...{ method: 'POST', url: NOTES, parameter: /^[a-z.]+$/, access: READ_NAMED, dialect: REGISTRY_DIALECT },
      answer: (_principal, name, given) => {
        if ((given as { fails?: true }).fails) throw new Error('The route says what is wrong.');
        const body = noteOf(name, given);
        return { body, bytes: Buffer.byteLength(body) };
      },
    });
    fastify.post(
      NOTES,
      {
        config: {
          access: READ_NAMED,
          confluent: REGISTRY_DIALECT,
          api: { id: 'note', summary: 'A note', tag: 'things', recurring: true },
        },
      },
      ({ params, body }: FastifyRequest<{ Params: { name: string } }>) => {
        asked += 1;
        return noteOf(params.name, body);
      },
    );
    fastify.get(
      URL_PATTERN,
      { config: { access: READ, confluent: REGISTRY_DIALECT } },
      (request: FastifyRequest<{ Params: { id: string } }>, reply: FastifyReply) => {
        asked += 1;
        const body = bodyOf(Number(request.params.id));
        const tag = entityTag(body);
        reply.header('etag', tag).header('cache-control', REVALIDATED);
        if (!isUnchanged(request.headers['if-none-match'], tag)) return body;
        reply.code(304);
        return '';
      },
    );
  }
}

@Module({ providers: [ThingRoutes] })
class ThingsModule {}

const TOKEN = 'secret-token';

/** What is sent and what comes back, byte by byte but for the clock, on a connection of its own that ends with it. */
function exchange(base: string, sent: string): Promise<string> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(sent));
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (received += text));
    socket.on('end', () => resolve(received.replace(/^Date: .*\r\n/gm, '')));
    socket.on('error', reject);
  });
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}, more = ''): string =>
  `GET ${path} HTTP/1.1\r\n${Object.entries({
    host: 'weir',
    authorization: `Bearer ${TOKEN}`,
    'x-request-id': 'one-1',
    connection: 'close',
    ...headers,
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${more}`;

const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}): string =>
  get(path, { 'content-type': TYPE, 'content-length': String(Buffer.byteLength(body)), ...headers }, body).replace(
    'GET',
    'POST',
  );

describe('answers at hand', () => {
  const observed: unknown[] = [];
  const clock = new ManualClock();
  const open = (off: boolean): Promise<HttpApp> =>
    createHttpApp({
      modules: [ThingsModule],
      authenticator: new TokenAuthenticator(
        [
          { id: 'ci', sha256: createHash('sha256').update(TOKEN).digest(), roles: ['viewer'] },
          { id: 'none', sha256: createHash('sha256').update('no-role').digest(), roles: [] },
        ],
        clock,
      ),
      authorizer: new RoleAuthorizer(),
      prepare: (_fastify, _routes, atHand) => {
        if (off) atHand.turnOff();
        atHand.observe((...told) => observed.push(told));
      },
    });
  let here: HttpApp;
  let whole: HttpApp;
  let base: string;
  let wholeBase: string;
  beforeAll(async () => {
    [here, whole] = await Promise.all([open(false), open(true)]);
    [base, wholeBase] = await Promise.all([here.listen('127.0.0.1', 0), whole.listen('127.0.0.1', 0)]);
  });
  afterAll(() => Promise.all([here.close(), whole.close()]));
  beforeEach(() => {
    asked = 0;
    observed.length = 0;
  });

  it('are the bytes that the route itself would send, its headers and their order included', async () => {
    const plain: Readonly<Record<string, string>>[] = [
      {},
      { accept: '*/*' },
      { accept: REGISTRY_DIALECT.offers[0]![0] },
      { 'user-agent': 'a stock client' },
    ];
    for (const headers of plain) {
      const given = await exchange(base, get('/things/1', headers));
      expect(asked).toBe(0);
      expect(given).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(given).toContain(bodyOf(1));
      expect(given).toBe(await exchange(wholeBase, get('/things/1', headers)));
      expect(asked).toBe(1);
      asked = 0;
    }
    expect(observed).toEqual(plain.map(() => [URL_PATTERN, 'GET', 200, expect.any(Number)]));
  });

  it.each([
    ['with a query', get('/things/1?a=b'), 1],
    ['that names the answer it has', get('/things/1', { 'if-none-match': entityTag(bodyOf(1)) }), 1],
    ['for another media type', get('/things/1', { accept: 'application/json' }), 1],
    ['for no media type that is there', get('/things/1', { accept: 'text/html' }), 0],
    ['with a type of a body', get('/things/1', { 'content-type': 'text/plain' }), 0],
    ['with a body', get('/things/1', { 'content-length': '2' }, '{}'), 1],
    ['with a body of unknown length', get('/things/1', { 'transfer-encoding': 'chunked' }, '2\r\n{}\r\n0\r\n\r\n'), 1],
    ['for what does not stand ready', get(`/things/${absent}`), 1],
    ['for an answer so long that it is counted', get(`/things/${LONG}`), 1],
    ['for an answer that is to be compressed', get(`/things/${MIDDLE}`, { 'accept-encoding': 'gzip' }), 1],
    ['for a number that is written otherwise', get('/things/01'), 1],
    ['for a number beyond all ids', get('/things/12345678901'), 1],
    ['for no number', get('/things/1a'), 1],
    ['for more than the number', get('/things/1/schema'), 0],
    ['without a token', get('/things/1', { authorization: '' }), 0],
    ['with the token of somebody who may not read', get('/things/1', { authorization: 'Bearer no-role' }), 0],
    ['by another method', get('/things/1').replace('GET', 'HEAD'), 1],
    ['by a method that is not there', get('/things/1').replace('GET', 'PUT'), 0],
  ])('leave a request %s to the route', async (_what, sent, answered) => {
    const given = await exchange(base, sent);
    expect(asked).toBe(answered);
    expect(given).toBe(await exchange(wholeBase, sent));
    expect(observed).toEqual([]);
  });

  describe('to bodies that came before', () => {
    const known = '{"text":"süß"}';
    beforeEach(async () => {
      await exchange(base, post('/things/a.b/notes', known));
      await exchange(wholeBase, post('/things/a.b/notes', known));
      asked = 0;
      observed.length = 0;
    });

    it('are the bytes that the route itself would send', async () => {
      const sent = post('/things/a.b/notes', known);
      const given = await exchange(base, sent);
      expect(asked).toBe(0);
      expect(given).toContain(noteOf('a.b', { text: 'süß' }));
      expect(observed).toEqual([[NOTES, 'POST', 200, expect.any(Number)]]);
      expect(given).toBe(await exchange(wholeBase, sent));
      expect(asked).toBe(1);
    });

    it('are given for a body that comes in pieces, and hold none of it afterwards', async () => {
      const sent = post('/things/a.b/notes', known);
      const { hostname, port } = new URL(base);
      const socket = connect(Number(port), hostname);
      const heard = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const held = (): number => here.bytesInFlight.held;
      await new Promise((resolve) => socket.write(sent.slice(0, -4), resolve));
      await vi.waitFor(() => expect(held()).toBe(Buffer.byteLength(known)), 50_000);
      socket.write(sent.slice(-4));
      expect(await heard).toContain('200 OK');
      await closed;
      expect(asked).toBe(0);
      expect(held()).toBe(0);
    });

    it.each([
      ['with a body that never came', post('/things/a.b/notes', '{"text":"new"}'), 1],
      ['with a body that is no JSON', post('/things/a.b/notes', '{"text":'), 0],
      ['without a body', post('/things/a.b/notes', ''), 1],
      ['with a body too long to be kept', post('/things/a.b/notes', JSON.stringify('x'.repeat(70_000))), 1],
      ['with a body of another type', post('/things/a.b/notes', known, { 'content-type': 'text/plain' }), 0],
      [
        'with a type with parameters',
        post('/things/a.b/notes', known, { 'content-type': `${TYPE}; charset=utf-8` }),
        1,
      ],
      ['with a body that is compressed', post('/things/a.b/notes', known, { 'content-encoding': 'gzip' }), 0],
      ['that says why', post('/things/a.b/notes', known, { 'x-weir-reason': 'for once' }), 1],
      ['with a query', post('/things/a.b/notes?a=b', known), 1],
      ['with a name that is escaped', post('/things/%61.b/notes', known), 1],
      ['without a token', post('/things/a.b/notes', known, { authorization: '' }), 0],
      ['to a path that is not there', post('/things/a.b/notes/more', known), 0],
    ])('leave a request %s to the route', async (_what, sent, answered) => {
      const given = await exchange(base, sent);
      expect(asked).toBe(answered);
      expect(given).toBe(await exchange(wholeBase, sent));
      expect(observed).toEqual([]);
    });

    it('leave it to the route to say what it throws', async () => {
      const sent = post('/things/a.b/notes', '{"fails":true}');
      await exchange(base, sent);
      asked = 0;
      expect(await exchange(base, sent)).toContain('200 OK');
      expect(asked).toBe(1);
    });

    it.each([
      ['without a token', '', '401'],
      ['with a token that is not known', 'Bearer wrong', '401'],
      ['with the token of somebody who may not read', 'Bearer no-role', '403'],
    ])(
      'refuse a request %s before any of its body is there, and hold none of it',
      async (_what, authorization, status) => {
        const sent = post('/things/a.b/notes', known, { authorization });
        const { hostname, port } = new URL(base);
        const socket = connect(Number(port), hostname, () => socket.write(sent.slice(0, -known.length)));
        const heard = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
        expect((await heard).slice(9, 12)).toBe(status);
        expect(here.bytesInFlight.held).toBe(0);
        socket.destroy();
        expect(asked).toBe(0);
      },
    );

    it('are not waited for when the client goes away in the middle of its body', async () => {
      const { hostname, port } = new URL(base);
      const socket = connect(Number(port), hostname);
      await new Promise((resolve) => socket.write(post('/things/a.b/notes', known).slice(0, -4), resolve));
      await vi.waitFor(() => expect(here.bytesInFlight.held).toBe(Buffer.byteLength(known)), 50_000);
      socket.destroy();
      await vi.waitFor(() => expect(here.bytesInFlight.held).toBe(0), 50_000);
      expect(asked).toBe(0);
    });
  });

  it('count no attempt of a wrong token: the guard does, once', async () => {
    const sent = get('/things/1', { authorization: 'Bearer wrong' });
    clock.advance(3_600_000);
    const statuses: string[] = [];
    for (let attempt = 0; attempt < 11; attempt++) statuses.push((await exchange(base, sent)).slice(9, 12));
    expect(statuses).toEqual([...Array<string>(10).fill('401'), '429']);
  });

  it('leave a request behind another one on its connection to the route, which counts it', async () => {
    const first = get('/things/1?slow', { connection: 'keep-alive' });
    const given = await exchange(base, first + get('/things/2'));
    expect(asked).toBe(2);
    expect(given).toContain(bodyOf(1));
    expect(given.indexOf(bodyOf(2))).toBeGreaterThan(given.indexOf(bodyOf(1)));
  });

  it('keep no connection open when the service stops', async () => {
    const stopping = await open(false);
    const { hostname, port } = new URL(await stopping.listen('127.0.0.1', 0));
    const socket = connect(Number(port), hostname);
    const heard = new Promise((resolve) => socket.once('data', (data) => resolve(String(data))));
    socket.write(get('/things/1', { connection: 'keep-alive' }));
    expect(await heard).toContain('200 OK');
    expect(asked).toBe(0);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    await stopping.close();
    await ended;
  });
});
