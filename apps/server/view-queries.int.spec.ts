import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RowsView } from '#libs/features/views';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

describe('rows of views over REST', () => {
  let running: RunningService;
  let token: string;
  const { records: client } = new ServiceCalls(() => running.url);

  beforeAll(async () => {
    running = await runService();
    await client.topic('orders', 2);
    await client.demand('PUT', '/v1/views/orders', {
      source: { topic: 'orders' },
      key: { id: { from: 'key', type: 'text' } },
      columns: {
        n: { from: 'value.n', type: 'integer' },
        text: { from: 'value.text', type: 'text' },
        ok: { from: 'value.ok', type: 'boolean' },
        extra: { from: 'value.extra', type: 'json' },
      },
    });
    const produced = await client.produce('orders', [
      { key: 'a/b c', value: { n: 1, text: 'plain', ok: true, extra: { x: [1] } } },
      { key: 'b', value: { n: 2, text: 'a "b",\r\nc' } },
      { key: 'c', value: { n: 3, text: '', ok: false } },
    ]);
    token = produced.json.token!;
    await client.demand('GET', `/v1/views/orders/rows?at-least=${token}&wait=20s`);
  });
  afterAll(() => running.stop());

  const rows = (query: string, accept = 'application/json') =>
    client.get<RowsView>(`/v1/views/orders/rows?order=n&${query}`, undefined, { accept });

  it('are a page of JSON with their position and age unless something else is asked for', async () => {
    const answer = await rows('limit=1&count=exact', 'text/html;q=0.9, */*;q=0.1');
    expect(answer).toMatchObject({
      status: 200,
      json: {
        rows: [{ id: 'a/b c', n: 1, text: 'plain', ok: true, extra: { x: [1] } }],
        count: 3,
        position: answer.headers['view-position'],
      },
      headers: {
        'view-version': '1',
        'view-lag-ms': '0',
        'content-type': expect.stringMatching(/^application\/json/) as string,
      },
    });
    expect((await rows(`limit=5&cursor=${answer.json.next}`)).json.rows.map((row) => row['id'])).toEqual(['b', 'c']);
  });

  it('are all of them as lines or as CSV, null told from an empty text', async () => {
    const lines = await rows('select=id,text,ok', 'application/x-ndjson');
    expect(lines.headers).toMatchObject({ 'content-type': 'application/x-ndjson', 'view-version': '1' });
    expect(
      lines.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { id: 'a/b c', text: 'plain', ok: true },
      { id: 'b', text: 'a "b",\r\nc', ok: null },
      { id: 'c', text: '', ok: false },
    ]);
    const csv = await rows('', 'text/csv');
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(csv.text).toBe(
      'id,n,text,ok,extra\r\na/b c,1,plain,true,"{""x"":[1]}"\r\nb,2,"a ""b"",\r\nc",,\r\nc,3,"",false,\r\n',
    );
    expect((await rows('limit=1&select=n', 'text/csv')).text).toBe('n\r\n1\r\n');
  });

  it('are refused as other media types, and before the first byte when the query is wrong', async () => {
    expect((await rows('', 'image/png')).status).toBe(406);
    expect(await rows('m=eq.1', 'text/csv')).toMatchObject({ status: 400, json: { code: 'invalid-query' } });
    expect(await rows('limit=5&cursor=abc')).toMatchObject({ status: 400, json: { code: 'invalid-cursor' } });
  });

  it('are found by their key, whatever is in it', async () => {
    const row = (key: string, query = '') => client.get(`/v1/views/orders/rows/${encodeURIComponent(key)}${query}`);
    expect(await row('a/b c', '?select=n')).toMatchObject({
      status: 200,
      json: { n: 1 },
      headers: { 'view-version': '1' },
    });
    expect(await row('nobody')).toMatchObject({ status: 404, json: { code: 'row-not-found' } });
    expect(await row('b', '?limit=1')).toMatchObject({ status: 400, json: { errors: [{ path: 'limit' }] } });
  });

  it('wait for what was written, and say how far the view is when it is not there in time', async () => {
    await client.demand('POST', '/v1/views/orders/pause');
    const written = await client.produce('orders', [{ key: 'd', value: { n: 4 }, partition: 1 }]);
    const behind = await rows(`at-least=${token}&at-least=${written.json.token}&wait=10ms`);
    expect(behind).toMatchObject({
      status: 504,
      json: { code: 'view-behind', details: { view: 'orders', behind: [{ topic: 'orders', partition: 1 }] } },
    });
    await client.demand('POST', '/v1/views/orders/resume');
    const seen = await rows(`at-least=${token}&at-least=${written.json.token}&wait=20s&n=eq.4&select=id`);
    expect(seen.json.rows).toEqual([{ id: 'd' }]);
    expect(await rows('at-least=xyz')).toMatchObject({ status: 400, json: { code: 'invalid-position-token' } });
    expect(await rows(`at-least=${token}&wait=5m`)).toMatchObject({
      status: 400,
      json: { errors: [{ path: 'wait' }] },
    });
  });
});
