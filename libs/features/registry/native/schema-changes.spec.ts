import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrincipalsByName, registryForSuite } from '../testing/index.js';
import type { ChangesAppliedView, ChangesPlanView } from './schema-changes.shapes.js';

const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });
const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more });

describe('sets of changes over REST', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let s: string;
  beforeAll(() => {
    users.add('viewer', ['viewer']);
    users.add('registrar', ['registrar']);
    users.add('producer', ['producer']);
    users.add('narrow', ['admin'], 'mine*');
  });
  beforeEach(() => {
    s = `c${++run}`;
  });

  const plan = (changes: object[], as?: string) =>
    calls.post<ChangesPlanView>('/v1/schema-changes:plan', { changes }, as);
  const apply = (
    planned: { hash: string; restsOn: object[] },
    changes: object[],
    as?: string,
    headers: Record<string, string> = {},
  ) =>
    calls.post<ChangesAppliedView>(
      '/v1/schema-changes:apply',
      { planHash: planned.hash, restsOn: planned.restsOn, changes },
      as,
      headers,
    );
  const register = (subject: string, schema: string, more: object = {}) => ({
    kind: 'register',
    subject,
    schema,
    ...more,
  });
  const versions = (subject: string) => calls.versions(subject);
  const shop = () => [
    register(`${s}-order`, record('Order', field('total', 'Money')), {
      references: [{ name: 'Money', subject: `${s}-money` }],
    }),
    register(`${s}-money`, record('Money', field('cents', 'long'))),
  ];

  it('plans with the right to read, changes nothing, and applies in order with the right to register', async () => {
    const planned = await plan(shop(), 'viewer');
    expect(planned.json).toMatchObject({
      verdict: 'ok',
      blockers: [],
      changes: [
        { index: 1, subject: `${s}-money`, outcome: 'new', version: 1, id: null, refusal: null },
        { index: 0, subject: `${s}-order`, outcome: 'new', version: 1, id: null },
      ],
    });
    expect((await calls.get(`/subjects/${s}-money/versions`)).status).toBe(404);
    expect((await apply(planned.json, shop(), 'viewer')).status).toBe(403);
    const done = await apply(planned.json, shop(), 'registrar');
    expect(done.status).toBe(200);
    expect(done.json).toMatchObject({ planHash: planned.json.hash, repeated: false });
    const ids = done.json.changes.map((one) => one.id!);
    expect(ids[1]).toBe(ids[0]! + 1);
    expect(done.json.changes[0]).not.toHaveProperty('given');
    expect((await calls.get(`/schemas/ids/${ids[1]}`)).json).toHaveProperty('references', [
      { name: 'Money', subject: `${s}-money`, version: 1 },
    ]);
    expect((await apply(planned.json, shop(), 'registrar')).json).toEqual({ ...done.json, repeated: true });
  });

  it('makes of one content one schema, whether it comes in a set or by itself', async () => {
    const contract = {
      metadata: { properties: { b: '1', a: '2' }, tags: { x: ['z', 'a', 'z'] }, sensitive: ['b', 'a'] },
      ruleSet: { domainRules: [{ name: 'r', type: 'CEL', tags: ['z', 'a'] }] },
    };
    const schema = record(`Of${s}`, field('a', 'int'));
    const changes = [register(`${s}-set`, schema, contract)];
    const done = await apply((await plan(changes, 'registrar')).json, changes, 'registrar');
    const alone = await calls.registered(`${s}-alone`, schema, contract);
    expect(done.json.changes[0]!.id).toBe(alone.id);
    expect(alone.ruleSet).toEqual({
      domainRules: [
        { name: 'r', kind: 'TRANSFORM', mode: 'WRITEREAD', type: 'CEL', tags: ['a', 'z'], disabled: false },
      ],
    });
  });

  it('registers none of ten when the ninth is invalid', async () => {
    const changes = Array.from({ length: 10 }, (_, i) =>
      register(`${s}-${i}`, i === 8 ? '{"type":"recrod"}' : record(`R${i}`)),
    );
    const planned = await plan(changes);
    expect(planned.json.verdict).toBe('blocked');
    expect(planned.json.changes[8]!.refusal).toMatchObject({ code: 'schema-invalid', findings: [] });
    const refused = await apply(planned.json, changes);
    expect([refused.status, refused.problem.code, refused.problem.details?.['blockers']]).toEqual([
      409,
      'plan-blocked',
      [expect.stringContaining(`Change 8 (${s}-8)`)],
    ]);
    for (let i = 0; i < 10; i++) expect((await calls.get(`/subjects/${s}-${i}/versions`)).status).toBe(404);
  });

  it('says what breaks readers, with the place, for a pipeline to show', async () => {
    await calls.post(`/subjects/${s}/versions`, { schema: record('S', field('a', 'long')) });
    const schema = `{"type": "record", "name": "S", "fields": [\n  {"name": "a", "type": "string"}\n]}`;
    const { json } = await plan([register(s, schema)]);
    expect(json.changes[0]).toMatchObject({ outcome: 'refused', refusal: { code: 'schema-incompatible' } });
    expect(json.changes[0]!.refusal!.findings[0]).toMatchObject({
      errorType: 'TYPE_MISMATCH',
      version: 1,
      position: { line: 2 },
    });
  });

  it('refuses a stale plan and names what moved', async () => {
    await calls.post(`/subjects/${s}/versions`, { schema: record('S') });
    const changes = [register(s, record('S', field('a', 'int', { default: 0 })))];
    const planned = await plan(changes);
    await calls.post(`/subjects/${s}/versions`, { schema: record('S', field('b', 'int', { default: 0 })) });
    const stale = await apply(planned.json, changes);
    expect([stale.status, stale.problem.code]).toEqual([409, 'plan-stale']);
    expect(stale.problem.detail).toContain(`the latest version of '${s}' was 1 and is 2`);
    expect(await versions(s)).toEqual([1, 2]);
  });

  it('takes an idempotency key for one plan only', async () => {
    const first = [register(`${s}-a`, record('A'))];
    const second = [register(`${s}-b`, record('B'))];
    const [a, b] = [await plan(first), await plan(second)];
    const key = { 'idempotency-key': `key-${s}` };
    expect((await apply(a.json, first, undefined, key)).json.repeated).toBe(false);
    expect((await apply(a.json, first, undefined, key)).json.repeated).toBe(true);
    const reused = await apply(b.json, second, undefined, key);
    expect([reused.status, reused.problem.code]).toEqual([422, 'idempotency-key-reused']);
    expect((await apply(b.json, second, undefined, { 'idempotency-key': ' ' })).status).toBe(400);
  });

  it('judges every change: settings by who governs, deletions by who deletes, policy and references as elsewhere', async () => {
    await calls.post(`/subjects/${s}/versions`, { schema: record('S') });
    for (const change of [
      { kind: 'set-config', subject: s, config: { compatibility: 'NONE' } },
      { kind: 'set-mode', subject: s, mode: 'READONLY' },
      { kind: 'set-config', subject: '', config: { compatibility: 'NONE' } },
      { kind: 'delete', subject: s },
    ]) {
      const planned = await plan([change], 'registrar');
      expect([change.kind, planned.json.verdict]).toEqual([change.kind, 'ok']);
      expect([change.kind, (await apply(planned.json, [change], 'registrar')).status]).toEqual([change.kind, 403]);
    }
    await calls.put(`/config/${s}`, { compatibility: 'FULL' });
    const stated = [
      { kind: 'set-config', subject: s, config: { compatibility: 'FULL' } },
      register(s, record('S', field('x', 'int', { default: 0 }))),
    ];
    const settled = await plan(stated, 'registrar');
    expect(settled.json.changes.map(({ outcome }) => outcome)).toEqual(['unchanged', 'new']);
    expect((await apply(settled.json, stated, 'registrar')).status).toBe(200);
    await calls.put(`/v1/registration-policy/${s}-new`, { policy: 'registrars-only' });
    const changes = [register(`${s}-new`, record('N'))];
    const planned = await plan(changes, 'producer');
    expect((await apply(planned.json, changes, 'producer')).problem.code).toBe('registration-forbidden');
    expect((await plan([register(s, record('S'))], 'narrow')).status).toBe(404);
    const referring = register(`mine-${s}`, record('M', field('s', 'S')), {
      references: [{ name: 'S', subject: s, version: 1 }],
    });
    expect((await plan([referring], 'narrow')).problem.code).toBe('reference-not-found');
    expect((await plan([referring])).json.verdict).toBe('ok');
  });

  it('does not name what schemas refer to from afar and the caller may not read', async () => {
    await calls.post(`/subjects/far-${s}/versions`, { schema: record('Far') });
    await calls.post(`/subjects/mine-${s}-near/versions`, {
      schema: record('Near', field('far', 'Far')),
      references: [{ name: 'Far', subject: `far-${s}`, version: 1 }],
    });
    const changes = [
      register(`mine-${s}`, record('M', field('near', 'Near')), {
        references: [{ name: 'Near', subject: `mine-${s}-near`, version: 1 }],
      }),
    ];
    const planned = await plan(changes, 'narrow');
    expect(planned.json.verdict).toBe('ok');
    expect(planned.text).not.toContain(`far-${s}`);
    expect((await plan(changes)).json.hash).toBe(planned.json.hash);
    await calls.post(`/subjects/far-${s}/versions`, { schema: record('Far', field('x', 'int', { default: 0 })) });
    const stale = await apply(planned.json, changes, 'narrow');
    expect([stale.status, stale.problem.code]).toEqual([409, 'plan-stale']);
    expect(stale.text).not.toContain(`far-${s}`);
    const again = await plan(changes, 'narrow');
    expect((await apply(again.json, changes, 'narrow')).status).toBe(200);
  });

  it('follows an alias to where it is judged, and sets none', async () => {
    await calls.post(`/subjects/secret-${s}/versions`, { schema: record('S') });
    await calls.put(`/config/mine-${s}`, { alias: `secret-${s}` });
    expect((await plan([register(`mine-${s}`, record('S'))], 'narrow')).status).toBe(404);
    const alias = { kind: 'set-config', subject: `mine-${s}`, config: { alias: 'x' } };
    expect((await plan([alias])).problem.code).toBe('invalid-request');
  });

  it('refuses circles, unknown members, and more than it takes', async () => {
    const circle = [
      register(`${s}-a`, record('A', field('b', 'B')), { references: [{ name: 'B', subject: `${s}-b` }] }),
      register(`${s}-b`, record('B', field('a', 'A')), { references: [{ name: 'A', subject: `${s}-a` }] }),
    ];
    const refused = await plan(circle);
    expect([refused.status, refused.problem.code]).toEqual([422, 'references-cyclic']);
    expect(refused.problem.detail).toContain(`${s}-a → ${s}-b → ${s}-a`);
    for (const changes of [[], [{ ...register(s, '"int"'), id: 4 }], [{ kind: 'rename', subject: s }]]) {
      expect((await plan(changes)).status).toBe(400);
    }
    const many = Array.from({ length: 10_001 }, () => ({ kind: 'delete', subject: s }));
    const refusedMany = await plan(many);
    expect([refusedMany.status, refusedMany.problem.code]).toEqual([413, 'list-too-long']);
    expect(refusedMany.problem.details).toEqual({ limit: 'changes', value: 10_000, measured: 10_001 });
  });

  it('takes as many as it says, each referring to others', async () => {
    // A tree: every schema holds the one at half its place. Listed leaves first, so that the order is the plan's work.
    const changes = Array.from({ length: 5_000 }, (_, i) =>
      i === 0
        ? register(`${s}-0`, record(`${s}N0`))
        : register(`${s}-${i}`, record(`${s}N${i}`, field('half', `${s}N${i >> 1}`)), {
            references: [{ name: `${s}N${i >> 1}`, subject: `${s}-${i >> 1}` }],
          }),
    ).reverse();
    const planned = await plan(changes);
    expect(planned.json).toMatchObject({ verdict: 'ok', blockers: [] });
    const place = new Map<string, number>(planned.json.changes.map((one, i) => [one.subject, i]));
    for (let i = 1; i < changes.length; i++) {
      expect(place.get(`${s}-${i >> 1}`)).toBeLessThan(place.get(`${s}-${i}`)!);
    }
    const done = await apply(planned.json, changes);
    expect(done.status).toBe(200);
    const ids = new Set(done.json.changes.map((one) => one.id));
    expect(ids.size).toBe(changes.length);
    expect(await versions(`${s}-4999`)).toEqual([1]);
    expect((await apply(planned.json, changes)).json).toEqual({ ...done.json, repeated: true });
    // Ten seconds of work, on machines that do other work besides.
  }, 180_000);
});
