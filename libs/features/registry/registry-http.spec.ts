import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccessScope } from '#libs/platform/auth';
import { inProcess } from '#libs/platform/testing';
import { avroRecord, openRegistryApp, PrincipalsByName, RegistryCalls, registryForSuite } from './testing/index.js';

const user = (name: string, fields: string[] = ['id']) => avroRecord(name, ...fields);

describe('the registry over HTTP', () => {
  const names = new PrincipalsByName();
  const { calls } = registryForSuite({ authenticator: names });
  let run = 0;
  let s: string;
  beforeEach(() => {
    s = `h${++run}`;
  });

  const register = (subject: string, schema: string, more: object = {}, as?: string) =>
    calls.register(subject, schema, more, as);

  describe('the same question asked again', () => {
    const versions = (path: string) => calls.post(path, { schema: user('A') });

    it('has the same answer, in the same form and of the same type, whether it was asked before or not', async () => {
      const fresh = await openRegistryApp();
      const asked = new RegistryCalls(inProcess(() => fresh.http.fastify));
      for (const path of [`/subjects/${s}/versions`, `/subjects/${s}`]) {
        const answers = [];
        for (let time = 0; time < 4; time++) {
          const { status, json, headers } = await asked.post(path, { schema: user('A') });
          answers.push({ status, json, type: headers['content-type'] });
        }
        expect(answers[0]!.status).toBe(200);
        for (const answer of answers) expect(answer).toEqual(answers[0]);
      }
      await fresh.http.close();
    });

    it('shows the schema in the form this request asks for', async () => {
      for (let time = 0; time < 3; time++) await versions(`/subjects/${s}`);
      await versions(`/subjects/${s}/versions`);
      const referring = { schema: '{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}' };
      const sent = { ...referring, references: [{ name: 'A', subject: s, version: 1 }] };
      await calls.post(`/subjects/${s}-b/versions`, sent);
      for (let time = 0; time < 3; time++) {
        const { json } = await calls.post(`/subjects/${s}-b?format=resolved`, sent);
        expect((json as { schema: string }).schema).toContain('"name":"id"');
        expect((await calls.post(`/subjects/${s}-b`, sent)).json).toMatchObject({ schema: referring.schema });
      }
    });

    it('is refused to whom it is refused, and follows an alias to where it is judged again', async () => {
      names.principals.set('reader', {
        id: 'reader',
        roles: ['viewer'],
        scope: new Map([['subject', [`${s}*`]]]),
      });
      for (let time = 0; time < 3; time++) await versions(`/subjects/${s}/versions`);
      // Whoever may read is answered what is registered, and refused what is not.
      expect((await calls.post(`/subjects/${s}/versions`, { schema: user('A') }, 'reader')).status).toBe(200);
      expect((await calls.post(`/subjects/${s}/versions`, { schema: user('New') }, 'reader')).status).toBe(403);
      await register(`other-${s}`, user('C'));
      for (let time = 0; time < 3; time++) await versions(`/subjects/${s}`);
      await calls.put(`/config/${s}`, { alias: `other-${s}` });
      expect((await calls.post(`/subjects/${s}`, { schema: user('A') })).status).toBe(404);
      expect((await calls.post(`/subjects/${s}`, { schema: user('C') })).json).toMatchObject({
        subject: `other-${s}`,
      });
      expect((await calls.post(`/subjects/${s}`, { schema: user('C') }, 'reader')).status).not.toBe(200);
    });
  });

  describe('bodies', () => {
    it('errors have exactly two members', async () => {
      const { json } = await calls.get(`/subjects/${s}/versions`);
      expect(json).toEqual({ error_code: 40401, message: `Subject '${s}' not found.` });
    });

    it.each([
      ['nothing', undefined, 422, 422],
      ['null', 'null', 422, 422],
      ['a list', '[]', 400, 400],
      ['text', '"x"', 400, 400],
      ['broken JSON', '{', 400, 400],
      ['text after the value', '{} {}', 400, 400],
      ['an object as schema', '{"schema":{}}', 400, 400],
      ['a list as version', '{"schema":"\\"int\\"","version":[1]}', 400, 400],
      ['a version that is no number', '{"schema":"\\"int\\"","version":"x"}', 400, 400],
      ['an object as metadata property', '{"schema":"\\"int\\"","metadata":{"properties":{"a":{}}}}', 400, 400],
      ['null as metadata property', '{"schema":"\\"int\\"","metadata":{"properties":{"a":null}}}', 400, 400],
      ['an unknown rule mode', '{"schema":"\\"int\\"","ruleSet":{"domainRules":[{"mode":"X"}]}}', 400, 400],
    ])('%s is refused', async (_name, body, status, errorCode) => {
      const answer = await calls.post(`/subjects/${s}/versions`, body);
      expect([answer.status, answer.code]).toEqual([status, errorCode]);
      expect(Object.keys(answer.json as object).sort()).toEqual(['error_code', 'message']);
    });

    it('scalars become what is expected, unknown members are ignored, the last of duplicates counts', async () => {
      const sent = `{"schema":"\\"string\\"","schema":"\\"int\\"","version":"1","id":null,"normalize":"x","future":{"a":1},
        "metadata":{"properties":{"n":1,"b":true,"__proto__":"p"}},"references":[],"ruleSet":null}`;
      const answer = await calls.post(`/subjects/${s}/versions?normalize=undefined&x=y`, sent);
      expect(answer.json).toMatchObject({
        version: 1,
        schema: '"int"',
        metadata: { properties: { n: '1', b: 'true' } },
      });
      expect(
        Object.getOwnPropertyNames((answer.json as { metadata: { properties: object } }).metadata.properties),
      ).toContain('__proto__');
    });

    it('a number becomes its text as it was spelled, and a number again where one is expected', async () => {
      const sent = `{"schema":"\\"int\\"","version":1.0,"propagateSchemaTags":0.0,
        "metadata":{"properties":{"a":1.50,"b":1e2,"c":-0,"d":12345678901234567890,"e":0.1}}}`;
      expect((await calls.post(`/subjects/${s}/versions`, sent)).json).toMatchObject({
        version: 1,
        metadata: { properties: { a: '1.50', b: '1e2', c: '-0', d: '12345678901234567890', e: '0.1' } },
      });
      for (const wrong of ['1.0', '{"schema":"\\"int\\"","metadata":1.0}', '{"references":1e2}', '{"version":1e10}']) {
        expect((await calls.post(`/subjects/${s}/versions`, wrong)).status).toBe(400);
      }
    });

    it('rule sets come back as they were sent', async () => {
      const ruleSet = {
        domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true', disabled: false }],
      };
      await register(s, '"int"', { ruleSet });
      expect((await calls.get(`/subjects/${s}/versions/1`)).json).toMatchObject({ ruleSet });
      expect((await calls.get(`/schemas?subjectPrefix=${s}&ruleType=CEL`)).json).toHaveLength(1);
      expect((await calls.get(`/schemas?subjectPrefix=${s}&ruleType=X`)).json).toEqual([]);
      const twice = {
        domainRules: [
          { name: 'r', type: 'CEL' },
          { name: 'r', type: 'CEL' },
        ],
      };
      expect((await register(s, '"long"', { ruleSet: twice })).code).toBe(42210);
    });
  });

  describe('numbers in paths and queries', () => {
    it.each([
      ['/schemas/ids/abc', 404, 404],
      ['/schemas/ids/99999999999', 404, 404],
      ['/schemas/ids/4444/schema', 404, 40403],
      ['/schemas/ids/4444/versions', 404, 40403],
      ['/schemas?offset=x', 404, 404],
      ['/subjects?limit=1.5', 404, 404],
    ])('%s', async (url, status, errorCode) => {
      const answer = await calls.get(url);
      expect([answer.status, answer.code]).toEqual([status, errorCode]);
    });

    it('take defaults for empty, negative and zero', async () => {
      for (let i = 0; i < 3; i++) await register(`${s}-${i}`, '"int"');
      const list = async (query: string) =>
        (await calls.get(`/subjects?subjectPrefix=${s}&${query}`)).json as unknown[];
      expect(await list('offset=-1')).toHaveLength(3);
      expect(await list('limit=&offset=')).toHaveLength(3);
      expect(await list('limit=0')).toHaveLength(3);
      expect(await list('limit=2')).toEqual([`${s}-0`, `${s}-1`]);
      expect(await list('limit=2&offset=2')).toEqual([`${s}-2`]);
      expect(await calls.get(`/schemas?subjectPrefix=${s}&offset=1&limit=1`)).toMatchObject({
        json: [{ subject: `${s}-1` }],
      });
    });
  });

  describe('names', () => {
    it.each([['a/b c'], ['a+b'], ['100%'], ['ä\u{1f600}'], ['x'.repeat(900)], ['count'], ['__proto__']])(
      'the subject %j works everywhere',
      async (name) => {
        const subject = `${name}${s}`;
        const path = `/subjects/${encodeURIComponent(subject)}`;
        expect((await calls.post(`${path}/versions`, { schema: '"int"' })).status).toBe(200);
        expect((await calls.get(`${path}/versions/latest`)).json).toMatchObject({ subject });
        expect((await calls.delete(path)).json).toEqual([1]);
        expect((await calls.delete(`${path}?permanent=true`)).json).toEqual([1]);
      },
    );

    it('control characters, reserved names and the wildcard are refused', async () => {
      for (const name of ['a%C2%85', '__GLOBAL', '__EMPTY', ':.__GLOBAL:x', ':*:x']) {
        expect((await calls.post(`/subjects/${name}/versions`, { schema: '"int"' })).code).toBe(42208);
      }
      expect((await calls.get('/subjects/a%01/versions')).status).toBe(400);
    });

    it('a context with a second colon is refused with 400', async () => {
      const answer = await calls.get('/contexts/:.a:b/subjects');
      expect([answer.status, answer.code]).toEqual([400, 400]);
      expect((await calls.delete('/contexts/.')).status).toBe(405);
    });
  });

  describe('settings', () => {
    it('keep what is absent, clear what is null, and print the level under both names', async () => {
      expect((await calls.put(`/config/${s}`, { compatibility: 'full', normalize: true })).json).toEqual({
        normalize: true,
        compatibility: 'FULL',
      });
      expect((await calls.put(`/config/${s}`, { compatibilityGroup: 'g' })).json).toMatchObject({
        compatibility: 'FULL',
      });
      expect((await calls.put(`/config/${s}`, { compatibility: null, compatibilityPolicy: 'LOGICAL' })).json).toEqual({
        normalize: true,
        compatibilityGroup: 'g',
      });
      expect((await calls.get(`/config/${s}`)).json).toEqual({
        normalize: true,
        compatibilityGroup: 'g',
        compatibilityLevel: 'BACKWARD',
      });
      expect((await calls.delete(`/config/${s}`)).json).toMatchObject({ compatibilityGroup: 'g' });
      expect((await calls.delete(`/config/${s}`)).code).toBe(40401);
      expect((await calls.get(`/config/${s}`)).code).toBe(40408);
      expect((await calls.get(`/config/${s}?defaultToGlobal=true`)).json).toEqual({ compatibilityLevel: 'BACKWARD' });
    });

    it('refuse unknown levels and modes', async () => {
      expect((await calls.put(`/config/${s}`, { compatibility: 'SIDEWAYS' })).code).toBe(42203);
      expect((await calls.put(`/mode/${s}`, { mode: 'SLEEP' })).code).toBe(42204);
      expect((await calls.put(`/mode/${s}`, {})).code).toBe(42204);
      expect((await calls.put(`/mode/${s}`, { mode: 'forward' })).code).toBe(42204);
      expect((await calls.put(`/mode/${s}`, { mode: 'readonly' })).json).toEqual({ mode: 'readonly' });
      expect((await calls.get(`/mode/${s}`)).json).toEqual({ mode: 'READONLY' });
      expect((await calls.put(`/mode/${s}`, { mode: null })).json).toEqual({ mode: null });
      expect((await calls.get(`/mode/${s}`)).code).toBe(40409);
    });

    it('of scopes: defaults for the default context and for all, nothing for an unset context', async () => {
      const context = `:.${s}:`;
      expect((await calls.get(`/config/${context}`)).code).toBe(40408);
      expect((await calls.delete(`/config/${context}`)).code).toBe(40401);
      expect((await calls.get(`/mode/${context}`)).code).toBe(40409);
      for (const scope of ['', '/:.:', '/:.__GLOBAL:']) {
        expect((await calls.get(`/config${scope}`)).json).toEqual({ compatibilityLevel: 'BACKWARD' });
        expect((await calls.delete(`/config${scope}`)).json).toEqual({ compatibilityLevel: 'BACKWARD' });
        expect((await calls.get(`/mode${scope}`)).json).toEqual({ mode: 'READWRITE' });
        expect((await calls.delete(`/mode${scope}`)).json).toEqual({ mode: 'READWRITE' });
      }
      await calls.put('/config/:.__GLOBAL:', { compatibility: 'NONE' });
      expect((await calls.get('/config')).json).toEqual({ compatibilityLevel: 'BACKWARD' });
      expect((await calls.get(`/config/${s}?defaultToGlobal=true`)).json).toEqual({ compatibilityLevel: 'NONE' });
      await calls.delete('/config/:.__GLOBAL:');
    });

    it('a subject with settings but no level has the default level, and takes some members from the global ones', async () => {
      await calls.put('/config', { compatibility: 'FULL', normalize: true });
      await calls.put(`/config/${s}`, { alias: '' });
      expect((await calls.get(`/config/${s}?defaultToGlobal=true`)).json).toMatchObject({
        compatibilityLevel: 'BACKWARD',
        normalize: true,
      });
      await calls.delete('/config');
    });

    it('modes of a context are removed with those of its subjects', async () => {
      await calls.put(`/mode/:.${s}:a`, { mode: 'READONLY' });
      expect((await calls.delete(`/mode/:.${s}:?recursive=true`)).json).toEqual({});
      expect((await calls.get(`/mode/:.${s}:a`)).code).toBe(40409);
    });

    it('a read-only service still answers what it knows and refuses the rest by name', async () => {
      await register(s, '"int"');
      await calls.put('/mode', { mode: 'READONLY' });
      expect((await register(s, '"int"')).status).toBe(200);
      expect((await calls.put('/config', { compatibility: 'NONE' })).json).toEqual({
        error_code: 42205,
        message: 'Subject null in context  is in read-only mode',
      });
      await calls.put('/mode', { mode: 'READWRITE' });
    });
  });

  describe('look-ups', () => {
    it('by metadata give the newest version that has every property', async () => {
      await register(s, user('A'), { metadata: { properties: { major: '1', team: 'x' } } });
      await register(s, user('A', ['id', 'b']), { metadata: { properties: { major: '1', team: 'y' } } });
      await register(s, user('A', ['id', 'b', 'c']), { metadata: { properties: { major: '2' } } });
      const find = (query: string) => calls.get(`/subjects/${s}/metadata?${query}`);
      expect((await find('key=major&value=1')).json).toMatchObject({ version: 2 });
      expect((await find('key=major&value=1&key=team&value=x')).json).toMatchObject({ version: 1 });
      expect((await find('key=major&value=1&key=ignored')).json).toMatchObject({ version: 2 });
      expect((await find('key=major&value=9')).code).toBe(40403);
      expect((await calls.get(`/subjects/none-${s}/metadata?key=a&value=b`)).code).toBe(40401);
    });

    it('of an unqualified subject fall through to other contexts, its list of versions does not', async () => {
      await register(`:.${s}:only`, user('O'));
      expect((await calls.get('/subjects/only/versions/1')).json).toMatchObject({ subject: `:.${s}:only` });
      expect((await calls.post('/subjects/only', { schema: user('O') })).json).toMatchObject({
        subject: `:.${s}:only`,
      });
      expect((await calls.get('/subjects/only/versions')).code).toBe(40401);
      await calls.delete(`/subjects/:.${s}:only`);
      await calls.delete(`/subjects/:.${s}:only?permanent=true`);
    });

    it('by id tell the highest id on request', async () => {
      const { id } = (await register(`:.${s}:a`, user('A'))).json as { id: number };
      expect((await calls.get(`/schemas/ids/${id}?subject=:.${s}:&fetchMaxId=true`)).json).toMatchObject({ maxId: 1 });
    });
  });

  it('an alias leads to its target, and no further', async () => {
    await register(`${s}-real`, user('A'));
    await register(`${s}-middle`, user('B'));
    await calls.put(`/config/${s}-middle`, { alias: `${s}-real` });
    await calls.put(`/config/${s}-first`, { alias: `${s}-middle` });
    const names = async (subject: string) => (await calls.get(`/subjects/${subject}/versions/latest`)).json;
    expect(await names(`${s}-middle`)).toMatchObject({ subject: `${s}-real` });
    expect(await names(`${s}-first`)).toMatchObject({ subject: `${s}-middle` });
    expect((await calls.get(`/subjects/${s}-first/versions`)).json).toEqual([1]);
    expect((await calls.get(`/config/${s}-first`)).json).toMatchObject({ alias: `${s}-middle` });
  });

  describe('access', () => {
    beforeAll(() => {
      const only = (...patterns: string[]): AccessScope => new Map([['subject', patterns]]);
      names.principals.set('reader', { id: 'reader', roles: ['viewer'], scope: only('open.*') });
      names.principals.set('writer', { id: 'writer', roles: ['registrar'], scope: only('open.*', 'alias.*') });
    });

    it('hides subjects, ids, references and lists outside the scope as if they were not there', async () => {
      const open = (await register(`open.${s}`, user(`Open${s}`))).json;
      const secret = (await register(`secret.${s}`, user(`Secret${s}`))).json;
      const as = (method: 'GET' | 'POST', url: string, body?: unknown) => calls.ask(method, url, body, 'reader');
      expect((await as('GET', `/schemas/ids/${open.id}`)).status).toBe(200);
      for (const path of ['', '/schema', '/versions', '/subjects']) {
        expect((await as('GET', `/schemas/ids/${secret.id}${path}`)).code).toBe(40403);
      }
      expect((await as('GET', `/schemas/guids/${secret.guid}`)).code).toBe(40403);
      expect((await as('GET', `/schemas/guids/${secret.guid}/ids`)).json).toEqual([]);
      expect((await as('GET', `/subjects/secret.${s}/versions/1`)).code).toBe(40401);
      expect((await as('GET', '/subjects')).text).not.toContain('secret');
      expect((await as('GET', '/schemas')).text).not.toContain('Secret');
      const referring = { schema: '"int"', references: [{ name: 'x', subject: `secret.${s}`, version: 1 }] };
      expect((await as('POST', `/compatibility/subjects/open.${s}/versions`, referring)).code).toBe(42201);
    });

    it('shows a shared schema through the subject that may be read', async () => {
      const { id } = (await register(`secret.${s}`, user(`Shared${s}`))).json as { id: number };
      await register(`open.${s}`, user(`Shared${s}`));
      expect((await calls.get(`/schemas/ids/${id}`, 'reader')).json).toMatchObject({
        subject: `open.${s}`,
      });
      expect((await calls.get(`/schemas/ids/${id}/subjects`, 'reader')).json).toEqual([`open.${s}`]);
    });

    it('judges the target of an alias, and the logical subject behind a physical name', async () => {
      await register(`secret.${s}`, user('X'));
      await calls.put(`/config/alias.${s}`, { alias: `secret.${s}` });
      expect((await calls.get(`/subjects/alias.${s}/versions`, 'writer')).status).toBe(404);
      expect((await register(`alias.${s}`, user('Y'), {}, 'writer')).status).toBe(404);
      names.principals.set('odd', {
        id: 'odd',
        roles: ['governor'],
        scope: new Map([['subject', [`secret.${s}--g2-value`]]]),
      });
      expect((await register(`secret.${s}--g2-value`, user('Y'), {}, 'odd')).status).toBe(404);
      expect((await calls.put(`/config/secret.${s}--g2-value`, { compatibility: 'NONE' }, 'odd')).status).toBe(403);
    });

    it('lets readers read and nobody else write', async () => {
      const refused = await register(`open.${s}`, user('X'), {}, 'reader');
      expect([refused.status, refused.code]).toEqual([403, 403]);
      expect((await register(`open.${s}`, user('X'), {}, 'writer')).status).toBe(200);
      expect((await calls.delete(`/subjects/open.${s}`, 'writer')).status).toBe(403);
      expect((await calls.put('/config', { compatibility: 'NONE' }, 'writer')).status).toBe(403);
    });
  });

  it('answers what probes and serializers ask', async () => {
    expect((await calls.get('/')).json).toEqual({});
    expect((await calls.post('/', '{}')).json).toEqual({});
    expect((await calls.get('/schemas/types')).json).toEqual(['JSON', 'PROTOBUF', 'AVRO']);
    expect((await calls.get('/v1/metadata/id')).json).toMatchObject({ scope: { path: [] } });
    expect((await calls.get('/v1/metadata/version')).json).toHaveProperty('commitId');
    expect((await calls.get('/v1/metadata/deployment')).json).toEqual({ attributes: [] });
    for (const path of ['resources/-/t?resourceType=topic', 'resources/ns/t', 'resources/id', 'subjects/s']) {
      expect((await calls.get(`/associations/${path}`)).json).toEqual([]);
    }
  });
});
