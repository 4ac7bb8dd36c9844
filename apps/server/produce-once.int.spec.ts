import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, type Answer } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

describe('requests to write that must take effect once, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService({ WEIR_RECORDS_IDEMPOTENCY_KEYS: '10' });
  });
  afterAll(() => running.stop());

  const newTopic = async (): Promise<string> => {
    const topic = `once${++topics}`;
    await client.topic(topic, 3);
    return topic;
  };
  const send = (topic: string, key: string, records: readonly object[], query = ''): Promise<Answer> =>
    client.post(`/v1/topics/${topic}/records${query}`, { records }, undefined, { 'idempotency-key': key });

  it('are written once, and a repetition gets the first answer and a mark', async () => {
    const topic = await newTopic();
    const records = [{ key: 'a', value: 1 }, { value: 2 }, { key: 'b', value: null }];
    const first = await send(topic, 'k1', records);
    const again = await send(topic, 'k1', records);
    expect([first.status, first.headers['idempotency-replayed']]).toEqual([200, undefined]);
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true']);
    expect(again.text).toBe(first.text);
    expect(await client.read(topic)).toHaveLength(3);
  });

  it('are refused with another body, and when the key is no key', async () => {
    const topic = await newTopic();
    await send(topic, 'k2', [{ value: 1 }]);
    const other = await send(topic, 'k2', [{ value: 2 }]);
    expect([other.status, other.problem.code]).toEqual([422, 'idempotency-key-reused']);
    expect((await send(topic, '', [{ value: 2 }])).problem.code).toBe('invalid-idempotency-key');
    expect(await client.read(topic)).toHaveLength(1);
  });

  it('are answered as before when the schema that they were written with is no longer the latest', async () => {
    const topic = await newTopic();
    const schema = (type: string) => JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'a', type }] });
    await client.demand('PUT', `/config/${topic}-value`, { compatibility: 'NONE' });
    await client.register(`${topic}-value`, 'AVRO', schema('int'));
    const first = await send(topic, 'k3', [{ value: { a: 1 } }]);
    await client.register(`${topic}-value`, 'AVRO', schema('string'));
    expect((await send(topic, 'k3', [{ value: { a: 1 } }])).text).toBe(first.text);
  });

  it('are all there or none, over partitions', async () => {
    const topic = await newTopic();
    const good = [0, 1, 2].map((partition) => ({ value: partition, partition }));
    const refused = await client.post(`/v1/topics/${topic}/records?atomic=true`, {
      records: [...good, { value: 9, partition: 7 }],
    });
    expect([refused.status, refused.problem.code]).toEqual([404, 'partition-not-found']);
    expect(await client.read(topic)).toEqual([]);
    const written = await client.post(`/v1/topics/${topic}/records?atomic=true&acks=all`, { records: good });
    expect([written.status, (written.json as { durability: string }).durability]).toEqual([200, 'durable']);
    expect(await client.read(topic)).toHaveLength(3);
  });

  it('cannot ask for less than the topic promises', async () => {
    const topic = await newTopic();
    const answer = await client.post(`/v1/topics/${topic}/records?acks=0`, { records: [{ value: 1 }] });
    expect([answer.status, answer.problem.code]).toEqual([400, 'invalid-request']);
  });

  it('are refused at the limit of keys, naming it', async () => {
    const topic = await newTopic();
    const answers: Answer[] = [];
    for (let i = 0; i < 12; i++) answers.push(await send(topic, `many${i}`, [{ value: i }]));
    const last = answers.at(-1)!;
    expect([last.status, last.problem.code, last.problem.details]).toMatchObject([
      429,
      'too-many-idempotency-keys',
      { limit: 'records.idempotencyKeys', value: 10 },
    ]);
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(80_000);
  });

  it("never reach the log's own topics", async () => {
    const answer = await client.post('/v1/topics/__weir_idempotency/records', { records: [{ value: 1 }] });
    expect([answer.status, answer.problem.code]).toEqual([404, 'topic-not-found']);
  });
});
