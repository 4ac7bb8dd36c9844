import { beforeEach, describe, expect, it } from 'vitest';
import { parseSubject, type RegistryFact } from '#libs/core/registry';
import { contentOf, MemoryRegistryStore } from '#libs/core/registry/testing';
import { inProcess } from '#libs/platform/testing';
import { openRegistryApp, PrincipalsByName, RegistryCalls, registryForSuite } from './testing/index.js';
import type { SchemaCheckView, SchemaRulesView } from './schema-check-shapes.js';

/** `narrow` may read subjects that begin with `mine.`; everybody else may do all. */
const users = new PrincipalsByName();
users.add('narrow', ['viewer'], 'mine.*');

const LEVELS = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'];

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'Order', fields });
const id = { name: 'id', type: 'long' };
const vat = { name: 'vat', type: 'long' };
const vatOrNone = { ...vat, default: 0 };

describe('POST /v1/schemas:check', () => {
  const { calls } = registryForSuite({ authenticator: users });
  let run = 0;
  let s: string;
  beforeEach(() => {
    s = `check${++run}`;
  });

  const register = (subject: string, schema: string, more: object = {}) => calls.register(subject, schema, more);
  const rules = async () => (await calls.get<SchemaRulesView>('/v1/schema-rules')).json;
  const check = (body: object) => calls.demand<SchemaCheckView>('POST', '/v1/schemas:check', body);
  const compatibleAt = (view: SchemaCheckView) =>
    view.verdicts.filter((verdict) => verdict.compatible).map((verdict) => verdict.level);

  it('says at which of the seven levels a schema may follow, and against which versions', async () => {
    await calls.put(`/config/${s}`, { compatibility: 'NONE' });
    await register(s, record(id));
    await register(s, record(id, vatOrNone));
    await calls.put(`/config/${s}`, { compatibility: 'BACKWARD' });
    const view = await check({ subject: s, schema: record(id, vat) });
    expect(view.verdicts.map((verdict) => verdict.level)).toEqual(LEVELS);
    expect(compatibleAt(view)).toEqual(['NONE', 'BACKWARD', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL']);
    expect(view).toMatchObject({
      subject: s,
      level: 'BACKWARD',
      levels: ['BACKWARD'],
      compatible: true,
      policy: 'STRICT',
    });
    const at = new Map(view.verdicts.map((verdict) => [verdict.level, verdict]));
    expect(at.get('NONE')).toMatchObject({ comparedWith: [], failedAt: null });
    expect(at.get('FORWARD')).toMatchObject({ comparedWith: [2], failedAt: null });
    expect(at.get('FULL_TRANSITIVE')).toMatchObject({ comparedWith: [2, 1], failedAt: 1 });
    expect(view.findings).toMatchObject([
      { direction: 'new-reads-old', version: 1, levels: ['BACKWARD_TRANSITIVE', 'FULL_TRANSITIVE'] },
    ]);
  });

  it('lets others have their turn between the levels where it tells of very many versions', async () => {
    const versions = 3_000;
    const store = new MemoryRegistryStore();
    const facts = Array.from({ length: versions }, (_, i): RegistryFact => {
      const content = contentOf(JSON.stringify({ type: 'record', name: 'Order', doc: `${i}`, fields: [id] }));
      return {
        ...{ type: 'version-registered', subject: parseSubject('long'), version: i + 1 },
        ...{ id: { kind: 'new' }, content, targets: [], terms: [] },
      };
    });
    await store.apply({ at: 1, expected: [], facts });
    const { http } = await openRegistryApp({ store });
    try {
      const asked = new RegistryCalls(inProcess(() => http.fastify));
      const turnsOf = async (body: object) => {
        let turns = 0;
        let counting = setImmediate(function count() {
          turns++;
          counting = setImmediate(count);
        });
        const view = await asked.demand<SchemaCheckView>('POST', '/v1/schemas:check', body);
        clearImmediate(counting);
        return { view, turns };
      };
      const schema = record(id, vatOrNone);
      const few = await turnsOf({ subject: 'none', schema });
      const many = await turnsOf({ subject: 'long', schema });
      const newestFirst = Array.from({ length: versions }, (_, i) => versions - i);
      for (const { level, compatible, comparedWith } of many.view.verdicts) {
        const compared = level === 'NONE' ? [] : level.endsWith('_TRANSITIVE') ? newestFirst : [versions];
        expect({ level, compatible, comparedWith }).toEqual({ level, compatible: true, comparedWith: compared });
      }
      // Three levels look at all of them, and the answer is written as text.
      expect(many.turns - few.turns).toBeGreaterThanOrEqual(4);
    } finally {
      await http.close();
    }
  });

  it('does not look into a version that both schemas refer to, and says so where that one refers to something else by now', async () => {
    const proto = (text: string) => `syntax = "proto3"; ${text}`;
    const type = { schemaType: 'PROTOBUF' };
    for (const part of ['money', 'price']) await calls.put(`/config/${s}-${part}`, { compatibility: 'NONE' });
    await register(`${s}-money`, proto('message Money { int64 units = 1; }'), type);
    await register(`${s}-money`, proto('message Money { double units = 1; }'), type);
    const money = (version: number) => ({ name: 'money.proto', subject: `${s}-money`, version });
    const text = proto('import "money.proto"; message Price { Money net = 1; }');
    for (const version of [1, 2]) await register(`${s}-price`, text, { ...type, references: [money(version)] });
    const schema = proto('import "price.proto"; message Offer { Price p = 1; }');
    const references = (first: number, price: number) => [
      money(first),
      { name: 'price.proto', subject: `${s}-price`, version: price },
    ];
    await register(s, schema, { ...type, references: references(1, 1) });

    const same = await check({ subject: s, schema, ...type, references: references(2, 1) });
    expect(same.compatible).toBe(true);
    expect(same.warnings.map((one) => [one.ruleId, one.path])).toEqual([
      ['protobuf/unsound-same-version', '#/Price/1'],
    ]);
    const other = await check({ subject: s, schema, ...type, references: references(2, 2) });
    expect(other.compatible).toBe(false);
  });

  it('tells what breaks, for whom, how to mend it and where it stands', async () => {
    await register(s, record(id));
    const schema = `{
  "type": "record", "name": "Order",
  "fields": [
    {"name": "id", "type": "long"},
    {"name": "vat", "type": "long"}
  ]
}`;
    const view = await check({ subject: s, schema });
    expect(view.compatible).toBe(false);
    const [finding] = view.findings;
    expect(finding).toMatchObject({
      ruleId: 'avro/reader-field-missing-default',
      errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE',
      position: { line: 5 },
    });
    for (const text of [finding!.what, finding!.breaks, finding!.whom, finding!.fix]) expect(text).toMatch(/\.$/);
    const { items } = await rules();
    expect(items.map((rule) => rule.id)).toContain(finding!.ruleId);
  });

  it('proves a break of JSON Schemas with a document, and leaves the proof out where it knows none', async () => {
    const schema = (most?: number) => JSON.stringify({ properties: { name: { type: 'string', maxLength: most } } });
    const json = await check({
      schemaType: 'JSON',
      schema: schema(3),
      earlier: [{ schemaType: 'JSON', schema: schema() }],
    });
    const proven = json.findings.filter(({ direction }) => direction === 'new-reads-old');
    expect(proven.map(({ proof }) => proof)).toEqual([
      { document: '{"name":"aaaa"}', refusal: expect.stringContaining('/name must have at most 3') },
    ]);
    const avro = await check({ schema: record(id, vat), earlier: [{ schema: record(id) }] });
    expect(avro.findings.map(({ proof }) => proof)).toEqual([null]);
  });

  it('agrees with the compatibility endpoint at the level in force, whatever it is', async () => {
    await calls.put(`/config/${s}`, { compatibility: 'NONE' });
    for (const schema of [record(id), record(vat), record(id, vatOrNone)]) await register(s, schema);
    for (const compatibility of LEVELS) {
      await calls.put(`/config/${s}`, { compatibility });
      for (const schema of [record(id), record(vat), record(id, vat), record(), '"string"']) {
        const confluent = await calls.post(`/compatibility/subjects/${s}/versions`, { schema });
        expect((await check({ subject: s, schema })).compatible).toBe(
          (confluent.json as { is_compatible: boolean }).is_compatible,
        );
      }
    }
  });

  it('counts the levels that are asked for', async () => {
    await register(s, record(id));
    const ask = async (...levels: string[]) =>
      (await check({ subject: s, schema: record(id, vat), levels })).compatible;
    expect([await ask('FORWARD'), await ask('FORWARD', 'FULL'), await ask('NONE')]).toEqual([true, false, true]);
  });

  it('judges schemas that are sent along, nothing registered and nothing stored', async () => {
    const earlier = [{ schema: record(id) }, { schema: record(id, vatOrNone) }];
    await calls.put('/config/:.:', { compatibility: 'FULL' });
    const view = await check({ schema: record(id, vat), earlier });
    await calls.delete('/config');
    expect(view).toMatchObject({ subject: null, level: 'FULL' });
    expect(compatibleAt(view)).not.toContain('BACKWARD_TRANSITIVE');
    expect(view.findings.map((finding) => finding.version)).toEqual([1]);
    expect(compatibleAt(await check({ schema: record(id) }))).toEqual(LEVELS);
    expect((await calls.get('/subjects')).text).not.toContain(s);
  });

  it('takes schemas that refer to others nobody has registered', async () => {
    const order = '{"type":"record","name":"Order","fields":[{"name":"at","type":"Place"}]}';
    const place = '{"type":"record","name":"Place","fields":[{"name":"town","type":"Town"}]}';
    const town = '{"type":"record","name":"Town","fields":[]}';
    const to = (name: string) => ({ name, subject: `${s}-${name}`, version: 1 });
    const referenced = [
      { subject: `${s}-Town`, version: 1, schema: town },
      { subject: `${s}-Place`, version: 1, schema: place, references: [to('Town')] },
    ];
    const view = await check({ schema: order, references: [to('Place')], referenced });
    expect(view.schema).toBe(order);
    const missing = await calls.post('/v1/schemas:check', { schema: order, references: [to('Place')] });
    expect(missing).toMatchObject({ status: 422, json: { code: 'reference-not-found' } });
    const twice = await calls.post('/v1/schemas:check', { schema: town, referenced: [referenced[0], referenced[0]] });
    expect(twice).toMatchObject({ status: 400, json: { code: 'reference-sent-twice' } });
  });

  it('heeds groups, reserved fields and aliases as registration does', async () => {
    await calls.put(`/config/${s}`, { compatibilityGroup: 'major', validateFields: true });
    await register(s, record(id), { metadata: { properties: { major: '1', 'confluent:reserved': 'vat' } } });
    const other = await check({ subject: s, schema: record(vat), metadata: { properties: { major: '2' } } });
    expect(other.verdicts.every((verdict) => verdict.compatible)).toBe(true);
    expect(other.compatible).toBe(false);
    expect(other.violations).toHaveLength(1);
    await calls.put(`/config/${s}-alias`, { alias: s });
    expect(await check({ subject: `${s}-alias`, schema: record(id) })).toMatchObject({ subject: s });
  });

  it('warns where the verdict is kept from the reference and yet open to doubt, at the levels that count', async () => {
    await calls.put(`/config/${s}`, { compatibility: 'NONE' });
    for (const schema of [record(id), record(id, vatOrNone)]) await register(s, schema);
    const ask = (...levels: string[]) => check({ subject: s, schema: record(id, vat), levels });
    const latestOnly = await ask('BACKWARD', 'FULL');
    expect(latestOnly.compatible).toBe(true);
    expect(latestOnly.warnings).toMatchObject([
      { ruleId: 'schema/unsound-not-transitive', doubt: 'unsound', version: 1, levels: ['BACKWARD'] },
      { ruleId: 'schema/unsound-not-transitive', levels: ['FULL'] },
    ]);
    expect((await ask('BACKWARD_TRANSITIVE')).warnings).toEqual([]);
    const { items } = await rules();
    expect(items.filter((rule) => rule.kind === 'warning').map((rule) => rule.id)).toContain(
      latestOnly.warnings[0]!.ruleId,
    );
  });

  it('judges JSON Schemas under the policy that is asked for', async () => {
    const schema = (...names: string[]) =>
      JSON.stringify({
        type: 'object',
        properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
      });
    const ask = (policy: string) =>
      check({
        schemaType: 'JSON',
        schema: schema('a', 'b'),
        earlier: [{ schemaType: 'JSON', schema: schema('a') }],
        policy,
      });
    expect((await ask('STRICT')).findings).toMatchObject([
      { errorType: 'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', direction: 'new-reads-old' },
    ]);
    expect((await ask('LENIENT')).verdicts.every((verdict) => verdict.compatible)).toBe(true);
  });

  it('refuses in the words of the native API', async () => {
    for (const [body, status, code] of [
      [{ schema: '{"type":"recrod"}' }, 422, 'schema-invalid'],
      [{ schema: '"int"', schemaType: 'XML' }, 400, 'invalid-request'],
      [{ schema: '"int"', colour: 'red' }, 400, 'invalid-request'],
      [{ schema: '"int"', subject: 's', earlier: [] }, 400, 'invalid-request'],
      [{ subject: 's' }, 400, 'invalid-request'],
      [{ schema: '"int"', levels: ['SIDEWAYS'] }, 400, 'invalid-request'],
    ] as const) {
      const answer = await calls.post('/v1/schemas:check', body);
      expect([answer.status, answer.problem.code]).toEqual([status, code]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
    }
  });

  it('shows nothing of what the caller may not read', async () => {
    await register(`${s}-secret`, '{"type":"record","name":"Secret","fields":[]}');
    await register(`mine.${s}`, '"string"');
    const narrow = (body: object) => calls.post('/v1/schemas:check', body, 'narrow');
    expect(await narrow({ subject: `mine.${s}`, schema: '"string"' })).toMatchObject({ status: 200 });
    const denied = await narrow({ subject: `${s}-secret`, schema: '"string"' });
    const missing = await calls.post('/v1/schemas:check', { subject: 'no-such', schema: '"string"' });
    expect(denied.status).toBe(404);
    expect(missing.status).toBe(200);
    const schema = '{"type":"record","name":"R","fields":[{"name":"s","type":"Secret"}]}';
    const references = [{ name: 'Secret', subject: `${s}-secret`, version: 1 }];
    expect((await calls.post('/v1/schemas:check', { schema, references })).status).toBe(200);
    for (const body of [
      { schema, references },
      { schema: '"int"', earlier: [{ schema, references }] },
      { schema: '"int"', referenced: [{ subject: 'x', version: 1, schema, references }] },
    ]) {
      expect(await narrow(body)).toMatchObject({ status: 422, json: { code: 'reference-not-found' } });
    }
    await calls.put(`/config/mine.${s}-alias`, { alias: `${s}-secret` });
    expect((await narrow({ subject: `mine.${s}-alias`, schema: '"string"' })).status).toBe(404);
  });
});
