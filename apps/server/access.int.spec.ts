import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rolesAllow, type DeclaredAccess } from '#libs/platform/auth';
import type { TableRoute } from '#libs/platform/http';
import { RawClient, type RawAnswer } from './testing/raw-request.js';
import { pathOf } from './testing/route-paths.js';
import { runService, writeTokens, type RunningService } from './testing/running-service.js';

const REFUSED = [401, 429];

/** Spellings of a path that a router and a guard might read differently. */
const variants = (path: string): readonly string[] => [
  `${path}/`,
  `/${path}`,
  `${path}//`,
  `${path}/.`,
  `${path}/..%2f`,
  `/%2e${path}`,
  `/x/..${path}`,
  `${path};x=y`,
  `${path}%20`,
  `${path}%00`,
  `${path}?access_token=x`,
  path.toUpperCase(),
  path.replace(/^\/(.)/, (_all, letter: string) => `/%${letter.charCodeAt(0).toString(16)}`),
  path.replaceAll('/', '%2F').replace('%2F', '/'),
  path.replaceAll('/', '%252F').replace('%252F', '/'),
  `http://other.example${path}`,
];

describe('with tokens', () => {
  let running: RunningService;
  let client: RawClient;
  let tokens: Record<string, string>;
  beforeAll(async () => {
    running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'admin', roles: ['admin'] },
        { id: 'viewer', roles: ['viewer'] },
        {
          id: 'elsewhere',
          roles: ['admin'],
          scope: { topic: ['mine.*'], subject: ['mine.*'], group: ['mine.*'], view: ['mine_*'] },
        },
        { id: 'expired', roles: ['admin'], expires: '2020-01-01T00:00:00Z' },
      ]);
    });
    client = new RawClient(running.url);
  });
  afterAll(() => {
    client.close();
    return running.stop();
  });

  const guarded = () =>
    running.service.app.routes
      .routes()
      .filter((route): route is TableRoute & { access: DeclaredAccess } => !('public' in route.access));
  const ask = (route: Pick<TableRoute, 'method' | 'url'>, headers: Record<string, string>, path = pathOf(route)) =>
    client.send(route.method, path, headers);
  const as = (id: string) => ({ authorization: `Bearer ${tokens[id]}` });

  it('nobody passes without a valid token, on any route, in any form', async () => {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    for (const route of guarded()) {
      for (const authorization of [
        undefined,
        'Bearer wrong',
        'Bearer',
        `Bearer ${tokens['admin']}x`,
        `bearer\t${tokens['admin']}`,
        `Token ${tokens['admin']}`,
        basic(`admin:wrong`),
        basic(tokens['admin']!),
        as('expired').authorization,
        basic(`x:${tokens['expired']}`),
      ]) {
        const answer = await ask(route, authorization === undefined ? {} : { authorization });
        expect([route.method, route.url, authorization === undefined, REFUSED.includes(answer.status)]).toEqual([
          route.method,
          route.url,
          authorization === undefined,
          true,
        ]);
      }
    }
  });

  it('says how to authenticate, in the words of the path', async () => {
    const native = await client.send('GET', '/v1/topics');
    expect(native.status).toBe(401);
    expect(native.headers['www-authenticate']).toContain('Bearer');
    expect(JSON.parse(native.text)).toMatchObject({ code: 'unauthenticated', status: 401 });
    const registry = await client.send('GET', '/subjects');
    expect(Object.keys(JSON.parse(registry.text) as object)).toEqual(['error_code', 'message']);
  });

  it('a token works as bearer and as the password of basic authentication', async () => {
    const basic = `Basic ${Buffer.from(`anyone:${tokens['admin']}`).toString('base64')}`;
    expect((await client.send('GET', '/subjects', as('admin'))).status).toBe(200);
    expect((await client.send('GET', '/subjects', { authorization: basic })).status).toBe(200);
  });

  it('no spelling of a path gets past the guard', async () => {
    for (const route of guarded()) {
      await Promise.all(
        variants(pathOf(route)).map(async (path) => {
          const { status } = await ask(route, {}, path);
          expect([route.method, path, status, status >= 400 && status < 500]).toEqual([
            route.method,
            path,
            status,
            true,
          ]);
        }),
      );
    }
  });

  it('a role that does not allow an action does not get to do it', async () => {
    for (const route of guarded()) {
      const { action, kind } = route.access;
      if (rolesAllow(['viewer'], action, kind)) continue;
      const answer = await ask(route, as('viewer'));
      expect([route.method, route.url, answer.status]).toEqual([route.method, route.url, 403]);
    }
  });

  it('a scope keeps everything outside of it out of reach', async () => {
    for (const route of guarded()) {
      const { action, kind, name } = route.access;
      const open = action === 'read' && (name === undefined || kind === 'cluster' || kind === 'service');
      // The objects of some stand in the body: the next promise asks with bodies.
      if (open || route.access.some === true || name?.startsWith('body.') === true) continue;
      const answer = await ask(route, as('elsewhere'));
      const refused = answer.status === 403 || answer.status === 404;
      expect([route.method, route.url, answer.status, refused]).toEqual([route.method, route.url, answer.status, true]);
    }
  });

  it('what may not be read looks exactly like what is not there', async () => {
    const told = ({ status, text }: RawAnswer): unknown => ({
      ...(JSON.parse(text) as object),
      status,
      request_id: '',
    });
    for (const path of ['/v1/topics/probe', '/v1/groups/probe', '/v1/views/probe', '/subjects/probe/versions']) {
      const missing = await client.send('GET', path, as('admin'));
      const denied = await client.send('GET', path, as('elsewhere'));
      expect(missing.status).toBe(404);
      expect(told(denied)).toEqual(told(missing));
    }
  });

  it('lists show only what is in the scope', async () => {
    const json = { ...as('admin'), 'content-type': 'application/json' };
    for (const name of ['mine.a', 'other.b']) {
      await client.send('POST', '/v1/topics', json, JSON.stringify({ name }));
      const body = JSON.stringify({ schema: '"string"' });
      await client.send('POST', `/subjects/${name}-value/versions`, json, body);
    }
    const topics = await client.send('GET', '/v1/topics', as('elsewhere'));
    expect((JSON.parse(topics.text) as { items: { name: string }[] }).items.map((item) => item.name)).toEqual([
      'mine.a',
    ]);
    const subjects = await client.send('GET', '/subjects', as('elsewhere'));
    expect(JSON.parse(subjects.text)).toEqual(['mine.a-value']);
    const created = await client.send('POST', '/v1/topics', { ...json, ...as('elsewhere') }, '{"name":"other.c"}');
    expect(created.status).toBe(403);
  });

  it('a scope lets its owner plan, start, see and steer operations on what is in it, and on nothing else', async () => {
    const send = async (id: string, method: string, path: string, body?: object) => {
      const headers = { ...as(id), 'content-type': 'application/json' };
      const { status, text } = await client.send(method, path, headers, body && JSON.stringify(body));
      return { status, body: JSON.parse(text) as { hash: string; id: string; items: { id: string }[] } };
    };
    for (const name of ['mine.op', 'other.op']) await send('admin', 'POST', '/v1/topics', { name, partitions: 2 });
    const started: string[] = [];
    for (const topic of ['mine.op', 'other.op']) {
      const plan = await send('admin', 'POST', '/v1/repartitions/plans', { topic, target: { partitions: 3 } });
      const start = await send('admin', 'POST', '/v1/operations', { planHash: plan.body.hash });
      started.push(start.body.id);
      const rename = { topic, transform: { up: [{ rename: 'value.a', to: 'b' }] } };
      const plans = [
        await send('elsewhere', 'POST', '/v1/repartitions/plans', { topic, target: { partitions: 4 } }),
        await send('elsewhere', 'POST', '/v1/migrations/plans', rename),
      ];
      const allowed = topic.startsWith('mine.');
      // The migration has no records to be rehearsed with; who may not plan is not told so much.
      expect(plans.map(({ status }) => status === 403)).toEqual([!allowed, !allowed]);
      const start2 = await send('elsewhere', 'POST', '/v1/operations', { planHash: plan.body.hash });
      expect(start2.status < 300).toBe(allowed);
      const pause = await send('elsewhere', 'POST', `/v1/operations/${start.body.id}:pause`);
      expect(allowed ? pause.status < 300 : pause.status === 404).toBe(true);
    }
    const listed = await send('elsewhere', 'GET', '/v1/operations');
    expect(listed.body.items.map(({ id }) => id)).toEqual(started.slice(0, 1));
    expect((await send('viewer', 'POST', '/v1/operations', { planHash: '0'.repeat(64) })).status).toBe(403);
  });

  it('a statement over views is refused to who may not read all of them, without telling which there are', async () => {
    const json = { ...as('admin'), 'content-type': 'application/json' };
    await client.send('POST', '/v1/topics', json, '{"name":"rows"}');
    const view = { source: { topic: 'rows' }, columns: { id: { from: 'key', type: 'text' } } };
    await client.send('PUT', '/v1/views/secret_view', json, JSON.stringify(view));
    const answer = await client.send('POST', '/v1/views:sql', { ...json, ...as('elsewhere') }, '{"sql":"select 1"}');
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('secret_view');
  });

  it('never writes a token into the log', () => {
    for (const token of Object.values(tokens)) expect(running.log.join('\n')).not.toContain(token);
  });
});

describe('the check itself', () => {
  it('would find a route that lost its guard', async () => {
    const open = await runService();
    const client = new RawClient(open.url);
    const answer = await client.send('GET', '/v1/topics');
    client.close();
    await open.stop();
    expect(REFUSED.includes(answer.status)).toBe(false);
  });
});
