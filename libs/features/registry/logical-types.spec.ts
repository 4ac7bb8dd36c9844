import { beforeEach, describe, expect, it } from 'vitest';
import { registryForSuite } from './testing/index.js';

const decimal = (scale: number) =>
  JSON.stringify({
    type: 'record',
    name: 'Price',
    fields: [{ name: 'cents', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale } }],
  });

describe('logical types of release 8.4, which are not taken over', () => {
  const { calls } = registryForSuite();
  let run = 0;
  let subject: string;
  beforeEach(() => {
    subject = `logical${++run}`;
  });
  const config = (query = '') => calls.get<Record<string, unknown>>(`/config/${subject}${query}`);

  it.each([
    ['LOGICAL', {}],
    ['logical', { compatibility: 'FULL' }],
    ['LOGICAL', { normalize: true }],
  ])('the policy %s is no error, changes nothing and is never told, beside %j', async (compatibilityPolicy, more) => {
    await calls.put(`/config/${subject}`, { compatibility: 'BACKWARD', compatibilityPolicy: 'LENIENT' });
    const { status, json } = await calls.put(`/config/${subject}`, { ...more, compatibilityPolicy });
    expect([status, json]).toEqual([200, { compatibility: 'BACKWARD', compatibilityPolicy: 'LENIENT', ...more }]);
    expect((await config()).json).toMatchObject({ compatibilityPolicy: 'LENIENT' });
    const fresh = `${subject}-fresh`;
    expect((await calls.put(`/config/${fresh}`, { compatibility: 'FULL', compatibilityPolicy })).status).toBe(200);
    expect((await calls.get(`/config/${fresh}`)).json).toEqual({ compatibilityLevel: 'FULL' });
  });

  it('what that policy would find is not found, and the native check warns of it', async () => {
    await calls.put(`/config/${subject}`, { compatibility: 'FULL', compatibilityPolicy: 'LOGICAL' });
    await calls.registered(subject, decimal(2));
    const check = await calls.post<{ warnings: { rule: string }[] }>('/v1/schemas:check', {
      subject,
      schema: decimal(3),
    });
    expect(check.json).toMatchObject({ compatible: true });
    expect(JSON.stringify(check.json.warnings)).toContain('avro/unsound-decimal');
    const refused = await calls.post('/v1/schemas:check', { subject, schema: decimal(3), policy: 'LOGICAL' });
    expect([refused.status, refused.problem.code]).toEqual([400, 'invalid-request']);
    expect((await calls.register(subject, decimal(3))).status).toBe(200);
  });

  it.each([
    ['AVRO', 'ROW<id BIGINT NOT NULL, name STRING>'],
    ['AVRO', 'BIGINT'],
    ['AVRO', 'id BIGINT NOT NULL'],
    ['JSON', 'ROW<id BIGINT NOT NULL, name STRING>'],
    ['JSON', 'STRING'],
    ['PROTOBUF', 'ROW<id BIGINT NOT NULL, name STRING>'],
    ['PROTOBUF', 'BIGINT'],
  ])('%s: a definition in another language, sent with format=logical, is refused: %s', async (schemaType, schema) => {
    const path = `/subjects/${subject}/versions`;
    const { status, code } = await calls.post(`${path}?format=logical`, { schemaType, schema });
    expect([status, code]).toEqual([422, 42201]);
    expect((await calls.get(path)).code).toBe(40401);
  });

  it('format=logical gives the text as it is stored, also of what is registered with it', async () => {
    const path = `/subjects/${subject}/versions`;
    const made = await calls.post<{ id: number }>(`${path}?format=logical`, { schema: decimal(2) });
    expect(made.status).toBe(200);
    for (const url of [`/schemas/ids/${made.json.id}?format=logical`, `${path}/1?format=LOGICAL`]) {
      expect((await calls.get(url)).json).toMatchObject({ schema: decimal(2) });
    }
  });
});
