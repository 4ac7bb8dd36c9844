import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { envelope } from '#libs/core/schema';
import { PrincipalsByName, registryForSuite } from '../testing/index.js';
import type { DeletionDoneView, DeletionPlanView } from './schema-deletions.shapes.js';

const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });

describe('deleting many over REST', () => {
  const users = new PrincipalsByName();
  const { app, calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let s: string;
  beforeAll(() => {
    users.add('viewer', ['viewer']);
  });
  beforeEach(() => {
    s = `d${++run}`;
  });

  const register = (subject: string, schema: string, more: object = {}) => calls.register(subject, schema, more);
  const plan = (body: object, as?: string) => calls.post<DeletionPlanView>('/v1/schema-deletions:plan', body, as);
  const apply = (planned: { hash: string; restsOn: object[] }, body: object, as?: string) =>
    calls.post<DeletionDoneView>(
      '/v1/schema-deletions:apply',
      { planHash: planned.hash, restsOn: planned.restsOn, ...body },
      as,
    );

  it('shows what would go by prefix, deletes it softly, and then for good', async () => {
    for (const name of ['a', 'b']) await register(`${s}.${name}`, record('R'));
    const body = { filter: { prefix: `${s}.` } };
    const planned = await plan(body, 'viewer');
    expect(planned.json).toMatchObject({
      verdict: 'ok',
      permanent: false,
      subjects: [
        { subject: `${s}.a`, versions: [1], kept: [], usage: 'unknown', blocks: [] },
        { subject: `${s}.b`, versions: [1] },
      ],
    });
    expect((await apply(planned.json, body, 'viewer')).status).toBe(403);
    expect((await calls.get(`/subjects/${s}.a/versions`)).status).toBe(200);
    const done = await apply(planned.json, body);
    expect(done.json).toMatchObject({
      repeated: false,
      subjects: [
        { subject: `${s}.a`, versions: [1] },
        { subject: `${s}.b`, versions: [1] },
      ],
    });
    expect((await calls.get(`/subjects/${s}.a/versions`)).status).toBe(404);
    const forGood = { ...body, permanent: true };
    const second = await plan(forGood);
    expect(second.json.subjects).toMatchObject([{ versions: [1] }, { versions: [1] }]);
    await apply(second.json, forGood);
    expect((await plan({ ...body, permanent: true })).json.subjects).toEqual([]);
  });

  it('takes 5,000 names, and with them what the plan rests on', async () => {
    const subjects = Array.from({ length: 5_000 }, (_, i) => ({ subject: `${s}.${i}`, versions: [1] }));
    const planned = await plan({ subjects });
    expect([planned.status, planned.json.blockers.length]).toEqual([200, 5_000]);
    const restsOn = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ subject: `${s}.${i}`, latest: 1, digest: 'd'.repeat(32) }));
    const hash = '0'.repeat(64);
    const stale = await apply({ hash, restsOn: restsOn(5_000) }, { subjects });
    expect([stale.status, stale.problem.code]).toEqual([409, 'plan-stale']);
    const refused = await apply({ hash, restsOn: restsOn(25_001) }, { filter: { prefix: s } });
    expect([refused.status, refused.problem.code]).toEqual([413, 'list-too-long']);
    expect(refused.problem.details).toEqual({ limit: 'restsOn', value: 25_000, measured: 25_001 });
  });

  it('tells, when asked, which of it retained records name', async () => {
    const used = (await register(`${s}.used`, record('Used'))).json.id;
    await register(`${s}.free`, record('Free'));
    await app().log.createTopic({ name: s, partitions: 1 });
    const value = envelope(used, Buffer.from('x'));
    await app().log.append({ topic: s, partition: 0 }, encodeBatch([{ key: null, value, headers: [], timestamp: -1 }]));
    const filter = { prefix: `${s}.` };
    expect((await plan({ filter })).json.subjects).toMatchObject([
      { usage: 'unknown', records: [] },
      { usage: 'unknown', records: [] },
    ]);
    const planned = await plan({ filter, usage: 'count' });
    expect(planned.json.subjects).toMatchObject([
      { subject: `${s}.free`, usage: 'safe', records: [{ version: 1, usage: 'safe', count: 0, reasons: [] }] },
      { subject: `${s}.used`, usage: 'in-use', records: [{ version: 1, usage: 'in-use', count: 1 }] },
    ]);
    // What was asked beside is no part of what is planned.
    expect((await apply(planned.json, { filter })).status).toBe(200);
    expect((await plan({ filter, usage: { scan: 'op_of-nobody' } })).status).toBe(404);
  });

  it('deletes by what schemas hold', async () => {
    await register(`${s}.old`, record('R'), { metadata: { properties: { owner: `gone-${s}` } } });
    await register(`${s}.new`, record('R'));
    const body = { filter: { owner: [`gone-${s}`] } };
    const planned = await plan(body);
    expect(planned.json.subjects.map((one) => one.subject)).toEqual([`${s}.old`]);
    expect((await apply(planned.json, body)).status).toBe(200);
  });

  it('refuses what is referenced, naming whom the caller may see and counting the others', async () => {
    await register(`${s}.base`, record('Base'));
    const references = [{ name: 'Base', subject: `${s}.base`, version: 1 }];
    await register(`other.${s}`, record('U', { name: 'b', type: 'Base' }), { references });
    const body = { subjects: [{ subject: `${s}.base` }] };
    const planned = await plan(body);
    expect(planned.json.subjects[0]!.blocks).toEqual([
      { code: 'schema-referenced', version: 1, referrers: [{ subject: `other.${s}`, version: 1 }], hiddenReferrers: 0 },
    ]);
    const refused = await apply(planned.json, body);
    expect([refused.status, refused.problem.code]).toEqual([409, 'plan-blocked']);
    users.add(`narrow-${s}`, ['admin'], `${s}.*`);
    expect((await plan(body, `narrow-${s}`)).json.subjects[0]!.blocks).toMatchObject([
      { code: 'schema-referenced', referrers: [], hiddenReferrers: 1 },
    ]);
    expect(JSON.stringify((await plan(body, `narrow-${s}`)).json)).not.toContain(`other.${s}`);
  });

  it('refuses a stale plan: what has come in would go too', async () => {
    await register(`${s}.a`, record('R'));
    const body = { filter: { prefix: `${s}.` } };
    const planned = await plan(body);
    await register(`${s}.b`, record('R'));
    const stale = await apply(planned.json, body);
    expect([stale.status, stale.problem.code]).toEqual([409, 'plan-stale']);
    expect(stale.problem.detail).toContain(`'${s}.b' has come in`);
    expect((await calls.get(`/subjects/${s}.a/versions`)).json).toEqual([1]);
  });

  it('sees only what the caller may read', async () => {
    await register(`${s}.mine`, record('R'));
    await register(`${s}.yours`, record('R'));
    users.add(`one-${s}`, ['admin'], `${s}.mine`);
    const planned = await plan({ filter: { prefix: `${s}.` } }, `one-${s}`);
    expect(planned.json.subjects.map((one) => one.subject)).toEqual([`${s}.mine`]);
    expect((await plan({ subjects: [{ subject: `${s}.yours` }] }, `one-${s}`)).status).toBe(404);
  });

  it('refuses a selection of nothing in particular', async () => {
    for (const body of [{}, { filter: {} }, { subjects: [] }, { filter: { suffix: 'x' } }, { prefix: 'x' }]) {
      expect([body, (await plan(body)).status]).toEqual([body, 400]);
    }
  });
});
