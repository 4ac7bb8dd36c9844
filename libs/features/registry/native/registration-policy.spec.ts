import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inProcess } from '#libs/platform/testing';
import { openRegistryApp, PrincipalsByName, RegistryCalls, registryForSuite } from '../testing/index.js';

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'Order', fields });
const id = { name: 'id', type: 'long' };
const vat = { name: 'vat', type: 'long', default: 0 };

describe('the registration policy', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let s: string;
  beforeAll(() => {
    for (const role of ['viewer', 'producer', 'registrar', 'governor']) users.add(role, [role]);
  });
  beforeEach(async () => {
    s = `p${++run}`;
    await calls.put('/v1/registration-policy', { policy: null });
  });

  const register = (schema: string, as: string, more: object = {}, subject = s) =>
    calls.register(subject, schema, more, as);
  const set = (policy: string | null, subject?: string, as?: string) =>
    calls.put(
      `/v1/registration-policy${subject === undefined ? '' : `/${encodeURIComponent(subject)}`}`,
      { policy },
      as,
    );

  it('lets whoever writes register while it is open, and no reader', async () => {
    expect((await register(record(id), 'producer')).status).toBe(200);
    expect((await register(record(id, vat), 'viewer')).status).toBe(403);
    expect((await register(record(id, vat), 'registrar')).status).toBe(200);
  });

  it('leaves new schemas to registrars, and a producer that registers at every start goes on with known ones', async () => {
    const { id: known } = (await register(record(id), 'registrar')).json;
    await set('registrars-only');
    for (let start = 0; start < 3; start++) {
      expect((await register(record(id), 'producer')).json).toMatchObject({ id: known, version: 1 });
    }
    const refused = await register(record(id, vat), 'producer');
    expect([refused.status, refused.json]).toEqual([
      403,
      { error_code: 40301, message: expect.stringContaining('registrars only') as string },
    ]);
    expect((await calls.get(`/subjects/${s}/versions`)).json).toEqual([1]);
    expect((await register(record(id, vat), 'registrar')).json.version).toBe(2);
    expect((await register(record(id, vat), 'producer')).json.version).toBe(2);
  });

  it('answers known schemas too where settings complete them, and where the mode is read-only', async () => {
    await calls.put(`/config/${s}`, { defaultMetadata: { properties: { owner: 'team' } } });
    const { id: known } = (await register(record(id), 'registrar')).json;
    await set('registrars-only');
    await calls.put(`/mode/${s}`, { mode: 'READONLY' });
    expect((await register(record(id), 'producer')).json.id).toBe(known);
    expect((await register(record(id), 'producer', { metadata: { properties: { owner: 'me' } } })).status).toBe(403);
  });

  it('counts for rolling back, in the words of the native API', async () => {
    await register(record(id), 'registrar');
    await register(record(id, vat), 'registrar');
    await set('registrars-only');
    const refused = await calls.post(`/v1/subjects/${s}:rollback`, { version: 1 }, 'producer');
    expect([refused.status, refused.problem.code, refused.problem.details]).toEqual([
      403,
      'registration-forbidden',
      { subject: s },
    ]);
    expect((await calls.post(`/v1/subjects/${s}:rollback`, { version: 1 }, 'registrar')).status).toBe(200);
  });

  it('is that of the subject, else of its context, else of all', async () => {
    const dev = `:.dev${run}:`;
    const shown = async (subject: string) =>
      (await calls.get(`/v1/registration-policy/${encodeURIComponent(subject)}`)).json as object;
    await set('registrars-only');
    await set('open', dev);
    await set('registrars-only', `${dev}strict`);
    expect((await register(record(id), 'producer', {}, s)).status).toBe(403);
    expect((await register(record(id), 'producer', {}, `${dev}free`)).status).toBe(200);
    expect((await register(record(id), 'producer', {}, `${dev}strict`)).status).toBe(403);
    expect(await shown(`${dev}free`)).toEqual({ subject: `${dev}free`, policy: 'open', own: null });
    expect(await shown(`${dev}strict`)).toMatchObject({ policy: 'registrars-only', own: 'registrars-only' });
    await set(null, `${dev}strict`);
    expect(await shown(`${dev}strict`)).toMatchObject({ policy: 'open', own: null });
    expect((await calls.get('/v1/registration-policy')).json).toEqual({
      subject: null,
      policy: 'registrars-only',
      own: 'registrars-only',
    });
  });

  it('outlives the subject, so that deleting does not open what is protected', async () => {
    await set('registrars-only', s);
    await register(record(id), 'registrar');
    await calls.delete(`/subjects/${s}`);
    await calls.delete(`/subjects/${s}?permanent=true`);
    expect((await register(record(id), 'producer')).status).toBe(403);
  });

  it('is set by who governs', async () => {
    expect((await set('registrars-only', s, 'registrar')).status).toBe(403);
    expect((await set('registrars-only', undefined, 'producer')).status).toBe(403);
    expect((await set('registrars-only', s, 'governor')).json).toMatchObject({ subject: s, own: 'registrars-only' });
    expect((await set('closed', s)).status).toBe(400);
    expect((await set('open', '__GLOBAL')).problem.code).toBe('subject-invalid');
  });

  it('begins with what the service is set to', async () => {
    const strict = await openRegistryApp({ authenticator: users, registration: 'registrars-only' });
    const asked = new RegistryCalls(inProcess(() => strict.http.fastify));
    expect((await asked.get('/v1/registration-policy')).json).toEqual({
      subject: null,
      policy: 'registrars-only',
      own: null,
    });
    const refused = await asked.register('s', record(id), {}, 'producer');
    expect(refused.status).toBe(403);
    await strict.http.close();
  });
});
