import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { avroRecord } from '../../apps/cli/testing/index.js';
import { dataOf, weir, type WeirRan } from './weir-process.js';

const WAIT = ['--yes', '--wait', '--timeout', '60s'];
const DECLARATION = {
  source: { topic: 'facts', mode: 'latest' },
  key: { id: { from: 'key', type: 'text' } },
  columns: { n: { from: 'value.n', type: 'integer' } },
};

describe('a command that is repeated with its idempotency key', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const env = (): Record<string, string> => ({ WEIR_BACKUPS_DIRECTORY: `${directory.path}/backups` });
  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({ cwd: directory.path, env: env() });
    const files = {
      'weir.yaml': 'apiVersion: v1\nschemas: [{ subject: a-value, file: a.avsc }]\ntopics: [{ name: planned }]\n',
      'a.avsc': avroRecord('A', '{"name": "a", "type": "int"}'),
      'view.json': JSON.stringify(DECLARATION),
      'wider.json': JSON.stringify({
        ...DECLARATION,
        columns: { ...DECLARATION.columns, key: { from: 'key', type: 'text' } },
      }),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(`${directory.path}/${name}`, text);
  });
  afterAll(async () => {
    await server.kill();
    await directory.remove();
  });

  const run = (...args: string[]): Promise<WeirRan> =>
    weir([...args, '-o', 'json'], { cwd: directory.path, env: { WEIR_URL: server.url } });
  const done = async (...args: string[]): Promise<WeirRan> => {
    const ran = await run(...args);
    expect([args, ran.code], ran.out + ran.err).toEqual([args, 0]);
    return ran;
  };
  /** Twice by one key, with a crash of the service in between. */
  const twice = async <T>(key: string, ...args: string[]): Promise<readonly [T, T]> => {
    const first = dataOf<T>(await done(...args, '--idempotency-key', key));
    await server.kill();
    server = await ServerProcess.start({ cwd: directory.path, env: env() });
    return [first, dataOf<T>(await done(...args, '--idempotency-key', key))];
  };
  const errorOf = ({ out }: WeirRan): { code: string; message: string } =>
    (JSON.parse(out) as { error: { code: string; message: string } }).error;

  it('creates a topic once, also over a crash; another body is refused, naming what differs', async () => {
    const [first, second] = await twice<{ id: string }>('k1', 'topic', 'create', 'orders', '--partitions', '3');
    expect(second).toEqual(first);
    const other = await run('topic', 'create', 'orders', '--partitions', '6', '--idempotency-key', 'k1');
    expect([other.code, errorOf(other)]).toMatchObject([
      4,
      { code: 'idempotency-key-reused', message: expect.stringContaining('partitions was 3, is 6') as string },
    ]);
    // Negative control: without the key, or with another one, it is there already.
    for (const more of [[], ['--idempotency-key', 'k2']])
      expect(errorOf(await run('topic', 'create', 'orders', '--partitions', '3', ...more)).code).toBe('topic-exists');
    // What was refused may be tried again under its key.
    expect((await run('topic', 'create', 'or ders', '--idempotency-key', 'k3')).code).toBe(2);
    await done('topic', 'create', 'or-ders', '--idempotency-key', 'k3');
  });

  it('restores a topic, and submits a plan, once', async () => {
    await done('topic', 'create', 'gone');
    await done('topic', 'delete', 'gone', '--yes');
    const [first, second] = await twice<object>('k4', 'topic', 'restore', 'gone');
    expect(second).toEqual(first);
    expect(errorOf(await run('topic', 'restore', 'gone')).code).toBe('topic-not-deleted');
    const [one, same] = await twice<{ request: string }>('k5', 'plan', '--submit', '--title', 'ours');
    expect(same.request).toBe(one.request);
    const requests = async () => dataOf<object[]>(await done('request', 'list')).length;
    expect(await requests()).toBe(1);
    await done('plan', '--submit', '--title', 'ours');
    expect(await requests()).toBe(2);
  });

  it('deletes once, and says again what it took; something else of the name stays', async () => {
    await done('topic', 'create', 'once');
    const records = await weir(['topic', 'produce', 'once'], {
      env: { WEIR_URL: server.url },
      stdin: '{"value": 1}\n{"value": 2}\n',
    });
    expect(records.code).toBe(0);
    for (const [key, how] of [
      ['d1', []],
      ['d2', ['--permanent']],
    ] as const) {
      const [first, second] = await twice<{ records: string }>(key, 'topic', 'delete', 'once', ...how, '--yes');
      expect([first.records, second]).toEqual(['2', first]);
    }
    await done('topic', 'create', 'once');
    await done('topic', 'delete', 'once', '--permanent', '--yes', '--idempotency-key', 'd2');
    expect(dataOf<{ name: string }>(await done('topic', 'describe', 'once')).name).toBe('once');
    // Negative control: without the key it is a deletion of its own, and after it nothing is there.
    await done('topic', 'delete', 'once', '--permanent', '--yes');
    for (const key of [[], ['--idempotency-key', 'd3']])
      expect((await run('topic', 'delete', 'once', '--permanent', '--yes', ...key)).code).toBe(5);
  });

  it('deletes groups, derived streams, views, versions, subjects and their settings once', async () => {
    await done('topic', 'create', 'read');
    await fetch(`${server.url}/v1/groups/g/positions`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ positions: [{ topic: 'read', partition: 0, offset: '0' }] }),
    });
    await done('derive', 'latest', 'read', '--into', 'latest', ...WAIT);
    writeFileSync(
      `${directory.path}/read.json`,
      JSON.stringify({ ...DECLARATION, source: { topic: 'read', mode: 'latest' } }),
    );
    await done('view', 'create', 'seen', '-f', 'read.json');
    writeFileSync(
      `${directory.path}/read-wider.json`,
      JSON.stringify({
        source: { topic: 'read', mode: 'latest' },
        key: DECLARATION.key,
        columns: { ...DECLARATION.columns, key: { from: 'key', type: 'text' } },
      }),
    );
    await done('view', 'create', 'seen', '-f', 'read-wider.json');
    await done('schema', 'register', 's', 'a.avsc');
    await done('compat', 'set', 'FULL', 's');
    await done('mode', 'set', 'READWRITE', 's');
    for (const args of [
      ['group', 'delete', 'g', '--yes'],
      ['derive', 'delete', 'latest', '--yes'],
      ['view', 'retire', 'seen', '2', '--yes'],
      ['view', 'delete', 'seen', '--yes'],
      ['compat', 'unset', 's'],
      ['mode', 'unset', 's'],
      ['schema', 'delete', 's@1', '--yes'],
      ['schema', 'delete', 's@1', '--permanent', '--yes'],
    ]) {
      const key = ['--idempotency-key', args.join('-')];
      const first = dataOf<object>(await done(...args, ...key));
      expect([args, dataOf<object>(await done(...args, ...key))]).toEqual([args, first]);
      expect([args, (await run(...args)).code]).toEqual([args, 5]);
    }
  });

  it('starts an operation once, also when what was planned is no longer possible because it is done', async () => {
    await done('topic', 'create', 'facts', '--partitions', '1');
    const grow = ['topic', 'repartition', 'facts', '--partitions', '2'];
    const [first, second] = await twice<{ id: string; state: string }>('k6', ...grow, ...WAIT);
    expect([second.id, second.state]).toEqual([first.id, 'SWITCHED']);
    const other = await run('topic', 'repartition', 'facts', '--partitions', '3', '--yes', '--idempotency-key', 'k6');
    expect([other.code, errorOf(other).code]).toEqual([4, 'idempotency-key-reused']);
    await done('op', 'finish', first.id, ...WAIT);
    // A plan that was looked at, and not started, is made anew.
    await done('topic', 'create', 'late', '--partitions', '1');
    const late = ['topic', 'repartition', 'late', '--partitions', '2', '--idempotency-key', 'k7'];
    await done(...late, '--dry-run');
    await done('topic', 'config', 'late', '--set', 'retention.ms=86400000');
    await done(...late, ...WAIT);
  });

  it('takes a backup, and goes back to the version of a view before, once', async () => {
    const [first, second] = await twice<{ id: string; operation: string }>('k8', 'admin', 'backup');
    expect(second).toEqual(first);
    await done('op', 'watch', first.operation);
    await done('admin', 'verify', first.id, '--wait', '--timeout', '60s');
    const backups = async () => dataOf<object[]>(await done('admin', 'backups')).length;
    expect(await backups()).toBe(1);

    await done('view', 'create', 'v', '-f', 'view.json');
    await done('view', 'create', 'v', '-f', 'wider.json');
    const role = async (version: number) =>
      dataOf<{ version: number; role: string }[]>(await done('view', 'versions', 'v')).find(
        (one) => one.version === version,
      )!.role;
    expect(await role(2)).toBe('DRAFT');
    const activate = ['view', 'activate', 'v', '2', '--patience', '30s', '--incomplete'];
    await twice('k9', ...activate);
    expect(await role(2)).toBe('ACTIVE');
    await twice('k10', 'view', 'rollback', 'v');
    expect([await role(1), await role(2)]).toEqual(['ACTIVE', 'PREVIOUS']);
    // Negative control: done twice it is undone.
    await done('view', 'rollback', 'v');
    expect(await role(2)).toBe('ACTIVE');
  });
});
