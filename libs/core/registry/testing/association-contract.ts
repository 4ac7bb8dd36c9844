import { describe, expect, it } from 'vitest';
import type { Association } from '../model.js';
import type { RegistryFact, RegistryStore, ResourceAssociations } from '../store.js';

let runs = 0;

/** What every {@link RegistryStore} promises about associations. Part of the store's contract suite. */
export function storesAssociations(store: () => RegistryStore): void {
  describe('associations', () => {
    const fresh = (more: Partial<Association> = {}): Association => {
      const run = `as${++runs}`;
      return {
        guid: `guid-${run}`,
        subject: { context: '.', name: `${run}-value` },
        resourceName: run,
        resourceNamespace: 'ns',
        resourceId: `id-${run}`,
        resourceType: 'topic',
        associationType: 'value',
        lifecycle: 'WEAK',
        frozen: false,
        createdAt: 5,
        updatedAt: 6,
        ...more,
      };
    };
    const apply = (facts: RegistryFact[], resource?: ResourceAssociations) =>
      store().apply({ at: 1, expected: [], facts, ...(resource === undefined ? {} : { resource }) });
    const set = (...all: Association[]) => apply(all.map((association) => ({ type: 'association-set', association })));
    const revisionOf = async ({ subject }: Association) => (await store().subjects([subject])).states[0]!.revision;

    it('are found by subject, resource and name', async () => {
      const value = fresh({ lifecycle: 'STRONG', frozen: true });
      const key = { ...value, guid: 'g', associationType: 'key' as const, subject: { context: '.c', name: 'k' } };
      const elsewhere = fresh({ resourceName: value.resourceName, resourceNamespace: 'other' });
      await set(value, key, elsewhere);
      expect(await store().associations({ subjects: [value.subject, { context: '.c', name: 'none' }] })).toEqual([
        value,
      ]);
      expect(await store().associationsOfResource(value.resourceId)).toMatchObject({ associations: [key, value] });
      const { resourceName } = value;
      expect(await store().associations({ resourceName, resourceNamespace: 'ns' })).toEqual([key, value]);
      expect(await store().associations({ resourceName, resourceNamespace: undefined })).toEqual([
        key,
        value,
        elsewhere,
      ]);
      expect(await store().associations({ resourceName: 'nobody', resourceNamespace: undefined })).toEqual([]);
      expect(await store().associationsOfResource('nobody')).toEqual({
        resourceId: 'nobody',
        revision: 0,
        associations: [],
      });
    });

    it('are found however many they are, each once, in their order', async () => {
      const run = `many${++runs}`;
      const numbered = (n: number) => String(n).padStart(5, '0');
      const count = 2_100;
      const of = (more: (n: string) => Partial<Association>): Association[] =>
        Array.from({ length: count }, (_, n) => fresh({ guid: `${run}-${n}`, ...more(numbered(n)) }));
      const shared = { context: '.', name: `${run}-shared` };
      const ofSubject = of((n) => ({ subject: shared, resourceName: `${run}-${n}`, resourceId: `${run}-s-${n}` }));
      const ofName = of((n) => ({ resourceName: run, resourceNamespace: `ns${n}`, resourceId: `${run}-n-${n}` }));
      const ofResource = of((n) => ({ resourceId: run, resourceName: `${run}-r`, resourceType: `type${n}` }));
      await set(...[...ofSubject].reverse(), ...[...ofName].reverse(), ...[...ofResource].reverse());
      expect(await store().associations({ subjects: [shared] })).toEqual(ofSubject);
      expect(await store().associations({ resourceName: run, resourceNamespace: undefined })).toEqual(ofName);
      expect((await store().associationsOfResource(run)).associations).toEqual(ofResource);
      const [last] = ofResource.slice(-1);
      const read = await store().associationsOfResource(run);
      await set({ ...last!, updatedAt: 7 });
      await expect(apply([{ type: 'association-removed', association: ofResource[0]! }], read)).rejects.toMatchObject({
        code: 'registry-state-moved',
      });
    });

    it('are shown in a snapshot as they were', async () => {
      const value = fresh();
      await set(value);
      const other = fresh();
      await store().snapshot(async (snapshot) => {
        await set({ ...value, lifecycle: 'STRONG' }, other);
        expect(await snapshot.associations([other.subject, value.subject])).toEqual([value]);
        expect(await snapshot.associations([])).toEqual([]);
      });
    });

    it('are one for each type of a resource', async () => {
      const first = fresh();
      const second = { ...first, subject: { context: '.', name: 'instead' }, lifecycle: 'STRONG' as const };
      await set(first);
      await set(second);
      expect((await store().associationsOfResource(first.resourceId)).associations).toEqual([second]);
      expect(await store().associations({ subjects: [first.subject] })).toEqual([]);
    });

    it('replace what an earlier resource of the name left behind', async () => {
      const old = fresh();
      const now = { ...old, resourceId: `${old.resourceId}-again` };
      await set(old);
      await set(now);
      expect((await store().associationsOfResource(old.resourceId)).associations).toEqual([]);
      expect(await store().associations({ subjects: [old.subject] })).toEqual([now]);
    });

    it('touch their subjects when they are set and when they are removed', async () => {
      const one = fresh();
      const untouched = await revisionOf(one);
      await set(one);
      const associated = await revisionOf(one);
      await apply([{ type: 'association-removed', association: one }]);
      const removed = await revisionOf(one);
      expect(untouched < associated && associated < removed).toBe(true);
      await apply([{ type: 'association-removed', association: one }]);
      expect(await revisionOf(one)).toBe(removed);
      expect(await store().associations({ subjects: [one.subject] })).toEqual([]);
    });

    it('are not changed by a decision on a resource that has moved', async () => {
      const key = fresh({ associationType: 'key' });
      const value = { ...key, associationType: 'value' as const, subject: { context: '.', name: `${key.guid}-v` } };
      const empty = await store().associationsOfResource(key.resourceId);
      const fact = (association: Association): RegistryFact => ({ type: 'association-set', association });
      await apply([fact(key)], empty);
      await expect(apply([fact(value)], empty)).rejects.toMatchObject({ code: 'registry-state-moved' });
      const one = await store().associationsOfResource(key.resourceId);
      await set({ ...key, lifecycle: 'STRONG' });
      await expect(apply([fact(value)], one)).rejects.toMatchObject({ code: 'registry-state-moved' });
      expect((await store().associationsOfResource(key.resourceId)).associations).toHaveLength(1);
      await apply([fact(value)], await store().associationsOfResource(key.resourceId));
      expect((await store().associationsOfResource(key.resourceId)).associations).toHaveLength(2);
    });
  });
}
