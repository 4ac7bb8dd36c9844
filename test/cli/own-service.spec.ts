import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { dataOf, weir, type WeirRan } from './weir-process.js';

const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');
const SERVICE = resolve(import.meta.dirname, '../..');

interface DevService {
  readonly url: string;
  readonly dataDir: string;
  readonly ephemeral: boolean;
  readonly pid: number;
}

describe('a service of one’s own', () => {
  let directory: TemporaryDirectory;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());
  const run = (args: readonly string[], env: Record<string, string> = {}, stdin = ''): Promise<WeirRan> =>
    weir(args, { cwd: directory.path, env: { XDG_CONFIG_HOME: `${directory.path}/config`, ...env }, stdin });

  /** `weir dev` for as long as it is not told to stop. */
  const dev = async (
    args: readonly string[],
  ): Promise<{ service: DevService; stop: (signal: NodeJS.Signals) => Promise<number | null> }> => {
    const child = spawn(process.execPath, [PACKED, 'dev', '--port', '0', '--service', SERVICE, '-o', 'json', ...args], {
      cwd: directory.path,
      env: { PATH: process.env['PATH'], HOME: directory.path },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const ended = new Promise<number | null>((done) => child.on('close', done));
    const told = new Promise<string>((done, fail) => {
      child.stdout.on('data', (chunk: Buffer) => done(chunk.toString()));
      void ended.then(() => fail(new Error(err)));
    });
    const service = (JSON.parse(await told) as { data: DevService }).data;
    return {
      service,
      stop: (signal) => {
        child.kill(signal);
        return ended;
      },
    };
  };

  it('runs until Ctrl-C, leaves nothing behind, or what it holds where it is told to', async () => {
    const { service, stop } = await dev([]);
    expect((await run(['-s', service.url, 'topic', 'create', 'orders'])).code).toBe(0);
    expect([service.ephemeral, existsSync(service.dataDir)]).toEqual([true, true]);
    expect(await stop('SIGINT')).toBe(0);
    expect(existsSync(service.dataDir)).toBe(false);
    expect((await run(['-s', service.url, 'topic', 'list'])).code).toBe(7);

    const data = `${directory.path}/kept`;
    const first = await dev(['--data', data]);
    expect((await run(['-s', first.service.url, 'topic', 'create', 'orders'])).code).toBe(0);
    // The folder has a service already.
    const second = await run(['dev', '--port', '0', '--service', SERVICE, '--data', data, '-o', 'json']);
    expect([second.code, (JSON.parse(second.out) as { error: { code: string } }).error.code]).toEqual([
      4,
      'service-ended',
    ]);
    expect(await first.stop('SIGTERM')).toBe(0);
    const again = await dev(['--data', data]);
    expect((await run(['-s', again.service.url, 'topic', 'list', '-o', 'name'])).out).toBe('orders\n');
    expect(await again.stop('SIGINT')).toBe(0);
  });

  it('is told of where it was looked for when none is installed, and what a start is refused for', async () => {
    expect(await run(['dev', '--service', directory.path])).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no Weir service in'),
    });
    const env = { WEIR_LOG_SEGMENT_BYTES: 'many' };
    expect(await run(['dev', '--port', '0', '--service', SERVICE], env)).toMatchObject({
      code: 2,
      err: expect.stringContaining('WEIR_LOG_SEGMENT_BYTES'),
    });
  });

  it('takes the tokens that were made for it, each for what its role may, and none that was revoked', async () => {
    const [file, roles] = [
      `${directory.path}/tokens.yaml`,
      ['viewer', 'producer', 'registrar', 'operator', 'governor', 'admin'],
    ];
    const create = (name: string, ...more: string[]): Promise<WeirRan> =>
      run(['admin', 'token', 'create', name, '--file', file, '-o', 'json', ...more]);
    for (const role of roles)
      expect((await create(role, '--role', role, '--token-file', `${role}.token`)).code).toBe(0);
    expect(
      (await create('narrow', '--role', 'operator', '--scope', 'topic=orders.*,orders', '--expires', '1d')).code,
    ).toBe(0);
    expect((await create('viewer', '--role', 'viewer')).code).toBe(4);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = (role: string): string => readFileSync(`${directory.path}/${role}.token`, 'utf8').trim();
    expect(readFileSync(file, 'utf8')).not.toContain(token('admin'));

    const env = { WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: file };
    let server = await ServerProcess.start({ cwd: directory.path, env });
    try {
      expect((await run(['context', 'set', 'here', '--url', server.url])).code).toBe(0);
      expect((await run(['whoami'])).code).toBe(6);
      // Nothing is kept that the service does not take.
      expect((await run(['login'], {}, 'wrong\n')).code).toBe(6);
      for (const role of roles) {
        const login = await run(['login', '-o', 'json'], {}, `${token(role)}\n`);
        const { tokenFile } = dataOf<{ tokenFile: string }>(login);
        expect([login.code, statSync(tokenFile).mode & 0o777]).toEqual([0, 0o600]);
        expect(dataOf<object>(await run(['whoami', '-o', 'json']))).toMatchObject({
          id: role,
          roles: [role],
          scope: null,
        });
        const made = await run(['topic', 'create', `by-${role}`]);
        expect([role, made.code]).toEqual([role, role === 'operator' || role === 'admin' ? 0 : 6]);
      }
      expect((await run(['logout'])).code).toBe(0);
      expect((await run(['whoami'])).code).toBe(6);
      await server.stop();
      expect((await run(['admin', 'token', 'revoke', 'admin', '--file', file, '--yes'])).code).toBe(0);
      server = await ServerProcess.start({ cwd: directory.path, env });
      const now = { WEIR_URL: server.url };
      expect((await run(['whoami'], { ...now, WEIR_TOKEN: token('admin') })).code).toBe(6);
      expect((await run(['whoami'], { ...now, WEIR_TOKEN: token('viewer') })).code).toBe(0);
    } finally {
      await server.kill();
    }
  });

  it('takes in the registry at another address, with ids, what was deleted softly, levels and modes', async () => {
    const other = await temporaryDirectory();
    const [from, to] = await Promise.all([
      ServerProcess.start({ cwd: other.path }),
      ServerProcess.start({ cwd: directory.path }),
    ]);
    try {
      const [there, here] = [{ WEIR_URL: from.url }, { WEIR_URL: to.url }];
      const schema = (type: string): string =>
        `{"type": "record", "name": "A", "fields": [{"name": "a", "type": "${type}"}]}`;
      writeFileSync(`${directory.path}/one.avsc`, schema('int'));
      writeFileSync(`${directory.path}/two.avsc`, schema('long'));
      for (const subject of ['gone-value', 'a-value', ':.other:b-value'])
        expect((await run(['schema', 'register', subject, 'one.avsc'], there)).code).toBe(0);
      expect((await run(['compat', 'set', 'NONE', 'a-value'], there)).code).toBe(0);
      expect((await run(['schema', 'register', 'a-value', 'two.avsc'], there)).code).toBe(0);
      expect((await run(['schema', 'delete', 'gone-value', '--yes'], there)).code).toBe(0);
      expect((await run(['mode', 'set', 'READONLY', 'a-value', '--yes'], there)).code).toBe(0);
      const imported = await run(['admin', 'import', '--from', from.url, '--yes', '--wait', '--timeout', '60s'], here);
      expect(imported, imported.err).toMatchObject({ code: 0 });
      const told = async (env: Record<string, string>): Promise<unknown> => [
        await (await fetch(`${env['WEIR_URL']}/schemas?deleted=true&subjectPrefix=:*:`)).json(),
        await (await fetch(`${env['WEIR_URL']}/subjects`)).json(),
        await (await fetch(`${env['WEIR_URL']}/config/a-value`)).json(),
        await (await fetch(`${env['WEIR_URL']}/mode/a-value`)).json(),
      ];
      const before = (await told(there)) as object[][];
      expect(before[0]!.length).toBeGreaterThanOrEqual(4);
      const untimed = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value, (key, one: unknown) => (key === 'ts' ? undefined : one)));
      expect(untimed(await told(here))).toEqual(untimed(before));
    } finally {
      await Promise.all([from.kill(), to.kill()]);
      await other.remove();
    }
  });

  it('becomes what a backup holds, and whoever waits is told when it has', async () => {
    const env = { WEIR_BACKUPS_DIRECTORY: `${directory.path}/backups` };
    const other = await temporaryDirectory();
    const first = await ServerProcess.start({ cwd: directory.path, env });
    const at = { WEIR_URL: first.url };
    expect((await run(['topic', 'create', 'orders'], at)).code).toBe(0);
    expect((await run(['admin', 'backup', '--wait', '--timeout', '60s'], at)).code).toBe(0);
    const [backup] = dataOf<{ id: string }[]>(await run(['admin', 'backups', '-o', 'json'], at));
    await first.kill();
    const second = await ServerProcess.start({ cwd: other.path, env });
    try {
      const there = { WEIR_URL: second.url };
      const dry = await run(['admin', 'restore', backup!.id, '--dry-run', '-o', 'json'], there);
      expect([dry.code, dataOf<{ dryRun: boolean }>(dry).dryRun]).toEqual([0, true]);
      expect((await run(['topic', 'list', '-o', 'name'], there)).out).toBe('');
      const restored = await run(['admin', 'restore', backup!.id, '--yes', '--wait', '--timeout', '90s'], there);
      expect(restored, restored.err).toMatchObject({ code: 0 });
      await expect
        .poll(async () => (await run(['topic', 'list', '-o', 'name'], there)).out, { timeout: 60_000 })
        .toBe('orders\n');
    } finally {
      await second.kill();
      await other.remove();
    }
  });
});
