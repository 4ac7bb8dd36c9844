import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { parseSubject, Registry, type ChangeSetPlan, type SetChange } from './index.js';
import type { RegistryChange } from './store.js';
import { MemoryRegistryStore } from './testing/index.js';

class TickingClock extends ManualClock {
  override sleep(ms: number): Promise<void> {
    this.advance(ms);
    return Promise.resolve();
  }
}

class CountingStore extends MemoryRegistryStore {
  readonly applied: RegistryChange[] = [];
  override async apply(change: RegistryChange) {
    const done = await super.apply(change);
    this.applied.push(change);
    return done;
  }
}

/** One engine for all, as one would serve instances of one process: drafts must not leave anything in it. */
const engine = new LocalSchemaEngine(standardFormats());

function open(store = new CountingStore()) {
  const registry = new Registry(store, new LocalSchemaEngine(standardFormats()), new TickingClock());
  const register = (subject: string, schema: string) =>
    registry.register(parseSubject(subject), { schema }, { normalize: false, force: false });
  const asked = (plan: ChangeSetPlan, key: string | null = null) => ({
    hash: plan.hash,
    restsOn: plan.restsOn,
    principal: 'ci',
    key,
    visible: () => true,
  });
  return { store, registry, register, asked };
}

const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });
const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more });
const set = (
  subject: string,
  schema: string,
  references: { name: string; subject: string; version?: number }[] = [],
): SetChange => ({
  kind: 'register',
  subject: parseSubject(subject),
  sent: { schema, references },
  normalize: false,
});

const SHOP = [
  set('order', record('Order', field('total', 'Money')), [{ name: 'Money', subject: 'money' }]),
  set('money', record('Money', field('cents', 'long'), field('of', 'Currency')), [
    { name: 'Currency', subject: 'currency' },
  ]),
  set('currency', record('Currency')),
];

describe('a set of changes', () => {
  it('registers schemas that refer to one another, none of which is there, in one change', async () => {
    const { registry, store, asked } = open();
    const plan = await registry.changeSets.plan(SHOP, () => true);
    expect(plan.blockers).toEqual([]);
    expect(plan.changes.map((one) => [one.index, one.subject, one.outcome, one.version, one.id])).toEqual([
      [2, 'currency', 'new', 1, null],
      [1, 'money', 'new', 1, null],
      [0, 'order', 'new', 1, null],
    ]);
    expect(store.applied).toEqual([]);
    const done = await registry.changeSets.apply(asked(plan), SHOP);
    expect(done.changes.map((one) => [one.subject, one.id])).toEqual([
      ['currency', 1],
      ['money', 2],
      ['order', 3],
    ]);
    expect(store.applied).toHaveLength(1);
    const { schema } = (await registry.latest(parseSubject('order')))!;
    expect(schema.references).toEqual([{ name: 'Money', subject: 'money', version: 1 }]);
    expect((await registry.referrers(parseSubject('money'), 1)).map((one) => one.subject.name)).toEqual(['order']);
  });

  it('does all or nothing, and says of each schema what is wrong with it, where', async () => {
    const { registry, register, store, asked } = open();
    await register('money', record('Money', field('cents', 'long')));
    const changes = [
      set('fine', record('Fine')),
      set('money', record('Money', field('cents', 'string'))),
      set('broken', '{'),
      set('order', record('Order', field('total', 'Money')), [{ name: 'Money', subject: 'money' }]),
    ];
    const plan = await registry.changeSets.plan(changes, () => true);
    const told = new Map(plan.changes.map((one) => [one.subject, one]));
    expect(told.get('fine')).toMatchObject({ outcome: 'new', version: 1 });
    expect(told.get('money')).toMatchObject({ outcome: 'refused', refusal: { code: 'schema-incompatible' } });
    expect(told.get('money')!.refusal!.findings[0]).toMatchObject({ errorType: 'TYPE_MISMATCH', version: 1 });
    expect(told.get('broken')).toMatchObject({ outcome: 'refused', refusal: { code: 'schema-invalid' } });
    expect(plan.blockers).toHaveLength(2);
    expect(plan.blockers[0]).toBe('Change 1 (money): Money.cents is string in the new schema and long in the old one.');
    const before = store.applied.length;
    await expect(registry.changeSets.apply(asked(plan), changes)).rejects.toMatchObject({ code: 'plan-blocked' });
    expect(store.applied).toHaveLength(before);
    expect(await registry.latest(parseSubject('fine'))).toBeUndefined();
  });

  it('refuses a plan under which something has moved, and says what', async () => {
    const { registry, register, asked } = open();
    await register('money', record('Money', field('cents', 'long')));
    const changes = [set('money', record('Money', field('cents', 'long'), field('of', 'string', { default: '' })))];
    const plan = await registry.changeSets.plan(changes, () => true);
    await register('money', record('Money', field('cents', 'long'), field('note', 'string', { default: '' })));
    const stale = registry.changeSets.apply(asked(plan), changes);
    await expect(stale).rejects.toMatchObject({
      code: 'plan-stale',
      message: expect.stringContaining(`the latest version of 'money' was 1 and is 2`) as string,
    });
    const again = await registry.changeSets.plan(changes, () => true);
    expect((await registry.changeSets.apply(asked(again), changes)).changes[0]!.version).toBe(3);
  });

  it('holds although others refer to what it rests on', async () => {
    const { registry, register, asked } = open();
    await register('money', record('Money'));
    const changes = [set('a', record('A', field('m', 'Money')), [{ name: 'Money', subject: 'money', version: 1 }])];
    const plan = await registry.changeSets.plan(changes, () => true);
    const other = {
      schema: record('B', field('m', 'Money')),
      references: [{ name: 'Money', subject: 'money', version: 1 }],
    };
    await registry.register(parseSubject('b'), other, { normalize: false, force: false });
    expect((await registry.changeSets.apply(asked(plan), changes)).repeated).toBe(false);
  });

  it('holds although its content has become known elsewhere, and takes the id that it has got', async () => {
    const { registry, register, asked } = open();
    const changes = [set('a', record('R'))];
    const plan = await registry.changeSets.plan(changes, () => true);
    expect(plan.changes[0]!.id).toBeNull();
    const { schema } = await register('elsewhere', record('R'));
    const done = await registry.changeSets.apply(asked(plan), changes);
    expect(done.changes[0]).toMatchObject({ outcome: 'new', version: 1, id: schema.id });
  });

  it('refuses the hash with other changes than were planned', async () => {
    const { registry, asked } = open();
    const plan = await registry.changeSets.plan([set('a', record('A'))], () => true);
    const other = registry.changeSets.apply(asked(plan), [set('a', record('A', field('x', 'int')))]);
    await expect(other).rejects.toMatchObject({ code: 'plan-stale', details: { moved: [] } });
  });

  it('answers the same when it is repeated, by hash or by key, at once or later', async () => {
    const { registry, store, asked } = open();
    const plan = await registry.changeSets.plan(SHOP, () => true);
    const answers = await Promise.all([1, 2, 3].map(() => registry.changeSets.apply(asked(plan, 'k1'), SHOP)));
    expect(new Set(answers.map((one) => JSON.stringify(one.changes))).size).toBe(1);
    expect(answers.map((one) => one.repeated).sort()).toEqual([false, true, true]);
    expect(store.applied).toHaveLength(1);
    const later = await registry.changeSets.apply(asked(plan), SHOP);
    expect(later).toMatchObject({ repeated: true, revision: answers[0]!.revision, changes: answers[0]!.changes });
    const other = await registry.changeSets.plan([set('z', record('Z'))], () => true);
    const reused = registry.changeSets.apply(asked(other, 'k1'), [set('z', record('Z'))]);
    await expect(reused).rejects.toMatchObject({ code: 'idempotency-key-reused' });
  });

  it('decides each change as if those before had been made', async () => {
    const { registry, register, asked } = open();
    await register('s', record('S', field('a', 'string')));
    const changes: SetChange[] = [
      { kind: 'set-config', subject: parseSubject('s'), update: { compatibility: 'NONE' } },
      set('s', record('S', field('a', 'long'))),
      { kind: 'delete', subject: parseSubject('s'), version: 1 },
      { kind: 'set-config', subject: parseSubject('s'), update: { compatibility: 'FULL' } },
      { kind: 'set-mode', subject: parseSubject('s'), mode: 'READONLY' },
    ];
    const plan = await registry.changeSets.plan(changes, () => true);
    expect(plan.changes.map((one) => one.outcome)).toEqual(['set', 'new', 'deleted', 'set', 'set']);
    await registry.changeSets.apply(asked(plan), changes);
    expect((await registry.versions(parseSubject('s'))).map((row) => [row.version, row.deleted])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(await registry.settings.mode(parseSubject('s'), false)).toBe('READONLY');
    expect((await registry.settings.config(parseSubject('s'), false)).compatibility).toBe('FULL');
  });

  it('tells settings that are as they are asked to be, rests on them, and asks no leave for them', async () => {
    const { registry, register, store, asked } = open();
    await register('s', record('S'));
    const subject = parseSubject('s');
    await registry.settings.setConfig(subject, { compatibility: 'FULL', normalize: true });
    await registry.settings.setMode(subject, 'READWRITE', false);
    const changes: SetChange[] = [
      { kind: 'set-config', subject, update: { compatibility: 'FULL' } },
      { kind: 'set-mode', subject, mode: 'READWRITE' },
      { kind: 'set-config', subject: parseSubject('t'), update: { compatibility: 'FULL' } },
      { kind: 'set-config', subject: parseSubject('t'), update: { compatibility: 'FULL', normalize: null } },
      { kind: 'set-mode', subject: parseSubject('t'), mode: null },
    ];
    const plan = await registry.changeSets.plan(changes, () => true);
    expect(plan.changes.map((one) => one.outcome)).toEqual(['unchanged', 'unchanged', 'set', 'unchanged', 'unchanged']);
    const before = store.applied.length;
    const refused = registry.changeSets.apply(asked(plan), changes, (outcomes) => {
      expect(outcomes.map((one) => one.outcome)).toEqual(plan.changes.map((one) => one.outcome));
      throw new Error('not permitted');
    });
    await expect(refused).rejects.toThrow('not permitted');
    expect(store.applied).toHaveLength(before);
    await registry.changeSets.apply(asked(plan), changes);
    expect(store.applied.at(-1)!.facts).toEqual([
      { type: 'config-set', subject: parseSubject('t'), config: { compatibility: 'FULL' } },
    ]);
    const known = [changes[0]!];
    const still = await registry.changeSets.plan(known, () => true);
    await registry.settings.setConfig(subject, { compatibility: 'NONE' });
    await expect(registry.changeSets.apply(asked(still), known)).rejects.toMatchObject({ code: 'plan-stale' });
  });

  it('does not delete what the set begins to refer to', async () => {
    const { registry, register } = open();
    await register('money', record('Money'));
    const changes: SetChange[] = [
      set('a', record('A', field('m', 'Money')), [{ name: 'Money', subject: 'money', version: 1 }]),
      { kind: 'delete', subject: parseSubject('money'), version: undefined },
    ];
    const plan = await registry.changeSets.plan(changes, () => true);
    expect(plan.changes[1]!.refusal).toMatchObject({ code: 'schema-referenced' });
  });

  it('gives one content one id, also where the set registers it under several subjects, and finds what is there', async () => {
    const { registry, register, asked } = open();
    await register('here', record('R'));
    const changes = [
      set('here', record('R')),
      set('also', record('R')),
      set('x', record('N')),
      set('y', record('N')),
      set('y', record('N')),
    ];
    const plan = await registry.changeSets.plan(changes, () => true);
    expect(plan.changes.map((one) => [one.outcome, one.version, one.id])).toEqual([
      ['unchanged', 1, 1],
      ['new', 1, 1],
      ['new', 1, null],
      ['new', 1, null],
      ['unchanged', 1, null],
    ]);
    const done = await registry.changeSets.apply(asked(plan), changes);
    expect(done.changes.map((one) => one.id)).toEqual([1, 1, 2, 2, 2]);
  });

  it('refuses circles by name', async () => {
    const { registry } = open();
    const circle = [
      set('a', record('A', field('b', 'B')), [{ name: 'B', subject: 'b' }]),
      set('b', record('B', field('a', 'A')), [{ name: 'A', subject: 'a' }]),
    ];
    await expect(registry.changeSets.plan(circle, () => true)).rejects.toMatchObject({
      code: 'references-cyclic',
      details: { path: ['a', 'b', 'a'] },
    });
  });

  it('lets one of two sets through that were planned on the same state at two instances', async () => {
    const store = new CountingStore();
    const [left, right] = [open(store), open(store)];
    await left.register('s', record('S'));
    const plans = await Promise.all(
      [left, right].map(async (one, i) => {
        const changes = [set('s', record('S', field(`f${i}`, 'int', { default: 0 }))), set(`only${i}`, record('O'))];
        return { one, changes, plan: await one.registry.changeSets.plan(changes, () => true) };
      }),
    );
    const outcomes = await Promise.allSettled(
      plans.map(({ one, changes, plan }) => one.registry.changeSets.apply(one.asked(plan), changes)),
    );
    expect(outcomes.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    const there = await Promise.all([0, 1].map((i) => left.registry.latest(parseSubject(`only${i}`))));
    expect(there.filter((one) => one !== undefined)).toHaveLength(1);
  });

  it('leaves nothing of one draft for the next: what is not registered has no id to be known by', async () => {
    const registry = new Registry(new CountingStore(), engine, new TickingClock());
    const user = set('user', record('User', field('b', 'Base')), [{ name: 'Base', subject: 'base' }]);
    const withField = await registry.changeSets.plan(
      [set('base', record('Base', field('x', 'int'))), user],
      () => true,
    );
    const without = await registry.changeSets.plan([set('base', '"string"'), user], () => true);
    expect(withField.blockers).toEqual([]);
    expect(without.changes[1]).toMatchObject({ outcome: 'refused', refusal: { code: 'schema-invalid' } });
  });
});
