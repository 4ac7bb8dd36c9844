import { describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, serverForSuite } from '#libs/platform/testing';

describe('the data plane over HTTP', () => {
  const server = serverForSuite();
  const calls = new DataPlaneCalls(overHttp(() => server().url));

  it('gives each record its place, and gives back what was written: JSON, text, binary, tombstones, headers', async () => {
    await calls.topic('forms');
    const headers = [
      { key: 'h', value: 'x' },
      { key: 'h', value: null },
      { key: 'b', value: { base64: '/w==' } },
    ];
    const written = await calls.produce('forms', [
      { key: 'a', value: { n: 1 }, headers, timestamp: 5 },
      { key: 'a', value: null },
      { value: 'plain' },
    ]);
    expect(written).toMatchObject({
      status: 200,
      json: {
        failed: 0,
        durability: 'durable',
        results: [{ partition: 0, offset: '0' }, { offset: '1' }, { offset: '2' }],
      },
    });
    await calls.produce('forms', [{ key: 'AAH/', value: '/w==' }], { keyFormat: 'binary', valueFormat: 'binary' });
    const { records } = await calls.page('forms', 'from=start');
    expect(records).toMatchObject([
      { offset: '0', key: 'a', keyFormat: 'text', value: { n: 1 }, valueFormat: 'json', timestamp: 5, headers },
      { offset: '1', key: 'a', value: null, valueFormat: 'none' },
      { offset: '2', key: null, value: 'plain', valueFormat: 'json' },
      { offset: '3', key: 'AAH/', keyFormat: 'binary', value: '/w==', valueFormat: 'binary' },
    ]);
  });

  it('encodes by the registered schema, and names every field that does not fit, writing nothing', async () => {
    await calls.topic('typed');
    const schema = JSON.stringify({
      type: 'record',
      name: 'T',
      fields: [
        { name: 'n', type: 'int' },
        { name: 's', type: ['null', 'string'], default: null },
      ],
    });
    await calls.post('/subjects/typed-value/versions', { schema });
    expect((await calls.produce('typed', [{ value: { n: 7 } }])).status).toBe(200);
    const refused = await calls.produce('typed', [{ value: { n: 1 } }, { value: { n: 'x', t: 1 } }]);
    expect(refused).toMatchObject({
      status: 422,
      json: { code: 'invalid-record', errors: [{ path: '/records/1/value/n' }, { path: '/records/1/value/t' }] },
    });
    expect((await calls.page('typed', 'from=start')).records).toMatchObject([
      { value: { n: 7, s: null }, valueFormat: 'schema' },
    ]);
  });

  it('reads from an offset, a time, the last N and the end, and pages put together are the log', async () => {
    await calls.topic('log', 2);
    await calls.produce(
      'log',
      Array.from({ length: 50 }, (_, n) => ({ key: `k${n % 5}`, value: n, timestamp: 1_000 * n })),
    );
    const values = async (query: string) => (await calls.page('log', query)).records.map((one) => one.value);
    expect(await values('from=@30000&partition=0')).toEqual(
      (await values('from=start&partition=0')).filter((n) => Number(n) >= 30),
    );
    expect(await values('from=-3&partition=1')).toEqual((await values('from=start&partition=1')).slice(-3));
    expect(await values('from=2&partition=1&limit=1')).toEqual((await values('from=start&partition=1')).slice(2, 3));
    expect(await values('from=end')).toEqual([]);
    const seen: unknown[] = [];
    for (
      let page = await calls.page('log', 'from=start&limit=7');
      ;
      page = await calls.page('log', `cursor=${page.next}&limit=7`)
    ) {
      seen.push(...page.records.map((one) => one.value));
      if (page.atEnd) break;
    }
    expect([...seen].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('lets a read wait for a record that comes', async () => {
    await calls.topic('waiting');
    const waiting = calls.page('waiting', 'from=end&wait=10000');
    await calls.produce('waiting', [{ value: 'now' }]);
    expect((await waiting).records).toMatchObject([{ value: 'now' }]);
  });

  it('keeps positions of groups as text, with their lag, and refuses those beyond the end', async () => {
    await calls.topic('grouped', 2);
    await calls.produce('grouped', [
      { partition: 0, value: 1 },
      { partition: 0, value: 2 },
    ]);
    const stored = await calls.put('/v1/groups/g/positions', {
      positions: [{ topic: 'grouped', partition: 0, offset: '1', metadata: 'note' }],
    });
    expect(stored).toMatchObject({
      status: 200,
      json: {
        positions: [{ topic: 'grouped', partition: 0, offset: '1', endOffset: '2', lag: '1', metadata: 'note' }],
      },
    });
    const beyond = await calls.put('/v1/groups/g/positions', {
      positions: [{ topic: 'grouped', partition: 0, offset: '3' }],
    });
    expect(beyond).toMatchObject({ status: 400, json: { code: 'position-out-of-range' } });
    expect((await calls.delete('/v1/groups/g')).status).toBe(204);
    expect((await calls.get('/v1/groups/g')).status).toBe(404);
  });

  it('lets a derivation alone write its topic, and says so at once', async () => {
    await calls.topic('source');
    await calls.post('/v1/derivations', { kind: 'latest', source: 'source', name: 'derived' });
    expect(await calls.produce('derived', [{ key: 'a', value: 1 }])).toMatchObject({
      status: 409,
      json: { code: 'topic-is-derived' },
    });
  });

  it('refuses a view column that is named like a parameter of its queries', async () => {
    await calls.topic('facts');
    const declared = await calls.put('/v1/views/v', {
      source: { topic: 'facts', mode: 'events' },
      key: { k: { from: 'value.k', type: 'text' } },
      columns: { count: { aggregate: 'count' } },
    });
    expect(declared).toMatchObject({
      status: 422,
      json: { code: 'invalid-view', errors: [{ path: '/columns/count' }] },
    });
  });

  it('answers a topic that is deleted as one that never was, and lets its name be used again when it is deleted for good', async () => {
    await calls.topic('gone');
    await calls.produce('gone', [{ value: 1 }]);
    expect((await calls.delete('/v1/topics/gone')).status).toBe(200);
    expect(await calls.get('/v1/topics/gone')).toMatchObject({ status: 404, json: { code: 'topic-not-found' } });
    expect((await calls.produce('gone', [{ value: 1 }])).status).toBe(404);
    expect((await calls.delete('/v1/topics/gone?permanent=true')).status).toBe(200);
    await calls.topic('gone');
    expect((await calls.page('gone', 'from=start')).records).toEqual([]);
  });
});
