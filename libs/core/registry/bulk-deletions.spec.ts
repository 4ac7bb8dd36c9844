import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { parseSubject, Registry, type DeletionPlan, type DeletionSelection } from './index.js';
import { MemoryRegistryStore } from './testing/index.js';

function open() {
  const registry = new Registry(new MemoryRegistryStore(), new LocalSchemaEngine(standardFormats()), new ManualClock());
  const register = (
    subject: string,
    schema: string,
    references: { name: string; subject: string; version: number }[] = [],
  ) => registry.register(parseSubject(subject), { schema, references }, { normalize: false, force: false });
  return { registry, register };
}

const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });
const named = (...subjects: string[]): DeletionSelection => ({
  named: subjects.map((one) => ({ subject: parseSubject(one), versions: undefined })),
  search: undefined,
  permanent: false,
  visible: () => true,
});
const found = (prefix: string, permanent = false): DeletionSelection => ({
  named: [],
  search: { context: undefined, prefix, terms: [] },
  permanent,
  visible: () => true,
});
const asked = (plan: DeletionPlan) => ({
  hash: plan.hash,
  restsOn: plan.restsOn,
  principal: 'op',
  key: null,
  visible: () => true,
});
const listed = async (registry: Registry) => {
  for await (const page of registry.list('.', '')) return page;
  return [];
};
const told = (plan: Pick<DeletionPlan, 'subjects'>) =>
  plan.subjects.map((one) => `${one.subject.name}: ${one.versions.join(' ')}`);

describe('deleting many', () => {
  it('shows what would go, and then deletes exactly that, softly first and for good afterwards', async () => {
    const { registry, register } = open();
    for (const subject of ['tmp.a', 'tmp.b', 'kept']) await register(subject, record('R'));
    await register('tmp.a', record('R', { name: 'x', type: 'int', default: 0 }));
    const softly = await registry.bulkDeletions.plan(found('tmp.'));
    expect(told(softly)).toEqual(['tmp.a: 1 2', 'tmp.b: 1']);
    expect((await listed(registry)).every((one) => one.live)).toBe(true);
    await registry.bulkDeletions.apply(asked(softly), found('tmp.'));
    expect((await listed(registry)).filter((one) => one.live).map((one) => one.subject.name)).toEqual(['kept']);
    const forGood = await registry.bulkDeletions.plan(found('', true));
    expect(told(forGood)).toEqual(['tmp.a: 1 2', 'tmp.b: 1']);
    await registry.bulkDeletions.apply(asked(forGood), found('', true));
    expect((await listed(registry)).map((one) => one.subject.name)).toEqual(['kept']);
  });

  it('keeps what others refer to, unless they go together', async () => {
    const { registry, register } = open();
    await register('base', record('Base'));
    await register('user', record('User', { name: 'b', type: 'Base' }), [
      { name: 'Base', subject: 'base', version: 1 },
    ]);
    const alone = await registry.bulkDeletions.plan(named('base'));
    expect(alone.subjects[0]!.blocks).toEqual([
      { code: 'schema-referenced', version: 1, referrers: [{ subject: parseSubject('user'), version: 1 }] },
    ]);
    await expect(registry.bulkDeletions.apply(asked(alone), named('base'))).rejects.toMatchObject({
      code: 'plan-blocked',
    });
    const both = await registry.bulkDeletions.plan(named('base', 'user'));
    expect(both.blockers).toEqual([]);
    await registry.bulkDeletions.apply(asked(both), named('base', 'user'));
    expect((await listed(registry)).some((one) => one.live)).toBe(false);
  });

  it('does nothing at all when one of many cannot go', async () => {
    const { registry, register } = open();
    for (const subject of ['a', 'b']) await register(subject, record('R'));
    await registry.settings.setMode(parseSubject('b'), 'READONLY', false);
    const plan = await registry.bulkDeletions.plan(named('a', 'b', 'missing'));
    expect(plan.subjects.map((one) => one.blocks.map((block) => block.code))).toEqual([
      [],
      ['operation-not-permitted'],
      ['subject-not-found'],
    ]);
    await expect(registry.bulkDeletions.apply(asked(plan), named('a', 'b', 'missing'))).rejects.toMatchObject({
      code: 'plan-blocked',
    });
    expect((await listed(registry)).every((one) => one.live)).toBe(true);
  });

  it('removes for good only what is softly deleted', async () => {
    const { registry, register } = open();
    await register('s', record('R'));
    await register('s', record('R', { name: 'x', type: 'int', default: 0 }));
    await registry.deleteVersion(parseSubject('s'), 1, false);
    const selection = { ...named('s'), permanent: true };
    expect((await registry.bulkDeletions.plan(selection)).subjects[0]).toMatchObject({
      versions: [1],
      kept: [2],
      blocks: [],
    });
    const live = { ...selection, named: [{ subject: parseSubject('s'), versions: [2, 9] }] };
    expect((await registry.bulkDeletions.plan(live)).subjects[0]!.blocks.map((one) => one.code)).toEqual([
      'version-not-soft-deleted',
      'version-not-found',
    ]);
  });

  it('refuses a plan when something has come that would go too, or refers to what would go', async () => {
    const { registry, register } = open();
    await register('tmp.a', record('A'));
    const plan = await registry.bulkDeletions.plan(found('tmp.'));
    await register('tmp.b', record('B'));
    await expect(registry.bulkDeletions.apply(asked(plan), found('tmp.'))).rejects.toMatchObject({
      code: 'plan-stale',
      message: expect.stringContaining(`'tmp.b' has come in`) as string,
    });
    const alone = await registry.bulkDeletions.plan(named('tmp.a'));
    await register('user', record('U', { name: 'a', type: 'A' }), [{ name: 'A', subject: 'tmp.a', version: 1 }]);
    await expect(registry.bulkDeletions.apply(asked(alone), named('tmp.a'))).rejects.toMatchObject({
      code: 'plan-stale',
    });
    expect(await registry.latest(parseSubject('tmp.a'))).toBeDefined();
  });

  it('answers the same when it is repeated', async () => {
    const { registry, register } = open();
    await register('a', record('A'));
    const plan = await registry.bulkDeletions.plan(named('a'));
    const first = await registry.bulkDeletions.apply(asked(plan), named('a'));
    const second = await registry.bulkDeletions.apply(asked(plan), named('a'));
    expect(second).toEqual({ ...first, repeated: true });
  });

  it('leaves out what the caller may not see', async () => {
    const { registry, register } = open();
    for (const subject of ['mine', 'yours']) await register(subject, record('R'));
    const selection = { ...found(''), visible: (subject: { name: string }) => subject.name === 'mine' };
    expect(told(await registry.bulkDeletions.plan(selection))).toEqual(['mine: 1']);
  });
});
