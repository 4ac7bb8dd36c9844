import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Method } from '#libs/platform/testing';
import { avroRecord, PrincipalsByName, registryForSuite } from './testing/index.js';

/** `narrow` writes subjects that begin with `mine.`, and deletes none; everybody else may do all. */
const users = new PrincipalsByName();
users.add('narrow', ['registrar'], 'mine.*');

const record = (...fields: string[]) => avroRecord('R', ...fields);

describe('associations', () => {
  const { app, calls } = registryForSuite({ authenticator: users });
  let run = 0;
  /** Namespace, name and id of a resource nobody has used. */
  let ns: string;
  let topic: string;
  let id: string;
  beforeEach(() => {
    [ns, topic, id] = [`ns${++run}`, `topic${run}`, `id${run}`];
  });

  const register = (subject: string, schema = record('a')) => calls.register(subject, schema);
  const resource = (...associations: object[]) => {
    return { resourceName: topic, resourceNamespace: ns, resourceId: id, resourceType: 'topic', associations };
  };
  const create = (...associations: object[]) => calls.post('/associations', resource(...associations));
  const put = (...associations: object[]) => calls.put(`/associations/resources/${id}`, resource(...associations));
  const listed = async (query = '') => (await calls.get(`/associations/resources/${id}${query}`)).json as object[];
  const own = (type = 'value') => `:.${ns}:${topic}-${type}`;
  const withSchema = (type = 'value', more: object = {}) => {
    return { associationType: type, schema: { schema: record('a') }, ...more };
  };
  const weak = (subject: string, more: object = {}) => ({ subject, lifecycle: 'WEAK', ...more });
  const strong = (subject: string, more: object = {}) => ({ subject, lifecycle: 'STRONG', ...more });

  describe('are refused with 42212 when', () => {
    const good = () => ({ ...resource(weak('s')) });
    it.each<[string, () => object]>([
      ['the resource has no name', () => ({ ...good(), resourceName: '' })],
      ['the name is too long', () => ({ ...good(), resourceName: 'x'.repeat(257) })],
      ['the name has a space', () => ({ ...good(), resourceName: 'a b' })],
      ['there is no namespace', () => ({ ...good(), resourceNamespace: null })],
      ['there is no id', () => ({ ...good(), resourceId: undefined })],
      ['the resource is no topic', () => ({ ...good(), resourceType: 'table' })],
      ['there are none', () => ({ ...good(), associations: [] })],
      ['there are none at all', () => ({ ...good(), associations: undefined })],
      ['the type is neither key nor value', () => resource(weak('s', { associationType: 'header' }))],
      ['a type is there twice', () => resource(weak('s'), weak('t'))],
      ['a weak one has no subject', () => resource({ lifecycle: 'WEAK' })],
      ['a weak one has a schema', () => resource(withSchema('value', { lifecycle: 'WEAK' }))],
      ['a weak one is frozen', () => resource(weak('s', { frozen: true }))],
      ['one with a schema is not frozen', () => resource(withSchema('value', { frozen: false }))],
      ['a frozen one has another subject', () => resource(withSchema('value', { subject: 's' }))],
      ['a frozen one has no schema', () => resource({ lifecycle: 'STRONG', frozen: true })],
      ["a weak one has the resource's own subject", () => resource(weak(own()))],
      [
        'some are frozen and some are not',
        () => resource(withSchema(), strong('s', { associationType: 'key', frozen: false })),
      ],
    ])('%s', async (_name, body) => {
      expect((await calls.post('/associations', body())).code).toBe(42212);
      expect(await listed()).toEqual([]);
    });

    it('the id in the path is another', async () => {
      expect((await calls.put('/associations/resources/other', resource(weak('s')))).code).toBe(42212);
    });
  });

  it.each<[string, unknown, number]>([
    ['no body', undefined, 422],
    ['a list', [], 400],
    ['an unknown lifecycle', { associations: [{ lifecycle: 'FOREVER' }] }, 400],
    ['associations that are no list', { associations: {} }, 400],
    ['a schema that is no object', { associations: [{ schema: 'x' }] }, 400],
  ])('%s is refused before anything is looked at', async (_name, body, code) => {
    expect((await calls.post('/associations', body)).code).toBe(code);
  });

  describe('creating', () => {
    it('needs a live version, or a schema that makes one', async () => {
      expect((await create(weak(`${topic}-s`))).code).toBe(40907);
      await register(`${topic}-s`);
      await calls.delete(`/subjects/${topic}-s`);
      expect((await create(weak(`${topic}-s`))).code).toBe(40907);
      expect((await create(withSchema())).code).toBe(200);
    });

    it('with a schema registers it and owns the subject of the resource', async () => {
      const made = await create(withSchema('key'), withSchema('value', { schema: { schema: record('b') } }));
      expect(made.json).toMatchObject({
        resourceName: topic,
        resourceNamespace: ns,
        resourceId: id,
        resourceType: 'topic',
        associations: [
          {
            subject: own('key'),
            associationType: 'key',
            lifecycle: 'STRONG',
            frozen: true,
            schema: { version: 1, id: 1 },
          },
          { subject: own(), associationType: 'value', schema: { subject: own(), version: 1, id: 2 } },
        ],
      });
      expect(await listed()).toHaveLength(2);
      expect((await calls.get(`/subjects/${own()}/versions`)).json).toEqual([1]);
    });

    it('gives one id to one new schema for keys and values', async () => {
      const made = await create(withSchema('key'), withSchema('value'));
      expect(made.json).toMatchObject({ associations: [{ schema: { id: 1 } }, { schema: { id: 1 } }] });
    });

    it('registers and associates together or not at all', async () => {
      await register(own('key'), record('x'));
      const mixed = await create(withSchema('value'), withSchema('key'));
      expect(mixed.code).toBe(42212);
      expect((await calls.get(`/subjects/${own()}/versions`)).code).toBe(40401);
      expect((await create({ associationType: 'value', schema: { schema: '{"type":"recrod"}' } })).code).toBe(42201);
      expect(await listed()).toEqual([]);
    });

    it('is WEAK where nothing says otherwise, and of type value', async () => {
      await register(`${topic}-s`);
      expect((await create({ subject: `${topic}-s` })).json).toMatchObject({
        associations: [{ associationType: 'value', lifecycle: 'WEAK', frozen: false }],
      });
    });

    it('the same again answers that nothing was made', async () => {
      await register(`${topic}-s`);
      await create(weak(`${topic}-s`));
      const before = await listed();
      const { status, json } = await create(weak(`${topic}-s`));
      expect([status, json]).toEqual([
        200,
        { resourceName: topic, resourceNamespace: ns, resourceId: id, resourceType: 'topic' },
      ]);
      expect(await listed()).toEqual(before);
    });

    it('what is there otherwise is a conflict of the resource', async () => {
      await register(`${topic}-s`);
      await create(weak(`${topic}-s`));
      for (const other of [weak('elsewhere'), strong(`${topic}-s`)]) expect((await create(other)).code).toBe(40903);
      await calls.delete(`/associations/resources/${id}`);
      await create(withSchema());
      expect((await create(withSchema())).code).toBe(200);
      expect((await create(withSchema('value', { schema: { schema: record('a', 'b') } }))).code).toBe(40903);
    });

    it('lets a subject be shared weakly and owned once', async () => {
      const s = `${topic}-shared`;
      await register(s);
      const other = (association: object) =>
        calls.post('/associations', { ...resource(association), resourceName: `${topic}b`, resourceId: `${id}b` });
      await create(weak(s));
      expect((await other(strong(s))).code).toBe(40904);
      expect((await other(weak(s))).code).toBe(200);
      expect((await put(strong(s))).code).toBe(40904);
      await calls.delete(`/associations/resources/${id}b`);
      expect((await put(strong(s))).code).toBe(200);
      expect((await other(weak(s))).code).toBe(40905);
      expect((await other(strong(s))).code).toBe(40904);
      expect((await create(strong(s, { associationType: 'key' }))).code).toBe(40904);
    });

    it('follows a topic that was made anew under its name', async () => {
      await register(`${topic}-s`);
      await create(weak(`${topic}-s`));
      await calls.post('/associations', { ...resource(weak(`${topic}-s`)), resourceId: `${id}-again` });
      const byName = await calls.get(`/associations/resources/-/${topic}`);
      expect(byName.json).toMatchObject([{ resourceId: `${id}-again` }]);
    });

    it('means the alias’s target, and the context that is asked in', async () => {
      await register(`${topic}-s`);
      await calls.put(`/config/${topic}-alias`, { alias: `${topic}-s` });
      await create(weak(`${topic}-alias`));
      expect(await listed()).toMatchObject([{ subject: `${topic}-s` }]);
      await register(`:.c${run}:s`);
      const key = weak('s', { associationType: 'key' });
      await calls.post(`/contexts/.c${run}/associations`, resource(key));
      expect(await listed('?associationType=key')).toMatchObject([{ subject: `:.c${run}:s` }]);
      const inContext = await calls.get(`/contexts/.c${run}/associations/subjects/s`);
      expect(inContext.json).toHaveLength(1);
      expect((await calls.post('/associations?context=:.a:b', resource(key))).code).toBe(400);
    });

    it('in a dry run says what would go wrong and does nothing', async () => {
      const dry = (association: object, more: object = {}) =>
        calls.post('/associations?dryRun=true', { ...resource(association), ...more });
      const { status, json } = await dry(withSchema(), { resourceId: undefined });
      expect([status, json]).toEqual([200, { resourceName: topic, resourceNamespace: ns, resourceType: 'topic' }]);
      expect((await dry(weak('no-such'))).code).toBe(40907);
      expect((await dry({ associationType: 'value', schema: { schema: 'x' } })).code).toBe(42201);
      expect(await listed()).toEqual([]);
      expect((await calls.get(`/subjects/${own()}/versions`)).code).toBe(40401);
    });

    it('keeps to modes: read-only refuses, importing leaves schemas to their own requests', async () => {
      await register(`${topic}-s`);
      await calls.put(`/mode/${topic}-s`, { mode: 'READONLY' });
      expect((await create(weak(`${topic}-s`))).code).toBe(42205);
      await calls.put(`/mode/${encodeURIComponent(own())}`, { mode: 'IMPORT' });
      expect((await create(withSchema())).code).toBe(200);
      expect(await listed()).toMatchObject([{ subject: own(), lifecycle: 'STRONG' }]);
      expect((await calls.get(`/subjects/${own()}/versions`)).code).toBe(40401);
    });
  });

  describe('changing', () => {
    it('makes a weak one strong and back, and keeps when it was made', async () => {
      await register(`${topic}-s`);
      await create(weak(`${topic}-s`));
      const [before] = await listed();
      app().clock.advance(1_000);
      expect((await put(strong(`${topic}-s`))).json).toMatchObject({ associations: [{ lifecycle: 'STRONG' }] });
      const [after] = (await listed()) as [{ createTs: number; updateTs: number }];
      expect(after).toMatchObject({ guid: (before as { guid: string }).guid, lifecycle: 'STRONG' });
      expect(after.updateTs - after.createTs).toBe(1_000);
      expect((await put(weak(`${topic}-s`))).code).toBe(200);
      expect((await put({ subject: `${topic}-s` })).json).not.toHaveProperty('associations');
    });

    it('never changes the subject, nor whether it is frozen', async () => {
      await register(`${topic}-s`);
      await create(strong(`${topic}-s`));
      expect((await put(strong('elsewhere'))).code).toBe(42212);
      expect((await put({ ...strong(own()), frozen: true, schema: { schema: record('a') } })).code).toBe(42212);
    });

    it('keeps a frozen one as it is, and registers what comes with it', async () => {
      await create(withSchema());
      expect((await put({ lifecycle: 'WEAK', subject: own() })).code).toBe(42212);
      expect((await put({ frozen: false })).code).toBe(42212);
      const evolved = await put({ schema: { schema: record('a', 'b') } });
      expect(evolved.json).not.toHaveProperty('associations');
      expect((await calls.get(`/subjects/${own()}/versions`)).json).toEqual([1, 2]);
      const broken = '{"type":"record","name":"R","fields":[{"name":"z","type":"int"}]}';
      expect((await put({ schema: { schema: broken } })).code).toBe(40901);
    });

    it('adds what is not there, like the rest of the resource', async () => {
      await create(withSchema('key'));
      await register(`${topic}-s`);
      expect((await put(strong(`${topic}-s`, { frozen: false }))).code).toBe(42212);
      expect((await put(withSchema())).json).toMatchObject({ associations: [{ lifecycle: 'STRONG', frozen: true }] });
    });
  });

  describe('removing', () => {
    it('takes those that are asked for', async () => {
      await register(`${topic}-s`);
      await create(weak(`${topic}-s`), weak(`${topic}-s`, { associationType: 'key' }));
      expect((await calls.delete(`/associations/resources/${id}?dryRun=true`)).code).toBe(204);
      expect(await listed()).toHaveLength(2);
      expect((await calls.delete(`/associations/resources/${id}?associationType=key`)).code).toBe(204);
      expect(await listed()).toMatchObject([{ associationType: 'value' }]);
      expect((await calls.delete(`/associations/resources/${id}?associationType=key`)).code).toBe(40410);
      expect((await calls.delete(`/associations/resources/${id}?resourceType=table`)).code).toBe(40410);
    });

    it('leaves subjects alone, but for those of a strong one when it cascades', async () => {
      await register(`${topic}-w`);
      await register(`${topic}-s`);
      await create(weak(`${topic}-w`), strong(`${topic}-s`, { associationType: 'key' }));
      expect((await calls.delete(`/associations/resources/${id}?cascadeLifecycle=true`)).code).toBe(204);
      expect((await calls.get(`/subjects/${topic}-w/versions`)).json).toEqual([1]);
      expect((await calls.get(`/subjects/${topic}-s/versions?deleted=true`)).code).toBe(40401);
    });

    it('a frozen one needs to cascade', async () => {
      await create(withSchema());
      expect((await calls.delete(`/associations/resources/${id}`)).code).toBe(40908);
      expect((await calls.delete(`/associations/resources/${id}?cascadeLifecycle=true`)).code).toBe(204);
      expect(await listed()).toEqual([]);
    });

    it('does not take a subject that others refer to', async () => {
      const schema = '{"type":"record","name":"U","fields":[{"name":"r","type":"R"}]}';
      await register(`${topic}-s`);
      const references = [{ name: 'R', subject: `${topic}-s`, version: 1 }];
      await calls.post(`/subjects/${topic}-user/versions`, { schema, references });
      await create(strong(`${topic}-s`));
      const cascading = `/associations/resources/${id}?cascadeLifecycle=true`;
      expect((await calls.delete(cascading)).code).toBe(42206);
      expect((await calls.delete(`${cascading}&dryRun=true`)).code).toBe(42206);
      expect(await listed()).toHaveLength(1);
    });
  });

  describe('hold on to their subjects', () => {
    it('which cannot be deleted, nor lose their last live version', async () => {
      const s = `${topic}-s`;
      await register(s);
      await register(s, record('a', 'b'));
      await create(weak(s));
      expect((await calls.delete(`/subjects/${s}`)).code).toBe(40904);
      expect((await calls.delete(`/subjects/${s}/versions/1`)).code).toBe(200);
      expect((await calls.delete(`/subjects/${s}/versions/2`)).code).toBe(40907);
      expect((await calls.delete(`/subjects/${s}/versions/1?permanent=true`)).code).toBe(40904);
      expect((await calls.delete(`/subjects/${s}/versions/1`)).code).toBe(40406);
      await calls.delete(`/associations/resources/${id}`);
      expect((await calls.delete(`/subjects/${s}`)).json).toEqual([2]);
    });

    it('which cannot be referred to while they are owned', async () => {
      const s = `${topic}-s`;
      const schema = (name: string) => `{"type":"record","name":"${name}","fields":[{"name":"r","type":"R"}]}`;
      const references = [{ name: 'R', subject: s, version: 1 }];
      const refer = (name: string) =>
        calls.post(`/subjects/${topic}-user/versions`, { schema: schema(name), references });
      await register(s);
      await create(weak(s));
      expect((await refer('U')).code).toBe(200);
      await put(strong(s));
      expect((await refer('U')).code).toBe(200);
      expect((await refer('V')).code).toBe(42205);
    });
  });

  describe('are listed', () => {
    beforeEach(async () => {
      await register(`${topic}-k`);
      await register(`${topic}-v`);
      await register(`${topic}-x`);
      await create(weak(`${topic}-v`), strong(`${topic}-k`, { associationType: 'key' }));
    });

    it('by id, by name and by subject, key before value', async () => {
      const members = ['subject', 'guid', 'resourceName', 'resourceNamespace', 'resourceId', 'resourceType'];
      const [first, second] = await listed();
      expect(Object.keys(first!)).toEqual([
        ...members,
        'associationType',
        'lifecycle',
        'frozen',
        'createTs',
        'updateTs',
      ]);
      expect(first).toMatchObject({ associationType: 'key' });
      expect((await calls.get(`/associations/resources/${ns}/${topic}`)).json).toEqual([first, second]);
      expect((await calls.get(`/associations/resources/-/${topic}?offset=1&limit=-1`)).json).toEqual([second]);
      expect((await calls.get(`/associations/resources/other/${topic}`)).json).toEqual([]);
      expect((await calls.get(`/associations/subjects/${topic}-v?limit=1`)).json).toEqual([second]);
    });

    it('filtered', async () => {
      expect(await listed('?associationType=key&associationType=value')).toHaveLength(2);
      expect(await listed('?associationType=value')).toMatchObject([{ subject: `${topic}-v` }]);
      expect(await listed('?lifecycle=STRONG')).toMatchObject([{ subject: `${topic}-k` }]);
      expect(await listed('?resourceType=table')).toEqual([]);
      expect((await calls.get(`/associations/resources/${id}?lifecycle=x`)).code).toBe(404);
    });

    it('with schemas, which can be chosen by them', async () => {
      const schemas = async (query: string) =>
        ((await calls.get(`/schemas?subjectPrefix=${topic}-&${query}`)).json as object[]).map((one) => [
          (one as { subject: string }).subject.slice(topic.length + 1),
          (one as { associations?: object[] }).associations?.length ?? 0,
        ]);
      expect(await schemas('resourceType=topic')).toEqual([
        ['k', 1],
        ['v', 1],
        ['x', 0],
      ]);
      expect(await schemas('associationType=key')).toEqual([
        ['k', 1],
        ['v', 0],
        ['x', 0],
      ]);
      expect(await schemas('lifecycle=STRONG&lifecycle=NONE')).toEqual([
        ['k', 1],
        ['x', 0],
      ]);
      expect(await schemas('lifecycle=WEAK')).toEqual([['v', 1]]);
      expect(await schemas('')).toEqual([
        ['k', 0],
        ['v', 0],
        ['x', 0],
      ]);
      expect((await calls.get('/schemas?lifecycle=SOME')).code).toBe(404);
    });
  });

  describe('in batches', () => {
    const operation = (opType: string, more: object) => ({ opType, ...more });
    const mutate = (requests: unknown, query = '') => calls.post(`/associations:batchMutate${query}`, { requests });
    const results = (answer: Answer) => (answer.json as { results: Record<string, object>[] }).results;

    it('are carried out in order, each entry by itself', async () => {
      await register(`${topic}-k`);
      await register(`${topic}-v`);
      await create(weak(`${topic}-k`, { associationType: 'key' }));
      const answer = await mutate([
        resource(
          operation('CREATE', strong(`${topic}-v`)),
          operation('UPSERT', strong(`${topic}-k`, { associationType: 'key' })),
          operation('DELETE', { associationType: 'key' }),
        ),
        { ...resource(operation('CREATE', weak('no-such'))), resourceId: `${id}-2`, resourceName: `${topic}b` },
        { resourceId: 'x', associations: [operation('DELETE', {})] },
      ]);
      expect(answer.status).toBe(207);
      expect(results(answer)).toMatchObject([
        { result: { resourceId: id, associations: [{ subject: `${topic}-v`, lifecycle: 'STRONG' }] } },
        { error: { error_code: 40907 } },
        { error: { error_code: 42212 } },
      ]);
      expect(await listed()).toHaveLength(1);
    });

    it('show the schemas they registered', async () => {
      const answer = await mutate([resource(operation('CREATE', withSchema()))]);
      expect(results(answer)).toMatchObject([
        { result: { associations: [{ subject: own(), schema: { version: 1 } }] } },
      ]);
      expect((await calls.delete(`/associations/resources/${id}`)).code).toBe(40908);
      const frozen = await mutate([resource(operation('DELETE', {}))]);
      expect(results(frozen)).toMatchObject([{ error: { error_code: 40908 } }]);
      const cascading = await mutate([resource(operation('DELETE', { cascadeLifecycle: true }))]);
      expect(results(cascading)[0]).toHaveProperty('result');
      expect((await calls.get(`/subjects/${own()}/versions?deleted=true`)).code).toBe(40401);
    });

    it('in a dry run change nothing', async () => {
      const answer = await mutate([resource(operation('CREATE', withSchema()))], '?dryRun=true');
      expect(results(answer)[0]!['result']).not.toHaveProperty('associations');
      expect(await listed()).toEqual([]);
    });

    it('are refused as a whole when they cannot be read', async () => {
      expect((await mutate([])).code).toBe(42212);
      expect((await mutate(undefined)).code).toBe(42212);
      expect((await mutate([1])).code).toBe(400);
      expect((await mutate([resource(operation('REPLACE', weak('s')))])).code).toBe(400);
      expect((await mutate([resource(weak('s'))])).code).toBe(400);
      expect((await calls.post('/associations:batchGet', { requests: [] })).code).toBe(42212);
    });

    it('are read, by id or by name, with their latest schemas when asked', async () => {
      await register(`${topic}-v`);
      await register(`${topic}-v`, record('a', 'b'));
      await create(weak(`${topic}-v`));
      const requests = [
        { resourceId: id },
        { resourceName: topic, resourceNamespace: ns },
        { resourceName: topic, associationTypes: ['key'] },
        { resourceId: id, lifecycle: 'STRONG' },
        { resourceId: 'unknown' },
        {},
      ];
      const plain = await calls.post('/associations:batchGet', { requests });
      expect(plain.status).toBe(207);
      const found = { resourceName: topic, resourceNamespace: ns, resourceId: id, resourceType: 'topic' };
      const associations = [{ subject: `${topic}-v`, associationType: 'value', lifecycle: 'WEAK', frozen: false }];
      expect(results(plain).slice(0, 2)).toEqual([
        { result: { ...found, associations } },
        { result: { ...found, associations } },
      ]);
      for (const one of results(plain).slice(2, 5)) expect(one['result']).not.toHaveProperty('associations');
      expect(results(plain)[5]).toMatchObject({ error: { error_code: 42212 } });
      const rich = await calls.post('/associations:batchGet?includeSchemas=true', { requests: requests.slice(0, 1) });
      expect(results(rich)).toMatchObject([{ result: { associations: [{ schema: { version: 2 } }] } }]);
    });

    it('begin nothing more once what they have registered fills the answer', async () => {
      const long = (n: number) =>
        JSON.stringify({ type: 'record', name: 'R', doc: `${n}`.padEnd(900_000), fields: [] });
      const answers: Record<string, object>[] = [];
      await create({ lifecycle: 'STRONG', schema: { schema: long(0) } });
      await calls.put(`/config/${encodeURIComponent(`:.${ns}:${topic}-value`)}`, { compatibility: 'NONE' });
      // Without a text, each takes the latest one over, with other metadata.
      const again = (n: number) =>
        resource(operation('UPSERT', { schema: { metadata: { properties: { n: `${n}` } } } }));
      answers.push(...results(await mutate(Array.from({ length: 14 }, (_, n) => again(n)))));
      const done = answers.filter((one) => 'result' in one).length;
      expect([done > 5, done < 14]).toEqual([true, true]);
      expect(answers.at(-1)).toMatchObject({ error: { error_code: 413 } });
      const { json: versions } = await calls.get(`/subjects/${encodeURIComponent(`:.${ns}:${topic}-value`)}/versions`);
      expect(versions).toHaveLength(1 + done);
    });

    it('are refused when their schemas are more than an answer may hold', async () => {
      await register(`${topic}-v`, JSON.stringify({ type: 'record', name: 'R', doc: 'x'.repeat(500_000), fields: [] }));
      await create(weak(`${topic}-v`));
      const requests = Array.from({ length: 50 }, () => ({ resourceId: id }));
      expect((await calls.post('/associations:batchGet', { requests })).status).toBe(207);
      const refused = await calls.post('/associations:batchGet?includeSchemas=true', { requests });
      expect([refused.status, refused.code]).toEqual([413, 413]);
      expect(refused.text).toContain('limits.bytesInFlightPerConnection');
      const fewer = await calls.post('/associations:batchGet?includeSchemas=true', { requests: requests.slice(0, 9) });
      expect(results(fewer)).toHaveLength(9);
    });
  });

  describe('keep to what a caller may do', () => {
    it('subject by subject', async () => {
      await register(`mine.${topic}`);
      await register(`other.${topic}`);
      const narrow = (method: Method, url: string, body?: object) => calls.ask(method, url, body, 'narrow');
      const both = resource(weak(`mine.${topic}`), weak(`other.${topic}`, { associationType: 'key' }));
      expect((await narrow('POST', '/associations', both)).code).toBe(403);
      await calls.post('/associations', both);
      expect((await narrow('GET', `/associations/resources/${id}`)).json).toMatchObject([{ subject: `mine.${topic}` }]);
      expect((await narrow('GET', `/associations/resources/-/${topic}`)).json).toHaveLength(1);
      expect((await narrow('DELETE', `/associations/resources/${id}`)).code).toBe(40401);
      expect((await narrow('DELETE', `/associations/resources/${id}?associationType=value`)).code).toBe(204);
      expect((await narrow('POST', '/associations', resource(weak(`mine.${topic}`)))).code).toBe(200);
      const cascading = `/associations/resources/${id}?associationType=value&cascadeLifecycle=true`;
      await calls.delete(`/associations/resources/${id}?associationType=key`);
      await narrow('PUT', `/associations/resources/${id}`, resource(strong(`mine.${topic}`)));
      expect((await narrow('DELETE', cascading)).code).toBe(403);
      const batch = { requests: [resource({ opType: 'DELETE', cascadeLifecycle: true })] };
      expect((await narrow('POST', '/associations:batchMutate', batch)).json).toMatchObject({
        results: [{ error: { error_code: 403 } }],
      });
    });
  });
});
