import { beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { parseSubject, type RegistryFact, type RegistryStore, type StoredSchema } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { ImportWorld, MemorySourceRegistry } from './testing/index.js';

const FREE = { normalize: false, force: true };
const FROM_OLD = { source: { registry: 'old' } };
const record = (name: string, ...fields: string[]) =>
  JSON.stringify({ type: 'record', name, fields: fields.map((field) => ({ name: field, type: 'int', default: 0 })) });

/** A registry with something of everything, and one that imports from it. */
async function pair() {
  const source = new ImportWorld();
  const { registry } = source;
  const register = (subject: string, schema: string, more: object = {}) =>
    registry.register(parseSubject(subject), { schema, ...more }, FREE);
  for (let n = 0; n < 30; n++) await register(`s${n % 10}`, record('R', `f${n}`));
  await register('address', record('Address', 'city'));
  const references = [{ name: 'Address', subject: 'address', version: 1 }];
  await register('aaa', '{"type":"array","items":"Address"}', {
    references,
    metadata: { properties: { owner: 'team' } },
    ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', type: 'CEL', mode: 'WRITE', expr: 'true' }] },
  });
  await register(':.x:a', '"int"');
  await register('purged', '"bytes"');
  await registry.deleteSubject(parseSubject('purged'), false);
  await registry.deleteSubject(parseSubject('purged'), true);
  await registry.deleteVersion(parseSubject('s1'), 2, false);
  await registry.settings.setConfig(parseSubject('s2'), { compatibility: 'FULL' });
  await registry.settings.setConfig(parseSubject('other-name'), { alias: 's2' });
  await registry.settings.setMode(parseSubject('s3'), 'READONLY', true);
  await registry.settings.setRegistration(parseSubject('s4'), 'registrars-only');
  const association = { subject: 's5', associationType: 'value', lifecycle: 'WEAK' as const };
  await registry.associations.put(
    'create',
    { resourceName: 't', resourceNamespace: 'ns', resourceId: 'id-t', associations: [association] },
    { context: '.', dryRun: false },
  );
  const running = new MemorySourceRegistry('old', source.store as MemoryRegistryStore);
  const target = new ImportWorld([running]);
  return { source, running, target, register };
}

type Pair = Awaited<ReturnType<typeof pair>>;

/** What the Confluent API tells of a registry, as lines of its export. */
async function told({ source, target }: Pair) {
  const lines = async (world: ImportWorld) =>
    (await world.exported())
      .split('\n')
      .slice(1)
      .filter((line) => line !== '' && !/"kind":"(retired|registration|end)"/.test(line));
  return { there: await lines(source), here: await lines(target) };
}

class Killed extends Error {}

/** Ends a process at the n-th passing of a step. */
function killAt(step: string, passes: number): (name: string) => void {
  let left = passes;
  return (name) => {
    if (name === step && --left === 0) throw new Killed(step);
  };
}

describe('an import that is cut short', () => {
  const STEPS: readonly [string, number][] = [
    ['import:read', 1],
    ['import:read', 7],
    ['import:prepared', 1],
    ['import:ids-taken', 1],
    ['import:brought-in', 1],
    ['import:brought-in', 2],
    ['import:settings', 1],
    ['import:forgotten', 1],
  ];

  it.each(STEPS)('at %s, passed %i times, goes on and brings in everything once', async (step, passes) => {
    const both = await pair();
    const { source, target } = both;
    const file = await source.exported();
    // An upload has been read before its import begins.
    const requests =
      step === 'import:read' ? [FROM_OLD] : [FROM_OLD, { source: { upload: await target.uploaded(file) } }];
    for (const request of requests) {
      const operation = await target.started(request);
      await expect(target.goOn(operation, target.handler(killAt(step, passes)))).rejects.toThrow(Killed);
      await target.goOn(operation);
      expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
      const { there, here } = await told(both);
      expect(here).toEqual(there);
    }
    if (requests.length > 1) expect(await target.exported()).toBe(file);
    expect(await target.staging.list()).toEqual([]);
  });

  it('by a source that dies goes on where it was, subjects read whole not being read again', async () => {
    const both = await pair();
    const { running, target } = both;
    const operation = await target.started(FROM_OLD);
    let left = 90;
    running.onRequest = () => {
      if (--left < 0)
        throw new AppError({
          kind: 'unavailable',
          code: 'source-registry-unreachable',
          message: 'gone',
          retryable: true,
        });
    };
    await expect(target.goOn(operation)).rejects.toMatchObject({ code: 'source-registry-unreachable' });
    const before = running.asked.length;
    running.onRequest = () => undefined;
    await target.goOn(operation);
    const { there, here } = await told(both);
    expect(here).toEqual(there);
    const texts = running.asked.slice(before).filter((path) => /versions\/\d/.test(path));
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((path) => path.startsWith('/subjects/aaa/'))).toEqual([]);
  });

  it('finds again what could not be used', async () => {
    const { running, target } = await pair();
    running.instead.set('/subjects/aaa/versions/1?deleted=true', { status: 'found', body: { id: -1 } });
    const operation = await target.started({ ...FROM_OLD, conflicts: 'skip' });
    await expect(target.goOn(operation, target.handler(killAt('import:read', 9)))).rejects.toThrow(Killed);
    await target.goOn(operation);
    expect(operation.notes['report']).toMatchObject({ source: { invalid: { count: 1 } } });
  });

  it('and cancelled leaves nothing staged, but an upload', async () => {
    const { source, target } = await pair();
    for (const request of [FROM_OLD, { source: { upload: await target.uploaded(await source.exported()) } }]) {
      const operation = await target.started(request);
      await expect(target.goOn(operation, target.handler(killAt('import:prepared', 1)))).rejects.toThrow(Killed);
      await target.cancelled(operation);
      await target.cancelled(operation);
    }
    expect(await target.staging.list()).toMatchObject([{ held: false, complete: true }]);
  });
});

describe('a source that changes while it is read', () => {
  it('is read again where it changed', async () => {
    const both = await pair();
    const { source, running, target, register } = both;
    const operation = await target.started(FROM_OLD);
    running.onRequest = async (path) => {
      if (path !== '/subjects/s9/versions/3?deleted=true') return;
      running.onRequest = () => undefined;
      await register('address', record('Address', 'street'));
      const references = [{ name: 'Address', subject: 'address', version: 2 }];
      await register('s9', '{"type":"array","items":"Address"}', { references });
      await register('new', '"double"');
      await source.registry.deleteVersion(parseSubject('s0'), 1, false);
      await source.registry.deleteSubject(parseSubject(':.x:a'), false);
      await source.registry.deleteSubject(parseSubject(':.x:a'), true);
    };
    await target.goOn(operation);
    const { there, here } = await told(both);
    const versions = (lines: string[]) => lines.filter((line) => line.includes('"kind":"version"'));
    expect(versions(here)).toEqual(versions(there));
  });

  it('and never rests is taken as it is, and that is said', async () => {
    const { running, target, register } = await pair();
    const operation = await target.started(FROM_OLD);
    let n = 0;
    running.onRequest = async (path) => {
      if (path === '/subjects/s0/versions') await register('s0', record('R', `more${n++}`));
    };
    await target.goOn(operation);
    expect(operation.notes['report']).toMatchObject({ source: { settled: false } });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
  });

  it('gives ids that stood for schemas there, and are gone, to nobody here', async () => {
    const { source, target } = await pair();
    await target.imported(FROM_OLD);
    const next = await target.registry.register(parseSubject('fresh'), { schema: '"float"' }, FREE);
    expect(next.schema.id).toBe((await source.store.highestId('.')) + 1);
  });
});

describe('a source that gives its lists in pieces', () => {
  it.each([
    ['of one', 1],
    ['of three', 3],
    ['of ten', 10],
    ['of a thousand', 1_000],
    ['of a release that knows none', undefined],
  ])(
    '%s is read whole, and verified whole: deleted versions as deleted, names that stand for others',
    async (_, most) => {
      const both = await pair();
      const { running, register, source, target } = both;
      for (let n = 0; n < 23; n++) await register('many', record('M', `f${n}`));
      await source.registry.deleteVersion(parseSubject('many'), 15, false);
      for (let n = 0; n < 12; n++) await register(`:.x${n}:a`, '"int"');
      for (let n = 0; n < 7; n++) await register('behind', record('B', `f${n}`));
      for (const name of ['behind', 'other-name', 'another-name'])
        await source.registry.settings.setConfig(parseSubject(name), { alias: 'many' });
      running.mostListed = most ?? Infinity;
      running.ignoresPieces = most === undefined;
      const operation = await target.started(FROM_OLD);
      await target.goOn(operation);
      expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
      const { there, here } = await told(both);
      expect(here).toEqual(there);
      expect(here.filter((line) => line.includes('"subject":"behind"'))).toHaveLength(7);
    },
  );
});

describe('a source without end', () => {
  it('is read as far as may be, and nothing of a plan stays', async () => {
    const { target } = await pair();
    const plan = (most: number) => target.handler(undefined, most).plan(FROM_OLD);
    await expect(plan(500)).rejects.toMatchObject({ code: 'import-too-large', details: { value: 500 } });
    expect(await target.staging.list()).toEqual([]);
    expect((await plan(50_000)).blockers).toEqual([]);
  });
});

describe('what is in the way', () => {
  let both: Pair;
  let before: string;
  beforeEach(async () => {
    both = await pair();
    const { registry } = both.target;
    const register = (subject: string, schema: string) => registry.register(parseSubject(subject), { schema }, FREE);
    await register('mine', '"boolean"');
    await register('s7', record('Mine', 'x'));
    await registry.settings.setConfig(parseSubject('s2'), { compatibility: 'NONE' });
    await registry.associations.put(
      'create',
      {
        resourceName: 't',
        resourceNamespace: 'ns',
        resourceId: 'id-t',
        associations: [{ subject: 'mine', associationType: 'value', lifecycle: 'WEAK' }],
      },
      { context: '.', dryRun: false },
    );
    before = await both.target.exported();
  });

  it('is said beforehand, all of it, and nothing is written', async () => {
    const { target } = both;
    const operation = await target.started(FROM_OLD);
    expect(operation.plan.impact).toMatchObject({
      conflicts: {
        count: 5,
        byCode: { 'id-taken': 2, 'version-taken': 1, 'settings-differ': 1, 'association-differs': 1 },
      },
    });
    expect(operation.plan.blockers).toHaveLength(5);
    await expect(target.goOn(operation)).rejects.toMatchObject({ code: 'operation-blocked' });
    expect(await target.exported()).toBe(before);
  });

  it('is left out where that is asked for, and everything else comes in', async () => {
    const { target, source } = both;
    const operation = await target.imported({ ...FROM_OLD, conflicts: 'skip' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
    const { here, there } = await told(both);
    const isInTheWay = (line: string) =>
      /"subject":"(s0|s1|s7)","version":1,|"scope":"s2"|"kind":"association"|"kind":"context","context":"\."/.test(
        line,
      );
    expect(here.filter((line) => !isInTheWay(line) && !line.includes('"mine"'))).toEqual(
      there.filter((line) => !isInTheWay(line)),
    );
    expect(here.filter((line) => line.includes('"subject":"s7","version":1,'))[0]).toContain('Mine');
    expect(await source.store.highestId('.')).toBe(await target.store.highestId('.'));
  });

  it('and comes up after the look stops the import, or is left out', async () => {
    const { source } = both;
    for (const [conflicts, outcome] of [
      ['refuse', 'operation-blocked'],
      ['skip', 'passed'],
    ] as const) {
      const target = new ImportWorld([both.running]);
      const handler = target.handler(async (name) => {
        if (name === 'import:ids-taken') await target.registry.register(parseSubject('s8'), { schema: '"long"' }, FREE);
      });
      const operation = await target.started({ source: { registry: 'old' }, conflicts });
      const run = target.goOn(operation, handler);
      if (outcome === 'passed') expect((await run).notes['verification']).toMatchObject({ state: outcome });
      else await expect(run).rejects.toMatchObject({ code: outcome });
      const mine = await target.registry.version(parseSubject('s8'), 1, true);
      expect(mine.schema.text).toBe('"long"');
      expect(mine.row.schemaId).toBeGreaterThan(await source.store.highestId('.'));
    }
  });

  it('does not keep a second import of the same from finding everything there', async () => {
    const target = new ImportWorld([both.running]);
    await target.imported(FROM_OLD);
    const again = await target.started(FROM_OLD);
    expect(again.plan).toMatchObject({ impact: { new: 0, conflicts: { count: 0 } }, blockers: [] });
    const file = await target.exported();
    await target.goOn(again);
    expect(await target.exported()).toBe(file);
  });
});

describe('verification', () => {
  /** Damages the target between bringing in and reading back. */
  async function verified(
    damage: (store: MemoryRegistryStore, lie: (over: Partial<RegistryStore>) => void) => unknown,
  ) {
    const { source } = await pair();
    const honest = new MemoryRegistryStore();
    let over: Partial<RegistryStore> = {};
    const store = new Proxy(honest as RegistryStore, {
      get: (target, name) => {
        const found: unknown = Reflect.get(name in over ? over : target, name);
        return typeof found === 'function' ? (found as () => unknown).bind(name in over ? over : target) : found;
      },
    });
    const world = new ImportWorld([], store);
    const operation = await world.started({ source: { upload: await world.uploaded(await source.exported()) } });
    const handler = world.handler(async (name) => {
      if (name === 'import:settings') await damage(honest, (lies) => (over = lies));
    });
    const failure = await world.goOn(operation, handler).then(
      () => undefined,
      (error: unknown) => error,
    );
    const { mismatches, state } = operation.notes['verification'] as JsonObject;
    return {
      failure,
      state,
      differs: (mismatches as JsonObject[]).map((one) => `${String(one['differs'])} ${String(one['subject'])}`),
    };
  }
  const apply = (store: RegistryStore, fact: RegistryFact) => store.apply({ at: 1, expected: [], facts: [fact] });

  it('finds nothing where nothing was done', async () => {
    expect(await verified(() => undefined)).toEqual({ failure: undefined, state: 'passed', differs: [] });
  });

  it.each<[string, string, RegistryFact]>([
    ['a lost version', 'version s6', { type: 'version-purged', subject: parseSubject('s6'), version: 2 }],
    ['a deletion', 'deleted s6', { type: 'version-soft-deleted', subject: parseSubject('s6'), version: 2 }],
    ['a version that came back', 'deleted s1', { type: 'version-restored', subject: parseSubject('s1'), version: 2 }],
    ['a changed configuration', 'config s2', { type: 'config-set', subject: parseSubject('s2'), config: null }],
    ['a changed mode', 'mode s3', { type: 'mode-set', subject: parseSubject('s3'), mode: 'IMPORT' }],
    ['a changed policy', 'registration s4', { type: 'registration-set', subject: parseSubject('s4'), policy: null }],
  ])('finds %s', async (_what, expected, fact) => {
    const { failure, state, differs } = await verified((store) => apply(store, fact));
    expect([failure, state, differs]).toEqual([
      expect.objectContaining({ code: 'import-differs' }),
      'failed',
      [expected],
    ]);
  });

  it('finds a lost association', async () => {
    const { differs } = await verified(async (store) => {
      const [association] = (await store.associationsOfResource('id-t')).associations;
      await apply(store, { type: 'association-removed', association: association! });
    });
    expect(differs).toEqual(['association s5']);
  });

  it.each<[string, Partial<StoredSchema>]>([
    ['text aaa', { text: '{"type":"array","items":"Address" }' }],
    ['type aaa', { schemaType: 'JSON' }],
    ['references aaa', { references: [{ name: 'Address', subject: 'address', version: 9 }] }],
    ['metadata aaa', { metadata: { properties: { owner: 'nobody' } } }],
    ['rules aaa', { ruleSet: null }],
  ])('finds an altered row: %s', async (expected, altered) => {
    const { differs } = await verified((store, lie) =>
      lie({
        schemas: async (context, ids) => {
          const found = await store.schemas(context, ids);
          const schemas = [...found.schemas].map(([id, schema]) => {
            return [id, schema.references.length > 0 ? { ...schema, ...altered } : schema] as const;
          });
          return { ...found, schemas: new Map(schemas) };
        },
      }),
    );
    expect(differs).toEqual([expected]);
  });

  it('finds ids that were lost', async () => {
    const lost = await verified((_, lie) => lie({ highestId: async () => 3 }));
    expect(lost.differs).toEqual(['highest-id ']);
    const reused = await verified((store, lie) =>
      lie({ taken: async (...asked) => (await store.taken(...asked)).map((one) => ({ ...one, guid: 'other' })) }),
    );
    expect(reused.differs).toEqual(['retired-id ']);
  });

  it('finds a version under another id', async () => {
    const { differs } = await verified((store, lie) =>
      lie({
        subjects: async (names) => {
          const { revision, states } = await store.subjects(names);
          return {
            revision,
            states: states.map((state) => ({
              ...state,
              versions: state.versions.map((row) =>
                state.subject.name === 'address' ? { ...row, schemaId: row.schemaId + 1 } : row,
              ),
            })),
          };
        },
      }),
    );
    expect(differs).toContain('id address');
  });
});

describe('an import on several instances', () => {
  it('is for those that have what it is read from', async () => {
    const { source, target } = await pair();
    const { plan: fromRegistry } = await target.started(FROM_OLD);
    const { plan: fromUpload } = await target.started({
      source: { upload: await target.uploaded(await source.exported()) },
    });
    const fromTopic = { parameters: { source: { topic: 't', cluster: 'local' } }, fingerprint: {} };
    const { engine } = target.directories.of();
    const accepted = (
      world: ImportWorld,
      { parameters, fingerprint }: { parameters: JsonObject; fingerprint: JsonObject },
    ) => world.handler().accepts(parameters, fingerprint);
    const stranger = new ImportWorld();
    expect([accepted(target, fromRegistry), accepted(stranger, fromRegistry)]).toEqual([true, false]);
    expect([accepted(target, fromUpload), accepted(stranger, fromUpload)]).toEqual([true, true]);
    const planned = { ...fromTopic, fingerprint: { log: engine.logId } };
    expect([accepted(target, planned), accepted(stranger, planned)]).toEqual([true, false]);
  });
});
