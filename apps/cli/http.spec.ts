import { createServer, type RequestListener, type Server } from 'node:http';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { proxyFor } from './http/proxy.js';
import { runWeir } from './testing/index.js';

describe('what a service, or what is in between, can do to a command', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });
  const serve = async (listener: RequestListener): Promise<{ url: string; server: Server }> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
  };
  const answering = async (status: number, body: object, headers: Record<string, string> = {}) => {
    const { url } = await serve((_request, response) =>
      response
        .writeHead(status, { 'content-type': 'application/problem+json', 'x-request-id': 'r-1', ...headers })
        .end(JSON.stringify(body)),
    );
    const { code, out } = await runWeir(['topic', 'list', '-s', url, '-o', 'json']);
    return {
      code,
      error: (
        JSON.parse(out) as { error: { code: string; message: string; hint: string | null; request_id: string | null } }
      ).error,
    };
  };

  it('sees no token that is meant for another service', async () => {
    const shown: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      shown.push(request.headers.authorization);
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]');
    });
    const env = { WEIR_TOKEN: 'weir_own' };
    await runWeir(['topic', 'list', '-s', url], { env });
    expect(shown).toEqual(['Bearer weir_own']);
    shown.length = 0;
    await runWeir(['init', 'fresh', '--from', url, '--dry-run'], { env });
    expect(shown.length).toBeGreaterThan(0);
    expect(new Set(shown)).toEqual(new Set([undefined]));
    // The token of a context is for the service of the context, whatever else names another.
    const { ScratchProject } = await import('./testing/index.js');
    const home = new ScratchProject({ 'weir.yaml': `apiVersion: v1\nserver: ${url}\n` });
    try {
      writeFileSync(`${home.path}/token`, 'of-context', { mode: 0o600 });
      const own = { XDG_CONFIG_HOME: home.path };
      const at = { cwd: home.path, env: own };
      await runWeir(['context', 'set', 'prod', '--url', 'http://127.0.0.1:1', '--token-file', 'token'], at);
      shown.length = 0;
      await runWeir(['topic', 'list'], at);
      await runWeir(['topic', 'list', '-s', url], at);
      await runWeir(['topic', 'list'], { ...at, env: { ...own, WEIR_URL: url } });
      expect(shown).toEqual([undefined, undefined, undefined]);
      await runWeir(['context', 'set', 'prod', '--url', `${url}/`], at);
      await runWeir(['topic', 'list'], at);
      expect(shown[3]).toBe('Bearer of-context');
    } finally {
      home.remove();
    }
  });

  it('is not asked for a replay from a place where none can begin', async () => {
    for (const from of ['end', '+5', '1:9']) {
      const { code, out } = await runWeir(
        ['schema', 'replay', 'a.avsc', '--topic', 't', '--from', from, '-s', 'http://127.0.0.1:1', '-o', 'json'],
        {},
      );
      expect({ code, out }).toMatchObject({ code: 2, out: expect.stringContaining('position-unsupported') });
    }
  });

  it('is told with the code that is right for a pipeline, and what to do', async () => {
    expect(await answering(401, { code: 'unauthenticated', detail: 'No token.' })).toEqual({
      code: 6,
      error: {
        code: 'unauthenticated',
        message: 'No token.',
        hint: 'Give a token by WEIR_TOKEN or WEIR_TOKEN_FILE, or keep one: weir login.',
        request_id: 'r-1',
        findings: [],
      },
    });
    expect(await answering(403, {})).toMatchObject({ code: 6, error: { hint: expect.stringContaining('role') } });
    expect(await answering(404, { code: 'x' })).toMatchObject({ code: 5 });
    expect(await answering(409, { code: 'wrong-state' })).toMatchObject({ code: 4 });
    expect(await answering(409, { error_code: 409, message: 'incompatible' })).toMatchObject({
      code: 1,
      error: { code: 'registry-409' },
    });
    expect(
      await answering(422, { code: 'invalid-request', errors: [{ path: '/a', message: 'is wrong' }] }),
    ).toMatchObject({ code: 2, error: { findings: [{ path: '/a' }] } });
    expect(await answering(503, {}, { 'retry-after': '7' })).toMatchObject({
      code: 7,
      error: { hint: 'Try again after 7 s.' },
    });
    expect(await answering(507, { code: 'storage-full' })).toMatchObject({
      code: 7,
      error: { hint: expect.stringContaining('disk of the service is full') },
    });
    expect(await answering(500, {})).toMatchObject({ code: 70 });
  });

  it('is told when it is no service at all, or hangs up in the middle of an apply', async () => {
    const { url } = await serve((_request, response) => response.end('<html>'));
    expect(await runWeir(['topic', 'list', '-s', url])).toMatchObject({
      code: 7,
      err: expect.stringContaining('not JSON'),
    });
    // Also where something may be missing, and where a gateway sends everybody elsewhere.
    expect(await runWeir(['compat', 'get', 'a', '-s', url])).toMatchObject({
      code: 7,
      err: expect.stringContaining('not JSON'),
    });
    const moved = await serve((_request, response) =>
      response.writeHead(301, { location: 'https://weir.invalid/login' }).end(),
    );
    for (const args of [
      ['topic', 'list'],
      ['compat', 'get', 'a'],
    ])
      expect(await runWeir([...args, '-s', moved.url])).toMatchObject({
        code: 7,
        err: expect.stringMatching(/sends \S+ \S+ on to https:\/\/weir\.invalid\/login.*\[answer-redirected\]/),
      });
    const cut = await serve((request) => request.socket.destroy());
    expect(await runWeir(['api', 'POST', '/v1/schema-changes:apply', '-d', '{}', '-s', cut.url])).toMatchObject({
      code: 7,
      err: expect.stringContaining('the connection was cut'),
    });
    const silent = await serve(() => undefined);
    expect(await runWeir(['topic', 'list', '-s', silent.url], { env: { WEIR_TIMEOUT: '100ms' } })).toMatchObject({
      code: 7,
      err: expect.stringContaining('did not answer in time'),
    });
  });

  it('goes through proxies, but for what is excepted', async () => {
    let asked = '';
    const proxy = await serve((request, response) => {
      asked = request.url ?? '';
      response.setHeader('content-type', 'application/json').end('{"items": [], "next": null}');
    });
    expect(
      (await runWeir(['topic', 'list', '-s', 'http://weir.invalid:81'], { env: { HTTP_PROXY: proxy.url } })).code,
    ).toBe(0);
    expect(asked).toMatch(/^http:\/\/weir\.invalid:81\/v1\/topics/);
    proxy.server.on('connect', (_request, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
    expect(
      await runWeir(['topic', 'list', '-s', 'https://weir.invalid'], { env: { HTTPS_PROXY: proxy.url } }),
    ).toMatchObject({ code: 7, err: expect.stringContaining('refused to connect to weir.invalid:443 (407)') });
    const env = { HTTPS_PROXY: 'proxy:1', NO_PROXY: 'localhost, .example.org' };
    expect(
      [
        'https://a.example.org',
        'https://example.org',
        'https://localhost',
        'https://other.org',
        'http://other.org',
      ].map((url) => proxyFor(new URL(url), env)?.host),
    ).toEqual([undefined, undefined, undefined, 'proxy:1', undefined]);
  });

  it('shows a proxy its credentials, and says of which one does not answer', async () => {
    const shown: (string | undefined)[] = [];
    const proxy = await serve((request, response) => {
      shown.push(request.headers['proxy-authorization']);
      response.setHeader('content-type', 'application/json').end('{"items": [], "next": null}');
    });
    proxy.server.on('connect', (request, socket) => {
      shown.push(request.headers['proxy-authorization']);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    const address = proxy.url.replace('//', '//me:p%40ss@');
    await runWeir(['topic', 'list', '-s', 'http://weir.invalid'], { env: { HTTP_PROXY: address } });
    await runWeir(['topic', 'list', '-s', 'https://weir.invalid'], { env: { HTTPS_PROXY: address } });
    const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(shown).toEqual([basic, basic]);
    for (const scheme of ['http', 'https']) {
      const env = { [`${scheme.toUpperCase()}_PROXY`]: 'http://127.0.0.1:1' };
      expect(await runWeir(['topic', 'list', '-s', `${scheme}://weir.invalid`], { env })).toMatchObject({
        code: 7,
        err: expect.stringContaining('The proxy 127.0.0.1:1 cannot be reached: nothing listens there'),
      });
    }
  });

  it('cannot steer the terminal by what it names', async () => {
    const name = 'a\u001b[2J\nb\u202e';
    const { url } = await serve((_request, response) => {
      const group = { group: name, state: 'EMPTY' };
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ items: [group], next: null }));
    });
    const shown = await runWeir(['group', 'list', '-s', url]);
    expect(shown.out).toBe('GROUP                STATE\na\\u001b[2J\\nb\\u202e  EMPTY\n');
    // Negative control: machines get it as it is.
    const { out } = await runWeir(['group', 'list', '-s', url, '-o', 'json']);
    expect((JSON.parse(out) as { data: { group: string }[] }).data[0]!.group).toBe(name);
  });

  it('takes the first registry that answers, with the token or the password of the environment', async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.setHeader('content-type', 'application/json').end('["a"]');
    });
    const env = { SCHEMA_REGISTRY_URL: `http://127.0.0.1:1,${url}`, SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: 'u:p' };
    expect((await runWeir(['api', 'GET', '/subjects', '-o', 'json'], { env })).code).toBe(0);
    expect((await runWeir(['api', 'GET', '/subjects'], { env: { ...env, WEIR_TOKEN: 't' } })).code).toBe(0);
    expect(seen).toEqual([`Basic ${Buffer.from('u:p').toString('base64')}`, 'Bearer t']);
  });

  it('takes some records of a topic and refuses others, which the list says', async () => {
    const { url } = await serve((request, response) => {
      request.resume().on('end', () => {
        const results = [{ partition: 0, offset: '0' }, { error: { code: 'record-too-large', message: 'Too large.' } }];
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ results, failed: 1 }));
      });
    });
    const args = ['topic', 'produce', 'orders', '-s', url, '-o', 'json'];
    const { code, out } = await runWeir(args, { stdin: '{"value": 1}\n{"value": 2}\n' });
    expect([code, JSON.parse(out)]).toMatchObject([
      9,
      {
        data: { written: 1, failed: 1, refused: [{ line: 2, code: 'record-too-large', message: 'Too large.' }] },
        error: { code: 'records-refused', findings: [{ message: 'line 2: Too large.' }] },
      },
    ]);
  });

  it('takes records in requests that are no larger than it takes, however large each is', async () => {
    const sizes: number[] = [];
    let records = 0;
    const { url } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        sizes.push(body.length);
        const results = (JSON.parse(body.toString()) as { records: object[] }).records.map(() => ({ offset: '0' }));
        records += results.length;
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ results, failed: 0 }));
      });
    });
    const line = `${JSON.stringify({ value: 'é'.repeat(100_000) })}\n`;
    const { code } = await runWeir(['topic', 'produce', 'orders', '-s', url], { stdin: line.repeat(60) });
    expect([code, records, Math.max(...sizes) < 8 * 1024 * 1024, sizes.length > 1]).toEqual([0, 60, true, true]);
  });

  it('dies while an operation is followed: whoever waits is told what became of it when it is back', async () => {
    let [cut, asked] = [0, 0];
    const operation = (state: string): string =>
      JSON.stringify({
        ...{ id: 'op_1', kind: 'repartition', subject: 'topic:local/t', state, phase: state, reason: null },
        ...{ nextAction: null, commands: [], planHash: 'ab', createdBy: 'me', createdAt: '', endedAt: null },
        ...{ progress: null, throttle: { active: false, reason: null, since: null }, lastError: null },
        ...{ cutover: { ready: false, mode: 'auto', blockers: [] }, rollback: { available: false, until: null } },
      });
    const { url } = await serve((request, response) => {
      if (request.url!.endsWith('/events')) {
        cut++;
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`event: status\ndata: ${operation('COPYING')}\n\n`, () => response.destroy());
        return;
      }
      if (request.url!.includes('/plans/')) return void response.writeHead(404).end('{}');
      asked++;
      response.setHeader('content-type', 'application/json').end(operation(asked < 3 ? 'COPYING' : 'SWITCHED'));
    });
    expect(await runWeir(['op', 'watch', 'op_1', '-s', url])).toMatchObject({
      code: 0,
      out: expect.stringContaining('SWITCHED'),
    });
    expect(cut).toBe(2);
  });

  it('is never sent anything by a context of another cluster', async () => {
    const paths: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      paths.push(request.url);
      response.setHeader('content-type', 'application/json').end('{"scope": {"clusters": {"kafka-cluster": "other"}}}');
    });
    const { ScratchProject } = await import('./testing/index.js');
    const home = new ScratchProject();
    try {
      const env = { XDG_CONFIG_HOME: home.path };
      await runWeir(['context', 'set', 'prod', '--url', url, '--cluster-id', 'mine'], { env });
      expect(await runWeir(['topic', 'delete', 'orders', '--yes'], { env })).toMatchObject({
        code: 4,
        err: expect.stringContaining('cluster-mismatch'),
      });
      expect(paths).toEqual(['/v1/metadata/id']);
      await runWeir(['context', 'set', 'prod', '--cluster-id', 'other'], { env });
      expect((await runWeir(['api', 'GET', '/v1/operations/op_1'], { env })).code).toBe(0);
      expect(paths).toEqual(['/v1/metadata/id', '/v1/metadata/id', '/v1/operations/op_1']);
    } finally {
      home.remove();
    }
  });

  it('is not waited for longer than was said, by flag or variable, for an answer or for an operation', async () => {
    const silent = await serve(() => undefined);
    const ready = JSON.stringify({
      ...{ id: 'op_1', kind: 'repartition', subject: 'topic:local/t', state: 'READY', phase: 'READY', reason: null },
      ...{ nextAction: 'cutover', commands: [], planHash: 'ab', createdBy: 'me', createdAt: '', endedAt: null },
      ...{ progress: null, throttle: { active: false, reason: null, since: null }, lastError: null },
      ...{ cutover: { ready: true, mode: 'manual', blockers: [] }, rollback: { available: false, until: null } },
    });
    const waiting = await serve((request, response) => {
      if (request.url!.includes('/plans/')) return void response.writeHead(404).end('{}');
      const isStream = request.url!.endsWith('/events');
      response.setHeader('content-type', isStream ? 'text/event-stream' : 'application/json');
      if (isStream) response.write(`event: status\ndata: ${ready}\n\n`);
      else response.end(ready);
    });
    for (const [flags, env] of [
      [['--timeout', '300ms'], {}],
      [[], { WEIR_TIMEOUT: '300ms' }],
      // A flag comes before its variable.
      [['--timeout', '300ms'], { WEIR_TIMEOUT: '1h' }],
    ] as const) {
      expect(await runWeir(['topic', 'list', '-s', silent.url, ...flags], { env })).toMatchObject({
        code: 7,
        err: expect.stringContaining('did not answer in time'),
      });
      expect(await runWeir(['op', 'watch', 'op_1', '-s', waiting.url, ...flags], { env })).toMatchObject({
        code: 7,
        err: expect.stringContaining('op_1'),
      });
    }
    expect(await runWeir(['version'], { env: { WEIR_TIMEOUT: 'soon' } })).toMatchObject({
      code: 2,
      err: expect.stringContaining('WEIR_TIMEOUT'),
    });
  });

  it('is told, with -v, of each request that is made; without, of none', async () => {
    const { url } = await serve((_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"items": [], "next": null}'),
    );
    const { err } = await runWeir(['topic', 'list', '-v', '-s', url]);
    expect(err).toMatch(new RegExp(`^GET ${url}/v1/topics\\?limit=1000 → 200, \\d+ ms\n$`));
    expect((await runWeir(['topic', 'list', '-s', url])).err).toBe('');
    const away = await runWeir(['topic', 'list', '-v', '-s', 'http://127.0.0.1:1']);
    expect(away.err).toMatch(/^GET http:\/\/127\.0\.0\.1:1\/\S+ → nothing listens there, \d+ ms\nerror: /);
  });

  it('is told what to do by codes of registries that say nothing of it, and of a path where nothing is', async () => {
    for (const [status, body, code, hint] of [
      [404, { error_code: 40401, message: 'Subject not found.' }, 5, 'weir schema list'],
      [422, { error_code: 42205, message: 'read-only' }, 4, 'weir mode get'],
      [422, { error_code: 42206, message: 'referenced' }, 4, '--referenced-by'],
      [500, { error_code: 50001, message: 'The disk is full.' }, 7, 'disk'],
      [404, { error_code: 404, message: 'HTTP 404 Not Found' }, 5, 'Is the address right'],
    ] as const)
      expect(await answering(status, body)).toMatchObject({ code, error: { hint: expect.stringContaining(hint) } });
    // A service that knows what is not there has the right address, and may have others of its kind.
    expect(await answering(404, { code: 'topic-not-found', detail: 'No.' })).toMatchObject({
      error: { hint: 'weir topic list shows those there are.' },
    });
    expect(await answering(404, { code: 'key-not-found', detail: 'No.' })).toMatchObject({ error: { hint: null } });
  });

  it('is told of a proxy that says nothing, or hangs up, when a tunnel is asked for', async () => {
    for (const [answer, said] of [
      [(socket: Duplex) => void socket.destroy(), 'hung up'],
      [(socket: Duplex) => void socket.end(), 'hung up'],
      [() => undefined, 'did not answer in time'],
    ] as const) {
      const proxy = await serve(() => undefined);
      const held: Duplex[] = [];
      proxy.server.on('connect', (_request, socket) => {
        held.push(socket);
        answer(socket);
      });
      const env = { HTTPS_PROXY: proxy.url, WEIR_TIMEOUT: '300ms' };
      expect(await runWeir(['topic', 'list', '-s', 'https://weir.invalid'], { env })).toMatchObject({
        code: 7,
        err: expect.stringContaining(said),
      });
      for (const socket of held) socket.destroy();
    }
  });

  it('is told, where it takes no token, which one that was', async () => {
    const { url } = await serve((_request, response) =>
      response.writeHead(401, { 'content-type': 'application/problem+json' }).end('{"code": "unauthenticated"}'),
    );
    for (const [env, said] of [
      [{}, 'Give a token by WEIR_TOKEN or WEIR_TOKEN_FILE, or keep one: weir login.'],
      [{ WEIR_TOKEN: 'old' }, 'It does not take the token of WEIR_TOKEN'],
      [{ SCHEMA_REGISTRY_USER_INFO: 'u:p' }, 'It does not take the password of SCHEMA_REGISTRY_USER_INFO'],
    ] as const)
      expect(await runWeir(['topic', 'list', '-s', url], { env })).toMatchObject({
        code: 6,
        err: expect.stringContaining(said),
      });
  });

  it('is asked with the same key at each address, so that one of several instances does it once', async () => {
    const keys: (string | undefined)[] = [];
    const cut = await serve((request) => {
      keys.push(request.headers['idempotency-key'] as string);
      request.socket.destroy();
    });
    const { url } = await serve((request, response) => {
      keys.push(request.headers['idempotency-key'] as string);
      response.setHeader('content-type', 'application/json').end('{}');
    });
    const env = { SCHEMA_REGISTRY_URL: `${cut.url},${url}` };
    const args = ['api', 'POST', '/v1/topics', '-d', '{}', '--idempotency-key', 'k'];
    expect((await runWeir(args, { env })).code).toBe(0);
    expect([keys.length, new Set(keys).size, keys[0]]).toEqual([2, 1, expect.stringMatching(/^k/)]);
  });
});
