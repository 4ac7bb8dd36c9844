import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess, SocketClient, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the service as a process', () => {
  let directory: TemporaryDirectory;
  let running: ServerProcess[];
  beforeEach(async () => {
    directory = await temporaryDirectory();
    running = [];
  });
  afterEach(async () => {
    for (const server of running) await server.kill();
    await directory.remove();
  });

  const start = async (env: Record<string, string> = {}): Promise<ServerProcess> => {
    const server = await ServerProcess.start({ cwd: directory.path, env });
    running.push(server);
    return server;
  };
  const refused = async (env: Record<string, string>) => {
    const { exited, output } = ServerProcess.launch({ cwd: directory.path, env });
    return { ...(await exited), output: output() };
  };
  const produce = (url: string, value: unknown) =>
    fetch(`${url}/v1/topics/t/records`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ records: [{ key: 'k', value }] }),
    });
  const createTopic = (url: string) =>
    fetch(`${url}/v1/topics`, { method: 'POST', headers: JSON_TYPE, body: '{"name":"t"}' });
  const values = async (url: string): Promise<unknown[]> => {
    const response = await fetch(`${url}/v1/topics/t/records?limit=1000`);
    return ((await response.json()) as { records: { value: unknown }[] }).records.map((record) => record.value);
  };

  it('says where it listens in one line of JSON, and works', async () => {
    const server = await start();
    const line = server.lines.find((text) => text.includes('the service is ready'));
    expect(JSON.parse(line!)).toMatchObject({
      level: 'info',
      url: server.url,
      auth: 'none',
      startMs: expect.any(Number) as number,
    });
    expect((await createTopic(server.url)).status).toBe(201);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it('answers probes while it starts, and tells everybody else to come again', async () => {
    const port = await freePort();
    const first = await start({ WEIR_HTTP_PORT: String(port) });
    await createTopic(first.url);
    for (let number = 0; number < 20; number++) await produce(first.url, 'x'.repeat(10_000));
    await first.kill();
    const { child, exited } = ServerProcess.launch({
      cwd: directory.path,
      env: { WEIR_HTTP_PORT: String(port) },
    });
    const ask = async (path: string): Promise<{ status: number; text: string } | undefined> =>
      fetch(first.url + path).then(
        async (answer) => ({ status: answer.status, text: await answer.text() }),
        () => undefined,
      );
    const seen = new Set<string>();
    for (let started = false; !started && child.exitCode === null;) {
      const [alive, startup, list] = await Promise.all(['/healthz', '/startupz', '/v1/topics'].map(ask));
      if (alive !== undefined) expect(alive).toEqual({ status: 200, text: '{"status":"ok"}' });
      if (list?.status === 503) {
        expect(list.text).toContain('service-starting');
        seen.add('told to come again');
      }
      if (startup?.status === 503 && startup.text.includes('"started":false')) seen.add('not started');
      started = startup?.status === 200;
    }
    child.kill('SIGTERM');
    await exited;
    expect([...seen].sort()).toEqual(['not started', 'told to come again']);
  });

  it('keeps what it acknowledged when it is killed', async () => {
    const first = await start();
    await createTopic(first.url);
    for (let number = 0; number < 20; number++) expect((await produce(first.url, number)).status).toBe(200);
    await first.kill();
    const second = await start();
    expect(await values(second.url)).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  it('has written each request with an idempotency key once, when it was killed and the client sends all of them again', async () => {
    const first = await start();
    await createTopic(first.url);
    const sendAll = (url: string) =>
      Array.from({ length: 200 }, (_, number) => {
        const headers = { ...JSON_TYPE, 'idempotency-key': `k${number}` };
        const body = JSON.stringify({ records: [{ value: number }, { value: -number }] });
        return fetch(`${url}/v1/topics/t/records`, { method: 'POST', headers, body }).then(
          (response) => response.text(),
          () => undefined,
        );
      });
    const sent = sendAll(first.url);
    const acknowledged = [await sent[20]];
    await first.kill();
    acknowledged.push(...(await Promise.all(sent)));
    const second = await start();
    const again = await Promise.all(sendAll(second.url));
    const counts = new Map<unknown, number>();
    for (const value of await values(second.url)) counts.set(value, (counts.get(value) ?? 0) + 1);
    expect(counts.size).toBe(399);
    // Nought stands twice in its request, everything else once.
    expect([...counts].filter(([value, count]) => count !== (value === 0 || value === -0 ? 2 : 1))).toEqual([]);
    // Who was answered before the kill is answered the same after it.
    for (const [at, text] of acknowledged.slice(1).entries()) if (text !== undefined) expect(again[at]).toBe(text);
  });

  it('answers what is under way before it stops, and ends streams and long polls', async () => {
    const server = await start();
    await createTopic(server.url);
    const poll = fetch(`${server.url}/v1/topics/t/records?wait=30000`);
    // The poll is under way as soon as a second request, sent after it, has been answered.
    await produceNothing(server.url);
    const asked = performance.now();
    const exit = await server.stop();
    expect(exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    // With what there is, or with a refusal that asks to come again; never cut off without a word.
    expect([200, 503]).toContain((await poll).status);
  });

  /** A write of which the service has the head, and not the body. */
  const begun = async (url: string): Promise<{ client: SocketClient; body: string }> => {
    const body = JSON.stringify({ records: [{ value: 'under way' }] });
    const client = await SocketClient.open(url);
    await client.announce('POST /v1/topics/t/records', body.length, JSON_TYPE);
    return { client, body };
  };
  const turnedAway = async (url: string): Promise<boolean> =>
    fetch(`${url}/readyz`).then(
      ({ status }) => status === 503,
      () => true,
    );

  it('is not ready any more while it stops, and answers what is under way', async () => {
    const server = await start();
    await createTopic(server.url);
    const { client, body } = await begun(server.url);
    expect(await turnedAway(server.url)).toBe(false);
    server.signal('SIGTERM');
    while (!(await turnedAway(server.url))) expect(server.exit).toBeUndefined();
    expect(server.exit).toBeUndefined();
    client.send(body);
    await client.ended();
    expect(client.statuses.at(-1)).toBe(200);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await values((await start()).url)).toEqual(['under way']);
  });

  it('waits for what is under way no longer than it may, and keeps what it acknowledged', async () => {
    const server = await start({ WEIR_HTTP_DRAIN_MS: '300' });
    await createTopic(server.url);
    await produce(server.url, 'kept');
    await begun(server.url);
    const asked = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeGreaterThanOrEqual(299);
    expect(server.lines.join()).toContain('were cut off');
    expect(await values((await start()).url)).toEqual(['kept']);
  });

  it('flushes and goes when it is told twice', async () => {
    const server = await start();
    await createTopic(server.url);
    await produce(server.url, 'kept');
    server.signal('SIGTERM');
    server.signal('SIGTERM');
    const { code } = await server.exited;
    expect([0, 143]).toContain(code);
    expect(await values((await start()).url)).toEqual(['kept']);
  });

  it('refuses a second process on the same data, and leaves the first alone', async () => {
    const first = await start();
    const second = await refused({});
    expect(second.code).toBe(73);
    expect(second.output).toMatch(/in use|another process|locked/i);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });

  it('reports every problem of its configuration and ends with a code of its own', async () => {
    const { code, output } = await refused({ WEIR_HTTP_PROT: '1', WEIR_LOG_ENABLED: 'perhaps' });
    expect(code).toBe(78);
    expect(output).toContain('WEIR_HTTP_PROT is not a setting; did you mean WEIR_HTTP_PORT?');
    expect(output).toContain('WEIR_LOG_ENABLED must be true or false');
  });

  it('refuses to be open to everybody unless told to', async () => {
    expect((await refused({ WEIR_HTTP_HOST: '0.0.0.0' })).code).toBe(78);
    const { code, output } = await refused({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'gone.yaml' });
    expect([code, output.includes('gone.yaml')]).toEqual([78, true]);
  });

  it('leaves its files to its owner and group alone, in a directory that was there before too', async () => {
    const data = join(directory.path, 'data');
    await mkdir(data);
    await chmod(data, 0o755);
    const server = await start();
    await createTopic(server.url);
    await produce(server.url, 'private');
    const entries = await readdir(data, { recursive: true });
    expect(entries).toContain('metadata.sqlite');
    const open = await Promise.all(entries.map(async (name) => [name, (await stat(join(data, name))).mode & 0o007]));
    expect(open.filter(([, mode]) => mode !== 0)).toEqual([]);
  });

  it('refuses a data directory that must be there and is not', async () => {
    const { code, output } = await refused({ WEIR_DATA_CREATE: 'false' });
    expect([code, output.includes('data-directory-missing')]).toEqual([73, true]);
    await writeFile(join(directory.path, 'data'), 'a file');
    expect((await refused({})).code).toBe(73);
  });

  it('kills itself at the step a crash test names', async () => {
    const server = await start({ WEIR_FAIL_POINT: 'journal-append:2' });
    // The first pass is the creation of the topic; the second one is the append.
    const outcomes = [
      await createTopic(server.url).catch(() => undefined),
      await produce(server.url, 1).catch(() => undefined),
    ];
    expect(outcomes.at(-1)).toBeUndefined();
    expect((await server.exited).signal).toBe('SIGKILL');
  });

  it('works without the embedded log, as a registry alone', async () => {
    const server = await start({ WEIR_LOG_ENABLED: 'false' });
    expect((await fetch(`${server.url}/subjects`)).status).toBe(200);
    const answer = await fetch(`${server.url}/v1/topics`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'cluster-not-found']);
  });

  it('reads weir.server.yaml from where it is started', async () => {
    await mkdir(join(directory.path, 'elsewhere'));
    await writeFile(
      join(directory.path, 'weir.server.yaml'),
      'data: { dir: ./elsewhere/data }\nlogging: { requests: all }\n',
    );
    const server = await start();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(server.lines.some((line) => line.includes('"dataDir":"./elsewhere/data"'))).toBe(true);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.lines.some((line) => line.includes('"route":"/healthz"'))).toBe(true);
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function produceNothing(url: string): Promise<void> {
  await (await fetch(`${url}/healthz`)).arrayBuffer();
}
