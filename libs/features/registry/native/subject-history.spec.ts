import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrincipalsByName, registryForSuite, type ShownVersion } from '../testing/index.js';
import type { RestoredView, RolledBackView } from './subject-history.shapes.js';

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'Order', fields });
const id = { name: 'id', type: 'long' };
const vat = { name: 'vat', type: 'long', default: 0 };

describe('going back in the history of a subject', () => {
  const users = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let s: string;
  beforeAll(() => {
    users.add('registrar', ['registrar']);
    users.add('governor', ['governor']);
    users.add('viewer', ['viewer']);
    users.add('elsewhere', ['admin'], 'elsewhere*');
  });
  beforeEach(() => {
    s = `h${++run}`;
  });

  const path = (subject = s) => `/subjects/${encodeURIComponent(subject)}`;
  const register = (schema: string, more: object = {}, subject = s) => calls.registered(subject, schema, more);
  const rollback = (version: number, more: object = {}, as?: string, query = '') =>
    calls.post<RolledBackView>(`/v1${path()}:rollback${query}`, { version, ...more }, as);
  const restore = (body: object = {}, as?: string, query = '', subject = s) =>
    calls.post<RestoredView>(`/v1${path(subject)}:restore${query}`, body, as);
  const versions = () => calls.versions(s);

  describe('rolling back', () => {
    it('puts the earlier content on top, under the next number and with the id it had', async () => {
      const first = await register(record(id));
      await register(record(id, vat));
      const done = await rollback(1);
      expect([done.status, done.json]).toMatchObject([
        200,
        { outcome: 'rolled-back', from: 1, version: 3, id: first.id, compatible: true, findings: [], dryRun: false },
      ]);
      const latest = await calls.get<ShownVersion>(`${path()}/versions/latest`);
      expect(latest.json).toMatchObject({ version: 3, id: first.id, schema: record(id) });
      // Serializers that send either content go on as before.
      expect(await register(record(id))).toMatchObject({ id: first.id, version: 3 });
      expect((await register(record(id, vat))).version).toBe(2);
    });

    it('may be repeated: once it is done, nothing happens', async () => {
      await register(record(id));
      await register(record(id, vat));
      await rollback(1);
      expect((await rollback(1)).json).toMatchObject({ outcome: 'unchanged', version: 3 });
      expect(await versions()).toEqual([1, 2, 3]);
    });

    it('is refused with reasons where readers would break, shows them in a trial, and can be forced by who governs', async () => {
      await calls.put(`/config/${s}`, { compatibility: 'NONE' });
      await register(record({ name: 'id', type: 'string' }));
      await register(record(id));
      await calls.put(`/config/${s}`, { compatibility: 'BACKWARD' });
      const tried = await rollback(1, {}, 'viewer', '?dryRun=true');
      expect(tried.json).toMatchObject({ compatible: false, version: 3, dryRun: true });
      expect(tried.json.findings[0]).toMatchObject({ version: 2, errorType: 'TYPE_MISMATCH' });
      const refused = await rollback(1);
      expect([refused.status, refused.problem.code]).toEqual([409, 'schema-incompatible']);
      expect(refused.problem.details?.['findings']).toEqual(tried.json.findings);
      expect(await versions()).toEqual([1, 2]);
      expect((await rollback(1, { force: true }, 'registrar')).status).toBe(403);
      expect((await rollback(1, { force: true }, 'governor')).json).toMatchObject({ version: 3, compatible: false });
    });

    it('gives content that holds its version number a new number, and therefore an id of its own', async () => {
      await register(record(id));
      const second = await register(record(id, vat), { version: 2 });
      await register(record(id));
      await calls.post(`${path()}/versions`, { schema: record(id), version: -1 });
      const tried = await rollback(2, {}, undefined, '?dryRun=true');
      expect(tried.json).toMatchObject({ id: null, outcome: 'rolled-back' });
      const done = await rollback(2);
      expect(done.json.id).not.toBe(second.id);
      const latest = await calls.get<ShownVersion>(`${path()}/versions/latest`);
      expect(latest.json.metadata?.properties).toMatchObject({ 'confluent:version': String(done.json.version) });
    });

    it('takes live versions only, the right to register, and a mode that allows it', async () => {
      await register(record(id));
      await register(record(id, vat));
      await calls.delete(`${path()}/versions/1`);
      const deleted = await rollback(1);
      expect([deleted.status, deleted.problem.code]).toEqual([409, 'version-deleted']);
      expect((await rollback(9)).problem.code).toBe('version-not-found');
      await restore();
      expect((await rollback(1, {}, 'viewer')).status).toBe(403);
      expect((await rollback(1, {}, 'elsewhere')).status).toBe(404);
      await calls.put(`/mode/${s}`, { mode: 'READONLY' });
      expect((await rollback(1)).problem.code).toBe('operation-not-permitted');
      expect((await rollback(0)).status).toBe(400);
      expect((await rollback(1, { fast: true })).status).toBe(400);
    });

    it('reaches subjects of other contexts, however their colons are written', async () => {
      s = `:.dev:h${run}`;
      await register(record(id));
      await register(record(id, vat));
      expect((await calls.post(`/v1/subjects/${s}:rollback`, { version: 1 })).json).toMatchObject({
        subject: s,
        version: 3,
      });
    });
  });

  describe('restoring', () => {
    it('makes deleted versions live again, under their numbers and ids', async () => {
      const first = await register(record(id));
      await register(record(id, vat));
      await calls.delete(path());
      expect((await restore({}, undefined, '?dryRun=true')).json).toEqual({
        subject: s,
        restored: [1, 2],
        dryRun: true,
      });
      expect((await calls.get(`${path()}/versions`)).status).toBe(404);
      expect((await restore({ versions: [1] })).json).toEqual({ subject: s, restored: [1], dryRun: false });
      expect(await versions()).toEqual([1]);
      expect((await restore()).json.restored).toEqual([2]);
      expect((await restore()).json.restored).toEqual([]);
      expect(await register(record(id))).toEqual(expect.objectContaining({ id: first.id, version: 1 }));
    });

    it('never makes a version live that refers to a deleted one', async () => {
      const base = `${s}-base`;
      await register(JSON.stringify({ type: 'record', name: 'Base', fields: [] }), {}, base);
      const schema = record({ name: 'base', type: 'Base' });
      await register(schema, { references: [{ name: 'Base', subject: base, version: 1 }] });
      await calls.delete(path());
      await calls.delete(path(base));
      const refused = await restore();
      expect([refused.status, refused.problem.code]).toEqual([409, 'reference-deleted']);
      expect(refused.problem.details).toMatchObject({ subject: s, version: 1, target: base, targetVersion: 1 });
      await restore({}, undefined, '', base);
      expect((await restore()).json.restored).toEqual([1]);
    });

    it('knows only what is there, and takes the right to delete', async () => {
      expect((await restore()).problem.code).toBe('subject-not-found');
      await register(record(id));
      expect((await restore({ versions: [4] })).problem.code).toBe('version-not-found');
      await calls.delete(path());
      expect((await restore({}, 'registrar')).status).toBe(403);
      expect((await restore({}, 'governor')).status).toBe(200);
      await calls.delete(path());
      await calls.delete(`${path()}?permanent=true`);
      expect((await restore()).problem.code).toBe('subject-not-found');
    });
  });
});
