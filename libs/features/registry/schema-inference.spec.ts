import { afterEach, describe, expect, it } from 'vitest';
import { openRegistryApp, type RegistryApp } from './testing/index.js';

describe('a schema from samples over REST', () => {
  let app: RegistryApp;
  afterEach(() => app.http.close());
  const infer = async (body: object) => {
    app = await openRegistryApp();
    const { statusCode: status, body: text } = await app.http.fastify.inject({
      method: 'POST',
      url: '/v1/schemas:infer',
      payload: body,
    });
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };

  it('is proposed with what was seen, and takes every sample', async () => {
    const { status, body } = await infer({
      samples: [{ id: 7, at: '2024-05-01T10:00:00Z' }, { id: 8 }],
      name: 'Order',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ schemaType: 'AVRO', samples: 2, accepted: 2, conflicts: [] });
    expect(JSON.parse(body.schema as string)).toMatchObject({
      name: 'Order',
      fields: [{ name: 'id', type: 'long' }, { name: 'at' }],
    });
  });

  it('is refused where there is none, naming why', async () => {
    expect((await infer({ samples: [1], schemaType: 'PROTOBUF' })).body).toMatchObject({ code: 'samples-no-message' });
  });
});
