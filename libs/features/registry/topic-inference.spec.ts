import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { openRegistryApp, type RegistryApp } from './testing/index.js';

describe('a schema from what a topic retains, over REST', () => {
  let app: RegistryApp;
  beforeEach(async () => {
    app = await openRegistryApp();
    await app.log.createTopic({ name: 'orders', partitions: 1 });
  });
  afterEach(() => app.http.close());

  const write = (values: readonly unknown[]) =>
    app.log.append(
      { topic: 'orders', partition: 0 },
      encodeBatch(
        values.map((value) => ({
          key: Buffer.from('k'),
          value: value === undefined ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
          headers: [],
          timestamp: -1,
        })),
      ),
    );
  const infer = async (body: object, path = '/v1/topics/orders') => {
    const { statusCode: status, body: text } = await app.http.fastify.inject({
      method: 'POST',
      url: `${path}/schemas:infer`,
      payload: body,
    });
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };

  it('takes every record that it was made from, and is what the same samples give', async () => {
    const samples = [{ id: 7, at: '2024-05-01T10:00:00Z' }, { id: 8 }, { id: 9, tags: ['a'] }];
    await write([...samples.slice(0, 2), undefined, 'no JSON', samples[2]]);
    const { status, body } = await infer({ name: 'Order', namespace: 'shop' });
    expect(status).toBe(200);
    const { sampled, ...proposal } = body;
    expect(sampled).toEqual({
      ...{ cluster: 'local', topic: 'orders', generation: 1, part: 'value' },
      ...{ records: 5, used: 3, absent: 1, undecodable: 1, cutByBytes: false },
      writers: [{ schemaId: null, records: 3 }],
      partitions: [
        {
          ...{ partition: 0, from: '0', to: '5', trouble: null },
          ...{ records: 5, used: 3, absent: 1, undecodable: 1 },
        },
      ],
      failures: [{ partition: 0, offset: '3', reason: 'names no schema and is not JSON text' }],
    });
    expect(proposal).toMatchObject({ samples: 3, accepted: 3 });
    const direct = await app.http.fastify.inject({
      method: 'POST',
      url: '/v1/schemas:infer',
      payload: { samples, name: 'Order', namespace: 'shop' },
    });
    expect(JSON.parse(direct.body)).toEqual(proposal);
    expect(await infer({ name: 'Order', namespace: 'shop' }, '/v1/clusters/local/topics/orders')).toEqual({
      status,
      body,
    });
  });

  it.each(['AVRO', 'JSON', 'PROTOBUF'])('comes in %s, and can be registered as it is', async (schemaType) => {
    await write([{ id: 1 }, { id: 2, name: 'b' }]);
    const { body } = await infer({ schemaType });
    const { statusCode } = await app.http.fastify.inject({
      method: 'POST',
      url: '/subjects/orders-value/versions',
      payload: { schemaType, schema: body['schema'] },
    });
    expect([body['schemaType'], statusCode]).toEqual([schemaType, 200]);
  });

  it('is refused with what stands in its way', async () => {
    const code = async (...asked: Parameters<typeof infer>) => {
      const { status, body } = await infer(...asked);
      return [status, body['code']];
    };
    expect(await code({})).toEqual([422, 'topic-without-samples']);
    await write([1]);
    expect(await code({ schemaType: 'PROTOBUF' })).toEqual([422, 'samples-no-message']);
    expect(await code({}, '/v1/topics/nowhere')).toEqual([404, 'topic-not-found']);
    expect(await code({}, '/v1/clusters/nowhere/topics/orders')).toEqual([404, 'cluster-not-found']);
    expect(await code({ partitions: [1] })).toEqual([404, 'partition-not-found']);
    for (const body of [{ records: 0 }, { records: 10_001 }, { last: 5 }, { part: 'header' }]) {
      expect(await code(body)).toEqual([400, 'invalid-request']);
    }
  });
});
