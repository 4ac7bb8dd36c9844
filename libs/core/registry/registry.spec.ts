import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { AvroFormat, LocalSchemaEngine, SchemaFormats } from '#libs/core/schema';
import { parseSubject, Registry, type RegistryLimits, type SchemaInquiry, type SentRegistration } from './index.js';
import { DEFAULT_SCOPE } from './subject-name.js';
import type { RegistryChange } from './store.js';
import { MemoryRegistryStore } from './testing/index.js';

const AS_SENT = { normalize: false, force: false };

/** A record named R with int fields of these names; `?` gives a field a default. */
function record(...fields: string[]): string {
  return JSON.stringify({
    type: 'record',
    name: 'R',
    fields: fields.map((field) =>
      field.endsWith('?') ? { name: field.slice(0, -1), type: 'int', default: 0 } : { name: field, type: 'int' },
    ),
  });
}

function open(store = new MemoryRegistryStore(), limits: Partial<RegistryLimits> = {}) {
  const engine = new LocalSchemaEngine(new SchemaFormats([new AvroFormat()]));
  const registry = new Registry(store, engine, new TickingClock(), { limits });
  const register = (subject: string, schema: string, more: SentRegistration = {}) =>
    registry.register(parseSubject(subject), { schema, ...more }, AS_SENT);
  return { store, registry, register };
}

/** Waits end at once: nothing here depends on how long they are. */
class TickingClock extends ManualClock {
  override sleep(ms: number): Promise<void> {
    this.advance(ms);
    return Promise.resolve();
  }
}

/** A store in which something happens after a question, once. */
class Interrupted extends MemoryRegistryStore {
  readonly #interruptions = new Map<string, () => Promise<unknown>>();

  after(question: 'referrers' | 'list' | 'names', interruption: () => Promise<unknown>): void {
    this.#interruptions.set(question, interruption);
  }

  override async referrers(...asked: Parameters<MemoryRegistryStore['referrers']>) {
    return this.#interrupted('referrers', await super.referrers(...asked));
  }

  override async list(...asked: Parameters<MemoryRegistryStore['list']>) {
    return this.#interrupted('list', await super.list(...asked));
  }

  override async names(...asked: Parameters<MemoryRegistryStore['names']>) {
    return this.#interrupted('names', await super.names(...asked));
  }

  async #interrupted<T>(question: string, answer: T): Promise<T> {
    const interruption = this.#interruptions.get(question);
    this.#interruptions.delete(question);
    await interruption?.();
    return answer;
  }
}

describe('the registry', () => {
  it('answers at once what it read before, and no longer once an instance has changed it', async () => {
    const store = new MemoryRegistryStore();
    const [reader, other] = [open(store), open(store)];
    await other.register('s', record('a'));
    expect(reader.registry.schemaAtHand(1)).toBeUndefined();
    await reader.registry.schemaById(1);
    expect(reader.registry.schemaAtHand(1)).toEqual(await reader.registry.schemaById(1));
    await other.registry.deleteSubject(parseSubject('s'), false);
    await other.registry.deleteSubject(parseSubject('s'), true);
    expect(reader.registry.schemaAtHand(1)).toBeUndefined();
    await expect(reader.registry.schemaById(1)).rejects.toMatchObject({ code: 'schema-not-found' });
  });

  it('gives one id and one version to a schema registered many times at once', async () => {
    const { registry, register } = open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => register('s', record('a'))));
    expect(new Set(answers.map(({ schema, row }) => `${schema.id}/${row.version}`))).toEqual(new Set(['1/1']));
    expect(await registry.versions(parseSubject('s'))).toHaveLength(1);
  });

  it('gives one id to a schema registered under many subjects by many instances at once', async () => {
    const store = new MemoryRegistryStore();
    const instances = Array.from({ length: 4 }, () => open(store));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => instances[i % 4]!.register(`s${i}`, record('a'))),
    );
    expect(new Set(answers.map((answer) => answer.schema.id))).toEqual(new Set([1]));
  });

  it('answers a question it was asked before at once, until anything changes that the answer rests on', async () => {
    const { registry, register } = open();
    const subject = parseSubject('s');
    const lookup = { kind: 'lookup', normalize: false, deleted: false } as const;
    const atHand = (inquiry: SchemaInquiry = lookup) =>
      registry.answerAtHand(subject, { schema: record('a') }, inquiry);
    const ask = () => registry.lookup(subject, { schema: record('a') }, { normalize: false, deleted: false });
    await register('s', record('a'));
    expect(atHand()).toBeUndefined();
    const found = await ask();
    expect(atHand()).toBe(found);
    await register('s', record('a'));
    expect(atHand({ kind: 'register', normalize: false })).toMatchObject({ row: { version: 1 } });
    // Asked in another way, it is another question.
    expect(atHand({ ...lookup, normalize: true })).toBeUndefined();
    expect(atHand({ ...lookup, deleted: true })).toBeUndefined();
    expect(registry.answerAtHand(subject, { schema: record('a'), metadata: {} }, lookup)).toBeUndefined();
    const changes: (() => Promise<unknown>)[] = [
      () => register('s', record('a', 'b?')),
      () => registry.settings.setConfig(subject, { normalize: true }),
      () => registry.settings.setConfig(DEFAULT_SCOPE, { compatibility: 'NONE' }),
      () => registry.settings.setMode(DEFAULT_SCOPE, 'READONLY', false),
    ];
    for (const change of changes) {
      await ask();
      await change();
      expect(atHand()).toBeUndefined();
      await ask();
      expect(atHand()).toBeDefined();
    }
    await registry.settings.setMode(DEFAULT_SCOPE, 'READWRITE', false);
    await ask();
    await registry.deleteVersion(subject, 1, false);
    expect(atHand()).toBeUndefined();
    await expect(ask()).rejects.toMatchObject({ code: 'schema-not-found' });
  });

  it('forgets at once what another instance has changed', async () => {
    const store = new MemoryRegistryStore();
    const [reader, other] = [open(store), open(store)];
    const subject = parseSubject('s');
    const sent = { schema: record('a') };
    await other.register('s', record('a'));
    await reader.registry.lookup(subject, sent, { normalize: false, deleted: false });
    await other.registry.deleteVersion(subject, 1, false);
    expect(
      reader.registry.answerAtHand(subject, sent, { kind: 'lookup', normalize: false, deleted: false }),
    ).toBeUndefined();
  });

  it('does not let two simultaneous schemas through that are incompatible with each other', async () => {
    const store = new MemoryRegistryStore();
    const [left, right] = [open(store), open(store)];
    await left.register('s', record('a'));
    const outcomes = await Promise.allSettled([
      left.register('s', record('a', 'x?')),
      // Without x: fine after version 1, and after the other only if x had no reader. Its own new field makes both need the other.
      right.register(
        's',
        JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'x', type: 'string', default: '' }] }),
      ),
    ]);
    expect(outcomes.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('would let both through if the store did not compare revisions', async () => {
    class Careless extends MemoryRegistryStore {
      #last = 0;
      override apply(change: RegistryChange) {
        // Numbers the versions anew, as a store without a check of its own would see them arrive.
        const facts = change.facts.map((fact) =>
          fact.type === 'version-registered' ? { ...fact, version: ++this.#last } : fact,
        );
        return super.apply({ ...change, facts, expected: [] });
      }
    }
    const store = new Careless();
    const [left, right] = [open(store), open(store)];
    await left.register('s', record('a'));
    const outcomes = await Promise.allSettled([
      left.register('s', record('a', 'x?')),
      right.register(
        's',
        JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'x', type: 'string', default: '' }] }),
      ),
    ]);
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled']);
  });

  it('shows every instance what another has acknowledged, whatever it has cached', async () => {
    const store = new MemoryRegistryStore();
    const [writer, reader] = [open(store), open(store)];
    const subject = parseSubject('s');
    await writer.register('s', record('a'));
    expect((await reader.registry.latest(subject))?.row.version).toBe(1);
    await writer.register('s', record('a', 'b?'));
    expect((await reader.registry.latest(subject))?.row.version).toBe(2);
    await writer.registry.deleteVersion(subject, 2, false);
    expect((await reader.registry.latest(subject))?.row.version).toBe(1);
    expect((await reader.registry.schemaById(2)).usage.deleted).toBe(true);
    await writer.registry.deleteVersion(subject, 2, true);
    await expect(reader.registry.schemaById(2)).rejects.toMatchObject({ code: 'schema-not-found' });
    await writer.registry.settings.setConfig(subject, { compatibility: 'NONE' });
    expect((await reader.registry.settings.config(subject, true)).compatibility).toBe('NONE');
  });

  it('forgets everything when more has changed than it looks at one by one', async () => {
    class Forgetful extends MemoryRegistryStore {
      override touchedSince(revision: number) {
        return super.touchedSince(revision, 0);
      }
    }
    const store = new Forgetful();
    const [writer, reader] = [open(store), open(store)];
    await writer.register('s', record('a'));
    expect((await reader.registry.latest(parseSubject('s')))?.row.version).toBe(1);
    await writer.register('s', record('a', 'b?'));
    expect((await reader.registry.latest(parseSubject('s')))?.row.version).toBe(2);
  });

  it('refuses to delete what a schema refers to, also when both happen at once', async () => {
    const store = new MemoryRegistryStore();
    const [left, right] = [open(store), open(store)];
    await left.register('base', record('a'));
    // Both instances know the state before either writes.
    await right.registry.latest(parseSubject('base'));
    const user = JSON.stringify({ type: 'record', name: 'U', fields: [{ name: 'r', type: 'R' }] });
    const references = [{ name: 'R', subject: 'base', version: 1 }];
    const outcomes = await Promise.allSettled([
      left.register('user', user, { references }),
      right.registry.deleteVersion(parseSubject('base'), 1, false),
    ]);
    expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    const found = await left.registry.referrers(parseSubject('base'), 1).catch(() => []);
    const live = (await left.registry.latest(parseSubject('base'))) !== undefined;
    expect(found.length > 0).toBe(live);
  });

  it('registers a schema that many subjects share without going through those that have it', async () => {
    class Counting extends MemoryRegistryStore {
      readonly asked = { schemas: 0, usages: 0 };
      override schemas(...asked: Parameters<MemoryRegistryStore['schemas']>) {
        this.asked.schemas++;
        return super.schemas(...asked);
      }
      override usages(...asked: Parameters<MemoryRegistryStore['usages']>) {
        this.asked.usages++;
        return super.usages(...asked);
      }
    }
    const store = new Counting();
    const { registry, register } = open(store);
    for (let i = 0; i < 20; i++) await register(`topic${i}-key`, '"string"');
    expect(store.asked).toEqual({ schemas: 1, usages: 0 });
    expect(await registry.usagesOf(1)).toHaveLength(20);
    await register('one-more', '"string"');
    expect(await registry.usagesOf(1)).toHaveLength(21);
    expect(store.asked).toEqual({ schemas: 1, usages: 2 });
  });

  it('registers many schemas at once that refer to one subject', async () => {
    const { registry, register } = open();
    await register('base', record('a'));
    const references = [{ name: 'R', subject: 'base', version: 1 }];
    const user = (i: number) => JSON.stringify({ type: 'record', name: `U${i}`, fields: [{ name: 'r', type: 'R' }] });
    const many = Array.from({ length: 100 }, (_, i) => register(`user${i}`, user(i), { references }));
    expect((await Promise.allSettled(many)).filter((one) => one.status === 'rejected')).toEqual([]);
    expect(await registry.referrers(parseSubject('base'), 1)).toHaveLength(100);
  });

  describe('decides again when, between its look and its write,', () => {
    const base = parseSubject('base');
    const user = JSON.stringify({ type: 'record', name: 'U', fields: [{ name: 'r', type: 'R' }] });
    const references = [{ name: 'R', subject: 'base', version: 1 }];

    it('a version was restored that refers to what is deleted', async () => {
      const store = new Interrupted();
      const { registry, register } = open(store);
      await register('base', record('a'));
      await register('user', user, { references });
      await registry.deleteSubject(parseSubject('user'), false);
      store.after('referrers', () => registry.history.restore(parseSubject('user'), undefined, false));
      await expect(registry.deleteVersion(base, 1, false)).rejects.toMatchObject({ code: 'schema-referenced' });
      expect((await registry.latest(base))?.row.version).toBe(1);
    });

    it('a schema was registered that refers to what is deleted for good', async () => {
      const store = new Interrupted();
      const { registry, register } = open(store);
      const other = open(store);
      await register('base', record('a'));
      await registry.deleteSubject(base, false);
      store.after('referrers', async () => {
        await other.registry.history.restore(base, undefined, false);
        await other.register('user', user, { references });
        await other.registry.deleteSubject(parseSubject('user'), false);
        await other.registry.deleteSubject(base, false);
      });
      await expect(registry.deleteSubject(base, true)).rejects.toMatchObject({ code: 'schema-referenced' });
      expect(await registry.referrers(base, 1)).toHaveLength(1);
    });

    it('a subject came into the context that is removed', async () => {
      const store = new Interrupted();
      const { registry, register } = open(store);
      await register(':.c:s', record('a'));
      await registry.deleteSubject(parseSubject(':.c:s'), false);
      await registry.deleteSubject(parseSubject(':.c:s'), true);
      store.after('list', () => register(':.c:t', record('a')));
      await expect(registry.deleteContext('.c')).rejects.toMatchObject({ code: 'context-not-empty' });
      expect(await registry.contexts()).toEqual(['.', '.c']);
    });

    it('a subject came into the context that is to be imported into', async () => {
      const store = new Interrupted();
      const { registry, register } = open(store);
      store.after('names', () => register(':.c:t', record('a')));
      const begun = registry.settings.setMode(parseSubject(':.c:'), 'IMPORT', false);
      await expect(begun).rejects.toMatchObject({ code: 'operation-not-permitted' });
      expect(await registry.settings.mode(parseSubject(':.c:'), true)).toBe('READWRITE');
    });
  });

  it('never gives an id to another content: not after deletions, not by import', async () => {
    const { registry, register } = open();
    const subject = parseSubject('s');
    await register('s', record('a'));
    await registry.deleteSubject(subject, false);
    await registry.deleteSubject(subject, true);
    expect((await register('s', record('b'))).schema.id).toBe(2);
    await registry.settings.setMode(parseSubject('i'), 'IMPORT', false);
    const imported = register('i', record('c'), { id: 1, version: 1 });
    await expect(imported).rejects.toMatchObject({ code: 'operation-not-permitted' });
    expect((await register('i', record('a'), { id: 1, version: 1 })).schema.id).toBe(1);
  });

  it('checks the next version against the live ones only, and against one that is named', async () => {
    const { registry, register } = open();
    const subject = parseSubject('s');
    await register('s', record('a'));
    await register('s', record('a', 'b?'));
    await registry.settings.setConfig(subject, { compatibility: 'FULL_TRANSITIVE' });
    const asks = (against: 'history' | 'latest' | number) =>
      registry.check(subject, { schema: record('b') }, against, { normalize: false });
    expect((await asks('history')).compatible).toBe(false);
    expect((await asks(1)).messages.length).toBeGreaterThan(0);
    await expect(asks(9)).rejects.toMatchObject({ code: 'version-not-found' });
    await registry.deleteSubject(subject, false);
    expect((await asks('history')).compatible).toBe(true);
    await expect(asks(1)).rejects.toMatchObject({ code: 'version-not-found' });
  });

  it('gives the reading side of a subject by its physical topic name', async () => {
    const { registry, register } = open();
    await register('orders-value', record('a'));
    expect((await registry.latest(parseSubject('orders--g3-value')))?.schema.id).toBe(1);
    expect((await register('orders--g3-value', record('a'))).by).toBe('identity');
  });

  it('follows one alias and no second', async () => {
    const { registry, register } = open();
    await register('real', record('a'));
    await registry.settings.setConfig(parseSubject('other'), { alias: 'real' });
    await registry.settings.setConfig(parseSubject('third'), { alias: 'other' });
    expect((await registry.latest(parseSubject('other')))?.subject.name).toBe('real');
    expect(await registry.latest(parseSubject('third'))).toBeUndefined();
    expect((await register('other', record('a', 'b?'))).subject.name).toBe('real');
    await expect(registry.settings.config(parseSubject('real'), false)).rejects.toMatchObject({
      code: 'subject-config-not-found',
    });
  });

  it('keeps metadata and rules: inherited, completed from the settings, part of the identity', async () => {
    const { registry, register } = open();
    const subject = parseSubject('s');
    await registry.settings.setConfig(subject, {
      defaultMetadata: { properties: { owner: 'nobody', team: 't' } },
      overrideMetadata: { properties: { level: '1' } },
      defaultRuleSet: { domainRules: [{ name: 'r', type: 'CEL', expr: 'true' }] },
    });
    const first = await register('s', record('a'), { metadata: { properties: { owner: 'me' } } });
    expect(first.schema.metadata?.properties).toEqual({ level: '1', owner: 'me', team: 't' });
    expect(first.schema.ruleSet?.domainRules).toHaveLength(1);
    const again = await register('s', record('a'));
    expect([again.by, again.schema.id]).toEqual(['identity', 1]);
    const without = await register('s', record('a'), { metadata: {}, ruleSet: { domainRules: [] } });
    expect(without.schema.id).toBe(2);
    const invalid = register('s', record('a'), { ruleSet: { domainRules: [{ name: '1x', type: 'CEL' }] } });
    await expect(invalid).rejects.toMatchObject({ code: 'rule-set-invalid' });
  });

  it('tells contents apart that share a GUID', async () => {
    const { registry, register } = open();
    const one = await register('s', record('a'), { metadata: { properties: { ab: 'c' } } });
    const two = await register('s', record('a'), { metadata: { properties: { a: 'bc' } } });
    expect(two.schema.guid).toBe(one.schema.guid);
    expect([one.schema.id, two.schema.id]).toEqual([1, 2]);
    const again = await register('s', record('a'), { metadata: { properties: { a: 'bc' } } });
    expect([again.by, again.schema.id]).toEqual(['identity', 2]);
    expect((await registry.schemaById(1)).schema.metadata?.properties).toEqual({ ab: 'c' });
  });

  it('takes over the latest schema where only metadata is sent', async () => {
    const { register } = open();
    await register('s', record('a'));
    const second = await register('s', '', { metadata: { properties: { owner: 'x' } } });
    expect([second.row.version, second.schema.text]).toEqual([2, record('a')]);
    for (const blank of ['', ' \n']) {
      await expect(register('none', blank)).rejects.toMatchObject({ code: 'schema-empty' });
      const again = await register('s', blank, { metadata: { properties: { owner: 'x' } } });
      expect([again.by, again.row.version]).toEqual(['identity', 2]);
    }
  });

  it('answers no earlier version of a text that was not sent', async () => {
    const { register } = open();
    await register('s', record('a'));
    await register('s', record('a', 'b?'));
    const restored = await register('s', record('a'), { version: 3 });
    expect(restored.schema.metadata?.properties).toEqual({ 'confluent:version': '3' });
    expect((await register('s', record('a'))).row.version).toBe(1);
    const fromLatest = await register('s', '');
    expect([fromLatest.row.version, fromLatest.schema.text]).toEqual([4, record('a')]);
    expect(fromLatest.schema.metadata?.properties).toEqual({ 'confluent:version': '4' });
  });

  it('knows a text again in a read-only subject, and takes over none', async () => {
    const { registry, register } = open();
    await register('s', record('a'));
    for (const name of ['s', 'none']) {
      await registry.settings.setMode(parseSubject(name), 'READONLY', false);
    }
    expect((await register('s', record('a'))).row.version).toBe(1);
    await expect(register('s', '')).rejects.toMatchObject({ code: 'operation-not-permitted' });
    await expect(register('none', '')).rejects.toMatchObject({ code: 'operation-not-permitted' });
    await expect(register('none', 'nonsense')).rejects.toMatchObject({ code: 'schema-invalid' });
  });

  it('skips the check when told to, and only then', async () => {
    const { registry, register } = open();
    await register('s', record('a'));
    await expect(register('s', record('a', 'b'))).rejects.toMatchObject({ code: 'schema-incompatible' });
    const forced = await registry.register(
      parseSubject('s'),
      { schema: record('a', 'b') },
      { ...AS_SENT, force: true },
    );
    expect(forced.row.version).toBe(2);
  });

  it('bounds the versions of a subject and those a check compares with, and names the bound', async () => {
    const { registry, register } = open(undefined, { versionsPerSubject: 5, comparedVersions: 3 });
    const subject = parseSubject('s');
    await registry.settings.setConfig(subject, { compatibility: 'FULL' });
    const versions = ['a', 'b', 'c', 'd', 'e', 'f'].map((_, i, all) =>
      record(...all.slice(0, i + 1).map((f) => `${f}?`)),
    );
    for (const version of versions.slice(0, 5)) await register('s', version);
    // What is known needs no room.
    expect((await register('s', versions[0]!)).row.version).toBe(1);
    await expect(register('s', versions[5]!)).rejects.toMatchObject({
      code: 'too-many-versions',
      kind: 'unprocessable',
      details: { limit: 'schemas.versionsPerSubject', value: 5, measured: 6 },
    });
    // What refers to others is compared with each; the rest is known to be compatible by what is remembered of it, and does not count.
    const references = [{ name: 'Other', subject: 'other', version: 1 }];
    await register('other', '{"type":"enum","name":"Other","symbols":["A"]}');
    const check = (more: SentRegistration = { references }) =>
      registry.check(subject, { schema: versions[5]!, ...more }, 'history', { normalize: false });
    expect((await check()).compatible).toBe(true);
    await registry.settings.setConfig(subject, { compatibility: 'BACKWARD_TRANSITIVE' });
    expect((await check({})).compatible).toBe(true);
    const refusal = { code: 'too-many-versions-to-compare', details: { limit: 'schemas.comparedVersions', value: 3 } };
    await expect(check()).rejects.toMatchObject(refusal);
    // Versions of other groups are not compared and do not count.
    await registry.settings.setConfig(subject, { compatibility: 'BACKWARD_TRANSITIVE', compatibilityGroup: 'major' });
    await expect(check()).rejects.toMatchObject(refusal);
    const other = { schema: versions[5]!, metadata: { properties: { major: '2' } } };
    expect((await registry.check(subject, other, 'history', { normalize: false })).compatible).toBe(true);
  });

  it('bounds the entries of metadata, sent and in settings', async () => {
    const { registry, register } = open();
    const metadata = (count: number) => ({
      properties: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, 'v'])),
    });
    const refusal = {
      code: 'metadata-too-large',
      details: { limit: 'metadataEntries', value: 2_000, measured: 2_001 },
    };
    expect((await register('s', record('a'), { metadata: metadata(2_000) })).row.version).toBe(1);
    await expect(register('s', record('a'), { metadata: metadata(2_001) })).rejects.toMatchObject(refusal);
    const set = async () => registry.settings.setConfig(parseSubject('s'), { overrideMetadata: metadata(2_001) });
    await expect(set()).rejects.toMatchObject(refusal);
  });

  it('bounds references: how many, how deep, and what reaches itself only once', async () => {
    const { register } = open();
    let inner = 'int';
    for (let i = 0; i < 34; i++) {
      const schema = JSON.stringify({ type: 'record', name: `D${i}`, fields: [{ name: 'f', type: inner }] });
      const references = i === 0 ? [] : [{ name: `D${i - 1}`, subject: `d${i - 1}`, version: 1 }];
      const registered = register(`d${i}`, schema, { references });
      if (i < 33) await registered;
      else await expect(registered).rejects.toMatchObject({ code: 'schema-too-large' });
      inner = `D${i}`;
    }
    const many = Array.from({ length: 257 }, () => ({ name: 'D0', subject: 'd0', version: 1 }));
    await expect(register('m', '"int"', { references: many })).rejects.toMatchObject({ code: 'schema-too-large' });
    const partial = register('m', '"int"', { references: [{ name: 'R' }] });
    await expect(partial).rejects.toMatchObject({ code: 'reference-invalid' });
  });

  it('sees through a diamond of references without following it twice per level', async () => {
    const { register } = open();
    await register('l0', JSON.stringify({ type: 'record', name: 'L0', fields: [] }));
    for (let i = 1; i <= 25; i++) {
      const references = [
        { name: `L${i - 1}`, subject: `l${i - 1}`, version: 1 },
        { name: `M${i - 1}`, subject: `l${i - 1}`, version: 1 },
      ];
      const schema = JSON.stringify({ type: 'record', name: `L${i}`, fields: [{ name: 'f', type: `L${i - 1}` }] });
      await register(`l${i}`, schema, { references });
    }
    expect((await register('top', '"string"')).row.version).toBe(1);
  });

  it('reads again when a schema is removed between the look at its version and the look at its text', async () => {
    const store = new MemoryRegistryStore();
    const [writer, reader] = [open(store), open(store)];
    const subject = parseSubject('s');
    await writer.register('s', record('a'));
    await writer.register('s', record('a', 'b?'));
    const schemas = store.schemas.bind(store);
    let interfered = false;
    store.schemas = async (context, ids) => {
      if (!interfered) {
        interfered = true;
        await writer.registry.deleteVersion(subject, 2, false);
        await writer.registry.deleteVersion(subject, 2, true);
      }
      return schemas(context, ids);
    };
    expect((await reader.registry.latest(subject))?.row.version).toBe(1);
    expect(interfered).toBe(true);
  });

  it('says that it is contended when others always come first', async () => {
    class Busy extends MemoryRegistryStore {
      override async apply(change: RegistryChange) {
        await super.apply({
          ...change,
          expected: [],
          facts: [{ type: 'mode-set', subject: parseSubject('s'), mode: null }],
        });
        return super.apply(change);
      }
    }
    const { register } = open(new Busy());
    await expect(register('s', record('a'))).rejects.toMatchObject({ code: 'registry-contended', retryable: true });
  });
});
