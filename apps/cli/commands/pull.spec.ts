import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runWeir, ScratchProject } from '../testing/index.js';

const RECORD = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });
const X = { name: 'x', type: 'int', default: 0 };
/** Versions by subject; `use` refers to the first of two of `base`. */
const VERSIONS: Readonly<Record<string, readonly object[]>> = {
  base: [{ schema: RECORD('Base') }, { schema: RECORD('Base', X) }],
  use: [
    {
      schema: RECORD('Use', { name: 'b', type: 'Base' }),
      references: [{ name: 'Base', subject: 'base', version: 1 }],
    },
  ],
  now: [
    {
      schema: RECORD('Now', { name: 'b', type: 'Base' }),
      references: [{ name: 'Base', subject: 'base', version: 2 }],
    },
  ],
};

describe('schemas of a registry in files', () => {
  const projects: ScratchProject[] = [];
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      const [, subject, version] = /^\/subjects\/([^/]+)\/versions\/(\w+)/.exec(request.url!) ?? [];
      if (subject === undefined) return void response.end(JSON.stringify(Object.keys(VERSIONS)));
      const all = VERSIONS[subject] ?? [];
      const number = version === 'latest' ? all.length : Number(version);
      const found = all[number - 1];
      if (found === undefined) return void response.writeHead(404).end('{"error_code": 40402, "message": "none"}');
      response.end(JSON.stringify({ subject, version: number, id: number, ...found }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((done) => server.close(done)));
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  const scratch = (files: Record<string, string> = {}): ScratchProject => {
    const project = new ScratchProject(files);
    projects.push(project);
    return project;
  };

  it('keep the versions that they refer to, where those are not the latest', async () => {
    const { path } = scratch();
    expect((await runWeir(['init', '--from', url], { cwd: path })).code).toBe(0);
    const { parse } = await import('yaml');
    const { schemas } = parse(readFileSync(`${path}/weir.yaml`, 'utf8')) as { schemas: object[] };
    expect(schemas).toEqual([
      { subject: 'base', file: 'schemas/base.avsc' },
      { subject: 'now', file: 'schemas/now.avsc', references: [{ subject: 'base', name: 'Base' }] },
      { subject: 'use', file: 'schemas/use.avsc', references: [{ subject: 'base', name: 'Base', version: 1 }] },
    ]);
  });

  it('say what was written', async () => {
    const { path } = scratch();
    const made = await runWeir(['init', '--from', url], { cwd: path });
    expect(made.out).toContain(`${path}/weir.yaml`);
    expect(made.out).toContain('3 schemas');
  });

  it('are of the version that is asked for', async () => {
    const { path } = scratch();
    const pulled = await runWeir(['pull', '--subject', 'base', '--version', '1', '-s', url], { cwd: path });
    expect([pulled.code, JSON.parse(readFileSync(`${path}/schemas/base.avsc`, 'utf8'))]).toEqual([
      0,
      JSON.parse(RECORD('Base')),
    ]);
  });

  it('are not put in the place of a file of the project because another schema refers to an earlier version', async () => {
    const project = scratch({
      'weir.yaml': `apiVersion: v1\nserver: ${'${URL}'}\nschemas: [{ subject: base, file: base.avsc }]\n`,
      'base.avsc': RECORD('Base', X),
    });
    const pull = async (...args: string[]) => {
      const ran = await runWeir(['pull', ...args, '-o', 'json'], { cwd: project.path, env: { URL: url } });
      const { data } = JSON.parse(ran.out) as { data: { subject: string; version: number; file: string }[] };
      return data.map(({ subject, version, file }) => [subject, version, file]);
    };
    expect(await pull('--subject', 'use', '--with-references')).toEqual([['use', 1, 'schemas/use.avsc']]);
    expect(project.read('base.avsc')).toBe(RECORD('Base', X));
    // Outside of a project, what is referred to comes along.
    const other = scratch({ 'weir.yaml': `apiVersion: v1\nserver: ${'${URL}'}\n` });
    const ran = await runWeir(['pull', '--subject', 'use', '--with-references', '-o', 'name'], {
      cwd: other.path,
      env: { URL: url },
    });
    expect(ran.out).toBe('schemas/base.avsc\nschemas/use.avsc\n');
  });
});

describe('weir schema replay --dry-run', () => {
  it('shows the plan and starts nothing', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      const plan = { hash: 'h'.repeat(64), kind: 'schema-replay', subject: 'topic:local/t', steps: ['read 5 records'] };
      request.resume().on('end', () => response.end(JSON.stringify({ ...plan, risks: [], blockers: [] })));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const project = new ScratchProject({ 'a.avsc': RECORD('A') });
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const args = ['schema', 'replay', 'a.avsc', '--topic', 't', '--dry-run', '-s', url];
      const { code, out } = await runWeir(args, { cwd: project.path });
      expect([code, out]).toEqual([0, expect.stringContaining('read 5 records')]);
      expect(asked).toEqual(['/v1/schema-replays/plans']);
    } finally {
      project.remove();
      server.closeAllConnections();
      server.close();
    }
  });
});
