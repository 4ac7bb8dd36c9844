import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { avroRecord, PrincipalsByName, registryForSuite } from '../testing/index.js';

const user = avroRecord('User', 'a');

describe('settings and modes, tried before they are set', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let [c, s] = ['', ''];
  beforeAll(() => {
    users.add('registrar', ['registrar']);
    users.add('governor', ['governor']);
    users.add('elsewhere', ['admin'], 'elsewhere*');
  });
  beforeEach(() => {
    c = `:.c${++run}:`;
    s = `${c}s`;
  });
  const check = (body: object, as?: string) =>
    calls.post<{ purges: number; code?: string }>('/v1/setting-changes:check', body, as);
  const importing = (subject: string, as?: string) => check({ kind: 'set-mode', subject, mode: 'IMPORT' }, as);

  it('an import is refused where something is live, and tells what would go for good where it was deleted softly', async () => {
    await calls.registered(s, user);
    expect((await importing(s)).json).toMatchObject({ status: 422, code: 'operation-not-permitted' });
    expect((await importing(c)).json).toMatchObject({ status: 422, code: 'operation-not-permitted' });
    expect((await importing(`${c}other`)).json).toEqual({ kind: 'set-mode', subject: `${c}other`, purges: 0 });
    await calls.delete(`/subjects/${s}`);
    for (const scope of [s, c]) expect((await importing(scope)).json).toMatchObject({ purges: 1 });
    // Nothing has happened: it is there, and can be restored.
    expect((await calls.get(`/subjects/${s}/versions?deleted=true`)).json).toEqual([1]);
    expect((await calls.get(`/mode/${s}?defaultToGlobal=true`)).json).toEqual({ mode: 'READWRITE' });
    // What was told is what happens.
    expect((await calls.put(`/mode/${s}`, { mode: 'IMPORT' })).status).toBe(200);
    expect((await calls.get(`/subjects/${s}/versions?deleted=true`)).status).toBe(404);
  });

  it('is refused for the reasons for which the change is', async () => {
    expect((await check({ kind: 'set-mode', subject: s, mode: 'FORWARD' })).json).toMatchObject({ status: 422 });
    expect((await check({ kind: 'set-mode', subject: s, mode: 'SLEEPY' })).json).toMatchObject({
      code: 'mode-unknown',
    });
    for (const kind of ['delete-mode', 'delete-config'])
      expect((await check({ kind, subject: s })).json).toMatchObject({ status: 404, code: 'subject-not-found' });
    await calls.put(`/mode/${s}`, { mode: 'READONLY' });
    const level = { kind: 'set-config', subject: s, config: { compatibility: 'FULL' } };
    expect((await check(level)).json).toMatchObject({ code: 'operation-not-permitted' });
    expect((await check({ kind: 'delete-mode', subject: s })).status).toBe(200);
    expect((await check({ ...level, subject: `${c}other` })).status).toBe(200);
    expect((await calls.get(`/config/${c}other`)).status).toBe(404);
  });

  it('takes the right to govern, wherever the name stands', async () => {
    expect((await importing(s, 'registrar')).status).toBe(403);
    expect((await importing(s, 'elsewhere')).status).toBe(403);
    expect((await importing('elsewhere-1', 'elsewhere')).status).toBe(200);
    expect((await importing('', 'elsewhere')).status).toBe(403);
    expect((await importing(s, 'governor')).status).toBe(200);
  });
});
