import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

/** What the tests look at of an answer. */
interface Body {
  readonly code?: string;
  readonly items: readonly { readonly name: string }[];
  readonly positions: readonly unknown[];
}

describe('topics that are guarded, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> => {
    const response = await fetch(`${running.url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  };
  const produce = (topic: string) => call('POST', `/v1/topics/${topic}/records`, { records: [{ key: 'a', value: 1 }] });
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  it('are deleted softly, listed, kept with their positions, and restored', async () => {
    await client.topic('orders', 2);
    await client.produce('orders', [
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ]);
    await call('PUT', '/v1/groups/g/positions', { positions: [{ topic: 'orders', partition: 0, offset: '0' }] });
    const before = (await call('GET', '/v1/topics/orders')).body;
    expect(before).toMatchObject({ protected: false, frozen: false, deletedAt: null, purgeAt: null });
    expect((await call('DELETE', '/v1/topics/orders')).status).toBe(200);
    expect(await call('GET', '/v1/topics/orders')).toMatchObject({
      status: 404,
      body: { code: 'topic-not-found', hint: expect.stringContaining('orders:restore') },
    });
    expect((await call('GET', '/v1/topics')).body.items).toEqual([]);
    expect((await call('GET', '/v1/topics?deleted=true')).body.items).toMatchObject([
      { name: 'orders', state: 'BROWNED_OUT', purgeAt: expect.any(String) },
    ]);
    expect(await call('POST', '/v1/topics', { name: 'orders' })).toMatchObject({
      status: 409,
      body: { code: 'topic-name-kept' },
    });
    // A position of it says so, instead of looking like one that nobody knows anything of.
    const position = { topic: 'orders', partition: 0, offset: '0' };
    expect((await call('GET', '/v1/groups/g')).body.positions).toEqual([
      expect.objectContaining({ ...position, endOffset: null, lag: null, topicDeletedAt: expect.stringMatching(/^2/) }),
    ]);
    expect(await call('POST', '/v1/topics/orders:restore')).toEqual({ status: 200, body: before });
    expect((await call('GET', '/v1/groups/g')).body.positions).toEqual([
      expect.objectContaining({ ...position, lag: expect.stringMatching(/^[0-9]+$/), topicDeletedAt: null }),
    ]);
    expect((await client.page('orders', 'from=start')).records).toHaveLength(2);
  });

  it('refuse what they are guarded against, on each path to them', async () => {
    await client.topic('ledger');
    await call('POST', '/v1/clusters/local/topics/ledger:protect');
    for (const query of ['', '?permanent=true', '?force=true&permanent=true']) {
      expect(await call('DELETE', `/v1/topics/ledger${query}`)).toMatchObject({
        status: 409,
        body: { code: 'topic-protected' },
      });
    }
    expect((await call('POST', '/v1/topics/ledger:freeze')).body).toMatchObject({ frozen: true, protected: true });
    expect(await produce('ledger')).toMatchObject({
      status: 409,
      body: { code: 'topic-frozen' },
    });
    await call('POST', '/v1/topics/ledger:unfreeze');
    expect((await produce('ledger')).status).toBe(200);
    await call('POST', '/v1/topics/ledger:unprotect');
    expect((await call('DELETE', '/v1/topics/ledger?permanent=true')).status).toBe(200);
    expect((await call('POST', '/v1/topics', { name: 'ledger' })).status).toBe(201);
  });

  it('are not deleted while a view or a derivation reads or fills them, which are named', async () => {
    await client.topic('source');
    await call('POST', '/v1/derivations', { kind: 'latest', source: 'source', name: 'newest' });
    for (const topic of ['source', 'newest']) {
      expect(await call('DELETE', `/v1/topics/${topic}`)).toMatchObject({
        status: 409,
        body: { code: 'topic-in-use', details: { users: [{ kind: 'derivation', name: 'newest' }] } },
      });
    }
    expect(await call('POST', '/v1/topics/newest:freeze')).toMatchObject({ body: { code: 'topic-not-active' } });
    await call('POST', '/v1/topics/newest:protect');
    expect(await call('DELETE', '/v1/derivations/newest')).toMatchObject({
      status: 409,
      body: { code: 'topic-protected' },
    });
    expect((await call('DELETE', '/v1/topics/source?force=true')).status).toBe(200);
    expect((await call('POST', '/v1/topics/source:restore')).body).toMatchObject({ state: 'ACTIVE' });
  });
});
