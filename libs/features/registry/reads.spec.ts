import { beforeEach, describe, expect, it, vi } from 'vitest';
import { parseSubject, type RegistryFact } from '#libs/core/registry';
import { contentOf, MemoryRegistryStore } from '#libs/core/registry/testing';
import { inProcess } from '#libs/platform/testing';
import { avroRecord, openRegistryApp, PrincipalsByName, RegistryCalls, registryForSuite } from './testing/index.js';

const user = (...fields: string[]) => avroRecord('User', ...fields);
const referring = '{"type":"record","name":"Order","fields":[{"name":"user","type":"User"}]}';
const resolved = `{"type":"record","name":"Order","fields":[{"name":"user","type":${user('a')}}]}`;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('what is read, in which form and how much of it (contract 2.3, 2.4, 3.6)', () => {
  const { calls, app } = registryForSuite();
  let run = 0;
  let s: string;
  beforeEach(() => {
    s = `reads${++run}`;
  });
  const json = async (url: string) => (await calls.get(url)).json;

  describe('format', () => {
    it('resolved writes what an Avro schema refers to into it, wherever a schema is shown', async () => {
      await calls.registered(s, user('a'));
      const references = [{ name: 'User', subject: s, version: 1 }];
      const path = `/subjects/${s}-o/versions`;
      const body = { schema: referring, references, metadata: { properties: { k: 'v' } } };
      const shown = (await calls.post(`${path}?format=resolved`, body)).json as { id: number; guid: string };
      expect(shown).toMatchObject({ schema: resolved, references });
      const stored = (await json(`${path}/1`)) as { guid: string };
      expect(stored).toMatchObject({ schema: referring, guid: shown.guid });
      for (const url of [
        `/schemas/ids/${shown.id}`,
        `/schemas/guids/${shown.guid}`,
        `${path}/1`,
        `${path}/latest`,
        `/subjects/${s}-o/metadata`,
      ]) {
        for (const format of ['resolved', 'RESOLVED']) {
          const found = await json(`${url}?format=${format}${url.endsWith('metadata') ? '&key=k&value=v' : ''}`);
          expect(found).toMatchObject({ schema: resolved, guid: stored.guid });
        }
        if (url.endsWith('metadata')) continue;
        for (const format of ['', 'serialized', 'logical', 'nothing']) {
          expect(await json(`${url}?format=${format}`)).toMatchObject({ schema: referring });
        }
      }
      expect((await calls.post(`/subjects/${s}-o?format=resolved`, body)).json).toMatchObject({ schema: resolved });
      expect((await calls.get(`/schemas/ids/${shown.id}/schema?format=resolved`)).text).toBe(resolved);
      expect((await calls.get(`${path}/1/schema?format=resolved`)).text).toBe(resolved);
    });

    it('serialized gives Protobuf as a descriptor, which is taken as a schema, too', async () => {
      const proto = { schemaType: 'PROTOBUF' };
      const text = 'syntax = "proto3";\npackage p;\n\nmessage M {\n  string a = 1;\n}\n';
      const { id, guid } = await calls.registered(s, text, proto);
      const path = `/subjects/${s}/versions/1`;
      const descriptor = (await calls.get(`/schemas/ids/${id}/schema?format=serialized`)).text;
      expect(Buffer.from(descriptor, 'base64').toString('latin1')).toContain('p');
      for (const url of [`/schemas/ids/${id}`, `/schemas/guids/${guid}`, path]) {
        expect(await json(`${url}?format=serialized`)).toMatchObject({ schema: descriptor, guid });
        expect(await json(`${url}?format=ignore_extensions`)).toMatchObject({ schema: text });
        expect(await json(`${url}?format=resolved`)).toMatchObject({ schema: text });
      }
      expect((await calls.get(`${path}/schema`)).text).toBe(text);
      expect(await calls.registered(`${s}-d`, descriptor, proto)).toMatchObject({ id, guid, schema: text });
    });

    it('means nothing for JSON Schema', async () => {
      const { id } = await calls.registered(s, '{ "type" : "object" }', { schemaType: 'JSON' });
      for (const format of ['resolved', 'serialized', 'logical']) {
        expect((await calls.get(`/schemas/ids/${id}/schema?format=${format}`)).text).toBe('{"type":"object"}');
      }
    });
  });

  it('referenceFormat=qualified names the contexts of what is referred to, in both spellings', async () => {
    const c = `:.${s}:`;
    await calls.registered(`${c}u`, user('a'));
    const references = [{ name: 'User', subject: 'u', version: 1 }];
    const { id, guid } = await calls.registered(`${c}o`, referring, { references });
    const qualified = [{ ...references[0], subject: `${c}u` }];
    for (const name of ['referenceFormat=qualified', 'reference_format=QUALIFIED']) {
      const byVersion = (await json(`/subjects/${c}o/versions/1?${name}`)) as { guid: string };
      expect(byVersion).toMatchObject({ references: qualified });
      expect(byVersion.guid).not.toBe(guid);
      expect(await json(`/schemas/ids/${id}?subject=${c}&${name}`)).toMatchObject({
        references: qualified,
        guid: byVersion.guid,
      });
    }
    for (const name of ['referenceFormat=', 'referenceFormat=other']) {
      expect(await json(`/subjects/${c}o/versions/1?${name}`)).toMatchObject({ references, guid });
    }
  });

  it('pages every list, and takes nothing, zero and less for the usual', async () => {
    for (const count of numbers(4)) await calls.registered(s, user(...numbers(count).map((n) => `f${n}`)));
    await calls.registered(`${s}-b`, user('f1'));
    const { id } = await calls.registered(`${s}-c`, user('f1'));
    const lists: [string, unknown[]][] = [
      [`/subjects/${s}/versions?`, [1, 2, 3, 4]],
      [`/subjects?subjectPrefix=${s}&`, [s, `${s}-b`, `${s}-c`]],
      [`/schemas/ids/${id}/subjects?`, [s, `${s}-b`, `${s}-c`]],
      [`/schemas/ids/${id}/versions?`, [s, `${s}-b`, `${s}-c`].map((subject) => ({ subject, version: 1 }))],
    ];
    for (const [url, all] of lists) {
      for (const query of ['', 'limit=', 'limit=0', 'limit=-1', 'offset=-3', 'offset=&limit=1000']) {
        expect([url, query, await json(url + query)]).toEqual([url, query, all]);
      }
      expect(await json(`${url}limit=2`)).toEqual(all.slice(0, 2));
      expect(await json(`${url}offset=1&limit=1`)).toEqual(all.slice(1, 2));
      expect(await json(`${url}offset=99`)).toEqual([]);
      for (const query of ['offset=x', 'limit=1.5', 'limit=99999999999']) {
        expect([url, query, (await calls.get(url + query)).code]).toEqual([url, query, 404]);
      }
    }
  });

  it('lets others have their turn while many names are listed, and reads no more of them than it needs', async () => {
    const store = new MemoryRegistryStore();
    const facts = numbers(4_500).map((n): RegistryFact => {
      const subject = parseSubject(n % 2 === 0 ? `s${n}` : `:.many:s${n}`);
      const content = contentOf(String(n));
      return { type: 'version-registered', subject, version: 1, id: { kind: 'new' }, content, targets: [], terms: [] };
    });
    await store.apply({ at: 1, expected: [], facts });
    const many = await openRegistryApp({ store });
    const asked = new RegistryCalls(inProcess(() => many.http.fastify));
    const pages = vi.spyOn(store, 'list');
    const turnsOf = async (url: string) => {
      pages.mockClear();
      let turns = 0;
      let counting = setImmediate(function count() {
        turns++;
        counting = setImmediate(count);
      });
      const { json: list } = await asked.get<unknown[]>(url);
      clearImmediate(counting);
      return { list, turns, pages: pages.mock.calls.length };
    };
    const few = await turnsOf('/subjects?subjectPrefix=none');
    const all = await turnsOf('/subjects');
    expect(all.list).toHaveLength(4_500);
    expect(all.list).toEqual([...all.list].sort());
    expect([all.pages, all.turns - few.turns]).toEqual([6, expect.toSatisfy((turns: number) => turns >= 4)]);
    const first = await turnsOf('/schemas?limit=1');
    expect([first.list, first.pages]).toMatchObject([[{ subject: 's10' }], 1]);
    expect((await turnsOf('/schemas?subjectPrefix=:*:&limit=1')).list).toMatchObject([{ subject: ':.many:s1' }]);
    await many.http.close();
  });

  it('lets others have their turn while very many uses of one id are told, whoever asks', async () => {
    const store = new MemoryRegistryStore();
    const content = contentOf('shared');
    const facts = numbers(6_000).map((n): RegistryFact => {
      const id = { kind: n === 1 ? 'new' : 'shared' } as const;
      const subject = parseSubject(`s${String(n).padStart(5, '0')}`);
      return { type: 'version-registered', subject, version: 1, id, content, targets: [], terms: [] };
    });
    await store.apply({ at: 1, expected: [], facts });
    const users = new PrincipalsByName();
    users.add('narrow', ['viewer'], 's0599*');
    const { http } = await openRegistryApp({ store, authenticator: users });
    try {
      const shared = new RegistryCalls(inProcess(() => http.fastify));
      const turnsOf = async (url: string, as?: string) => {
        let turns = 0;
        let counting = setImmediate(function count() {
          turns++;
          counting = setImmediate(count);
        });
        const { status, text } = await shared.get(url, as);
        clearImmediate(counting);
        return { turns, status, text };
      };
      const few = (await turnsOf('/schemas/types')).turns;
      const path = '/schemas/ids/1';
      const all = numbers(6_000).map((n) => ({ subject: `s${String(n).padStart(5, '0')}`, version: 1 }));
      for (const [user, told] of [
        [undefined, all],
        ['narrow', all.filter(({ subject }) => subject.startsWith('s0599'))],
      ] as const) {
        const versions = await turnsOf(`${path}/versions`, user);
        expect(versions.text).toBe(JSON.stringify(told));
        const subjects = await turnsOf(`${path}/subjects?offset=1&limit=4`, user);
        expect(subjects.text).toBe(JSON.stringify(told.slice(1, 5).map(({ subject }) => subject)));
        const byGuid = await turnsOf(`/schemas/guids/${content.guid}`, user);
        expect(byGuid.status).toBe(200);
        for (const { turns } of [versions, subjects, byGuid]) expect(turns).toBeGreaterThan(few + 4);
      }
      expect((await turnsOf(`/schemas/guids/${content.guid}/ids`, 'narrow')).turns).toBeGreaterThan(few + 4);
    } finally {
      await http.close();
    }
  });

  it('lists as many schemas as an answer may hold, and reads no more of them', async () => {
    const long = (n: number) => JSON.stringify({ type: 'record', name: 'R', doc: `${n}`.padEnd(500_000), fields: [] });
    for (const n of numbers(40)) await calls.registered(`${s}-${n}`, long(n));
    const loads: number[] = [];
    const { view } = app().registry;
    const stored = view.stored.bind(view);
    view.stored = (context, ids) => {
      loads.push([...ids].length);
      return stored(context, ids);
    };
    const refused = await calls.get(`/schemas?subjectPrefix=${s}-`);
    expect([refused.status, refused.code]).toEqual([413, 413]);
    expect(refused.text).toContain('with a smaller limit');
    expect(await json(`/schemas?subjectPrefix=${s}-&limit=30`)).toHaveLength(30);
    loads.length = 0;
    expect(await json(`/schemas?subjectPrefix=${s}-&offset=38&limit=1`)).toMatchObject([{ version: 1 }]);
    expect(loads).toEqual([1]);
    view.stored = stored;
  });

  it('lists deleted versions and subjects as asked', async () => {
    await calls.registered(s, user(s));
    await calls.registered(s, user(s, 'b'));
    await calls.registered(`${s}-b`, user('c'));
    await calls.delete(`/subjects/${s}/versions/1`);
    const versions = (query: string) => json(`/subjects/${s}/versions?${query}`);
    expect(await versions('')).toEqual([2]);
    expect(await versions('deleted=TRUE')).toEqual([1, 2]);
    expect(await versions('deleted=1')).toEqual([2]);
    expect(await versions('deletedOnly=true&deleted=true')).toEqual([1]);
    expect(await versions('deleted=true&deletedAsNegative=true')).toEqual([-1, 2]);
    await calls.delete(`/subjects/${s}-b`);
    const subjects = (query: string) => json(`/subjects?subjectPrefix=${s}${query}`);
    expect(await subjects('')).toEqual([s]);
    expect(await subjects('&deleted=true')).toEqual([s, `${s}-b`]);
    expect(await subjects('&deletedOnly=true&deleted=true')).toEqual([`${s}-b`]);
    const listed = async (query: string) =>
      ((await json(`/schemas?subjectPrefix=${s}${query}`)) as { subject: string; version: number }[]).map(
        ({ subject, version }) => `${subject} ${version}`,
      );
    expect(await listed('')).toEqual([`${s} 2`]);
    expect(await listed('&deleted=true')).toEqual([`${s} 1`, `${s} 2`, `${s}-b 1`]);
    expect(await listed('&deleted=true&latestOnly=true')).toEqual([`${s} 2`, `${s}-b 1`]);
    const { id } = (await json(`/subjects/${s}/versions/1?deleted=true`)) as { id: number };
    expect(await json(`/schemas/ids/${id}`)).toMatchObject({ subject: s, version: 1, deleted: true });
    expect(await json(`/schemas/ids/${id}/versions`)).toEqual([]);
    expect(await json(`/schemas/ids/${id}/versions?deleted=true`)).toEqual([{ subject: s, version: 1 }]);
    expect(await json(`/schemas/ids/${id}/subjects?deleted=true`)).toEqual([s]);
    // References and consumers read deleted versions by number.
    expect((await calls.get(`/subjects/${s}/versions/1`)).code).toBe(40402);
    expect((await calls.get(`/subjects/${s}-b/versions/latest?deleted=true`)).code).toBe(40402);
    expect((await calls.get(`/subjects/${s}-b/versions/latest`)).code).toBe(40401);
  });

  it('referrers are listed by context and id, live ones unless deleted are asked for', async () => {
    await calls.registered(s, user('a'));
    const refers = (name: string, subject: string) =>
      calls.registered(name, referring.replace('Order', `Order${name.replace(/\W/g, '')}`), {
        references: [{ name: 'User', subject, version: 1 }],
      });
    const first = await refers(`${s}-b`, s);
    const second = await refers(`${s}-a`, s);
    const by = (query = '', name = 'referencedby') => json(`/subjects/${s}/versions/1/${name}${query}`);
    expect(await by()).toEqual([first.id, second.id]);
    expect(await by('', 'referencedBy')).toEqual([first.id, second.id]);
    expect(await by('?offset=1')).toEqual([second.id]);
    expect(await by('?limit=1')).toEqual([first.id]);
    expect((await calls.delete(`/subjects/${s}`)).code).toBe(42206);
    expect((await calls.delete(`/subjects/${s}/versions/1`)).json).toEqual({
      error_code: 42206,
      message: `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${s},version=1}.`,
    });
    await calls.delete(`/subjects/${s}-b`);
    expect(await by()).toEqual([second.id]);
    expect(await by('?deleted=true')).toEqual([first.id, second.id]);
    await calls.delete(`/subjects/${s}-a`);
    expect((await calls.delete(`/subjects/${s}`)).json).toEqual([1]);
    expect((await calls.delete(`/subjects/${s}?permanent=true`)).code).toBe(42206);
    expect(await by('?deleted=true')).toEqual([first.id, second.id]);
    expect((await calls.get(`/subjects/${s}/versions/9/referencedby`)).code).toBe(40402);
    expect((await calls.get(`/subjects/${s}-none/versions/1/referencedby`)).code).toBe(40401);
    expect((await calls.get(`/subjects/${s}/versions/x/referencedby`)).code).toBe(42202);
  });

  it('versions are named by numbers, latest and -1', async () => {
    await calls.registered(s, user('a'));
    for (const name of ['1', '01', '+1', '%2B1', 'latest', 'LATEST', '%20latest%20', '-1']) {
      expect([name, await json(`/subjects/${s}/versions/${name}`)]).toMatchObject([name, { version: 1 }]);
    }
    for (const name of ['0', '-2', 'x', '1.0', '2147483648', 'earliest']) {
      expect([name, (await calls.get(`/subjects/${s}/versions/${name}`)).code]).toEqual([name, 42202]);
    }
    expect((await calls.get(`/subjects/${s}/versions/2147483647`)).json).toEqual({
      error_code: 40402,
      message: 'Version 2147483647 not found.',
    });
  });

  it('GUIDs are read with and without dashes, whatever the case; other texts are not found', async () => {
    const { guid, id } = await calls.registered(s, user(s));
    for (const spelling of [guid, guid.replaceAll('-', ''), guid.toUpperCase()]) {
      expect(await json(`/schemas/guids/${spelling}`)).toMatchObject({ guid, schema: user(s) });
      expect(await json(`/schemas/guids/${spelling}/ids`)).toEqual([{ context: '.', id }]);
    }
    expect(await json(`/schemas/guids/${guid}`)).not.toHaveProperty('subject');
    expect((await calls.get('/schemas/guids/nonsense')).code).toBe(40403);
    expect(await json('/schemas/guids/nonsense/ids')).toEqual([]);
    await calls.delete(`/subjects/${s}`);
    expect((await calls.get(`/schemas/guids/${guid}`)).status).toBe(200);
    await calls.delete(`/subjects/${s}?permanent=true`);
    expect((await calls.get(`/schemas/guids/${guid}`)).code).toBe(40403);
    expect(await json(`/schemas/guids/${guid}/ids`)).toEqual([{ context: '.', id }]);
    expect((await calls.get(`/schemas/ids/${id}`)).code).toBe(40403);
    // The content comes back under a new id.
    expect((await calls.registered(s, user(s))).id).toBeGreaterThan(id);
  });

  it('ids are looked for where the subject says, and elsewhere when it does not hold them', async () => {
    const c = `:.${s}:`;
    const { id } = await calls.registered(`${c}only-${s}`, user(s));
    const other = await calls.registered(s, user('x', s));
    const found = (subject: string, wanted = id) =>
      calls.get(`/schemas/ids/${wanted}?subject=${subject}&fetchMaxId=true`);
    expect((await found(c)).json).toMatchObject({ schema: user(s), subject: `${c}only-${s}`, maxId: 1 });
    // A name with its context must hold the id; a plain one is a hint.
    expect((await found(`${c}whatever`)).code).toBe(40403);
    expect((await found(`only-${s}`)).json).toMatchObject({ schema: user(s) });
    expect((await found('', other.id)).json).toMatchObject({ schema: user('x', s), maxId: other.id });
    expect((await found('does-not-own-it', other.id)).json).toMatchObject({ schema: user('x', s) });
    expect(await json(`/contexts/${c}/schemas/ids/${id}`)).toMatchObject({ schema: user(s) });
    expect((await calls.get(`/contexts/.none-${s}/schemas/ids/1`)).code).toBe(40403);
    expect(await json(`/schemas/ids/${id}/subjects?subject=${c}`)).toEqual([`${c}only-${s}`]);
    expect(await json(`/schemas/ids/${other.id}`)).not.toHaveProperty('maxId');
  });

  it('aliases are listed with what they stand for, by their own names', async () => {
    await calls.registered(`${s}-real`, user('a'));
    await calls.put(`/config/${s}-alias`, { alias: `${s}-real` });
    const listed = async (prefix: string) =>
      ((await json(`/schemas?aliases=true&subjectPrefix=${prefix}`)) as { subject: string; aliases?: string[] }[]).map(
        ({ subject, aliases }) => [subject, aliases],
      );
    expect(await listed(`${s}-alias`)).toEqual([[`${s}-real`, [`${s}-alias`]]]);
    expect(await listed(`${s}-real`)).toEqual([[`${s}-real`, undefined]]);
    expect(await json(`/subjects?subjectPrefix=${s}`)).toEqual([`${s}-real`]);
    expect((await calls.post(`/compatibility/subjects/${s}-alias/versions/1`, { schema: user('a') })).json).toEqual({
      is_compatible: true,
    });
    expect((await calls.register(`${s}-alias`, user('a', 'b'))).json).toMatchObject({ version: 2 });
    expect((await calls.get(`/subjects/${s}-real/versions`)).json).toEqual([1, 2]);
    expect((await calls.delete(`/subjects/${s}-alias/versions/2`)).json).toBe(2);
  });

  describe('compatibility', () => {
    const check = (path: string, body: object) => calls.post(`/compatibility/subjects/${path}`, body);

    it('with nothing to compare is given; with a version that is not there, not found', async () => {
      const body = { schema: user('a') };
      for (const path of [`${s}/versions/latest`, `${s}/versions/-1`, `${s}/versions`, `${s}/versions/`]) {
        expect([path, (await check(path, body)).json]).toEqual([path, { is_compatible: true }]);
      }
      expect((await check(`${s}/versions/1`, body)).code).toBe(40402);
      expect((await check(`${s}/versions/x`, body)).code).toBe(42202);
      expect((await check(`${s}/versions?verbose=true`, body)).json).toEqual({ is_compatible: true, messages: [] });
      await calls.registered(s, user('a'));
      await calls.delete(`/subjects/${s}/versions/1`);
      expect((await check(`${s}/versions/1`, body)).code).toBe(40402);
      expect((await check(`${s}/versions/latest`, { schema: '"int"' })).json).toEqual({ is_compatible: true });
    });

    it('of what is no schema is an error, and with verbose a message', async () => {
      for (const schema of ['{', '{"type":"nope"}']) {
        expect((await check(`${s}/versions`, { schema })).code).toBe(42201);
        expect((await check(`${s}/versions?verbose=true`, { schema })).json).toMatchObject({ is_compatible: false });
      }
      await calls.put(`/config/${s}`, { compatibility: 'NONE' });
      expect((await check(`${s}/versions/latest`, { schema: '{' })).code).toBe(42201);
    });

    it('with one version is judged by that version alone, with all by as many as the level asks for', async () => {
      const field = (name: string) =>
        `{"type":"record","name":"R","fields":[{"name":"${name}","type":"int","default":0}]}`;
      const wide = '{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}';
      await calls.put(`/config/${s}`, { compatibility: 'NONE' });
      await calls.registered(s, wide);
      await calls.registered(s, field('a'));
      await calls.put(`/config/${s}`, { compatibility: 'BACKWARD_TRANSITIVE' });
      const answers = async () => [
        (await check(`${s}/versions/1`, { schema: field('a') })).json,
        (await check(`${s}/versions/2`, { schema: field('a') })).json,
        (await check(`${s}/versions`, { schema: field('a') })).json,
      ];
      const [no, yes] = [{ is_compatible: false }, { is_compatible: true }];
      expect(await answers()).toEqual([no, yes, no]);
      await calls.put(`/config/${s}`, { compatibility: 'BACKWARD' });
      expect(await answers()).toEqual([no, yes, yes]);
      const other = await check(`${s}/versions/2?verbose=true`, { schema: '{"type":"object"}', schemaType: 'JSON' });
      expect(other.json).toMatchObject({
        is_compatible: false,
        messages: [expect.stringContaining('different schema type'), expect.anything()],
      });
    });
  });

  describe('names', () => {
    it('that cannot be subjects are refused, and what follows a semicolon is no part of a name', async () => {
      for (const name of [':*:x', ':.:', '__EMPTY', '__GLOBAL', ':.__GLOBAL:']) {
        expect([name, (await calls.post(`/subjects/${name}/versions`, { schema: '"int"' })).code]).toEqual([
          name,
          42208,
        ]);
      }
      await calls.registered(`${s};b=c`, user('a'));
      expect((await calls.post(`/subjects/${s}-m;b=c/versions`, { schema: user('a') })).status).toBe(200);
      expect(await json(`/subjects?subjectPrefix=${s}`)).toEqual([`${s}-m`, `${s};b=c`]);
      expect(await json(`/subjects/${s}%3Bb=c/versions`)).toEqual([1]);
    });

    it('keep further colons, and a leading one that no dot follows', async () => {
      for (const name of [`a:b:${s}`, `:plain:${s}`, `:.c${s}:x:y`]) {
        await calls.registered(name, user('a'));
        expect(await json(`/subjects/${encodeURIComponent(name)}/versions/1`)).toMatchObject({ subject: name });
      }
      await calls.registered(`:.e${s}:`, user('a'));
      expect(await json(`/subjects?subjectPrefix=:.e${s}:`)).toEqual([`:.e${s}:`]);
    });
  });

  it('a JSON Schema that names another server is refused: nothing is fetched', async () => {
    const text = '{"type":"object","properties":{"a":{"$ref":"http://localhost:1/a.json"}}}';
    expect((await calls.register(s, text, { schemaType: 'JSON' })).code).toBe(42201);
  });
});
