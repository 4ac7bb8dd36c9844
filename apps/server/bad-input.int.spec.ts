import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableRoute } from '#libs/platform/http';
import { RawClient, type RawAnswer } from './testing/raw-request.js';
import { pathOf } from './testing/route-paths.js';
import { runService, type RunningService } from './testing/running-service.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** Bodies that no route with a body can want. */
const WRONG_BODIES: readonly (readonly [name: string, body: string | Buffer, headers: Record<string, string>])[] = [
  ['no JSON', '{"a":', JSON_TYPE],
  ['a list', '[]', JSON_TYPE],
  ['a number', '12', JSON_TYPE],
  ['text', '"x"', JSON_TYPE],
  ['null', 'null', JSON_TYPE],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), JSON_TYPE],
  ['two hundred levels', `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`, JSON_TYPE],
  ['a million brackets', '['.repeat(1_000_000), JSON_TYPE],
  ['nine megabytes', `{"a":"${'x'.repeat(9 * 1024 * 1024)}"}`, JSON_TYPE],
  ['a form', 'a=1&b=2', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a file upload', '--x--', { 'content-type': 'multipart/form-data; boundary=x' }],
  ['XML', '<a/>', { 'content-type': 'application/xml' }],
  ['a compressed body', 'x', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
];

/** Objects whose every member has a wrong type, or is not known. */
const WRONG_MEMBERS = [
  '{"colour":"red"}',
  '{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}',
  '{"name":{},"records":{},"schema":[]}',
];

const WRONG_QUERIES = [
  'limit=-1',
  'limit=abc',
  'limit=1e400',
  'cursor=%00',
  'cursor=zzzz',
  'from=-0',
  'partition=99999999999',
  'a=1&a=2',
  '__proto__=1',
  'limit[x]=1',
  'deleted=maybe',
  'offset=9007199254740993',
];

const NAMES = [
  '__proto__',
  'constructor',
  '..',
  '%2e%2e',
  '.',
  '%00',
  '%0a',
  'a%2Fb',
  '%F0%9F%92%A9',
  '%ED%A0%80',
  "';drop%20table%20topics--",
  'x'.repeat(300),
  'x'.repeat(1_025),
  '%E2%80%AE',
  ':.ctx:s',
  ':*:',
  '-1',
  '9007199254740993',
  '0x10',
  '%',
];

describe('bad input', () => {
  let running: RunningService;
  let client: RawClient;
  beforeAll(async () => {
    running = await runService();
    client = new RawClient(running.url);
  });
  afterAll(() => {
    client.close();
    return running.stop();
  });

  const routes = () => running.service.app.routes.routes();
  const send = (route: TableRoute, path: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
    client.send(route.method, path, headers, body).catch((error: NodeJS.ErrnoException): RawAnswer => {
      // A connection that was closed while a body beyond the limit was still being sent: the refusal may get lost on the way.
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET')
        return { status: 413, headers: {}, text: '{"code":"cut","error_code":413,"message":""}' };
      throw error;
    });

  /** A refusal in the form of its protocol: a stable code, and text. */
  const expectRefusal = (route: TableRoute, what: string, answer: RawAnswer): void => {
    const told = (answer.text === '' ? {} : JSON.parse(answer.text)) as Record<string, unknown>;
    const form = route.confluent
      ? Object.keys(told).sort().join() === 'error_code,message' || told['code'] !== undefined
      : typeof told['code'] === 'string';
    expect([route.method, route.url, what, answer.status, answer.status >= 400 && answer.status < 500, form]).toEqual([
      route.method,
      route.url,
      what,
      answer.status,
      true,
      true,
    ]);
  };
  const expectNoFailure = (route: TableRoute, what: string, answer: RawAnswer): void =>
    expect([route.method, route.url, what, answer.status, answer.status < 500]).toEqual([
      route.method,
      route.url,
      what,
      answer.status,
      true,
    ]);

  it('in a body is refused with a code on every route that takes one', async () => {
    // What is wrong with a stream is said in its answer, under the status it began with.
    const streamed = routes().filter((one) => one.api?.streamed === true);
    for (const route of streamed)
      for (const [what, body, headers] of WRONG_BODIES)
        expectNoFailure(route, what, await send(route, pathOf(route), headers, body));
    for (const route of routes().filter((one) => one.api?.body !== undefined && !streamed.includes(one))) {
      for (const [what, body, headers] of WRONG_BODIES)
        expectRefusal(route, what, await send(route, pathOf(route), headers, body));
      for (const body of WRONG_MEMBERS) {
        const answer = await send(route, pathOf(route), JSON_TYPE, body);
        // Registry clients may send members we do not know; native ones may not.
        if (route.confluent) expectNoFailure(route, body, answer);
        else expectRefusal(route, body, answer);
      }
    }
  }, 120_000);

  it('in a body never makes a route fail that takes none', async () => {
    for (const route of routes().filter((one) => one.api?.body === undefined)) {
      for (const [what, body, headers] of WRONG_BODIES.slice(0, 8)) {
        expectNoFailure(
          route,
          what,
          await send(route, pathOf(route), { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body),
        );
      }
    }
  }, 120_000);

  it('in a query never makes a route fail', async () => {
    for (const route of routes()) {
      for (const query of WRONG_QUERIES) expectNoFailure(route, query, await send(route, `${pathOf(route)}?${query}`));
    }
  }, 120_000);

  it('in a query is refused by name on native lists', async () => {
    for (const path of ['/v1/topics', '/v1/groups', '/v1/operations', '/v1/views']) {
      const answer = await client.send('GET', `${path}?limti=1`);
      expect([path, answer.status]).toEqual([path, 400]);
      expect(answer.text).toContain('limti');
    }
  });

  it('in a path never makes a route fail', async () => {
    for (const route of routes().filter((one) => one.url.includes(':'))) {
      for (const name of NAMES)
        expectNoFailure(
          route,
          name,
          await send(route, pathOf(route, name), JSON_TYPE, route.method === 'GET' ? undefined : '{}'),
        );
    }
  }, 120_000);

  it('leaves no trace: no defect in the log, nothing created, nothing polluted, and the service answers', async () => {
    expect(running.log.filter((line) => line.includes('"level":"error"') || line.includes('"level":"fatal"'))).toEqual(
      [],
    );
    const topics = await client.send('GET', '/v1/topics');
    expect((JSON.parse(topics.text) as { items: unknown[] }).items).toEqual([]);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
    expect((await client.send('GET', '/readyz')).status).toBe(200);
  });
});
