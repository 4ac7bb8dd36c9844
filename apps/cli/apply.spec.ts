import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { avroRecord, runWeir, ScratchProject } from './testing/index.js';

/** Answers one request, or leaves it to the service that goes along with everything. */
type Answer = (path: string, body: { topics?: { name: string }[] }, response: ServerResponse) => boolean;

const REGISTERED = {
  index: 0,
  kind: 'register',
  subject: 'a-value',
  outcome: 'new',
  version: 1,
  id: 1,
  deletedVersions: [],
  refusal: null,
};
const topic = (name: string, outcome: string, refusal: object | null = null) => ({
  topic: name,
  outcome,
  partitions: 1,
  settings: [],
  protect: null,
  refusal,
});

describe('an apply', () => {
  const servers: Server[] = [];
  const projects: ScratchProject[] = [];
  afterEach(async () => {
    for (const project of projects.splice(0)) project.remove();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });

  /** A service that agrees to everything but what the test says; and the requests it got. */
  const setUp = async (answer: Answer = () => false) => {
    const asked: string[] = [];
    const server = createServer((request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url!;
        asked.push(path);
        const text = Buffer.concat(chunks).toString('utf8');
        const body = (text === '' ? {} : JSON.parse(text)) as Parameters<Answer>[1];
        response.setHeader('content-type', 'application/json');
        if (answer(path, body, response)) return;
        const topics = (body.topics ?? []).map(({ name }) => topic(name, 'new'));
        const answers: Record<string, object> = {
          '/v1/schema-changes:plan': { hash: 'h', verdict: 'ok', blockers: [], restsOn: [], changes: [REGISTERED] },
          '/v1/schema-changes:apply': { changes: [REGISTERED], repeated: false },
          '/v1/topic-changes:plan': { verdict: 'ok', blockers: [], restsOn: [], topics },
          '/v1/topic-changes:apply': { complete: true, topics },
          '/v1/topic-changes:apply?dryRun=true': { complete: true, topics },
        };
        response.end(JSON.stringify(answers[path] ?? {}));
      });
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const project = new ScratchProject({
      'weir.yaml':
        'apiVersion: v1\nserver: ${WEIR_URL}\nschemas: [{ subject: a-value, file: a.avsc, compatibility: FULL }]\ntopics: [{ name: x }, { name: y }]\n',
      'a.avsc': avroRecord('A', '{"name": "a", "type": "int"}'),
    });
    projects.push(project);
    const env = { WEIR_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const run = async (args: readonly string[], more: Record<string, string> = {}) => {
      const { code, out, err } = await runWeir([...args, '-o', 'json'], {
        cwd: project.path,
        env: { ...env, ...more },
      });
      return {
        code,
        err,
        ...(JSON.parse(out) as {
          data: { changes: object[]; topics: { topic: string; outcome: string }[] } | null;
          error: { code: string; message: string; hint: string } | null;
        }),
      };
    };
    return { asked, run, project };
  };
  const refusing =
    (path: string, status: number, body: object): Answer =>
    (asked, _body, response) => {
      if (asked !== path) return false;
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
      return true;
    };

  it('asks everything that can be known before it does anything, and takes five requests', async () => {
    const { asked, run } = await setUp();
    expect(await run(['apply', '--yes'])).toMatchObject({ code: 0, error: null });
    expect(asked).toEqual([
      '/v1/schema-changes:plan',
      '/v1/topic-changes:plan',
      '/v1/topic-changes:apply?dryRun=true',
      '/v1/schema-changes:apply',
      '/v1/topic-changes:apply',
    ]);
  });

  it('does nothing where a topic is refused in advance, is stale, or may not be altered', async () => {
    for (const [status, code, exit] of [
      [409, 'plan-stale', 4],
      [409, 'plan-blocked', 1],
      [403, 'forbidden', 6],
      [401, 'unauthenticated', 6],
    ] as const) {
      const { asked, run } = await setUp(
        refusing('/v1/topic-changes:apply?dryRun=true', status, { code, detail: 'No.' }),
      );
      expect(await run(['apply', '--yes'])).toMatchObject({ code: exit, data: null, error: { code } });
      expect(asked).not.toContain('/v1/schema-changes:apply');
    }
  });

  it('that is done in part exits with 9, says what is done and what is not, and how to go on', async () => {
    const failing: Answer = (path, _body, response) => {
      if (path !== '/v1/topic-changes:apply') return false;
      const refusal = { code: 'too-many-partitions', message: 'Too many.', hint: null };
      response.end(
        JSON.stringify({ complete: false, topics: [topic('x', 'failed', refusal), topic('y', 'not-tried')] }),
      );
      return true;
    };
    const { run } = await setUp(failing);
    const half = await run(['apply', '--yes']);
    expect(half).toMatchObject({
      code: 9,
      error: {
        code: 'apply-half-done',
        message: expect.stringContaining("topic 'x' failed: Too many. (too-many-partitions)"),
        hint: expect.stringContaining('run the same command again'),
      },
    });
    expect(half.data!.topics.map(({ outcome }) => outcome)).toEqual(['failed', 'not-tried']);
    expect(half.data!.changes).toMatchObject([{ subject: 'a-value', outcome: 'new' }]);
    const refused = await setUp(refusing('/v1/topic-changes:apply', 507, { code: 'disk-full', detail: 'No room.' }));
    expect(await refused.run(['apply', '--yes'])).toMatchObject({
      code: 9,
      data: { changes: [{ outcome: 'new' }] },
      error: { message: expect.stringContaining('No room.') },
    });
  });

  it('of which nothing was done is no half: the code is that of the refusal', async () => {
    const { run } = await setUp((path, body, response) => {
      if (path === '/v1/schema-changes:plan' || path === '/v1/schema-changes:apply') {
        const changes = [{ ...REGISTERED, outcome: 'unchanged' }];
        response.end(JSON.stringify({ hash: 'h', verdict: 'ok', blockers: [], restsOn: [], changes, repeated: false }));
        return true;
      }
      return refusing('/v1/topic-changes:apply', 507, { code: 'disk-full', detail: 'No room.' })(path, body, response);
    });
    expect(await run(['apply', '--yes'])).toMatchObject({ code: 7, data: null, error: { code: 'disk-full' } });
  });

  it('whose answer is lost says that nobody knows, and that it may be run again', async () => {
    for (const lost of ['/v1/schema-changes:apply', '/v1/topic-changes:apply?dryRun=true']) {
      const { run } = await setUp((path, _body, response) => {
        if (path !== lost) return false;
        response.socket!.destroy();
        return true;
      });
      expect(await run(['apply', '--yes'])).toMatchObject({
        code: 7,
        error: {
          code: lost.endsWith('dryRun=true') ? 'unreachable' : 'apply-outcome-unknown',
          hint: expect.stringMatching(/again|weir doctor/),
        },
      });
    }
    const { run } = await setUp();
    expect(await run(['apply', '--yes'], { WEIR_URL: 'http://127.0.0.1:1' })).toMatchObject({
      code: 7,
      error: { code: 'unreachable' },
    });
  });

  it('goes through a proxy, and says when that refuses', async () => {
    const { asked, run } = await setUp();
    const proxy = { HTTP_PROXY: 'http://127.0.0.1:1' };
    expect(await run(['apply', '--yes'], proxy)).toMatchObject({ code: 7 });
    expect(asked).toEqual([]);
  });

  it('is not called failed because the outputs of the step cannot be written; a plan file that cannot be is', async () => {
    const { run, project } = await setUp();
    const told = await run(['apply', '--yes'], { GITHUB_OUTPUT: '/dev/full' });
    expect([told.code, told.err]).toEqual([0, expect.stringContaining('/dev/full')]);
    expect((await run(['apply', '--yes'], { GITHUB_OUTPUT: `${project.path}/out` })).code).toBe(0);
    expect(readFileSync(`${project.path}/out`, 'utf8')).toBe(
      'plan_hash=h\nregistered=[{"subject":"a-value","version":1,"id":1}]\n',
    );
    expect(await run(['plan', '--out', '/dev/full'])).toMatchObject({ code: 70, error: { code: 'disk-full' } });
    expect(await run(['plan', '--out', '/nowhere/plan'])).toMatchObject({ code: 2 });
  });

  it('of a plan that is blocked is refused with 1 also where the plan was kept, whatever blocks it', async () => {
    const policies =
      'apiVersion: v1\npolicies: [{ id: short, title: names are short, on: topic, require: size(topic.name) < 1 }]\n';
    const base = 'apiVersion: v1\nserver: ${WEIR_URL}\ntopics: [{ name: x }]\n';
    for (const [files, blocker] of [
      [{ 'p.yaml': policies, 'weir.yaml': `${base}policies: [p.yaml]\n` }, 'names are short'],
      [{ 'weir.yaml': `${base}schemas: [{ subject: a-value, file: a.avsc, references: [gone] }]\n` }, "to 'gone'"],
    ] as const) {
      const { asked, run, project } = await setUp();
      project.write(files);
      expect(await run(['plan', '--out', 'plan.json'])).toMatchObject({ code: 1, error: { code: 'plan-blocked' } });
      expect(await run(['apply', '--plan', 'plan.json'])).toMatchObject({
        code: 1,
        error: { code: 'plan-blocked', message: expect.stringContaining(blocker) },
      });
      expect(asked.filter((path) => path.includes(':apply'))).toEqual([]);
    }
  });

  it('tells a pipeline its outputs also where there was nothing to do', async () => {
    const { run, project } = await setUp((path, _body, response) => {
      if (!path.endsWith(':plan')) return false;
      response.end(JSON.stringify({ hash: 'h', verdict: 'ok', blockers: [], restsOn: [], changes: [], topics: [] }));
      return true;
    });
    expect((await run(['apply', '--yes'], { GITHUB_OUTPUT: `${project.path}/out` })).code).toBe(0);
    expect(readFileSync(`${project.path}/out`, 'utf8')).toBe('plan_hash=h\nregistered=[]\n');
  });
});
