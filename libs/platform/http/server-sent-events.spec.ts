import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { createHttpApp, sendEvents, type EventSource, type HttpApp, type HttpSettings } from './index.js';

describe('a stream of events', () => {
  let app: HttpApp | undefined;
  afterEach(() => app?.close());

  const serve = async (source: EventSource, options = {}, settings: Partial<HttpSettings> = {}): Promise<string> => {
    app = await createHttpApp({
      modules: [],
      authenticator: new OpenAuthenticator(),
      authorizer: new RoleAuthorizer(),
      settings,
      prepare: (fastify) =>
        void fastify.get('/events', { config: { access: { public: 'a test' } } }, (request, reply) =>
          sendEvents(request, reply, source, options),
        ),
    });
    return app.listen('127.0.0.1', 0);
  };

  it('keeps a quiet connection alive, and ends with its source', async () => {
    const url = await serve(
      async function* () {
        await new Promise((resolve) => setTimeout(resolve, 60));
        yield { id: '1\nevil: 2', event: 'done', data: { text: 'a\nb' } };
      },
      { heartbeatMs: 10 },
    );
    const text = await (await fetch(`${url}/events`)).text();
    expect(text).toContain(': heartbeat\n\n');
    expect(text).toContain('id: 1 evil: 2\nevent: done\ndata: {"text":"a\\nb"}\n\n');
  });

  it('tells its source when the client has gone', async () => {
    let gone: (reason: unknown) => void;
    const reason = new Promise<unknown>((resolve) => (gone = resolve));
    const url = await serve(async function* (_after, signal) {
      yield { data: 1 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      gone(signal.reason);
    });
    const client = new AbortController();
    const response = await fetch(`${url}/events`, { signal: client.signal });
    await response.body!.getReader().read();
    client.abort();
    expect(await reason).toMatchObject({ code: 'client-gone' });
  });

  it('does not keep the service from stopping, nor does a client that asks nothing', async () => {
    const url = await serve(async function* () {
      yield { data: 1 };
    });
    const silent = connect(Number(new URL(url).port), '127.0.0.1');
    const closed = new Promise((resolve) => silent.once('close', resolve));
    await fetch(`${url}/events`).then((response) => response.text());
    await app!.close();
    await closed;
  });

  it('ends when the service stops', async () => {
    const url = await serve(async function* (_after, signal) {
      yield { data: 1 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    });
    const response = await fetch(`${url}/events`);
    const text = response.text();
    await app!.close();
    expect(await text).toContain('data: 1');
  });

  it('holds its source back for a client that does not read, then cuts it off', async () => {
    let taken = 0;
    let ended!: () => void;
    const over = new Promise<void>((resolve) => (ended = resolve));
    const url = await serve(
      async function* () {
        try {
          for (;;) {
            taken++;
            yield { data: 'x'.repeat(64 * 1024) };
          }
        } finally {
          ended();
        }
      },
      {},
      { writeTimeoutMs: 200 },
    );
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    await over;
    socket.destroy();
    // What the kernel's buffers and one write take; not what an endless source could give.
    expect(taken * 64).toBeLessThan(64 * 1024);
  });

  it('breaks off visibly when its source fails', async () => {
    const url = await serve(async function* () {
      yield { data: 1 };
      throw new Error('a defect');
    });
    await expect(fetch(`${url}/events`).then((response) => response.text())).rejects.toThrow();
  });
});
