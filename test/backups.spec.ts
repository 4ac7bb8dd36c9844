import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

interface Body {
  readonly id: string;
  readonly operation: string;
  readonly state: string;
  readonly items: readonly { readonly id: string }[];
  readonly verification: { readonly sound: boolean; readonly problems: readonly string[] } | null;
}

/** Many starts, each of which a busy machine may hold up. */
const LONG_MS = 600_000;

describe('a backup of the service as a process', { timeout: LONG_MS }, () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess | undefined;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await server?.kill();
    await directory.remove();
  });

  const start = async (data: string, more: { env?: Record<string, string>; args?: string[] } = {}): Promise<void> => {
    const { env, args } = launch(data, more);
    server = await ServerProcess.start({ cwd: directory.path, env, args });
  };
  const launch = (data: string, more: { env?: Record<string, string>; args?: string[] } = {}) => ({
    cwd: directory.path,
    env: {
      WEIR_DATA_DIR: data,
      WEIR_BACKUPS_DIRECTORY: 'backups',
      WEIR_LOG_SEGMENT_BYTES: '1MiB',
      WEIR_LOG_CHECKPOINT_BYTES: '1MiB',
      ...more.env,
    },
    args: more.args ?? [],
  });
  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> => {
    const response = await fetch(`${server!.url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  };
  const done = async (operation: string): Promise<string> => {
    for (;;) {
      const { state } = (await call('GET', `/v1/operations/${operation}`)).body;
      if (['FINISHED', 'FAILED', 'CANCELLED'].includes(state)) return state;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const take = async (): Promise<string> => {
    const { body } = await call('POST', '/v1/backups', {});
    expect(await done(body.operation)).toBe('FINISHED');
    return body.id;
  };

  /** Records with schemas, a group, a repartitioned topic, a deleted one, a view. */
  async function fill(): Promise<void> {
    const schema = JSON.stringify({
      type: 'record',
      name: 'O',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'n', type: 'int' },
      ],
    });
    await call('POST', '/v1/topics', { name: 'orders', partitions: 3 });
    await call('POST', '/v1/topics', { name: 'gone', partitions: 1 });
    expect((await call('POST', '/subjects/orders-value/versions', { schema })).status).toBe(200);
    for (let n = 0; n < 20; n++) {
      const records = Array.from({ length: 200 }, (_, i) => ({
        key: `k${i % 17}`,
        value: { id: 'x'.repeat(500), n: n * 200 + i },
      }));
      expect((await call('POST', '/v1/topics/orders/records', { records })).status).toBe(200);
    }
    await call('PUT', '/v1/groups/billing/positions', { positions: [{ topic: 'orders', partition: 1, offset: '7' }] });
    await call('PUT', '/v1/views/counts', {
      source: { topic: 'orders', mode: 'events' },
      key: { key: { from: 'key', type: 'text' } },
      columns: { records: { aggregate: 'count' } },
    });
    await call('DELETE', '/v1/topics/gone');
    await call('POST', '/v1/topics/orders:protect');
  }

  /** What users can see, in one text. */
  async function world(): Promise<string> {
    const seen: unknown[] = [];
    for (const path of [
      '/v1/topics/orders',
      '/v1/topics?deleted=true',
      '/subjects',
      '/subjects/orders-value/versions/1',
      '/schemas/ids/1',
      '/v1/groups/billing',
      '/v1/topics/orders/records?from=start&limit=10000',
    ])
      seen.push([path, (await call('GET', path)).body]);
    // Compatibility verdicts are the registry's, too.
    const narrower = JSON.stringify({ type: 'record', name: 'O', fields: [{ name: 'id', type: 'int' }] });
    seen.push((await call('POST', '/compatibility/subjects/orders-value/versions/latest', { schema: narrower })).body);
    // A cursor is signed by the instance that gave it, and lag in seconds grows by itself.
    const passing = new Set(['next', 'lagSeconds']);
    return JSON.stringify(seen, (key, value: unknown) => (passing.has(key) ? undefined : value), 1);
  }

  it('is verified and restored into an empty directory over a wiped one: ids, offsets, positions and verdicts are the same', async () => {
    await start('data');
    await fill();
    const before = await world();
    const id = await take();
    const verification = await call('POST', `/v1/backups/${id}:verify`);
    expect(verification.status).toBe(202);
    expect(await done(verification.body.operation)).toBe('FINISHED');
    expect((await call('GET', `/v1/backups/${id}`)).body.verification).toMatchObject({ sound: true, problems: [] });
    expect((await call('GET', '/v1/backups')).body.items.map((one) => one.id)).toEqual([id]);
    await server!.kill();
    await rm(join(directory.path, 'data'), { recursive: true });
    await start('data', { args: ['--restore', id] });
    expect(await world()).toBe(before);
    // The view is computed anew, and everything goes on.
    let rows = '';
    while (!rows.includes('"k0"')) rows = JSON.stringify((await call('GET', '/v1/views/counts/rows')).body);
    expect((await call('POST', '/v1/topics/gone:restore')).status).toBe(200);
    expect((await call('GET', '/v1/operations?live=true')).body.items).toEqual([]);
    await server!.stop();
    // Given again, the option does nothing.
    await start('data', { args: ['--restore', id] });
    expect((await call('DELETE', `/v1/backups/${id}`)).status).toBe(204);
    expect((await call('GET', `/v1/backups/${id}`)).status).toBe(404);
  });

  it('that was cut short by a kill at any step is not there, and is taken all the same when the service goes on', async () => {
    await start('data');
    await fill();
    await server!.stop();
    for (const step of ['begun', 'cut', 'file-copied:5', 'copied', 'flushed', 'named']) {
      const { env } = launch('data', { env: { WEIR_FAIL_POINT: `backup:${step}` } });
      server = await ServerProcess.start({ cwd: directory.path, env });
      const asked = await call('POST', '/v1/backups', {}).catch(() => undefined);
      expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
      const complete = (await readdir(join(directory.path, 'backups'))).filter((name) => !name.includes('.'));
      expect(complete.length, step).toBe(step === 'named' ? 1 : 0);
      await start('data');
      let items: Body['items'] = [];
      while (items.length === 0) ({ items } = (await call('GET', '/v1/backups')).body);
      if (asked !== undefined) {
        expect(items[0]!.id).toBe(asked.body.id);
        expect(await done(asked.body.operation)).toBe('FINISHED');
      }
      expect(await readdir(join(directory.path, 'backups'))).toEqual([items[0]!.id]);
      await call('DELETE', `/v1/backups/${items[0]!.id}`);
      await server.stop();
    }
  });

  it('that is restored and killed at any step leaves an empty directory or all of it', async () => {
    await start('data');
    await fill();
    const before = await world();
    const id = await take();
    await server!.kill();
    const decided = new Set(['decided', 'placed', 'placed:2', 'complete']);
    for (const step of ['begun', 'file-copied:3', 'copied', 'flushed', ...decided]) {
      const data = `restored-${step.replace(':', '-')}`;
      const { exited } = ServerProcess.launch(
        launch(data, { env: { WEIR_FAIL_POINT: `restore:${step}` }, args: ['--restore', id] }),
      );
      expect(await exited, step).toMatchObject({ signal: 'SIGKILL' });
      // Whoever starts it now without a word finds one or the other.
      await start(data);
      const topics = (await call('GET', '/v1/topics')).body.items;
      if (decided.has(step)) expect(await world(), step).toBe(before);
      else expect(topics, step).toEqual([]);
      await server!.kill();
    }
  });

  it('is restored over REST by a service that holds nothing, which goes on at its address; killed at any step it is empty or all of it', async () => {
    await start('data');
    await fill();
    const before = await world();
    const id = await take();
    expect((await call('POST', `/v1/backups/${id}:restore`)).status).toBe(409);
    await server!.kill();
    await start('fresh');
    expect((await call('POST', `/v1/backups/${id}:restore`)).status).toBe(202);
    await untilRestored();
    expect(await world()).toBe(before);
    await server!.kill();
    const decided = new Set(['decided', 'cleared', 'placed:2', 'complete']);
    for (const step of ['file-copied:3', 'closing', ...decided]) {
      const data = `over-rest-${step.replace(':', '-')}`;
      await start(data, { env: { WEIR_FAIL_POINT: `restore:${step}` } });
      await call('POST', `/v1/backups/${id}:restore`).catch(() => undefined);
      expect(await server!.exited, step).toMatchObject({ signal: 'SIGKILL' });
      await start(data);
      if (!decided.has(step)) {
        // Where the operation was still at work, it goes on by itself.
        await call('POST', `/v1/backups/${id}:restore`).catch(() => undefined);
        await untilRestored();
      }
      expect(await world(), step).toBe(before);
      await server!.kill();
    }
  });

  const untilRestored = async (): Promise<void> => {
    for (;;) {
      const topics = await call('GET', '/v1/topics').catch(() => undefined);
      if (topics?.status === 200 && topics.body.items.length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  it('is not restored over data, and says so in words and exit code', async () => {
    await start('data');
    const id = await take();
    await server!.stop();
    for (const [named, text] of [
      [id, 'holds something already'],
      ['nothing', "There is no backup 'nothing'"],
    ] as const) {
      const { exited, output } = ServerProcess.launch(launch('data', { args: ['--restore', named] }));
      expect(await exited).toMatchObject({ code: 73 });
      expect(output()).toContain(text);
    }
    const { exited, output } = ServerProcess.launch(launch('data', { args: ['--frobnicate'] }));
    expect(await exited).toMatchObject({ code: 78 });
    expect(output()).toContain('--restore');
  });
});
