import { beforeEach, describe, expect, it } from 'vitest';
import { avroRecord, registryForSuite } from './testing/index.js';

const user = (...fields: string[]) => avroRecord('User', ...fields);

describe('deleting (contract 2.4, 3.4)', () => {
  const { calls } = registryForSuite();
  let run = 0;
  let s: string;
  beforeEach(() => {
    s = `deletions${++run}`;
  });
  const subject = (query = '') => calls.delete(`/subjects/${s}${query}`);
  const version = (name: number | string, query = '') => calls.delete(`/subjects/${s}/versions/${name}${query}`);
  const permanent = '?permanent=true';

  it('a subject goes in two steps, each of which can be taken once and in its turn', async () => {
    expect((await subject()).json).toEqual({ error_code: 40401, message: `Subject '${s}' not found.` });
    expect((await subject(permanent)).code).toBe(40401);
    await calls.registered(s, user(s));
    await calls.registered(s, user(s, 'b'));
    expect((await subject(permanent)).json).toEqual({
      error_code: 40405,
      message: `Subject '${s}' was not deleted first before being permanently deleted`,
    });
    expect((await version(1)).json).toBe(1);
    expect((await subject()).json).toEqual([2]);
    expect((await subject()).json).toEqual({
      error_code: 40404,
      message: `Subject '${s}' was soft deleted.Set permanent=true to delete permanently`,
    });
    expect((await subject(permanent)).json).toEqual([1, 2]);
    expect((await subject(permanent)).code).toBe(40401);
  });

  it('a version goes in two steps; latest is one that lives', async () => {
    expect((await version(1)).code).toBe(40401);
    await calls.registered(s, user(s));
    await calls.registered(s, user(s, 'b'));
    expect((await version(3)).code).toBe(40402);
    expect((await version('x')).code).toBe(42202);
    expect((await version('latest', permanent)).json).toEqual({
      error_code: 40407,
      message: `Subject '${s}' Version 2 was not deleted first before being permanently deleted`,
    });
    expect((await version('latest')).json).toBe(2);
    expect((await version(2)).json).toEqual({
      error_code: 40406,
      message: `Subject '${s}' Version 2 was soft deleted.Set permanent=true to delete permanently`,
    });
    expect((await version(-1)).json).toBe(1);
    expect((await version(2, permanent)).json).toBe(2);
    expect((await version(1, permanent)).json).toBe(1);
    expect((await version(1, permanent)).code).toBe(40401);
  });

  it('numbers go on after what is softly deleted, and begin again after what is deleted for good', async () => {
    const first = await calls.registered(s, user(s));
    const second = await calls.registered(s, user(s, 'b'));
    await version(2);
    // The same content comes back under its id and the next number; the old row is gone.
    expect(await calls.registered(s, user(s, 'b'))).toMatchObject({ id: second.id, version: 3 });
    expect((await calls.get(`/subjects/${s}/versions?deleted=true`)).json).toEqual([1, 3]);
    await version(3);
    await version(3, permanent);
    const again = await calls.registered(s, user(s, 'b'));
    expect(again.version).toBe(2);
    expect(again.id).toBeGreaterThan(second.id);
    await subject();
    await subject(permanent);
    const anew = await calls.registered(s, user(s));
    expect(anew.version).toBe(1);
    expect(anew.id).toBeGreaterThan(again.id);
    expect(anew.guid).toBe(first.guid);
  });

  it('what is softly deleted is not compared with, looked up or referred to, unless asked for', async () => {
    await calls.registered(s, '{"type":"record","name":"User","fields":[]}');
    await calls.registered(`${s}-b`, '"int"');
    await version(1);
    const lookup = (query = '') =>
      calls.post(`/subjects/${s}${query}`, { schema: '{"type":"record","name":"User","fields":[]}' });
    expect((await lookup()).code).toBe(40401);
    expect((await lookup('?deleted=true')).json).toMatchObject({ version: 1 });
    const references = [{ name: 'User', subject: s, version: 1 }];
    const text = '{"type":"record","name":"B","fields":[{"name":"u","type":"User"}]}';
    expect((await calls.register(`${s}-c`, text, { references })).code).toBe(42201);
    expect(
      (await calls.register(s, '{"type":"record","name":"User","fields":[{"name":"x","type":"int"}]}')).json,
    ).toMatchObject({ version: 2 });
    expect((await lookup()).code).toBe(40403);
  });

  it('references inside a subject do not hold it; those of others hold it until they are gone for good', async () => {
    await calls.registered(s, user('a'));
    const references = [{ name: 'User', subject: s, version: 1 }];
    const text =
      '{"type":"record","name":"User2","aliases":["User"],"fields":[{"name":"u","type":["null","User"],"default":null}]}';
    await calls.put(`/config/${s}`, { compatibility: 'NONE' });
    await calls.registered(s, text, { references });
    expect((await version(1)).code).toBe(42206);
    expect((await subject()).json).toEqual([1, 2]);
    expect((await subject(permanent)).json).toEqual([1, 2]);
  });

  it('an alias leads to what is deleted, its own settings stay', async () => {
    await calls.registered(s, user(s));
    await calls.put(`/config/${s}-alias`, { alias: s });
    expect((await calls.delete(`/subjects/${s}-alias`)).json).toEqual([1]);
    expect((await calls.get(`/subjects/${s}/versions`)).code).toBe(40401);
    expect((await calls.get(`/config/${s}-alias`)).json).toMatchObject({ alias: s });
    expect((await calls.get(`/mode/${s}-alias`)).code).toBe(40409);
  });
});
