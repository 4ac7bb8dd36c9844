import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Clusters } from '#libs/core/log';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

describe('records are found and paged, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService({ WEIR_LOG_MAX_PARTITIONS_PER_TOPIC: '2000' });
  });
  afterAll(() => running.stop());

  const filled = async (): Promise<string> => {
    const topic = `read${++topics}`;
    await client.topic(topic, 2);
    const records = Array.from({ length: 30 }, (_, n) => ({
      key: `k${n % 5}`,
      value: { n, place: { country: n % 3 === 0 ? 'DE' : 'FR' }, tags: ['a', `t${n % 2}`], __proto__: n },
      headers: [{ key: 'trace.id', value: `x${n % 4}` }],
      timestamp: 1_000 + n,
      partition: n % 2,
    }));
    await client.produce(topic, records);
    return topic;
  };
  const numbers = (records: readonly { value: unknown }[]): number[] =>
    records.map(({ value }) => (value as { n: number }).n).sort((a, b) => a - b);
  const multiples = (of: number) => Array.from({ length: 30 }, (_, n) => n).filter((n) => n % of === 0);

  it('by key, by fields, by headers, all of which must hold', async () => {
    const topic = await filled();
    const found = async (query: string) => numbers(await client.read(topic, query));
    expect(await found('&key=k0')).toEqual(multiples(5));
    expect(await found('&filter=value.place.country=DE')).toEqual(multiples(3));
    expect(await found('&filter=value.tags.1=t0')).toEqual(multiples(2));
    expect(await found('&filter=header.trace.id=x0')).toEqual(multiples(4));
    expect(await found('&filter=value.place.country=DE&filter=value.tags.1=t0&key=k0')).toEqual([0]);
    expect(await found('&filter=value.constructor=x')).toEqual([]);
    expect(await found('&filter=value.place=DE')).toEqual([]);
    expect(await found('&filter=header.trace.id=x0&format=binary')).toHaveLength(8);
  });

  it('page by page: the cursor keeps what is looked for', async () => {
    const topic = await filled();
    const seen: number[] = [];
    for (let query = 'filter=value.place.country=DE'; ;) {
      const page = await client.page(topic, `${query}&limit=3`);
      seen.push(...numbers(page.records));
      if (page.atEnd) break;
      query = `cursor=${page.next}`;
    }
    expect(seen.sort((a, b) => a - b)).toEqual(multiples(3));
  });

  it('page by page over 2,000 partitions: by the URL while the cursor fits in, by a body however long it is', async () => {
    await client.topic('wide', 2_000);
    const records = Array.from({ length: 2_000 }, (_, n) => ({ value: { n }, partition: n }));
    await client.produce('wide', records);
    const first = await client.page('wide', 'limit=700');
    expect(first.next.length).toBeLessThan(8_000);
    const second = await client.page('wide', `cursor=${first.next}&limit=700`);
    const read = (body: object): Promise<typeof first> => client.demand('POST', '/v1/topics/wide/records:read', body);
    const third = await read({ cursor: second.next, limit: 700 });
    const seen = [first, second, third].flatMap((page) => numbers(page.records));
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
    expect(third.atEnd).toBe(true);
    // Ends make it longer than the headers of a request may be.
    const bounded = await read({ until: '9007199254740991', filter: [`value.n=${'x'.repeat(1_000)}`], limit: 1 });
    expect(bounded.next.length).toBeGreaterThan(16_384);
    const tooLong = await fetch(`${running.url}/v1/topics/wide/records?cursor=${bounded.next}`);
    expect(tooLong.status).toBe(431);
    expect((await read({ cursor: bounded.next })).records).toEqual([]);
    const both = await client.post('/v1/topics/wide/records:read', { cursor: first.next, from: 'start' });
    expect([both.status, both.json]).toMatchObject([400, { code: 'invalid-request' }]);
  });

  it('as many as an answer holds, also where they are large', async () => {
    await client.topic('large', 1);
    const value = 'x'.repeat(100_000);
    for (let round = 0; round < 3; round++)
      await client.produce(
        'large',
        Array.from({ length: 10 }, () => ({ value })),
      );
    const first = await client.page('large', 'limit=10000');
    expect([first.records.length, first.atEnd]).toEqual([21, false]);
    const second = await client.page('large', `cursor=${first.next}&limit=10000`);
    expect([second.records.length, second.atEnd]).toEqual([9, true]);
  });

  it('up to an offset, a time, or the end as of now', async () => {
    const topic = await filled();
    expect(numbers(await client.read(topic, '&until=3'))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(numbers(await client.read(topic, '&until=@1007'))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const first = await client.page(topic, 'until=end&limit=7');
    await client.produce(topic, [{ key: 'late', value: { n: 99 } }]);
    const rest = await client.page(topic, `cursor=${first.next}&limit=100&wait=20000`);
    expect([numbers([...first.records, ...rest.records]), rest.atEnd]).toEqual([multiples(1), true]);
    const over = await client.page(topic, `cursor=${rest.next}&wait=20000`);
    expect([over.records, over.atEnd]).toEqual([[], true]);
  });

  it('waits for a record that is looked for, and not for another', async () => {
    const topic = await filled();
    const { next } = await client.page(topic, 'from=end&key=awaited');
    const polled = client.page(topic, `cursor=${next}&wait=20000`);
    await client.produce(topic, [{ key: 'other', value: { n: 1 } }]);
    await client.produce(topic, [{ key: 'awaited', value: { n: 2 } }]);
    expect(numbers((await polled).records)).toEqual([2]);
  });

  it.each([
    ['filter=value', 'invalid-filter'],
    ['filter=v.a=1', 'invalid-filter'],
    ['filter=header=1', 'invalid-filter'],
    ['filter=value..a=1', 'invalid-filter'],
    [Array.from({ length: 8 }, (_, n) => `filter=value.a=${n}`).join('&') + '&key=a', 'invalid-filter'],
    ['filter=value.a=1&format=binary', 'invalid-request'],
    ['until=start', 'invalid-position'],
    ['until=-3', 'invalid-position'],
    ['cursor=abc', 'invalid-cursor'],
    ['cursor=WzEsMSxbWzAsIjAiXV1d', 'invalid-cursor'],
  ])('refuses %s', async (query, code) => {
    const topic = await filled();
    const answer = await client.get(`/v1/topics/${topic}/records?${query}`);
    expect([answer.status, answer.problem.code]).toEqual([400, code]);
  });

  it('says which records were removed before they were read, and where reading goes on', async () => {
    const topic = await filled();
    const { next } = await client.page(topic, 'limit=4');
    const engine = running.service.app.nest.get(Clusters).get('local');
    await engine.deleteRecords([{ topic, partition: 0, offset: 12 }]);
    const answer = await client.get(`/v1/topics/${topic}/records?cursor=${next}`);
    expect([answer.status, answer.problem.code, answer.problem.details]).toMatchObject([
      410,
      'cursor-trimmed',
      { reason: 'removed', partitions: [{ partition: 0, startOffset: '12' }] },
    ]);
    const { cursor } = answer.problem.details as { cursor: string };
    const rest = await client.page(topic, `cursor=${cursor}&limit=100`);
    expect(numbers(rest.records)).toEqual(multiples(1).filter((n) => n % 2 === 1 || n >= 24));
  });
});
