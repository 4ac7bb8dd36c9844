import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { ServerProcess, SocketClient, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';

/** More than the buffers of a socket take. */
const SCHEMAS = 15;
const SCHEMA_BYTES = 900_000;
const EXPORT = 'GET /v1/registry-export';

describe('an export whose client takes nothing of it', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const clients: SocketClient[] = [];
  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({ cwd: directory.path });
    const { registry } = new ServiceCalls(() => server.url);
    for (let n = 0; n < SCHEMAS; n++) {
      const doc = String(n).padEnd(SCHEMA_BYTES, '.');
      await registry.registered(`large${n}`, JSON.stringify({ type: 'record', name: 'R', doc, fields: [] }));
    }
    await server.stop();
  });
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await server.kill();
  });
  afterAll(() => directory.remove());

  const serve = async (writeTimeoutMs: number): Promise<ServiceCalls> => {
    const env = { WEIR_HTTP_WRITE_TIMEOUT_MS: String(writeTimeoutMs) };
    server = await ServerProcess.start({ cwd: directory.path, env });
    return new ServiceCalls(() => server.url);
  };
  /** One that begins, and reads no further. */
  const silent = async (): Promise<SocketClient> => {
    const client = await SocketClient.open(server.url);
    clients.push(client);
    client.head(EXPORT);
    await client.until('200 OK');
    client.socket.pause();
    return client;
  };
  /** An export as soon as there is a place for it. */
  const exported = async ({ registry }: ServiceCalls): Promise<string> => {
    for (;;) {
      const { status, text } = await registry.get('/v1/registry-export');
      if (status === 200) return text;
      expect(status).toBe(429);
    }
  };

  it('is cut off after the time that a client may take, and others get its place', async () => {
    const calls = await serve(200);
    const begun = [await silent(), await silent()];
    const text = await exported(calls);
    expect(text.length).toBeGreaterThan(SCHEMAS * SCHEMA_BYTES);
    for (const client of begun) {
      client.socket.resume();
      await client.ended();
      expect(client.text.length).toBeLessThan(text.length);
    }
  });

  it('gives its place back when its client goes, long before it would be cut off', async () => {
    const calls = await serve(3_600_000);
    const [gone] = [await silent(), await silent()];
    expect((await calls.registry.get('/v1/registry-export')).problem, 'control: both places are taken').toMatchObject({
      code: 'exports-busy',
    });
    gone!.socket.destroy();
    expect((await exported(calls)).length).toBeGreaterThan(SCHEMAS * SCHEMA_BYTES);
  });
});
