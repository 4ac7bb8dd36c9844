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

  describe('sent as lines', () => {
    const inferLines = async (lines: string, query = '') => {
      app = await openRegistryApp();
      const { statusCode: status, body: text } = await app.http.fastify.inject({
        method: 'POST',
        url: `/v1/schemas:infer${query}`,
        headers: { 'content-type': 'application/x-ndjson' },
        payload: lines,
      });
      return { status, body: JSON.parse(text) as Record<string, unknown> };
    };

    it('is what it is for the same samples in one body', async () => {
      const samples = [{ id: 7, colour: 'red' }, { id: 8 }, { id: null }];
      const lines = samples.map((one) => JSON.stringify(one)).join('\n');
      const whole = await infer({ samples, name: 'Order', namespace: 'shop', enums: true });
      await app.http.close();
      const inLines = await inferLines(`${lines}\n \r\n\n`, '?name=Order&namespace=shop&enums=true');
      expect(inLines).toEqual(whole);
      expect(inLines.status).toBe(200);
    });

    it('is proposed from more samples than one body holds, letting others go on', async () => {
      const lines = Array.from({ length: 20_000 }, (_, i) => `{"id":${i},"name":"n${i}"}`).join('\n');
      expect((await inferLines(lines)).body).toMatchObject({ samples: 20_000, accepted: 20_000 });
    });

    it.each([
      ['a line that is no JSON', '{"a":1}\n{"a":', 400, 'sample-invalid', { line: 2 }],
      ['a line that is too deep', `${'['.repeat(40)}${']'.repeat(40)}`, 400, 'sample-invalid', { line: 1 }],
      ['a line of too much', `[${'1,'.repeat(10_000)}1]`, 400, 'sample-invalid', { line: 1 }],
      ['a line that is too long', `"${'x'.repeat(1024 * 1024)}"`, 400, 'sample-invalid', { line: 1 }],
      ['too many lines', '1\n'.repeat(100_001), 413, 'samples-too-large', { limit: 'lines', value: 100_000 }],
      ['too many bytes', ' '.repeat(16 * 1024 * 1024 + 1), 413, 'samples-too-large', { limit: 'bytes' }],
    ])('is refused for %s, with the place or the limit', async (_what, lines, status, code, details) => {
      expect(await inferLines(lines)).toMatchObject({ status, body: { code, details } });
    });

    it('is refused without any', async () => {
      expect(await inferLines('\n \r\n')).toMatchObject({ status: 400, body: { code: 'samples-missing' } });
      await app.http.close();
      expect((await inferLines('1', '?colour=red')).status).toBe(400);
    });
  });
});
