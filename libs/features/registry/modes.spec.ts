import { beforeEach, describe, expect, it } from 'vitest';
import { avroRecord, registryForSuite } from './testing/index.js';

const user = (...fields: string[]) => avroRecord('User', ...fields);

describe('modes, settings and contexts (contract 2.6 to 2.8, 3.8, 3.10)', () => {
  const { calls } = registryForSuite();
  let run = 0;
  /** A context of its own for each test. */
  let c: string;
  let s: string;
  beforeEach(() => {
    c = `:.m${++run}:`;
    s = `${c}s`;
  });
  const mode = (scope: string, name: string | null, query = '') => calls.put(`/mode/${scope}${query}`, { mode: name });
  const effective = async (scope: string) =>
    ((await calls.get(`/mode/${scope}?defaultToGlobal=true`)).json as { mode: string }).mode;
  const level = async (scope: string) =>
    ((await calls.get(`/config/${scope}?defaultToGlobal=true`)).json as { compatibilityLevel: string })
      .compatibilityLevel;

  describe('the mode in force', () => {
    it('is that of the subject, its context, of all contexts, or READWRITE', async () => {
      expect(await effective(s)).toBe('READWRITE');
      await mode(':.__GLOBAL:', 'READONLY');
      expect([await effective(s), await effective('plain')]).toEqual(['READONLY', 'READONLY']);
      await mode(c, 'READWRITE');
      expect([await effective(s), await effective('plain')]).toEqual(['READWRITE', 'READONLY']);
      await mode(s, 'READONLY_OVERRIDE');
      expect([await effective(s), await effective(`${c}other`)]).toEqual(['READONLY_OVERRIDE', 'READWRITE']);
      await calls.put('/mode', { mode: 'READWRITE' });
      expect(await effective('plain')).toBe('READWRITE');
      await calls.delete('/mode');
      await calls.delete('/mode/:.__GLOBAL:');
      expect(await effective('plain')).toBe('READWRITE');
    });

    it.each(['READONLY', 'READONLY_OVERRIDE'])('%s refuses every write but its own change', async (name) => {
      await calls.registered(s, user('a'));
      await mode(s, name);
      expect((await calls.register(s, user('a', 'b'))).json).toEqual({
        error_code: 42205,
        message: `Subject ${s} in context ${c} is in read-only mode`,
      });
      for (const answer of [
        await calls.delete(`/subjects/${s}`),
        await calls.delete(`/subjects/${s}/versions/1`),
        await calls.put(`/config/${s}`, { compatibility: 'NONE' }),
        await calls.post(`/subjects/${s}/versions/1/tags`, {}),
      ]) {
        expect(answer.code).toBe(42205);
      }
      // What is known is told, and checks and reads go on.
      expect((await calls.register(s, user('a'))).status).toBe(200);
      expect((await calls.post(`/subjects/${s}`, { schema: user('a') })).status).toBe(200);
      expect((await calls.post(`/compatibility/subjects/${s}/versions`, { schema: user('a', 'b') })).json).toEqual({
        is_compatible: true,
      });
      expect((await mode(s, 'READWRITE')).status).toBe(200);
      expect((await calls.register(s, user('a', 'b'))).status).toBe(200);
    });

    it('READWRITE takes no ids, and one that is negative is none', async () => {
      expect((await calls.register(s, user('a'), { id: 5 })).code).toBe(42205);
      expect((await calls.register(s, user('a'), { id: -1 })).json).toMatchObject({ id: 1 });
      expect((await calls.register(s, user('a'), { id: 1 })).json).toMatchObject({ id: 1, version: 1 });
      expect((await calls.register(s, user('a'), { id: 1, version: 1 })).json).toMatchObject({ id: 1, version: 1 });
    });

    it('FORWARD is for everything at once, whatever the case', async () => {
      for (const scope of [c, s, ':.:', '']) {
        for (const name of ['FORWARD', 'forward']) {
          expect((await mode(scope, name)).json).toMatchObject({
            error_code: 42204,
            message: 'Forward mode only supported on global level',
          });
        }
      }
    });

    it('names are echoed as they were sent; unknown and missing ones are refused', async () => {
      expect((await mode(s, 'ReadOnly')).json).toEqual({ mode: 'ReadOnly' });
      expect((await calls.get(`/mode/${s}`)).json).toEqual({ mode: 'READONLY' });
      for (const body of [{}, { mode: '' }, { mode: 'NOPE' }]) {
        expect((await calls.put(`/mode/${s}`, body)).code).toBe(42204);
      }
      expect((await calls.put(`/mode/${s}`)).code).toBe(422);
      expect((await calls.put(`/mode/${s}`, { mode: ['READONLY'] })).code).toBe(400);
    });

    it('is removed with what was stored as the answer; for a context with those of its subjects', async () => {
      expect((await calls.delete(`/mode/${s}`)).code).toBe(40401);
      await mode(s, 'READONLY');
      expect((await calls.delete(`/mode/${s}`)).json).toEqual({ mode: 'READONLY' });
      await mode(s, 'READONLY');
      await mode(c, 'READONLY');
      expect((await calls.delete(`/mode/${c}?recursive=true`)).json).toEqual({ mode: 'READONLY' });
      expect([(await calls.get(`/mode/${s}`)).code, (await calls.get(`/mode/${c}`)).code]).toEqual([40409, 40409]);
      expect((await calls.delete(`/mode/${s}?recursive=true`)).json).toEqual({});
      await mode('plain-recursive', 'READONLY');
      expect((await calls.delete('/mode?recursive=true')).json).toEqual({ mode: 'READWRITE' });
      expect((await calls.get('/mode/plain-recursive')).code).toBe(40409);
    });
  });

  describe('an import', () => {
    it('begins on an empty scope only; what was softly deleted goes for good', async () => {
      await calls.registered(s, user('a'));
      const refused = await mode(s, 'IMPORT');
      expect(refused.json).toEqual({ error_code: 42205, message: 'Cannot import since found existing subjects' });
      await calls.delete(`/subjects/${s}`);
      expect((await mode(s, 'IMPORT')).status).toBe(200);
      expect((await calls.get(`/subjects/${s}/versions?deleted=true`)).code).toBe(40401);
    });

    it('does not begin where something softly deleted is referred to from outside', async () => {
      await calls.registered(s, user('a'));
      const references = [{ name: 'User', subject: s, version: 1 }];
      await calls.registered(`${c}b`, '{"type":"record","name":"B","fields":[{"name":"u","type":"User"}]}', {
        references,
      });
      await calls.delete(`/subjects/${c}b`);
      await calls.delete(`/subjects/${s}`);
      expect((await mode(s, 'IMPORT')).code).toBe(42206);
      expect((await mode(c, 'IMPORT')).status).toBe(200);
    });

    it('with force begins anywhere and removes nothing; once begun nothing is asked', async () => {
      await calls.registered(s, user('a'));
      await calls.registered(s, user('a', 'b'));
      await calls.delete(`/subjects/${s}/versions/1`);
      expect((await mode(s, 'IMPORT', '?force=true')).status).toBe(200);
      expect((await mode(s, 'IMPORT')).status).toBe(200);
      expect((await calls.get(`/subjects/${s}/versions?deleted=true`)).json).toEqual([1, 2]);
    });

    it('takes ids and numbers as they come, in any order and with gaps', async () => {
      await mode(c, 'IMPORT');
      const sent = (name: string, id: number, version: number | undefined, ...fields: string[]) =>
        calls.register(`${c}${name}`, user(...fields), { id, ...(version === undefined ? {} : { version }) });
      expect((await calls.register(s, user('a'))).code).toBe(42205);
      expect((await sent('s', 100, 7, 'a')).json).toMatchObject({ id: 100, version: 7 });
      expect((await sent('s', 50, 3, 'b')).json).toMatchObject({ id: 50, version: 3 });
      expect((await sent('s', 51, undefined, 'c')).json).toMatchObject({ id: 51, version: 8 });
      expect((await calls.get(`/subjects/${s}/versions`)).json).toEqual([3, 7, 8]);
      // The same content without an id is answered; in another subject it may share the id; another content may not.
      expect((await calls.register(s, user('a'))).json).toMatchObject({ id: 100, version: 7 });
      expect((await sent('t', 100, 1, 'a')).json).toMatchObject({ id: 100 });
      expect((await sent('t', 100, 2, 'z')).json).toMatchObject({ error_code: 42205 });
      expect((await sent('t', 101, 2, 'a')).json).toMatchObject({ id: 101, version: 2 });
      await mode(c, 'READWRITE');
      expect((await calls.register(`${c}u`, user('new'))).json).toMatchObject({ id: 102 });
    });

    it('checks names of Avro, and nothing else that new schemas must keep', async () => {
      await mode(c, 'IMPORT');
      const text = '{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}';
      expect((await calls.register(s, text, { id: 1 })).status).toBe(200);
      expect((await calls.register(s, '{"type":"record","name":"1R","fields":[]}', { id: 2 })).code).toBe(42201);
      expect((await calls.register(s, '{', { id: 3 })).code).toBe(42201);
    });

    it('takes over no metadata and applies no defaults', async () => {
      await calls.put(`/config/${s}`, { defaultMetadata: { properties: { a: '1' } }, normalize: true });
      await mode(c, 'IMPORT');
      const answer = await calls.register(s, user('a'), { id: 9, version: 2, metadata: { properties: { b: '2' } } });
      expect(answer.json.metadata).toEqual({ properties: { b: '2' } });
      expect((await calls.register(s, user('b'), { id: 10, version: 3 })).json).not.toHaveProperty('metadata');
    });
  });

  describe('settings', () => {
    it('hold for a subject, its context, or all contexts; a subject with some has the service level otherwise', async () => {
      expect(await level(s)).toBe('BACKWARD');
      await calls.put('/config/:.__GLOBAL:', { compatibility: 'NONE' });
      expect(await level(s)).toBe('NONE');
      await calls.put(`/config/${c}`, { compatibility: 'FULL' });
      expect(await level(s)).toBe('FULL');
      await calls.put(`/config/${s}`, { normalize: true });
      expect(await level(s)).toBe('BACKWARD');
      await calls.put(`/config/${s}`, { compatibility: 'forward_transitive' });
      expect(await level(s)).toBe('FORWARD_TRANSITIVE');
      expect((await calls.delete(`/config/${s}`)).json).toEqual({
        normalize: true,
        compatibilityLevel: 'FORWARD_TRANSITIVE',
      });
      expect(await level(s)).toBe('FULL');
      await calls.delete('/config/:.__GLOBAL:');
    });

    it('are stored whole, one member at a time, and cleared by null', async () => {
      const all = {
        alias: 'x',
        aliasForDeks: true,
        normalize: true,
        validateFields: false,
        validateNewSchemas: false,
        validateRules: true,
        compatibility: 'FULL',
        compatibilityPolicy: 'LENIENT',
        compatibilityGroup: 'g',
        defaultMetadata: { properties: { a: '1' } },
        overrideMetadata: { tags: { p: ['T'] } },
      };
      const stored: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(all)) {
        stored[name] = value;
        expect((await calls.put(`/config/${c}`, { [name]: value })).json).toEqual(stored);
      }
      const { compatibility, ...others } = all;
      expect((await calls.get(`/config/${c}`)).json).toEqual({ ...others, compatibilityLevel: compatibility });
      expect((await calls.put(`/config/${c}`, {})).json).toEqual(all);
      for (const name of Object.keys(all)) {
        delete stored[name];
        expect((await calls.put(`/config/${c}`, { [name]: null })).json).toEqual(stored);
      }
      expect((await calls.get(`/config/${c}`)).json).toEqual({ compatibilityLevel: 'BACKWARD' });
    });

    it('print empty texts only where they were just written', async () => {
      expect((await calls.put(`/config/${s}`, { alias: '', defaultMetadata: {} })).json).toEqual({
        alias: '',
        defaultMetadata: {},
      });
      expect((await calls.get(`/config/${s}`)).json).toEqual({ defaultMetadata: {}, compatibilityLevel: 'BACKWARD' });
    });

    it('are refused with unknown levels, reserved names and unreadable bodies', async () => {
      expect((await calls.put(`/config/${s}`, { compatibility: 'NOPE' })).code).toBe(42203);
      expect((await calls.put('/config/__EMPTY', { compatibility: 'NONE' })).code).toBe(42208);
      expect((await calls.put('/config/__GLOBAL', { compatibility: 'NONE' })).code).toBe(42208);
      expect((await calls.put(`/config/${s}`)).code).toBe(422);
      expect((await calls.put(`/config/${s}`, [])).code).toBe(400);
      expect((await calls.put(`/config/${s}`, { normalize: 'x' })).code).toBe(400);
      expect((await calls.put(`/config/${s}`, { compatibilityPolicy: 'x' })).json).toEqual({});
    });

    it('decide how schemas are compared: normalisation, groups, validation', async () => {
      const loose = '{"type":"record","fields":[{"type":"int","name":"a","z":1,"b":2}],"name":"N"}';
      await calls.put(`/config/${s}`, { normalize: true });
      expect((await calls.registered(s, loose)).schema).toBe(
        '{"type":"record","name":"N","fields":[{"name":"a","type":"int","b":2,"z":1}]}',
      );
      await calls.put(`/config/${c}g`, { compatibilityGroup: 'major' });
      const major = (value: string) => ({ metadata: { properties: { major: value } } });
      await calls.registered(`${c}g`, '{"type":"record","name":"G","fields":[]}', major('1'));
      const breaking = '{"type":"record","name":"G","fields":[{"name":"x","type":"int"}]}';
      expect((await calls.register(`${c}g`, breaking, major('1'))).status).toBe(409);
      expect((await calls.register(`${c}g`, breaking, major('2'))).status).toBe(200);
      const wrong = '{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}';
      expect((await calls.register(`${c}v`, wrong)).code).toBe(42201);
      await calls.put(`/config/${c}v`, { validateNewSchemas: false });
      expect((await calls.register(`${c}v`, wrong)).status).toBe(200);
    });

    it('outlive a soft deletion and go with the last version that is deleted for good', async () => {
      await calls.registered(s, user('a'));
      await calls.put(`/config/${s}`, { compatibility: 'FULL' });
      await mode(s, 'READWRITE');
      await calls.delete(`/subjects/${s}`);
      expect((await calls.get(`/config/${s}`)).json).toEqual({ compatibilityLevel: 'FULL' });
      await calls.delete(`/subjects/${s}?permanent=true`);
      expect([(await calls.get(`/config/${s}`)).code, (await calls.get(`/mode/${s}`)).code]).toEqual([40408, 40409]);
    });

    it('force registers what is not compatible', async () => {
      await calls.registered(s, '{"type":"record","name":"G","fields":[]}');
      const breaking = { schema: '{"type":"record","name":"G","fields":[{"name":"x","type":"int"}]}' };
      expect((await calls.post(`/subjects/${s}/versions?force=false`, breaking)).status).toBe(409);
      expect((await calls.post(`/subjects/${s}/versions?force=True`, breaking)).json).toMatchObject({ version: 2 });
    });
  });

  describe('contexts', () => {
    it('begin with a registration, are listed from the default one, and end when nothing is left', async () => {
      const name = c.slice(1, -1);
      const listed = async (query = '') => (await calls.get(`/contexts${query}`)).json as string[];
      await calls.put(`/config/${c}`, { compatibility: 'NONE' });
      expect(await listed()).not.toContain(name);
      await calls.registered(s, user('a'));
      expect((await listed())[0]).toBe('.');
      expect(await listed(`?contextPrefix=${name}`)).toEqual([name]);
      expect(await listed('?limit=1')).toEqual(['.']);
      expect(await listed(`?contextPrefix=${name}&offset=1`)).toEqual([]);
      for (const spelling of [name, name.slice(1), c]) {
        expect((await calls.delete(`/contexts/${spelling}`)).json).toEqual({
          error_code: 42211,
          message: `The specified context '${c}' is not empty.`,
        });
      }
      await calls.delete(`/subjects/${s}`);
      expect((await calls.delete(`/contexts/${name}`)).code).toBe(42211);
      await calls.delete(`/subjects/${s}?permanent=true`);
      expect((await calls.delete(`/contexts/${name}`)).status).toBe(204);
      expect((await calls.delete(`/contexts/${name}`)).status).toBe(204);
      expect(await listed()).not.toContain(name);
      // Ids go on where they were.
      expect((await calls.registered(s, user('b'))).id).toBe(2);
      expect((await calls.get(`/contexts/${name}`)).code).toBe(405);
    });

    it('number their schemas by themselves, and are named in every answer but those of the default one', async () => {
      const text = user(`only${run}`);
      const inside = await calls.registered(s, text);
      const outside = await calls.registered(`plain${run}`, text);
      expect(inside.id).toBe(1);
      expect(outside).toMatchObject({ guid: inside.guid });
      expect((await calls.get(`/schemas/guids/${inside.guid}/ids`)).json).toEqual([
        { context: '.', id: outside.id },
        { context: c.slice(1, -1), id: 1 },
      ]);
      expect((await calls.get(`/subjects/:.:plain${run}/versions/1`)).json).toMatchObject({ subject: `plain${run}` });
      const prefixed = `/contexts/${c}/subjects/s/versions`;
      expect((await calls.get(`${prefixed}/latest`)).json).toMatchObject({ subject: s });
      expect((await calls.post(prefixed, { schema: text })).json).toMatchObject({ id: 1, version: 1 });
    });

    it('have below them what the registry has, and nothing else', async () => {
      for (const path of [
        'schemas/types',
        'v1/metadata/id',
        'contexts',
        'subjects',
        'schemas',
        'mode?defaultToGlobal=true',
      ]) {
        expect([path, (await calls.get(`/contexts/${c}/${path}`)).status]).toEqual([path, 200]);
      }
      expect([(await calls.get(`/contexts/${c}/config`)).code, (await calls.get(`/contexts/${c}/mode`)).code]).toEqual([
        40408, 40409,
      ]);
      for (const path of ['exporters', 'dek-registry/v1/keks', 'nothing', 'v1/operations']) {
        expect((await calls.get(`/contexts/${c}/${path}`)).json).toEqual({
          error_code: 404,
          message: 'HTTP 404 Not Found',
        });
      }
      expect((await calls.get('/contexts/:.a:b/nothing')).code).toBe(400);
    });
  });

  it('parts of other installations are not there, and say so in the words of the protocol', async () => {
    const paths = [
      '/exporters',
      '/exporters/a/status',
      '/dek-registry/v1/keks',
      '/dek-registry/v1/keks/k/deks/s',
      '/clusterconfig',
    ];
    for (const path of paths) {
      const answer = await calls.get(path);
      expect([path, answer.status, answer.json]).toEqual([
        path,
        404,
        { error_code: 404, message: 'HTTP 404 Not Found' },
      ]);
      expect(answer.headers['content-type']).toBe('application/vnd.schemaregistry.v1+json');
    }
    expect((await calls.post('/exporters', { name: 'x' })).code).toBe(404);
    expect((await calls.put('/exporters/x/pause')).code).toBe(404);
    expect((await calls.post('/', [])).code).toBe(400);
    for (const body of [undefined, {}, { a: 1 }]) expect((await calls.post('/', body)).json).toEqual({});
  });
});
