import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { AvroFormat, LocalSchemaEngine, SchemaFormats } from '#libs/core/schema';
import { parseSubject, Registry } from './index.js';
import type { AppliedChange, RegistryChange } from './store.js';
import { MemoryRegistryStore } from './testing/index.js';

/**
 * Random histories of registrations and deletions through two instances. A checker that sees only what clients see decides: an id stands for one schema for
 * ever, a schema has one id at a time, versions of what is kept stay, what is deleted does not come back by itself.
 */

const SUBJECTS = ['a', 'b', ':.dev:a'];
const SCHEMAS = Array.from({ length: 4 }, (_, i) => JSON.stringify({ type: 'fixed', name: 'F', size: i + 1 }));

type Step =
  | { readonly do: 'register'; readonly subject: number; readonly schema: number }
  | { readonly do: 'delete-version'; readonly subject: number; readonly version: number; readonly permanent: boolean }
  | { readonly do: 'delete-subject'; readonly subject: number; readonly permanent: boolean };

const subject = fc.nat({ max: SUBJECTS.length - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('register' as const), subject, schema: fc.nat({ max: 3 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('delete-version' as const),
        subject,
        version: fc.integer({ min: 1, max: 5 }),
        permanent: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('delete-subject' as const), subject, permanent: fc.boolean() }),
    },
  ),
  { maxLength: 40 },
);

/** @returns the first broken promise, or undefined. */
async function firstBroken(store: MemoryRegistryStore, history: readonly Step[]): Promise<string | undefined> {
  const clock = new ManualClock();
  const engine = new LocalSchemaEngine(new SchemaFormats([new AvroFormat()]));
  const instances = [0, 1].map(() => new Registry(store, engine, clock));
  for (const name of SUBJECTS) await instances[0]!.settings.setConfig(parseSubject(name), { compatibility: 'NONE' });
  /** `context/id` → text, for ever. */
  const meaning = new Map<string, string>();
  /** `subject/version` → id, while the row is there. */
  const kept = new Map<string, number>();
  for (const [index, step] of history.entries()) {
    const [acting, watching] = [instances[index % 2]!, instances[(index + 1) % 2]!];
    const name = parseSubject(SUBJECTS[step.subject]!);
    try {
      if (step.do === 'register') {
        const { schema, row } = await acting.register(
          name,
          { schema: SCHEMAS[step.schema] },
          { normalize: false, force: false },
        );
        const key = `${schema.context}/${schema.id}`;
        if ((meaning.get(key) ?? schema.text) !== schema.text) return `id ${key} was given to another schema`;
        if (schema.text !== SCHEMAS[step.schema]) return `another schema was answered`;
        meaning.set(key, schema.text);
        const place = `${SUBJECTS[step.subject]}/${row.version}`;
        if ((kept.get(place) ?? schema.id) !== schema.id) return `${place} was given to another id`;
        kept.set(place, schema.id);
        // Registering deleted content again removes its older deleted rows.
        const rows = await watching.versions(name);
        if (!rows.some((one) => one.version === row.version && one.schemaId === schema.id && !one.deleted)) {
          return `another instance does not see ${place}`;
        }
        const present = new Set(rows.map((one) => one.version));
        for (const one of kept.keys()) {
          const [text, version] = [one.slice(0, one.lastIndexOf('/')), Number(one.slice(one.lastIndexOf('/') + 1))];
          if (text === SUBJECTS[step.subject] && !present.has(version)) kept.delete(one);
        }
      } else if (step.do === 'delete-version') {
        const version = await acting.deleteVersion(name, step.version, step.permanent);
        if (step.permanent) kept.delete(`${SUBJECTS[step.subject]}/${version}`);
      } else {
        const versions = await acting.deleteSubject(name, step.permanent);
        if (step.permanent) for (const version of versions) kept.delete(`${SUBJECTS[step.subject]}/${version}`);
        await acting.settings.setConfig(name, { compatibility: 'NONE' });
      }
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal') throw error;
    }
    for (const [place, id] of kept) {
      const at = place.lastIndexOf('/');
      const text = place.slice(0, at);
      const found = await watching
        .version(parseSubject(text), Number(place.slice(at + 1)), true)
        .catch(() => undefined);
      if (found?.schema.id !== id) return `${place} is not what was registered`;
      const hint = found.subject.context === '.' ? undefined : text;
      const byId = await watching.schemaById(id, hint).catch(() => undefined);
      if (byId?.schema.text !== meaning.get(`${found.schema.context}/${id}`))
        return `id ${id} does not give its schema`;
    }
  }
  return undefined;
}

describe('histories of registrations and deletions', () => {
  it('keep every promise about ids and versions', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        expect(await firstBroken(new MemoryRegistryStore(), history)).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  it('are found to be broken when ids are reused after deletion', async () => {
    class Reusing extends MemoryRegistryStore {
      /** Gives out the lowest id that nobody uses. */
      override async apply(change: RegistryChange): Promise<AppliedChange> {
        const facts = [];
        for (const fact of change.facts) {
          if (fact.type !== 'version-registered' || fact.id.kind !== 'new') {
            facts.push(fact);
            continue;
          }
          let id = 1;
          const free = async () => (await this.schemas(fact.subject.context, [id])).schemas.size === 0;
          while (!(await free())) id++;
          facts.push({ ...fact, id: { kind: 'given' as const, id } });
        }
        return super.apply({ ...change, facts });
      }

      protected override isTaken(): boolean {
        return false;
      }
    }
    const history: Step[] = [
      { do: 'register', subject: 0, schema: 0 },
      { do: 'delete-subject', subject: 0, permanent: false },
      { do: 'delete-subject', subject: 0, permanent: true },
      { do: 'register', subject: 0, schema: 1 },
    ];
    expect(await firstBroken(new Reusing(), history)).toBe('id ./1 was given to another schema');
    expect(await firstBroken(new MemoryRegistryStore(), history)).toBeUndefined();
  });
});
