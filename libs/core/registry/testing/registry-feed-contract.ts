import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Association } from '../model.js';
import { AFTER_REVISION, type EventPosition, type RegistryEvent } from '../registry-event.js';
import type { CarriedPlan, IdChoice, RegistryFact, RegistryStore } from '../store.js';
import { parseSubject, type SubjectName } from '../subject-name.js';
import { contentOf, type StoreUnderTest } from './registry-store-contract.js';

let runs = 0;

/** What every {@link RegistryStore} promises of its feed of changes, of restoring, and of plans carried out. */
export function registryFeedContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} tells what has changed`, () => {
    let under: StoreUnderTest;
    let store: RegistryStore;
    beforeAll(async () => {
      under = await open();
      store = under.store;
    });
    afterAll(() => under.dispose());

    const fresh = (context = `.f${++runs}`) => parseSubject(`:${context}:s${++runs}`);
    const apply = (facts: readonly RegistryFact[], at = 1_000, plan?: CarriedPlan) =>
      store.apply({ at, facts, expected: [], plan });
    const registration = (
      subject: SubjectName,
      version: number,
      text: string,
      id: IdChoice = { kind: 'new' },
    ): RegistryFact => ({
      type: 'version-registered',
      subject,
      version,
      id,
      content: contentOf(text),
      targets: [],
      terms: [],
    });
    const end = async (): Promise<EventPosition> => ({ revision: await store.revision(), ordinal: AFTER_REVISION });
    const readOn = async (after: EventPosition | undefined, limit: number) => {
      const events: RegistryEvent[] = [];
      for (let from = after; ;) {
        const page = await store.events(from, limit);
        expect(page.events.length).toBeLessThanOrEqual(limit);
        events.push(...page.events);
        if (page.caughtUp) return { events, next: page.next };
        from = page.next;
      }
    };

    it('a little at a time where what it tells is long', async () => {
      const after = await end();
      const subject = fresh();
      const long = (n: number) => ({ compatibilityGroup: String(n).padEnd(1_500_000, 'x') });
      for (const n of [1, 2, 3]) await apply([{ type: 'config-set', subject, config: long(n) }]);
      const page = await store.events(after, 100);
      expect(page.characters).toBeGreaterThan(1_500_000);
      expect(page.events.map((one) => one.value)).toEqual(page.events.map((_, i) => long(i + 1)));
      expect((await readOn(after, 100)).events).toHaveLength(3);
    });

    it('in the order in which it happened, with all a reader needs to follow', async () => {
      const subject = fresh();
      const { context } = subject;
      const after = await end();
      await apply([registration(subject, 1, 'a'), registration(subject, 2, 'b')], 11);
      await apply([{ type: 'version-soft-deleted', subject, version: 1 }], 12);
      await apply([{ type: 'version-restored', subject, version: 1 }], 13);
      await apply([registration(subject, 1, 'c', { kind: 'given', id: 9 })], 14);
      await apply([{ type: 'version-purged', subject, version: 2 }], 15);
      await apply(
        [
          { type: 'config-set', subject, config: { compatibility: 'FULL' } },
          { type: 'config-set', subject, config: null },
          { type: 'mode-set', subject, mode: 'READONLY' },
          { type: 'registration-set', subject, policy: 'registrars-only' },
        ],
        16,
      );
      await apply([{ type: 'context-removed', context }], 17);
      const { events, next } = await readOn(after, 100);
      expect(
        events.map((one) => [one.type, one.at, one.version, one.schemaId, one.guid, one.schemaType, one.value]),
      ).toEqual([
        ['version-registered', 11, 1, 1, 'guid-of-a', 'AVRO', null],
        ['version-registered', 11, 2, 2, 'guid-of-b', 'AVRO', null],
        ['version-soft-deleted', 12, 1, 1, 'guid-of-a', 'AVRO', null],
        ['version-restored', 13, 1, 1, 'guid-of-a', 'AVRO', null],
        ['version-registered', 14, 1, 9, 'guid-of-c', 'AVRO', null],
        ['version-replaced', 14, 1, 1, 'guid-of-a', 'AVRO', null],
        ['version-purged', 15, 2, 2, 'guid-of-b', 'AVRO', null],
        ['config-set', 16, null, null, null, null, { compatibility: 'FULL' }],
        ['config-set', 16, null, null, null, null, null],
        ['mode-set', 16, null, null, null, null, 'READONLY'],
        ['registration-set', 16, null, null, null, null, 'registrars-only'],
        ['context-removed', 17, null, null, null, null, null],
      ]);
      expect(new Set(events.map((one) => one.subject.name))).toEqual(new Set([subject.name, '']));
      expect((await readOn(next, 100)).events).toEqual([]);
    });

    it('the same in pages of any size, also where a page ends inside a change, and from the beginning', async () => {
      const subject = fresh();
      const after = await end();
      await apply(Array.from({ length: 7 }, (_, i) => registration(subject, i + 1, `p${i}`)));
      await apply([{ type: 'mode-set', subject, mode: 'READONLY' }]);
      const whole = (await readOn(after, 100)).events;
      expect(whole).toHaveLength(8);
      for (const limit of [1, 2, 3, 7, 8]) expect((await readOn(after, limit)).events).toEqual(whole);
      expect((await readOn(undefined, 1_000)).events.slice(-8)).toEqual(whole);
      expect((await store.events(undefined, 1)).oldest).toBe(1);
    });

    describe('of associations', () => {
      const association = (subject: SubjectName, more: Partial<Association> = {}): Association => ({
        guid: `guid-${subject.name}`,
        subject,
        resourceName: 'orders',
        resourceNamespace: subject.name,
        resourceId: `id-${subject.name}`,
        resourceType: 'topic',
        associationType: 'value',
        lifecycle: 'WEAK',
        frozen: false,
        createdAt: 1,
        updatedAt: 1,
        ...more,
      });
      const set = (one: Association) => apply([{ type: 'association-set', association: one }]);
      const remove = (one: Association) => apply([{ type: 'association-removed', association: one }]);
      const toldSince = async (after: EventPosition) =>
        (await readOn(after, 2)).events.map(({ type, subject, value }) => [type, subject.name, value]);

      it('what a subject got, what became of it, and what it lost, as it was', async () => {
        const subject = fresh();
        const after = await end();
        const [first, later] = [association(subject), association(subject, { lifecycle: 'STRONG', updatedAt: 2 })];
        await set(first);
        await set(later);
        await remove(first);
        expect(await toldSince(after)).toEqual([
          ['association-set', subject.name, first],
          ['association-set', subject.name, later],
          ['association-removed', subject.name, later],
        ]);
      });

      it('who lost one to another subject, before who got it', async () => {
        const [a, b] = [fresh(), fresh()];
        const old = association(a, { lifecycle: 'STRONG' });
        const now = { ...old, subject: b, lifecycle: 'WEAK' as const };
        await set(old);
        const after = await end();
        await set(now);
        expect(await toldSince(after)).toEqual([
          ['association-removed', a.name, old],
          ['association-set', b.name, now],
        ]);
      });

      it('which resource lost its own to a later one of the name', async () => {
        const subject = fresh();
        const old = association(subject);
        const now = { ...old, resourceId: `${old.resourceId}-again` };
        await set(old);
        const after = await end();
        await set(now);
        expect(await toldSince(after)).toEqual([
          ['association-removed', subject.name, old],
          ['association-set', subject.name, now],
        ]);
      });

      it('none where none was there to be removed', async () => {
        const after = await end();
        await remove(association(fresh()));
        expect(await toldSince(after)).toEqual([]);
      });
    });

    it('nothing of what is only to be forgotten by caches', async () => {
      const [target, referrer] = [fresh(), fresh()];
      await apply([registration(target, 1, 'base')]);
      const after = await end();
      const targets = [{ subject: target, version: 1 }];
      const content = contentOf('user', targets);
      await apply([
        { type: 'version-registered', subject: referrer, version: 1, id: { kind: 'new' }, content, targets, terms: [] },
      ]);
      expect((await readOn(after, 1)).events.map((one) => one.subject)).toEqual([referrer]);
    });

    it('to a reader that goes on while others write, each change once and none left out', async () => {
      const subjects = Array.from({ length: 30 }, () => fresh());
      const after = await end();
      const writing = Promise.all(subjects.map((subject) => apply([{ type: 'mode-set', subject, mode: 'READONLY' }])));
      const seen: RegistryEvent[] = [];
      for (let from = after; seen.length < subjects.length;) {
        const page = await store.events(from, 4);
        seen.push(...page.events);
        from = page.next;
        // A store that answers at once would keep the writers from their turn.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await writing;
      expect(seen.map((one) => one.subject.name).sort()).toEqual(subjects.map((one) => one.name).sort());
      const revisions = seen.map((one) => one.revision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    });

    it('and a restored version is live again, under its number and id', async () => {
      const subject = fresh();
      await apply([registration(subject, 1, 'r')]);
      await apply([{ type: 'version-soft-deleted', subject, version: 1 }]);
      await apply([{ type: 'version-restored', subject, version: 1 }]);
      const { states } = await store.subjects([subject]);
      expect(states[0]!.versions).toMatchObject([{ version: 1, schemaId: 1, deleted: false }]);
      await expect(apply([{ type: 'version-restored', subject, version: 7 }])).rejects.toMatchObject({
        code: 'registry-state-moved',
      });
    });

    it('and keeps who may register apart from settings and modes', async () => {
      const subject = fresh();
      await apply([{ type: 'registration-set', subject, policy: 'registrars-only' }]);
      const state = async () => (await store.subjects([subject])).states[0]!;
      expect(await state()).toMatchObject({ registration: 'registrars-only', config: null, mode: null });
      await apply([{ type: 'registration-set', subject, policy: null }]);
      expect(await state()).toMatchObject({ registration: null });
    });

    it('and gives content that one change registers twice one id', async () => {
      const subject = fresh();
      const other = { ...subject, name: `${subject.name}b` };
      const { ids } = await apply([registration(subject, 1, 'x'), registration(other, 1, 'x', { kind: 'shared' })]);
      expect(ids).toEqual([1, 1]);
      const alone = apply([registration(subject, 2, 'never seen', { kind: 'shared' })]);
      await expect(alone).rejects.toMatchObject({ code: 'registry-state-moved' });
    });

    it('and remembers a plan with the change that carried it out, or not at all', async () => {
      const subject = fresh();
      const plan = (n: number): CarriedPlan => ({
        hash: `hash-${subject.name}-${n}`,
        principal: 'ci',
        key: `key-${subject.name}-${n}`,
        outcome: { n },
      });
      const applied = await apply([registration(subject, 1, 'p')], 1_000, plan(1));
      const found = { ...plan(1), revision: applied.revision, ids: applied.ids };
      expect(await store.appliedPlan({ hash: plan(1).hash })).toEqual(found);
      expect(await store.appliedPlan({ principal: 'ci', key: plan(1).key! })).toEqual(found);
      expect(await store.appliedPlan({ principal: 'other', key: plan(1).key! })).toBeUndefined();
      const failed = apply([registration(subject, 2, 'p', { kind: 'known', id: 77 })], 1_000, plan(2));
      await expect(failed).rejects.toMatchObject({ code: 'registry-state-moved' });
      expect(await store.appliedPlan({ hash: plan(2).hash })).toBeUndefined();
    });
  });
}
