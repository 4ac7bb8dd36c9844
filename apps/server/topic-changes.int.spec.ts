import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Deletion {
  readonly offsets: string;
  readonly partitions: readonly { readonly partition: number; readonly error?: { readonly code: string } }[];
}

describe('what a topic holds, and how, is changed over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  const filled = async (): Promise<string> => {
    const topic = `changed${++topics}`;
    await client.topic(topic, 2);
    const records = Array.from({ length: 10 }, (_, n) => ({ value: n, partition: n % 2, timestamp: 1_000 * n }));
    await client.produce(topic, records);
    return topic;
  };
  const remove = (topic: string, body: object) => client.post<Deletion>(`/v1/topics/${topic}:delete-records`, body);
  const left = async (topic: string) => (await client.read(topic)).map(({ value }) => value).sort();

  it('deletes what the dry run counted, before places or a time', async () => {
    const topic = await filled();
    for (const before of ['1970-01-01T00:00:05Z', { positions: [{ partition: 0, offset: '4' }] }, 'end']) {
      const body = typeof before === 'string' ? { before } : before;
      const dry = await remove(topic, { ...body, dryRun: true });
      const kept = await left(topic);
      const done = await remove(topic, body);
      expect(done.status).toBe(200);
      expect({ ...done.json, dryRun: true }).toEqual(dry.json);
      expect(kept.length - (await left(topic)).length).toBe(Number(dry.json.offsets));
    }
    expect(await left(topic)).toEqual([]);
  });

  it('is judged by a dry run as it would be done: what is compacted or held is kept, and offsets are called records only where they are', async () => {
    const compacted = `compacted${++topics}`;
    await client.post('/v1/topics', { name: compacted, partitions: 1, config: { 'cleanup.policy': 'compact' } });
    await client.produce(compacted, [{ key: 'k', value: 1 }]);
    for (const dryRun of [true, false]) {
      const { json } = await remove(compacted, { before: 'end', dryRun });
      expect(json).toMatchObject({ dryRun, offsets: '0', exact: false });
      expect(json.partitions).toMatchObject([{ newStartOffset: '0', error: { code: 'records-kept' } }]);
    }
    const topic = await filled();
    expect((await remove(topic, { before: 'end', dryRun: true })).json).toMatchObject({ offsets: '10', exact: true });
  });

  it('says of each partition what became of it, and spoils no other', async () => {
    const topic = await filled();
    const positions = [
      { partition: 0, offset: '2' },
      { partition: 1, offset: '99' },
    ];
    for (const dryRun of [true, false]) {
      const { json } = await remove(topic, { positions, dryRun });
      expect(json.partitions).toMatchObject([{ newStartOffset: '2' }, { error: { code: 'offset-out-of-range' } }]);
    }
    expect(await left(topic)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('refuses to delete from a protected topic, and what is no place', async () => {
    const topic = await filled();
    await client.post(`/v1/topics/${topic}:protect`);
    expect((await remove(topic, { before: 'end' })).problem.code).toBe('topic-protected');
    await client.post(`/v1/topics/${topic}:unprotect`);
    for (const body of [
      {},
      { before: 'end', positions: [{ partition: 0, offset: '1' }] },
      { positions: [] },
      { positions: [{ partition: 0, offset: '-1' }] },
      { positions: [0, 0].map((partition) => ({ partition, offset: '1' })) },
      { before: 'yesterday' },
    ])
      expect((await remove(topic, body)).problem.code).toBe('invalid-request');
    expect((await remove(topic, { positions: [{ partition: 7, offset: '1' }] })).problem.code).toBe(
      'partition-not-found',
    );
    expect(await left(topic)).toHaveLength(10);
  });

  it('tells every setting with its default and what it means, and tries changes before it makes them', async () => {
    const topic = await filled();
    const path = `/v1/topics/${topic}/config`;
    const value = async () => {
      const { json } = await client.get<{ items: { name: string; value: string; source: string }[] }>(path);
      expect(json.items.length).toBeGreaterThan(0);
      for (const item of json.items) expect(item).toMatchObject({ documentation: expect.any(String) as string });
      return json.items.find(({ name }) => name === 'max.message.bytes');
    };
    expect(await value()).toMatchObject({ value: '1048588', default: '1048588', source: 'DEFAULT_CONFIG' });
    const tried = await client.ask('PATCH', `${path}?validateOnly=true`, { 'max.message.bytes': '2000' });
    expect([tried.status, (await value())?.value]).toEqual([200, '1048588']);
    const wrong = await client.ask('PATCH', `${path}?validateOnly=true`, { 'max.message.bytes': 'x' });
    expect([wrong.status, wrong.problem.code]).toEqual([400, 'invalid-topic-config']);
    await client.ask('PATCH', path, { 'max.message.bytes': '2000' });
    expect(await value()).toMatchObject({ value: '2000', source: 'DYNAMIC_TOPIC_CONFIG' });
  });

  it('adds partitions only for who accepts what becomes of keys, and readers see what is written there', async () => {
    const topic = await filled();
    const { next } = await client.page(topic, 'from=end');
    const path = `/v1/topics/${topic}:add-partitions`;
    const refused = await client.post(path, { partitions: 4 });
    expect([refused.status, refused.problem.code]).toEqual([409, 'key-placement-changes']);
    for (let i = 0; i < 2; i++) {
      const grown = await client.post<{ partitionCount: number }>(path, { partitions: 4, keyPlacement: 'may-change' });
      expect([grown.status, grown.json.partitionCount]).toEqual([200, 4]);
    }
    expect((await client.post(path, { partitions: 3, keyPlacement: 'may-change' })).problem.code).toBe(
      'invalid-partition-count',
    );
    await client.produce(topic, [{ value: 'there', partition: 3 }]);
    expect((await client.page(topic, `cursor=${next}`)).records).toMatchObject([{ partition: 3, value: 'there' }]);
  });
});
