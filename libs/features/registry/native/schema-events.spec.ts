import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { inProcess } from '#libs/platform/testing';
import { openRegistryApp, PrincipalsByName, RegistryCalls, type RegistryApp } from '../testing/index.js';
import type { EventsView } from './schema-events.shapes.js';

const schema = (name: string) => JSON.stringify({ type: 'record', name, fields: [] });

describe('GET /v1/schema-events', () => {
  const users = new PrincipalsByName();
  let store: MemoryRegistryStore & { kept: number };
  let app: RegistryApp;
  const calls = new RegistryCalls(inProcess(() => app.http.fastify));
  beforeEach(async () => {
    class Forgetting extends MemoryRegistryStore {
      kept = 1;
      protected override oldest(): number {
        return this.kept;
      }
    }
    store = new Forgetting();
    app = await openRegistryApp({ authenticator: users, store });
  });
  afterEach(() => app.http.close());

  const register = (subject: string, name = 'R') => calls.register(subject, schema(name));
  const read = async (query = '', as?: string) => {
    return (await calls.get<EventsView>(`/v1/schema-events${query}`, as)).json;
  };
  const told = ({ items }: EventsView) => items.map((one) => `${one.type.split('.').at(-1)} ${one.subject}`);

  it('tells every kind of change, in order, as CloudEvents', async () => {
    await register('a');
    await calls.put('/config/a', { compatibility: 'NONE' });
    await calls.put('/mode/a', { mode: 'READONLY' });
    await calls.delete('/mode/a');
    await calls.delete('/subjects/a');
    await calls.post('/v1/subjects/a:restore', {});
    await calls.put('/v1/registration-policy/a', { policy: 'registrars-only' });
    await calls.put('/config', { compatibility: 'FULL' });
    await register(':.dev:b');
    await calls.delete('/subjects/:.dev:b');
    await calls.delete('/subjects/:.dev:b?permanent=true');
    await calls.delete('/contexts/.dev');
    const page = await read();
    expect(told(page)).toEqual([
      'version-registered a',
      'config-set a',
      'mode-set a',
      'mode-set a',
      'version-soft-deleted a',
      'version-restored a',
      'registration-set a',
      'config-set ',
      'version-registered :.dev:b',
      'version-soft-deleted :.dev:b',
      'version-purged :.dev:b',
      'context-removed :.dev:',
    ]);
    expect(page.items[0]).toEqual({
      specversion: '1.0',
      id: '1.0',
      source: '/v1/schema-events',
      type: 'weir.registry.version-registered',
      subject: 'a',
      time: expect.stringMatching(/^20.*Z$/) as string,
      datacontenttype: 'application/json',
      data: { revision: 1, version: 1, id: 1, guid: expect.any(String) as string, schemaType: 'AVRO' },
    });
    expect(page.items[1]!.data).toMatchObject({ config: { compatibility: 'NONE' } });
    expect(page.items[2]!.data).toMatchObject({ mode: 'READONLY' });
    expect(page.items[3]!.data).toMatchObject({ mode: null });
    expect(page.items[6]!.data).toMatchObject({ policy: 'registrars-only' });
  });

  it('tells of associations what a subject got, what became of it and what it lost, to whoever may read the subject', async () => {
    users.add('mine', ['viewer'], 'mine.*');
    for (const subject of ['mine.a', 'yours.b']) await register(subject, subject.replace('.', ''));
    const { next } = await read('?from=now');
    const resource = { resourceName: 'orders', resourceNamespace: 'ns', resourceId: 'orders-1' };
    const associate = (method: 'POST' | 'PUT', subject: string, more: object = {}) =>
      calls.ask(method, method === 'POST' ? '/associations' : '/associations/resources/orders-1', {
        ...resource,
        associations: [{ subject, associationType: 'value', ...more }],
      });
    expect((await associate('POST', 'mine.a', { lifecycle: 'WEAK' })).status).toBe(200);
    expect((await associate('PUT', 'mine.a', { lifecycle: 'STRONG' })).status).toBe(200);
    expect((await calls.delete('/associations/resources/orders-1?resourceType=topic')).status).toBe(204);
    expect((await associate('POST', 'yours.b', { lifecycle: 'WEAK' })).status).toBe(200);
    const page = await read(`?cursor=${next}`);
    expect(told(page)).toEqual([
      'association-set mine.a',
      'association-set mine.a',
      'association-removed mine.a',
      'association-set yours.b',
    ]);
    const orders = { ...resource, resourceType: 'topic', associationType: 'value', frozen: false };
    expect(page.items.map((one) => one.data['association'])).toEqual([
      { ...orders, lifecycle: 'WEAK' },
      { ...orders, lifecycle: 'STRONG' },
      { ...orders, lifecycle: 'STRONG' },
      { ...orders, lifecycle: 'WEAK' },
    ]);
    expect(told(await read(`?cursor=${next}`, 'mine'))).toEqual(told(page).slice(0, 3));
    const resumed = await read(`?cursor=${(await read(`?cursor=${next}&limit=1`)).next}`);
    expect(told(resumed)).toEqual(told(page).slice(1));
  });

  it('goes on from any place, and has no end', async () => {
    for (let i = 0; i < 7; i++) await register(`s${i}`, `N${i}`);
    const seen: string[] = [];
    let page = await read('?limit=3');
    for (seen.push(...told(page)); !page.caughtUp; seen.push(...told(page))) {
      page = await read(`?limit=3&cursor=${page.next}`);
    }
    expect(seen).toEqual(Array.from({ length: 7 }, (_, i) => `version-registered s${i}`));
    expect(await read(`?cursor=${page.next}`)).toEqual({ items: [], next: page.next, caughtUp: true });
    const now = await read('?from=now');
    expect(now.items).toEqual([]);
    await register('later', 'L');
    expect(told(await read(`?cursor=${now.next}`))).toEqual(['version-registered later']);
  });

  it('ends a page early where what it tells is long, and goes on behind it', async () => {
    const { next } = await read('?from=now');
    const compatibilityGroup = 'x'.repeat(1_500_000);
    for (let n = 0; n < 6; n++) await calls.put(`/config/long${n}`, { compatibilityGroup });
    const page = await read(`?cursor=${next}&limit=100`);
    const rest = await read(`?cursor=${page.next}&limit=100`);
    expect([page.items.length < 6, page.caughtUp, rest.caughtUp]).toEqual([true, false, true]);
    expect(told(page).concat(told(rest))).toEqual(Array.from({ length: 6 }, (_, n) => `config-set long${n}`));
  });

  it('waits for an event when asked to, and not for ever', async () => {
    const { next } = await read('?from=now');
    let answered = false;
    const waiting = read(`?cursor=${next}&wait=30000`).finally(() => (answered = true));
    await register('s');
    while (!answered) {
      app.clock.advance(200);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(told(await waiting)).toEqual(['version-registered s']);
    const empty = read(`?from=now&wait=1`);
    let over = false;
    void empty.finally(() => (over = true));
    while (!over) {
      app.clock.advance(200);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await empty).items).toEqual([]);
  });

  it('leaves out what the caller may not read, and moves on all the same', async () => {
    users.add('mine', ['viewer'], 'mine.*');
    for (let i = 0; i < 4; i++) {
      await register(`mine.${i}`, `M${i}`);
      await register(`yours.${i}`, `Y${i}`);
    }
    await calls.put('/config', { compatibility: 'FULL' });
    const first = await read('?limit=3', 'mine');
    expect(told(first)).toEqual([0, 1, 2].map((i) => `version-registered mine.${i}`));
    expect(first.caughtUp).toBe(false);
    const second = await read(`?limit=3&cursor=${first.next}`, 'mine');
    expect(told(second)).toEqual(['version-registered mine.3', 'config-set ']);
    expect(second.caughtUp).toBe(true);
  });

  it('says when changes between are no longer kept', async () => {
    for (let i = 0; i < 3; i++) await register(`s${i}`, `N${i}`);
    const { next } = await read('?limit=1');
    store.kept = 3;
    const gone = await calls.get(`/v1/schema-events?cursor=${next}`);
    expect([gone.status, gone.problem.code]).toEqual([410, 'events-forgotten']);
    expect(gone.problem.details).toEqual({ revision: 1, oldest: 3 });
    const stream = await calls.get('/v1/schema-events', undefined, {
      accept: 'text/event-stream',
      'last-event-id': '1.0',
    });
    expect(stream.status).toBe(410);
  });

  it('refuses a place it did not give', async () => {
    for (const query of ['?cursor=xyz', '?cursor=MXg', '?limit=0', '?wait=-1', '?form=now']) {
      expect((await calls.get(`/v1/schema-events${query}`)).status).toBe(400);
    }
    const stream = await calls.get('/v1/schema-events', undefined, {
      accept: 'text/event-stream',
      'last-event-id': 'later',
    });
    expect([stream.status, stream.problem.code]).toEqual([400, 'invalid-cursor']);
  });

  it('streams, resumes after the last event seen, and tells the place where all was hidden', async () => {
    users.add('mine', ['viewer'], 'mine.*');
    const base = await app.http.listen('127.0.0.1', 0);
    /** Reads until the text of the stream says enough. */
    const stream = async (headers: Record<string, string>, enough: (text: string) => boolean) => {
      const abort = new AbortController();
      const answer = await fetch(`${base}/v1/schema-events`, {
        headers: { accept: 'text/event-stream', ...headers },
        signal: abort.signal,
      });
      expect(answer.headers.get('content-type')).toContain('text/event-stream');
      let text = '';
      const decoder = new TextDecoder();
      for await (const piece of answer.body!) {
        text += decoder.decode(piece as Uint8Array, { stream: true });
        app.clock.advance(200);
        if (enough(text)) break;
      }
      abort.abort();
      return [...text.matchAll(/^id: (.*)\nevent: (.*)$/gm)].map(([, id, event]) => `${id} ${event}`);
    };
    for (const subject of ['mine.a', 'yours', 'mine.b']) await register(subject, subject.replace('.', ''));
    expect(await stream({}, (text) => text.includes('3.0'))).toEqual([
      '1.0 weir.registry.version-registered',
      '2.0 weir.registry.version-registered',
      '3.0 weir.registry.version-registered',
    ]);
    expect(await stream({ 'last-event-id': '1.0' }, (text) => text.includes('3.0'))).toHaveLength(2);
    await register('yours.too', 'Z');
    const hidden = await stream({ authorization: 'Bearer mine', 'last-event-id': '1.0' }, (text) =>
      text.includes('place'),
    );
    expect(hidden).toEqual(['3.0 weir.registry.version-registered', expect.stringMatching(/^4\.\d+ place$/)]);
  });
});
