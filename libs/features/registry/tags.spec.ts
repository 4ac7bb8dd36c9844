import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from '#libs/platform/testing';
import { registryForSuite, type Registered, type ShownSchema, type ShownVersion } from './testing/index.js';

const plain = '{"type":"record","name":"myrecord","fields":[{"name":"f1","type":"string"}]}';
const tagged = (...tags: string[]) =>
  `{"type":"record","name":"myrecord","fields":[{"name":"f1","type":"string"}],"confluent:tags":${JSON.stringify(tags)}}`;
const entity = (entityPath: string, entityType: string, ...tags: string[]) => {
  return { schemaEntity: { entityPath, entityType }, tags };
};
const onRecord = (...tags: string[]) => [entity('myrecord', 'sr_record', ...tags)];

describe('tags inside schemas', () => {
  const { calls } = registryForSuite();
  let run = 0;
  let s: string;
  beforeEach(async () => {
    s = `tags${++run}`;
    await register({ schema: plain });
  });

  const register = (body: object) => calls.post<Registered>(`/subjects/${s}/versions`, body);
  const retag = (body: object, version = 'latest') =>
    calls.post<ShownVersion>(`/subjects/${s}/versions/${version}/tags`, body);
  const latest = async (query = '') => (await calls.get<ShownVersion>(`/subjects/${s}/versions/latest${query}`)).json;

  describe('with a registration', () => {
    it('are written into the text and make a version of their own', async () => {
      const added = await register({ schema: plain, version: 2, schemaTagsToAdd: onRecord('TAG1', 'TAG2') });
      expect(added.json).toMatchObject({
        version: 2,
        schema: tagged('TAG1', 'TAG2'),
        metadata: { properties: { 'confluent:version': '2' } },
      });
      const removed = await register({ schema: tagged('TAG1', 'TAG2'), schemaTagsToRemove: onRecord('TAG2') });
      expect(removed.json).toMatchObject({
        version: 3,
        schema: tagged('TAG1'),
        metadata: { properties: { 'confluent:version': '3' } },
      });
    });

    it('need no text when there is a latest version', async () => {
      expect((await register({ schemaTagsToAdd: onRecord('T') })).json).toMatchObject({ schema: tagged('T') });
    });

    it('are taken over from the latest version where it has the same parts', async () => {
      await register({ schema: plain, schemaTagsToAdd: [...onRecord('TAG1'), entity('myrecord.f1', 'sr_field', 'A')] });
      const schema =
        '{"type":"record","name":"myrecord","fields":[{"name":"f2","type":"string","default":"","confluent:tags":["B"]}]}';
      expect((await register({ schema, propagateSchemaTags: true })).json['schema']).toBe(
        schema.replace(/\}$/, ',"confluent:tags":["TAG1"]}'),
      );
    });

    it.each([
      ['a field that is not there', [entity('does.not.exist', 'sr_field', 'T')], 42201],
      ['a number that is taken', onRecord('T'), 42201, 1],
      ['no entity', [{ tags: ['T'] }], 400],
      ['an unknown kind', [entity('myrecord', 'sr_enum', 'T')], 400],
      ['no list', {}, 400],
    ])('are refused for %s', async (_name, schemaTagsToAdd, error, version?: number) => {
      const answer = await register({ schema: plain, schemaTagsToAdd, ...(version === undefined ? {} : { version }) });
      expect(answer.code).toBe(error);
      expect((await latest())['version']).toBe(1);
    });

    it('change nothing in a registry that is read only', async () => {
      await calls.put(`/mode/${s}`, { mode: 'READONLY' });
      expect((await register({ schema: plain, schemaTagsToAdd: onRecord('T') })).code).toBe(42205);
      expect((await register({ schema: plain })).status).toBe(200);
    });
  });

  describe('of a version', () => {
    it('are changed by a new version', async () => {
      expect((await retag({ newVersion: 2, tagsToAdd: onRecord('TAG1', 'TAG2') })).json).toMatchObject({
        version: 2,
        schema: tagged('TAG1', 'TAG2'),
      });
      expect((await retag({ tagsToRemove: onRecord('TAG2') })).json).toMatchObject({
        version: 3,
        schema: tagged('TAG1'),
        metadata: { properties: { 'confluent:version': '3' } },
      });
      expect((await retag({ tagsToAdd: onRecord('X') }, '1')).json).toMatchObject({ version: 4, schema: tagged('X') });
    });

    it('make a new version even when nothing changes', async () => {
      expect((await retag({})).json).toMatchObject({ version: 2, schema: plain });
      expect((await retag({})).json).toMatchObject({ version: 3, schema: plain });
    });

    it('come with metadata and rules', async () => {
      const rule = (name: string, type = 'CEL') => ({ name, type });
      const names = ({ json }: Answer<ShownVersion>) =>
        json.ruleSet?.domainRules?.map(({ name, type }) => `${name} ${type}`);
      const first = await retag({
        metadata: { properties: { owner: 'x' } },
        ruleSet: { domainRules: [rule('a'), rule('b')] },
      });
      expect(first.json).toMatchObject({ metadata: { properties: { owner: 'x', 'confluent:version': '2' } } });
      expect(names(first)).toEqual(['a CEL', 'b CEL']);
      const merged = await retag({ rulesToMerge: { domainRules: [rule('b', 'JSONATA'), rule('c')] } });
      expect(names(merged)).toEqual(['a CEL', 'b JSONATA', 'c CEL']);
      expect(merged.json).toMatchObject({ metadata: { properties: { owner: 'x' } } });
      expect(names(await retag({ rulesToRemove: ['a', 'nobody'] }))).toEqual(['b JSONATA', 'c CEL']);
      expect(names(await retag({ tagsToAdd: onRecord('T') }))).toEqual(['b JSONATA', 'c CEL']);
      // Without its last rule the version is found by what is shown of it.
      const bare = await retag({ rulesToRemove: ['b', 'c'] });
      const { schema, metadata, ruleSet } = bare.json;
      expect(ruleSet).toEqual({});
      const found = await calls.post(`/subjects/${s}`, { schema, metadata, ruleSet });
      expect(found.json).toMatchObject({ id: bare.json.id });
    });

    it.each<[string, string, object, number]>([
      ['an unknown version', '9', {}, 40402],
      ['no version', 'x', {}, 42202],
      ['a path that is not there', '1', { tagsToAdd: [entity('myrecord.f9', 'sr_field', 'T')] }, 42201],
      ['a number that is not next', '1', { newVersion: 7 }, 42201],
      ['rules given and changed', '1', { ruleSet: {}, rulesToRemove: ['a'] }, 42210],
      ['rules given and merged', '1', { ruleSet: {}, rulesToMerge: {} }, 42210],
      ['rules that are wrong', '1', { ruleSet: { domainRules: [{ name: 'a' }] } }, 42210],
    ])('are refused for %s', async (_name, version, body, error) => {
      expect((await retag(body, version)).code).toBe(error);
      expect((await latest())['version']).toBe(1);
    });

    it('are refused for an unknown subject', async () => {
      expect((await calls.post('/subjects/nobody/versions/latest/tags', {})).code).toBe(40401);
    });
  });

  describe('are found', () => {
    const all = [entity('myrecord', 'sr_record', 'A', 'B'), entity('myrecord.f1', 'sr_field', 'C')];
    let id: number;
    beforeEach(async () => {
      ({ id } = (await register({ schema: plain, schemaTagsToAdd: all })).json);
    });

    it('by name or all at once, with a version and by id', async () => {
      expect((await latest('?findTags=*')).schemaTags).toEqual(all);
      expect((await latest('?findTags=C')).schemaTags).toEqual(all.slice(1));
      expect((await latest('?findTags=B&findTags=C')).schemaTags).toEqual(all);
      expect(await latest('?findTags=X')).not.toHaveProperty('schemaTags');
      expect(await latest('?findTags=')).not.toHaveProperty('schemaTags');
      expect((await calls.get<ShownSchema>(`/schemas/ids/${id}?findTags=A`)).json.schemaTags).toEqual(all.slice(0, 1));
      expect((await calls.get(`/schemas/ids/${id}`)).json).not.toHaveProperty('schemaTags');
    });
  });
});
