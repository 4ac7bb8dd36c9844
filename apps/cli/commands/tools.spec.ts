import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../exit-codes.js';
import { runWeir, ScratchProject } from '../testing/index.js';
import { VERSION } from '../version.js';

const data = <T>({ out }: { out: string }): T => (JSON.parse(out) as { data: T }).data;

describe('what is about the command itself', () => {
  const servers: Server[] = [];
  const homes: ScratchProject[] = [];
  afterEach(async () => {
    for (const home of homes.splice(0)) home.remove();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });
  const home = (files: Record<string, string> = {}): ScratchProject => {
    const made = new ScratchProject(files);
    homes.push(made);
    return made;
  };
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  describe('contexts', () => {
    it('keep every key in documents, whatever is set', async () => {
      const env = { XDG_CONFIG_HOME: home().path };
      const set = await runWeir(['context', 'set', 'one', '--url', 'http://one:1', '-o', 'json'], { env });
      const whole = {
        ...{ name: 'one', current: true, server: 'http://one:1', label: null },
        ...{ production: false, clusterId: null, tokenFile: null, caFile: null },
      };
      expect(data(set)).toEqual(whole);
      for (const args of [
        ['show', 'one'],
        ['use', 'one'],
      ])
        expect(data(await runWeir(['context', ...args, '-o', 'json'], { env }))).toEqual(whole);
      expect(data(await runWeir(['context', 'list', '-o', 'json'], { env }))).toEqual([whole]);
    });

    it('take certificates, and lose what is taken away again', async () => {
      const { path } = home();
      const env = { XDG_CONFIG_HOME: path };
      const set = async (...args: string[]) =>
        data(await runWeir(['context', 'set', 'one', ...args, '-o', 'json'], { cwd: path, env }));
      expect(await set('--url', 'http://one:1', '--production', '--ca-file', 'ca.pem')).toMatchObject({
        production: true,
        caFile: join(path, 'ca.pem'),
      });
      const printed = await runWeir(['config', 'print', '-o', 'json'], { env });
      expect(data(printed)).toContainEqual({
        setting: 'caFile',
        value: join(path, 'ca.pem'),
        origin: 'context one',
      });
      expect(await set('--no-production', '--ca-file', '')).toMatchObject({ production: false, caFile: null });
    });
  });

  it('config print tells every setting that has a flag or a variable, with where it comes from', async () => {
    const { path } = home();
    const printed = async (args: string[], env: Record<string, string> = {}) =>
      new Map(
        data<{ setting: string; value: unknown; origin: string }[]>(
          await runWeir(['config', 'print', '-o', 'json', ...args], { cwd: path, env }),
        ).map(({ setting, value, origin }) => [setting, [value, origin]]),
      );
    const built = await printed([]);
    expect([built.get('output'), built.get('reason'), built.get('timeoutMs')]).toEqual([
      ['json', '--output'],
      [null, 'none'],
      [null, 'none'],
    ]);
    const env = { WEIR_REASON: 'spring', WEIR_TIMEOUT: '5m', NO_COLOR: '1', CI: 'true' };
    const varied = await printed([], env);
    expect([varied.get('reason'), varied.get('timeoutMs'), varied.get('colour'), varied.get('input')]).toEqual([
      ['spring', 'WEIR_REASON'],
      [300_000, 'WEIR_TIMEOUT'],
      ['never', 'NO_COLOR'],
      ['never asked', 'CI'],
    ]);
    const given = await printed(['--reason', 'autumn', '--timeout', '1m', '--color', 'always', '--no-input'], env);
    expect([given.get('reason'), given.get('timeoutMs'), given.get('colour'), given.get('input')]).toEqual([
      ['autumn', '--reason'],
      [60_000, '--timeout'],
      ['always', '--color'],
      ['never asked', '--no-input'],
    ]);
  });

  describe('doctor', () => {
    const service =
      (who: (token: string | undefined) => [number, object], ready = true): RequestListener =>
      (request, response) => {
        response.setHeader('content-type', 'application/json');
        if (request.url === '/v1/whoami') {
          const [status, body] = who(request.headers.authorization);
          return void response.writeHead(status).end(JSON.stringify(body));
        }
        if (request.url === '/readyz') response.statusCode = ready ? 200 : 503;
        const answers: Record<string, string> = {
          '/v1/metadata/version': '{"version": "8.3.0"}',
          '/openapi.json': '{"info": {"title": "Weir", "version": "1.2.3"}}',
          '/readyz': `{"checks": {"disk": {"status": "${ready ? 'ok' : 'failed'}", "detail": "is full"}}}`,
        };
        response.end(answers[request.url!] ?? '[]');
      };
    const checks = async (url: string, env: Record<string, string> = {}, cwd = '/') => {
      const ran = await runWeir(['doctor', '-s', url, '-o', 'json'], { cwd, env });
      return {
        code: ran.code,
        of: new Map(
          data<{ check: string; ok: boolean; detail: string }[]>(ran).map((one) => [one.check, [one.ok, one.detail]]),
        ),
      };
    };

    it('tells who the service takes the caller for and what that one may', async () => {
      const url = await serve(
        service((token) =>
          token === 'Bearer good'
            ? [200, { id: 'ci', roles: ['registrar'], scope: { subject: ['orders*'] } }]
            : [200, { id: 'anonymous', roles: ['admin'], scope: null }],
        ),
      );
      const known = await checks(url, { WEIR_TOKEN: 'good' });
      expect([known.code, known.of.get('permissions')]).toEqual([
        0,
        [true, 'ci (WEIR_TOKEN): registrar, of subject orders*'],
      ]);
      expect((await checks(url)).of.get('permissions')).toEqual([true, 'anonymous (no token): admin, of everything']);
    });

    it('tells the versions of both, and what of the service is not ready', async () => {
      const who = (): [number, object] => [200, { id: 'a', roles: [], scope: null }];
      const well = await checks(await serve(service(who)));
      expect([well.code, well.of.get('versions'), well.of.get('ready')]).toEqual([
        0,
        [true, `this command ${VERSION}, the service 1.2.3 (Confluent API 8.3.0)`],
        [true, 'disk (is full)'],
      ]);
      const ill = await checks(await serve(service(who, false)));
      expect([ill.code, ill.of.get('ready')]).toEqual([1, [false, expect.stringContaining('disk is full')]]);
    });

    it('goes on where the project file is not in order, and says so', async () => {
      const url = await serve(service(() => [200, { id: 'a', roles: [], scope: null }]));
      const { path } = home({ 'weir.yaml': 'apiVersion: v1\nshemas: []\n' });
      const { code, of } = await checks(url, {}, path);
      expect([code, of.get('project')![0], of.get('reachable')![0]]).toEqual([2, false, true]);
      expect(of.get('project')![1]).toContain("Did you mean 'schemas'?");
    });
  });

  describe('explain', () => {
    /** Every code that a failure of the command carries, out of its sources. */
    const codes = (): readonly string[] => {
      const root = join(import.meta.dirname, '..');
      const found = new Set<string>();
      for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.ts') || /spec\.ts$|testing|rules|policies\/policy-file|error-codes/.test(file)) continue;
        const text = readFileSync(join(root, file), 'utf8');
        for (const [, code] of text.matchAll(/\b(?:code: (?:[\w\s.!=]+\? )?|usage\(\s*)'([a-z]+(?:-[a-z]+)*)'/g))
          found.add(code!);
      }
      return [...found].sort();
    };

    it('knows every code that a failure of the command carries, and those of a registry', async () => {
      const unknown: string[] = [];
      expect(codes().length).toBeGreaterThan(50);
      for (const code of [...codes(), 'plan-stale', 'schema-incompatible', 'registry-40401', '42201']) {
        const ran = await runWeir(['explain', code, '-o', 'json']);
        if (ran.code !== 0) unknown.push(code);
        else expect(data<{ code: string }>(ran).code).toMatch(new RegExp(`(^|-)${code}$`));
      }
      expect(unknown).toEqual([]);
    });

    it('suggests the nearest of rules, codes and exits', async () => {
      for (const [asked, near] of [
        ['plan-stail', 'plan-stale'],
        ['avro/type-mismach', 'avro/type-mismatch'],
        ['unreachabl', 'unreachable'],
      ] as const)
        expect(await runWeir(['explain', asked])).toMatchObject({ code: 5, err: expect.stringContaining(near) });
      expect((await runWeir(['explain'])).code).toBe(2);
    });

    it('tells exit codes by number and by name', async () => {
      for (const { code, name } of EXIT_CODES)
        for (const asked of [String(code), name])
          expect(data(await runWeir(['explain', asked, '-o', 'json']))).toMatchObject({ meaning: expect.any(String) });
    });
  });

  describe('completion', () => {
    /** What bash offers where the last word is completed. */
    const offered = async (...words: string[]): Promise<readonly string[]> => {
      const { out } = await runWeir(['completion', 'bash']);
      const line = words.map((word) => `'${word}'`).join(' ');
      const script = `${out}\nCOMP_WORDS=(weir ${line}); COMP_CWORD=${words.length}; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, status } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
      expect(status).toBe(0);
      return stdout.split('\n').filter((word) => word !== '');
    };

    it('offers commands, what is below them, flags and what flags take, in bash', async () => {
      expect(await offered('sch')).toEqual(['schema', 'schema-of']);
      expect(await offered('schema', 're')).toEqual(['refs', 'register', 'replay', 'restore']);
      expect(await offered('check', '--ag')).toEqual(['--against']);
      expect(await offered('-o', 'json', 'schema', 'li')).toEqual(['list']);
      expect(await offered('check', '--fail-on', '')).toEqual(['error', 'warning', 'info']);
      expect(await offered('check', '-o', 'j')).toEqual(['json', 'jsonl']);
      expect(await offered('-o', 'y')).toEqual(['yaml']);
      const flags = await offered('apply', '--');
      for (const flag of ['--reason', '--idempotency-key', '--output-file', '--dry-run', '--plan'])
        expect(flags).toContain(flag);
    });
  });
});
