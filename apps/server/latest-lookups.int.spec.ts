import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Page {
  readonly items: readonly { readonly key: string; readonly value: unknown }[];
  readonly next: string | null;
}

/** Longest wait for work that goes on beside a test. */
const SOON = { timeout: 20_000, interval: 10 };

describe('lookups in latest streams, for keys without a view', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  const keyPath = (key: string): string => `/v1/topics/latest-orders/latest/${encodeURIComponent(key)}`;

  beforeAll(async () => {
    running = await runService();
    await client.topic('orders', 3);
    await client.produce('orders', [
      { key: 'o1', value: { state: 'placed' } },
      { key: 'o2', value: { state: 'placed' } },
      { key: 'o1', value: { state: 'paid' } },
      { key: 'a/b?c=d%', value: { state: 'odd' } },
      { key: 'schön ☃', value: [1, null] },
      { key: 'ended', value: { state: 'placed' } },
      { key: 'ended', value: null },
    ]);
    await client.demand('POST', '/v1/derivations', { kind: 'latest', source: 'orders', name: 'latest-orders' });
  });
  afterAll(() => running.stop());

  it('answer the present state of a key and where it lies, whatever the key is written with', async () => {
    await expect
      .poll(async () => (await client.get(keyPath('o1'))).json, SOON)
      .toMatchObject({
        key: 'o1',
        value: { state: 'paid' },
        offset: expect.stringMatching(/^\d+$/) as string,
      });
    await expect
      .poll(async () => (await client.get(keyPath('a/b?c=d%'))).json, SOON)
      .toMatchObject({ key: 'a/b?c=d%', value: { state: 'odd' } });
    await expect
      .poll(async () => (await client.get(keyPath('schön ☃'))).json, SOON)
      .toMatchObject({ value: [1, null] });
  });

  it('do not know a key that has ended, nor one that never was', async () => {
    // Known until it ends.
    await client.produce('orders', [{ key: 'brief', value: { state: 'placed' } }]);
    await expect.poll(async () => (await client.get(keyPath('brief'))).status, SOON).toBe(200);
    await client.produce('orders', [{ key: 'brief', value: null }]);
    await expect.poll(async () => (await client.get(keyPath('brief'))).status, SOON).toBe(404);
    await expect
      .poll(async () => (await client.get(keyPath('o1'))).json, SOON)
      .toMatchObject({ value: { state: 'paid' } });
    for (const key of ['ended', 'never'])
      expect(await client.get(keyPath(key))).toMatchObject({ status: 404, json: { code: 'key-not-found' } });
  });

  it('follow what is written, and what ends', async () => {
    await client.produce('orders', [{ key: 'o2', value: { state: 'sent' } }]);
    await expect
      .poll(async () => (await client.get(keyPath('o2'))).json, SOON)
      .toMatchObject({ value: { state: 'sent' } });
    await client.produce('orders', [{ key: 'o2', value: null }]);
    await expect.poll(async () => (await client.get(keyPath('o2'))).status, SOON).toBe(404);
    await client.produce('orders', [{ key: 'o2', value: { state: 'again' } }]);
    await expect
      .poll(async () => (await client.get(keyPath('o2'))).json, SOON)
      .toMatchObject({ value: { state: 'again' } });
  });

  it('list all keys in pages, each once, and those with a prefix', async () => {
    const keys: string[] = [];
    for (let path = '/v1/topics/latest-orders/latest?limit=2'; ;) {
      const { json } = await client.get<Page>(path);
      keys.push(...json.items.map((item) => item.key));
      if (json.next === null) break;
      path = `/v1/topics/latest-orders/latest?limit=2&cursor=${json.next}`;
    }
    expect(keys).toHaveLength(4);
    expect([...keys].sort()).toEqual(['a/b?c=d%', 'o1', 'o2', 'schön ☃'].sort());
    const { json } = await client.get<Page>('/v1/topics/latest-orders/latest?prefix=o');
    expect(json.items.map((item) => item.key)).toEqual(['o1', 'o2']);
  });

  it('are refused for topics that are no latest streams', async () => {
    expect(await client.get('/v1/topics/orders/latest/o1')).toMatchObject({
      status: 409,
      json: { code: 'not-a-latest-stream' },
    });
    expect((await client.get('/v1/topics/none/latest/o1')).status).toBe(404);
  });
});
