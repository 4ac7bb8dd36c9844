import { beforeEach, describe, expect, it } from 'vitest';
import { avroRecord, registryForSuite } from './testing/index.js';

const user = (...fields: string[]) => avroRecord('User', ...fields);
const rule = (name: string, more: object = {}) => ({ name, kind: 'CONDITION', mode: 'WRITE', type: 'CEL', ...more });
const properties = (of: Record<string, string>) => ({ metadata: { properties: of } });

describe('data contracts (contract 3.5)', () => {
  const { calls } = registryForSuite();
  let run = 0;
  let s: string;
  beforeEach(() => {
    s = `contract${++run}`;
  });
  const latest = async (query = '') => (await calls.get(`/subjects/${s}/versions/latest${query}`)).json as object;

  describe('rule sets', () => {
    it.each([
      ['no name', { domainRules: [rule('', {})] }],
      ['a name that begins with a digit', { domainRules: [rule('1x')] }],
      ['a space in the name', { domainRules: [rule('a b')] }],
      ['a long name', { domainRules: [rule('x'.repeat(257))] }],
      ['no type', { domainRules: [rule('r', { type: null })] }],
      ['a name twice in a list', { domainRules: [rule('r'), rule('r')] }],
      ['a name twice in two lists', { domainRules: [rule('r')], encodingRules: [rule('r')] }],
      ['a mode of another list', { domainRules: [rule('r', { mode: 'UPGRADE' })] }],
      ['a mode of another list, the other way round', { migrationRules: [rule('r', { mode: 'WRITE' })] }],
      ['no mode in a migration rule, which is then WRITEREAD', { migrationRules: [{ name: 'r', type: 'JSONATA' }] }],
      ['two actions in one direction', { domainRules: [rule('r', { onSuccess: 'a,b' })] }],
      ['three actions', { domainRules: [rule('r', { mode: 'WRITEREAD', onFailure: 'a,b,c' })] }],
    ])('with %s are refused, in requests and in settings', async (_what, ruleSet) => {
      expect((await calls.register(s, user('a'), { ruleSet })).code).toBe(42210);
      for (const member of ['defaultRuleSet', 'overrideRuleSet']) {
        expect((await calls.put(`/config/${s}`, { [member]: ruleSet })).code).toBe(42210);
      }
      expect((await calls.get(`/config/${s}`)).code).toBe(40408);
      expect((await calls.get(`/subjects/${s}/versions`)).code).toBe(40401);
    });

    it.each([
      ['a mode that there is not', { domainRules: [rule('r', { mode: 'NOPE' })] }],
      ['a kind that there is not', { domainRules: [rule('r', { kind: 'NOPE' })] }],
      ['a place that there is not', { domainRules: [], enableAt: 'MOON' }],
    ])('with %s cannot be read at all', async (_what, ruleSet) => {
      expect((await calls.register(s, user('a'), { ruleSet })).code).toBe(400);
      expect((await calls.put(`/config/${s}`, { defaultRuleSet: ruleSet })).code).toBe(400);
    });

    it('are kept complete: kind, mode and whether they are disabled stand in every answer', async () => {
      const ruleSet = {
        domainRules: [
          { name: 'größe_2-x', type: 'CEL', tags: ['b', 'a', 'b'], params: { z: 1, a: true }, onFailure: 'NONE,ERROR' },
        ],
        migrationRules: [rule('up', { mode: 'UPDOWN', kind: 'TRANSFORM', type: 'JSONATA', onSuccess: 'NONE' })],
        encodingRules: [rule('enc', { mode: 'WRITEREAD', type: 'ENCRYPT', disabled: true })],
        enableAt: 'CLIENT',
      };
      const complete = {
        migrationRules: [{ ...ruleSet.migrationRules[0], disabled: false }],
        domainRules: [
          {
            name: 'größe_2-x',
            kind: 'TRANSFORM',
            mode: 'WRITEREAD',
            type: 'CEL',
            tags: ['a', 'b'],
            params: { a: 'true', z: '1' },
            onFailure: 'NONE,ERROR',
            disabled: false,
          },
        ],
        encodingRules: [{ ...ruleSet.encodingRules[0], disabled: true }],
        enableAt: 'CLIENT',
      };
      const { id, guid } = await calls.registered(s, user('a'), { ruleSet });
      for (const path of [`/schemas/ids/${id}`, `/schemas/guids/${guid}`, `/subjects/${s}/versions/1`]) {
        expect((await calls.get(path)).json).toMatchObject({ ruleSet: complete });
      }
      // What is written out is the same contract as what may be left out.
      expect(await calls.registered(`${s}-b`, user('a'), { ruleSet: complete })).toMatchObject({ id, guid });
      expect((await calls.put(`/config/${s}`, { overrideRuleSet: ruleSet })).json).toEqual({
        overrideRuleSet: complete,
      });
    });

    it('are inherited when left out or null, and end with an empty object', async () => {
      const ruleSet = { domainRules: [rule('r')] };
      await calls.registered(s, user('a'), { ruleSet });
      expect(await calls.registered(s, user('a', 'b'))).toMatchObject({ version: 2, ruleSet });
      expect(await calls.registered(s, user('a', 'b', 'c'), { ruleSet: null })).toMatchObject({ ruleSet });
      const ended = await calls.registered(s, user('a', 'b', 'c', 'd'), { ruleSet: {} });
      expect(ended).toMatchObject({ version: 4, ruleSet: {} });
    });

    it('come from the settings as well: defaults first, overrides last, later rules of a name in the place of earlier', async () => {
      const said = (...exprs: [string, string][]) => ({
        domainRules: exprs.map(([name, expr]) => rule(name, { expr })),
      });
      await calls.put(`/config/${s}`, {
        defaultRuleSet: said(['a', 'default'], ['b', 'default'], ['c', 'default']),
        overrideRuleSet: said(['a', 'override']),
      });
      const answer = await calls.registered(s, user('a'), { ruleSet: said(['b', 'sent'], ['d', 'sent']) });
      expect(answer).toMatchObject({
        ruleSet: said(['c', 'default'], ['b', 'sent'], ['d', 'sent'], ['a', 'override']),
      });
    });

    it('never have a name twice: a later rule takes the place of an earlier one of another list', async () => {
      await calls.put(`/config/${s}`, {
        defaultRuleSet: { encodingRules: [rule('r')], domainRules: [rule('d')] },
        overrideRuleSet: { encodingRules: [rule('o')] },
      });
      const sent = { domainRules: [rule('r', { expr: 'sent' }), rule('o')] };
      const answer = await calls.registered(s, user('a'), { ruleSet: sent });
      const kept = { domainRules: [rule('d'), rule('r', { expr: 'sent' })], encodingRules: [rule('o')] };
      expect(answer).toMatchObject({ ruleSet: kept });
      expect(Object.values((answer as { ruleSet: object }).ruleSet).flat()).toHaveLength(3);
      // What is stored can be built on.
      const merged = { rulesToMerge: { domainRules: [rule('e')] } };
      expect((await calls.post(`/subjects/${s}/versions/1/tags`, merged)).status).toBe(200);
    });
  });

  describe('metadata', () => {
    it('is sorted, kept as text and part of the identity', async () => {
      const metadata = {
        tags: { 'User.a': ['Z', 'PII', 'Z'] },
        properties: { z: 1, a: true },
        sensitive: ['z', 'a', 'z'],
      };
      const { id } = await calls.registered(s, user('a'), { metadata });
      const kept = { tags: { 'User.a': ['PII', 'Z'] }, properties: { a: 'true', z: '1' }, sensitive: ['a', 'z'] };
      expect((await calls.get(`/schemas/ids/${id}`)).json).toMatchObject({ metadata: kept });
      expect((await calls.registered(`${s}-b`, user('a'))).id).not.toBe(id);
      expect((await calls.registered(`${s}-c`, user('a'), { metadata: kept })).id).toBe(id);
    });

    it('is the same whether empty members stand in it or not, and so are rule sets', async () => {
      const rule = { name: 'r', type: 'CEL' };
      const first = await calls.registered(s, user('a'), { metadata: {}, ruleSet: { domainRules: [rule] } });
      const same = await calls.registered(s, user('a'), {
        metadata: { properties: {}, tags: {}, sensitive: [] },
        ruleSet: { migrationRules: [], domainRules: [{ ...rule, doc: '', tags: [], params: {} }] },
      });
      expect([same.id, same.version]).toEqual([first.id, 1]);
    });

    it('is inherited, replaced as a whole, and ends with an empty object', async () => {
      await calls.registered(s, user('a'), properties({ owner: 'x', team: 'y' }));
      expect(await calls.registered(s, user('a', 'b'))).toMatchObject(properties({ owner: 'x', team: 'y' }));
      const replaced = await calls.registered(s, user('a', 'b', 'c'), properties({ owner: 'z' }));
      expect(replaced).toMatchObject({ metadata: { properties: { owner: 'z' } } });
      expect((replaced as { metadata?: { properties: object } }).metadata!.properties).toEqual({ owner: 'z' });
      expect(await calls.registered(s, user('a', 'b', 'c', 'd'), { metadata: {} })).toHaveProperty('metadata', {});
    });

    it('comes from the settings as well, and the answer tells what it became', async () => {
      await calls.put(`/config/${s}`, {
        defaultMetadata: { properties: { owner: 'default', team: 'default' } },
        overrideMetadata: { properties: { team: 'override' } },
      });
      const kept = { owner: 'sent', team: 'override' };
      expect(await calls.registered(s, user('a'), properties({ owner: 'sent', team: 'sent' }))).toMatchObject(
        properties(kept),
      );
      // Said again, it is the same version.
      expect(await calls.registered(s, user('a'), properties({ owner: 'sent' }))).toMatchObject({ version: 1 });
    });

    it('finds a version: every pair by position counts, the last of a repeated key, and a version without metadata never', async () => {
      await calls.registered(s, user('a'));
      const find = (query: string) => calls.get(`/subjects/${s}/metadata${query}`);
      expect((await find('')).code).toBe(40403);
      await calls.registered(s, user('a', 'b'), properties({ owner: 'x', rank: '1' }));
      await calls.registered(s, user('a', 'b', 'c'), properties({ owner: 'x', rank: '2' }));
      expect((await find('')).json).toMatchObject({ version: 3 });
      expect((await find('?key=rank&value=1')).json).toMatchObject({ version: 2 });
      expect((await find('?key=owner&value=x&key=rank')).json).toMatchObject({ version: 3 });
      expect((await find('?key=rank&value=2&key=rank&value=1')).json).toMatchObject({ version: 2 });
      await calls.delete(`/subjects/${s}/versions/3`);
      expect((await find('?key=rank&value=2')).code).toBe(40403);
      expect((await find('?key=rank&value=2&deleted=true')).json).toMatchObject({ version: 3, deleted: true });
      await calls.delete(`/subjects/${s}`);
      expect((await find('?key=rank&value=1')).code).toBe(40401);
    });
  });

  describe('the version property', () => {
    const numbered = (version: string) => ({ metadata: { properties: { 'confluent:version': version } } });

    it('is set by an explicit number, and from then on by every registration', async () => {
      await calls.registered(s, user('a'));
      expect(await calls.registered(s, user('a'), { version: 2 })).toMatchObject({ version: 2, ...numbered('2') });
      expect(await calls.registered(s, user('a', 'b'))).toMatchObject({ version: 3, ...numbered('3') });
    });

    it('cannot be chosen by the sender', async () => {
      expect(await calls.registered(s, user('a'), numbered('77'))).toMatchObject({ version: 1, ...numbered('1') });
    });

    it('brings an old text back as the latest, under an id of its own; -1 asks for that without a number', async () => {
      const first = await calls.registered(s, user('a'));
      await calls.registered(s, user('a', 'b'));
      expect(await calls.registered(s, user('a'))).toMatchObject({ id: first.id, version: 1 });
      const back = await calls.registered(s, user('a'), { version: -1 });
      expect(back).toMatchObject({ version: 3, schema: user('a'), ...numbered('3') });
      expect(back.id).not.toBe(first.id);
      expect(await calls.registered(s, user('a'), { version: -1 })).toMatchObject({ version: 3, id: back.id });
      expect((await calls.register(s, user('a'), { version: 9 })).code).toBe(42201);
      expect((await calls.register(s, user('a'), { version: 1 })).code).toBe(42201);
    });

    it('does not hinder a look-up by the text alone', async () => {
      await calls.registered(s, user('a'), { version: 1, ...properties({ owner: 'x' }) });
      expect((await calls.post(`/subjects/${s}`, { schema: user('a') })).json).toMatchObject({ version: 1 });
    });
  });

  describe('reserved names and validated fields', () => {
    const reserved = (names: string) => ({ metadata: { properties: { 'confluent:reserved': names } } });

    it('cannot be used, nor dropped from the list, at any level', async () => {
      await calls.put(`/config/${s}`, { validateFields: true, compatibility: 'NONE' });
      await calls.registered(s, user('a'), reserved('b, c'));
      expect((await calls.register(s, user('a', 'b'), reserved('b,c'))).status).toBe(409);
      expect((await calls.register(s, user('a', 'd'), reserved('b'))).status).toBe(409);
      expect((await calls.register(s, user('a', 'd'), reserved('c,b,e'))).status).toBe(200);
      const check = await calls.post(`/compatibility/subjects/${s}/versions/latest?verbose=true`, {
        schema: user('a', 'b'),
        ...reserved('b,c,e'),
      });
      expect(check.json).toMatchObject({ is_compatible: false });
    });

    it('mean nothing while fields are not validated', async () => {
      await calls.registered(s, user('a'), reserved('b'));
      expect((await calls.register(s, user('a', 'b'), reserved('b'))).status).toBe(200);
    });

    it('forbid property names of the registry in JSON Schema, and double numbers in Protobuf', async () => {
      const json = { schemaType: 'JSON' };
      const dollars = '{"type":"object","properties":{"$$x":{"type":"string"}}}';
      const twice = 'syntax = "proto3"; message M { int32 a = 1; int32 b = 1; }';
      expect((await calls.register(`${s}-j`, dollars, json)).status).toBe(200);
      expect((await calls.register(`${s}-p`, twice, { schemaType: 'PROTOBUF' })).status).toBe(200);
      for (const name of ['j2', 'p2']) await calls.put(`/config/${s}-${name}`, { validateFields: true });
      expect((await calls.register(`${s}-j2`, dollars, json)).code).toBe(42201);
      expect((await calls.register(`${s}-p2`, twice, { schemaType: 'PROTOBUF' })).code).toBe(42201);
    });
  });

  it('a registration without a text takes the latest one over, and needs one to be there', async () => {
    expect((await calls.post(`/subjects/${s}/versions`, properties({ a: '1' }))).code).toBe(42201);
    await calls.registered(s, user('a'));
    const changed = await calls.post(`/subjects/${s}/versions`, properties({ owner: 'x' }));
    expect(changed.json).toMatchObject({ version: 2, schema: user('a'), ...properties({ owner: 'x' }) });
    expect(await latest()).toMatchObject({ version: 2 });
    // A check takes nothing over.
    const check = await calls.post(`/compatibility/subjects/${s}/versions/latest`, properties({ owner: 'x' }));
    expect(check.json).toMatchObject({ error_code: 42201, message: expect.stringContaining('Empty schema') as string });
  });
});
