import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { fieldTerm, parseSubject, Registry, type RegistryFact } from '#libs/core/registry';
import {
  contentOf,
  registryFeedContract,
  registrySearchContract,
  registryStoreContract,
} from '#libs/core/registry/testing';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { referencesWithVersions } from './registry-referrers.js';
import { readSubjects } from './registry-snapshot.js';
import { SqlRegistryStore } from './registry-store.js';
import type { SqlSession } from './sql-store.js';
import { freshSqliteStore, type FreshStore } from './testing/index.js';

const open = async () => {
  const fresh = await freshSqliteStore();
  return { store: new SqlRegistryStore(fresh.store), dispose: fresh.dispose };
};

registryStoreContract('SQLite', open);
registryFeedContract('SQLite', open);
registrySearchContract('SQLite', open);

/** How many others had their turn meanwhile. */
async function turnsDuring<T>(task: () => Promise<T>): Promise<{ readonly answer: T; readonly turns: number }> {
  let turns = 0;
  const turn = (): void => {
    turns++;
    pending = setImmediate(turn);
  };
  let pending = setImmediate(turn);
  const answer = await task();
  clearImmediate(pending);
  return { answer, turns };
}

it('lets others go on while it reads many schemas, each of which may be long', async () => {
  const fresh = await freshSqliteStore();
  try {
    const store = new SqlRegistryStore(fresh.store);
    const subject = parseSubject('s');
    const facts = Array.from({ length: 8 }, (_, i): RegistryFact => ({
      type: 'version-registered',
      subject,
      version: i + 1,
      id: { kind: 'new' },
      // Two of them are more than is read at once.
      content: { ...contentOf(`one${i}`), text: JSON.stringify('x'.repeat(1_100_000) + String(i)) },
      targets: [],
      terms: [],
    }));
    const { ids } = await store.apply({ at: 1, expected: [], facts });
    const few = await turnsDuring(() => store.schemas('.', ids.slice(0, 2)));
    // Six statements more, and a turn before each.
    expect((await turnsDuring(() => store.schemas('.', ids))).turns).toBe(few.turns + 6);
    const atOnce = () => fresh.store.read((session) => session.all('select text from registry_schemas'));
    expect((await turnsDuring(atOnce)).turns).toBe(0);
  } finally {
    await fresh.dispose();
  }
});

describe('reading subjects', () => {
  let fresh: FreshStore;
  beforeAll(async () => {
    fresh = await freshSqliteStore();
    const facts = ['a', 'b'].map((name): RegistryFact => ({
      type: 'mode-set',
      subject: parseSubject(name),
      mode: null,
    }));
    await new SqlRegistryStore(fresh.store).apply({ at: 1, expected: [], facts });
  });
  afterAll(() => fresh.dispose());

  /** How SQLite finds the rows of the tables that `read` asks. */
  const plansOf = (read: (session: SqlSession) => Promise<unknown>): Promise<string[]> =>
    fresh.store.read(async (session) => {
      const plans: string[] = [];
      await read({
        ...session,
        all: async (sql, parameters) => {
          const steps = await session.all<{ detail: string }>(`explain query plan ${sql}`, parameters);
          plans.push(...steps.map(({ detail }) => detail).filter((detail) => /registry_|\b[vs]\b/.test(detail)));
          return session.all(sql, parameters);
        },
      });
      return plans;
    });

  it('goes to the rows of each by their whole key, however many subjects the context has', async () => {
    const plans = await plansOf((session) => readSubjects(session, [parseSubject('a'), parseSubject('b')]));
    expect(plans).toHaveLength(2);
    for (const plan of plans)
      expect(plan).toMatch(/^SEARCH .* USING (COVERING )?INDEX .*\(context=\? AND (name|subject)=\?\)$/);
  });

  it('reads versions from an index that has all of them, and neither their rows nor those of their schemas', async () => {
    const plans = await plansOf((session) => readSubjects(session, [parseSubject('a')]));
    expect(plans.filter((plan) => plan.includes('COVERING'))).toEqual([
      'SEARCH v USING COVERING INDEX ix_registry_versions_of_subject (context=? AND subject=? AND version>?)',
    ]);
  });

  it('would be seen to read all versions of the context, as it did with a plain join', async () => {
    const plans = await plansOf((session) =>
      session.all(
        `select v.version, v.deleted, s.guid from registry_versions v join registry_schemas s on s.context = v.context and s.id = v.schema_id
         where (v.context, v.subject) in (values (?, ?)) order by v.context, v.subject, v.version`,
        ['.', 'a'],
      ),
    );
    expect(plans).toContainEqual(expect.stringMatching(/ v .*\(context=\?\)$/));
  });
});

describe('subjects with very many versions', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('are told page by page, beside others, and everything else goes on between', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const counts = { few: 3, many: 9_000, none: 0, some: 1_500, others: 1_500 };
    const content = contentOf('shared');
    const facts = Object.entries(counts).flatMap(([name, count], at) =>
      Array.from({ length: count }, (_, i): RegistryFact => {
        const id = { kind: at === 0 && i === 0 ? 'new' : 'shared' } as const;
        const subject = parseSubject(name);
        return { type: 'version-registered', subject, version: i + 1, id, content, targets: [], terms: [] };
      }),
    );
    await store.apply({ at: 1, expected: [], facts });
    const names = Object.keys(counts).map((name) => parseSubject(name));
    const { answer, turns } = await turnsDuring(() => store.subjects(names));
    const { states } = answer;
    for (const [place, [name, count]] of Object.entries(counts).entries()) {
      const { subject, versions } = states[place]!;
      const numbers = Array.from({ length: count }, (_, i) => i + 1);
      expect([subject.name, ...versions.map(({ version }) => version)]).toEqual([name, ...numbers]);
    }
    expect(turns).toBeGreaterThan(6);
  });
});

describe('what refers to a subject', () => {
  let fresh: FreshStore;
  const target = parseSubject('base');
  const MANY = 3_000;
  const registered = (name: string, text: string, to: readonly number[], more: object = {}): RegistryFact => {
    const targets = to.map((version) => ({ subject: target, version }));
    const content = contentOf(text);
    const id = { kind: 'new' } as const;
    return {
      ...{ type: 'version-registered', subject: parseSubject(name), version: 1, id, content, targets, terms: [] },
      ...more,
    };
  };
  beforeAll(async () => {
    fresh = await freshSqliteStore();
    const facts = [1, 2].map((version) => registered('base', `base ${version}`, [], { version }));
    // Schemas that refer to one version, to the other, or to both, and one that very many subjects carry.
    for (let i = 0; i < MANY; i++) facts.push(registered(`r${i}`, `r ${i}`, [[1], [2], [2, 1]][i % 3]!));
    for (let i = 0; i < MANY; i++)
      facts.push(registered(`c${i}`, 'carried', [1], i === 0 ? {} : { id: { kind: 'shared' } }));
    await new SqlRegistryStore(fresh.store).apply({ at: 1, expected: [], facts });
  });
  afterAll(() => fresh.dispose());

  it('is told page by page, and everything else goes on between', async () => {
    const { answer: found, turns } = await turnsDuring(() => new SqlRegistryStore(fresh.store).referrers(target));
    const named = found.map(({ subject, version, target: to }) => `${subject.name} ${version} ${to}`);
    const expected = Array.from({ length: MANY }, (_, i) => [
      ...(i % 3 === 1 ? [] : [`r${i} 1 1`]),
      ...(i % 3 === 0 ? [] : [`r${i} 1 2`]),
      `c${i} 1 1`,
    ]).flat();
    expect(named.toSorted()).toEqual(expected.sort());
    expect(found.map((one) => one.schemaId)).toEqual(found.map((one) => one.schemaId).toSorted((a, b) => a - b));
    // Read in one statement it would leave some four.
    expect(turns).toBeGreaterThan(14);
  });

  it('is looked for by the ids of the schemas that refer to it, and not among all versions of the context', async () => {
    const planOf = (from: string): Promise<readonly string[]> =>
      fresh.store.read(async (session) => {
        const steps = await session.all<{ detail: string }>(
          `explain query plan select r.context, v.subject, v.version, v.deleted from ${from}
           where v.context = r.context and v.schema_id = r.schema_id and r.target_context = ? and r.target_subject = ?`,
          ['.', 'base'],
        );
        return steps.map(({ detail }) => detail);
      });
    expect((await planOf(referencesWithVersions('sqlite')))[1]).toMatch(/ v .*\(context=\? AND schema_id=\?\)$/);
    // As it would be, and was.
    const left = await planOf('registry_references r join registry_versions v');
    expect(left[1]).toMatch(/ v .*\(context=\?\)$/);
  });
});

describe('the feed of changes', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('forgets old events from the beginning on, and says from where it goes; caches are told to forget everything', async () => {
    const store = new SqlRegistryStore(fresh.store, { keepEventsMs: 1_000 });
    const fact: RegistryFact = { type: 'mode-set', subject: parseSubject('s'), mode: 'READONLY' };
    const times = Array.from({ length: 2_048 }, (_, i) => i + 1);
    await Promise.all(times.map((at) => store.apply({ at, expected: [], facts: [fact] })));
    const { oldest, events } = await store.events(undefined, 1);
    // Looked for every 256 changes, the last time at 2,048: what happened before 1,048 is gone.
    expect(oldest).toBe(1_048);
    expect(events[0]).toMatchObject({ revision: 1_048, at: 1_048 });
    expect(await store.touchedSince(oldest - 1, 5_000)).toMatchObject({ complete: true });
    expect(await store.touchedSince(oldest - 2, 5_000)).toMatchObject({ complete: false });
  });
});

describe('versions that an older release has stored', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('are told, get their terms once, and are passed over when they have changed meanwhile', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const subject = parseSubject('s');
    const facts = [1, 2].map((version): RegistryFact => ({
      type: 'version-registered',
      subject,
      version,
      id: { kind: 'new' },
      content: contentOf(`text ${version}`),
      targets: [],
      terms: [],
    }));
    await store.apply({ at: 1, expected: [], facts });
    expect(await store.unindexed(10)).toEqual([]);
    await fresh.store.write((session) => session.run('update registry_versions set terms = null'));
    const lacking = await store.unindexed(10);
    expect(lacking.map((one) => one.version).sort()).toEqual([1, 2]);
    expect(await store.unindexed(1)).toHaveLength(1);
    await store.apply({ at: 2, expected: [], facts: [{ type: 'version-purged', subject, version: 2 }] });
    const indexed = lacking.map((one) => ({ ...one, terms: [fieldTerm(`f${one.version}`)] }));
    await store.index(indexed);
    await store.index(indexed.map((one) => ({ ...one, terms: [fieldTerm('later')] })));
    expect(await store.unindexed(10)).toEqual([]);
    const found = async (word: string) => {
      const terms = [fieldTerm(word)];
      const asked = { context: '.', prefix: '', terms, versions: 'all' } as const;
      return (await store.search(asked, undefined, 10)).hits.map((hit) => hit.row.version);
    };
    expect([await found('f1'), await found('f2'), await found('later')]).toEqual([[1], [], []]);
  });
});

describe('a large change', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('lets everything else in the process go on meanwhile', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const facts = Array.from({ length: 20_000 }, (_, i): RegistryFact => ({
      type: 'mode-set',
      subject: parseSubject(`s${i}`),
      mode: 'READONLY',
    }));
    const { turns } = await turnsDuring(() => store.apply({ at: 1, expected: [], facts }));
    // A change that keeps the thread leaves one before it and one after.
    expect(turns).toBeGreaterThan(4);
  });
});

describe('an id that very many versions carry', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('is told page by page, and everything else goes on between', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const content = contentOf('many');
    const facts = Array.from({ length: 5_000 }, (_, i): RegistryFact => {
      const subject = parseSubject(`s${i}`);
      const id = { kind: i === 0 ? 'new' : 'shared' } as const;
      return { type: 'version-registered', subject, version: 1, id, content, targets: [], terms: [] };
    });
    const { ids } = await store.apply({ at: 1, expected: [], facts });
    const { answer, turns } = await turnsDuring(() => store.usages('.', [ids[0]!]));
    expect(answer.usages.get(ids[0]!)).toHaveLength(5_000);
    // Read in one statement it would leave some four.
    expect(turns).toBeGreaterThan(8);
  });
});

describe('what concerns very many names', () => {
  let fresh: FreshStore;
  beforeAll(async () => void (fresh = await freshSqliteStore()));
  afterAll(() => fresh.dispose());

  it('is read page by page, and everything else goes on between: associations, modes of a context', async () => {
    const store = new SqlRegistryStore(fresh.store);
    const subject = parseSubject('shared');
    const facts = Array.from({ length: 5_500 }, (_, i): RegistryFact => ({
      type: 'association-set',
      association: {
        ...{ guid: `${i}`, subject, resourceName: `r${i}`, resourceNamespace: 'ns', resourceId: `id${i}` },
        ...{
          resourceType: 'topic',
          associationType: 'value',
          lifecycle: 'WEAK',
          frozen: false,
          createdAt: 1,
          updatedAt: 1,
        },
      },
    }));
    await store.apply({ at: 1, expected: [], facts });
    const read = await turnsDuring(() => store.associations({ subjects: [subject] }));
    expect(read.answer).toHaveLength(5_500);
    expect(read.turns).toBeGreaterThan(5);
    const modes = Array.from({ length: 5_500 }, (_, i): RegistryFact => ({
      type: 'mode-set',
      subject: parseSubject(`m${i}`),
      mode: 'READONLY',
    }));
    await store.apply({ at: 1, expected: [], facts: modes });
    const { settings } = new Registry(store, new LocalSchemaEngine(standardFormats()), new ManualClock());
    const cleared = await turnsDuring(() => settings.deleteMode({ context: '.', name: '' }, true));
    expect((await store.names('.', undefined, 9_000)).filter(({ hasMode }) => hasMode)).toEqual([]);
    // Six pages of names, and what it takes to write so many changes.
    expect(cleared.turns).toBeGreaterThan(10);
  });
});
