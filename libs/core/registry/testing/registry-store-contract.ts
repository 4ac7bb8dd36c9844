import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RegistryConfig, SchemaRecord, SubjectState } from '../model.js';
import type { IdChoice, NameInUse, ReferenceTarget, RegistryFact, RegistryStore } from '../store.js';
import { parseSubject, type SubjectName } from '../subject-name.js';
import { storesAssociations } from './association-contract.js';

export interface StoreUnderTest {
  readonly store: RegistryStore;
  /** The same state through another instance; undefined where only one can be. */
  readonly another?: () => Promise<{ readonly store: RegistryStore; readonly close: () => Promise<void> }>;
  readonly dispose: () => Promise<void>;
}

let runs = 0;

/** What every {@link RegistryStore} promises. Names are fresh per test, so that one store serves the whole suite. */
export function registryStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the registry's state`, () => {
    let under: StoreUnderTest;
    let store: RegistryStore;
    beforeAll(async () => {
      under = await open();
      store = under.store;
    });
    afterAll(() => under.dispose());

    const fresh = (context = `.c${++runs}`) => parseSubject(`:${context}:s${++runs}`);
    const state = async (subject: SubjectName) => (await store.subjects([subject])).states[0]!;
    const apply = async (facts: readonly RegistryFact[], on: readonly SubjectState[] = [], at = 1_000) =>
      store.apply({ at, facts, expected: on.map(({ subject, revision }) => ({ subject, revision })) });
    const register = async (
      subject: SubjectName,
      version: number,
      text: string,
      more: { id?: IdChoice; targets?: ReferenceTarget[]; at?: number } = {},
    ) => {
      const content = contentOf(text, more.targets);
      const known = await store.idOfContent(subject.context, content);
      const id = more.id ?? (known === undefined ? { kind: 'new' } : { kind: 'known', id: known });
      const targets = more.targets ?? [];
      const fact: RegistryFact = { type: 'version-registered', subject, version, id, content, targets, terms: [] };
      return (await apply([fact], [], more.at)).ids[0]!;
    };

    it('knows nothing of a name that nobody used', async () => {
      const subject = fresh();
      expect(await state(subject)).toEqual({
        subject,
        revision: 0,
        config: null,
        mode: null,
        registration: null,
        versions: [],
      });
      expect(await store.highestId(subject.context)).toBe(0);
    });

    it('gives out ids from 1 in each context, one per content whatever the subject', async () => {
      const a = fresh();
      const b = { ...a, name: `${a.name}b` };
      expect([await register(a, 1, 'x'), await register(a, 2, 'y'), await register(b, 1, 'x')]).toEqual([1, 2, 1]);
      expect(await register(fresh(), 1, 'x')).toBe(1);
    });

    it('returns what was stored, with uses in the order of registration', async () => {
      const subject = fresh();
      const other = { ...subject, name: `a${subject.name}` };
      const id = await register(subject, 1, 'x', { at: 77 });
      await register(other, 1, 'x', { at: 78 });
      const row = { version: 1, schemaId: id, guid: contentOf('x').guid, deleted: false };
      expect((await state(subject)).versions).toEqual([{ ...row, registeredAt: 77 }]);
      const { schemas } = await store.schemas(subject.context, [id, 999]);
      expect([...schemas]).toEqual([[id, { context: subject.context, id, ...contentOf('x') }]]);
      const { usages } = await store.usages(subject.context, [id, 999]);
      expect([...usages]).toEqual([
        [
          id,
          [
            { subject, version: 1, deleted: false, registeredAt: 77 },
            { subject: other, version: 1, deleted: false, registeredAt: 78 },
          ],
        ],
      ]);
    });

    it('tells the uses of an id in the order of registration however many they are, beside those of others', async () => {
      const subject = fresh();
      const before = { ...subject, name: `a${subject.name}` };
      const rare = await register(subject, 2_000, 'rare');
      const versions = Array.from({ length: 1_300 }, (_, i) => i + 1);
      const many = async (of: SubjectName, numbers: readonly number[]) => {
        const content = contentOf('many');
        const known = await store.idOfContent(of.context, content);
        const { ids } = await apply(
          numbers.map((version, i): RegistryFact => {
            const first: IdChoice = known === undefined ? { kind: 'new' } : { kind: 'known', id: known };
            const id: IdChoice = i === 0 ? first : { kind: 'shared' };
            return { type: 'version-registered', subject: of, version, id, content, targets: [], terms: [] };
          }),
        );
        return ids[0]!;
      };
      const id = await many(subject, versions);
      expect(await many(before, versions)).toBe(id);
      // In the place of an older row, and registered anew.
      expect(await many(subject, [7])).toBe(id);
      const expected = [
        ...versions.filter((version) => version !== 7).map((version) => [subject.name, version]),
        ...versions.map((version) => [before.name, version]),
        [subject.name, 7],
      ];
      for (const asked of [[id], [rare, id], [id, 999_999, rare]]) {
        const { revision, usages } = await store.usages(subject.context, asked);
        expect(revision).toBe(await store.revision());
        expect(usages.get(id)!.map((one) => [one.subject.name, one.version])).toEqual(expected);
        expect([...usages.keys()].sort()).toEqual(asked.filter((one) => one !== 999_999).sort());
        if (asked.includes(rare)) expect(usages.get(rare)).toMatchObject([{ subject, version: 2_000 }]);
      }
      const [alone, together] = await Promise.all([
        store.usages(subject.context, [rare]),
        store.usages(subject.context, [id]),
      ]);
      expect([alone.usages.get(rare)!.length, together.usages.get(id)!.length]).toEqual([1, expected.length]);
    });

    it('keeps everything of a content: types, references, metadata and rules', async () => {
      const subject = fresh();
      const target = fresh(subject.context);
      await register(target, 1, 'base');
      const content: SchemaRecord = {
        guid: 'rich-guid',
        schemaType: 'JSON',
        text: '{"title":"\\u0000 ä \u{1f600}"}',
        references: [{ name: 'n', subject: target.name, version: 1 }],
        metadata: {
          properties: JSON.parse('{"__proto__":"p","owner":"x"}') as Record<string, string>,
          sensitive: ['owner'],
        },
        ruleSet: { domainRules: [{ name: 'r', type: 'CEL', disabled: true }] },
      };
      const targets = [{ subject: target, version: 1 }];
      const fact: RegistryFact = {
        type: 'version-registered',
        subject,
        version: 1,
        id: { kind: 'new' },
        content,
        targets,
        terms: [],
      };
      const id = (await apply([fact])).ids[0]!;
      const schema = (await store.schemas(subject.context, [id])).schemas.get(id)!;
      expect(schema).toEqual({ context: subject.context, id, ...content });
      expect(Object.keys(schema.metadata!.properties!)).toContain('__proto__');
    });

    it('refuses a change decided on a state that has moved, and writes nothing of it', async () => {
      const subject = fresh();
      const before = await state(subject);
      await apply([{ type: 'mode-set', subject, mode: 'READONLY' }]);
      const stale = apply(
        [
          { type: 'config-set', subject, config: { normalize: true } },
          { type: 'mode-set', subject, mode: null },
        ],
        [before],
      );
      await expect(stale).rejects.toMatchObject({ code: 'registry-state-moved', retryable: true });
      expect(await state(subject)).toMatchObject({ config: null, mode: 'READONLY' });
    });

    it('gives parallel registrations of one content one id, and parallel contents each their own', async () => {
      const context = `.p${++runs}`;
      const one = Array.from({ length: 20 }, (_, i) => ({ context, name: `one${i}` }));
      const untilItHolds = async (subject: SubjectName, text: string): Promise<number> => {
        for (;;) {
          try {
            return await register(subject, 1, text);
          } catch (error) {
            if ((error as { code?: string }).code !== 'registry-state-moved') throw error;
          }
        }
      };
      const same = await Promise.all(one.map((subject) => untilItHolds(subject, 'same')));
      expect(new Set(same).size).toBe(1);
      const different = await Promise.all(
        one.map((subject, i) => untilItHolds({ ...subject, name: `two${i}` }, `t${i}`)),
      );
      expect(new Set(different).size).toBe(20);
      expect(await store.highestId(context)).toBe(21);
    });

    it('lets one of two changes through that were decided on the same state', async () => {
      const subject = fresh();
      const before = await state(subject);
      const attempt = (text: string) => {
        const content = contentOf(text);
        const fact: RegistryFact = {
          type: 'version-registered',
          subject,
          version: 1,
          id: { kind: 'new' },
          content,
          targets: [],
          terms: [],
        };
        return apply([fact], [before]);
      };
      const outcomes = await Promise.allSettled([attempt('left'), attempt('right')]);
      expect(outcomes.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
      expect((await state(subject)).versions).toHaveLength(1);
    });

    it('raises the revision by one per change and tells what was touched since', async () => {
      const subject = fresh();
      const start = await store.revision();
      const id = await register(subject, 1, 'x');
      await apply([{ type: 'version-soft-deleted', subject, version: 1 }]);
      expect(await store.revision()).toBe(start + 2);
      const touched = await store.touchedSince(start, 100);
      expect(touched).toMatchObject({ revision: start + 2, complete: true });
      expect(touched.subjects).toContainEqual(subject);
      expect(touched.schemas).toContainEqual({ context: subject.context, id, purged: false });
      expect(await store.touchedSince(start + 2, 100)).toMatchObject({ subjects: [], schemas: [], complete: true });
      expect(await store.touchedSince(start, 1)).toMatchObject({ revision: start + 2, complete: false });
      expect((await state(subject)).revision).toBe(start + 2);
    });

    it('keeps the digests that came last with a change, and drops them with a version that is purged', async () => {
      const subject = fresh();
      const other = { ...subject, name: `${subject.name}b` };
      expect(await store.digests(subject)).toBeUndefined();
      const facts: RegistryFact[] = [{ type: 'mode-set', subject, mode: null }];
      await store.apply({ at: 1_000, facts, expected: [], digests: { subject, text: '[1,"a?"]' } });
      await store.apply({ at: 1_000, facts, expected: [], digests: { subject, text: '[2]' } });
      const stale = { subject, revision: 0 };
      const refused = store.apply({ at: 1_000, facts, expected: [stale], digests: { subject, text: '[3]' } });
      await expect(refused).rejects.toMatchObject({ code: 'registry-state-moved' });
      await register(subject, 1, 'kept for');
      expect([await store.digests(subject), await store.digests(other)]).toEqual(['[2]', undefined]);
      await apply([{ type: 'version-purged', subject, version: 1 }]);
      expect(await store.digests(subject)).toBeUndefined();
    });

    it('never gives a purged id out again, and lists it with its GUID', async () => {
      const subject = fresh();
      const id = await register(subject, 1, 'gone');
      await apply([{ type: 'version-purged', subject, version: 1 }]);
      expect((await store.schemas(subject.context, [id])).schemas.size).toBe(0);
      expect(await store.idOfContent(subject.context, contentOf('gone'))).toBeUndefined();
      const again = await register(subject, 1, 'gone');
      expect(again).toBe(id + 1);
      const ids = (await store.idsOfGuid(contentOf('gone').guid)).filter((one) => one.context === subject.context);
      expect(ids).toEqual([
        { context: subject.context, id, purged: true },
        { context: subject.context, id: again, purged: false },
      ]);
      const taken = register(subject, 2, 'other', { id: { kind: 'given', id } });
      await expect(taken).rejects.toMatchObject({ code: 'operation-not-permitted' });
    });

    it('keeps a schema while any version carries its id, deleted ones included', async () => {
      const subject = fresh();
      const id = await register(subject, 1, 'kept');
      await register({ ...subject, name: 'other' }, 1, 'kept');
      await apply([{ type: 'version-purged', subject, version: 1 }]);
      await apply([{ type: 'version-soft-deleted', subject: { ...subject, name: 'other' }, version: 1 }]);
      expect((await store.schemas(subject.context, [id])).schemas.size).toBe(1);
      const { usages } = await store.usages(subject.context, [id]);
      expect(usages.get(id)).toMatchObject([{ version: 1, deleted: true }]);
    });

    it('accepts given ids, moves the high-water mark, and refuses one that stands for other content', async () => {
      const subject = fresh();
      expect(await register(subject, 5, 'i', { id: { kind: 'given', id: 100 } })).toBe(100);
      expect(await register(subject, 1, 'i', { id: { kind: 'given', id: 7 } })).toBe(7);
      expect((await state(subject)).versions.map((row) => row.version)).toEqual([1, 5]);
      await expect(register(subject, 6, 'j', { id: { kind: 'given', id: 100 } })).rejects.toMatchObject({
        code: 'operation-not-permitted',
      });
      expect(await store.idOfContent(subject.context, contentOf('i'))).toBe(7);
      expect(await register(subject, 6, 'k')).toBe(101);
    });

    it('passes a content on to another of its ids when the one stored last is purged', async () => {
      const subject = fresh();
      await register(subject, 1, 'twin', { id: { kind: 'given', id: 3 } });
      await register(subject, 2, 'twin', { id: { kind: 'given', id: 9 } });
      await apply([{ type: 'version-purged', subject, version: 2 }]);
      expect(await store.idOfContent(subject.context, contentOf('twin'))).toBe(3);
    });

    it('overwrites a version and purges the schema that was only there', async () => {
      const subject = fresh();
      const old = await register(subject, 1, 'old');
      await register(subject, 1, 'new');
      expect((await store.schemas(subject.context, [old])).schemas.size).toBe(0);
      expect((await state(subject)).versions).toMatchObject([{ version: 1, guid: contentOf('new').guid }]);
    });

    it('checks the choice of an id inside the transaction', async () => {
      const subject = fresh();
      await register(subject, 1, 'held');
      const as = (id: IdChoice) => register({ ...subject, name: 'elsewhere' }, 1, 'held', { id });
      await expect(as({ kind: 'new' })).rejects.toMatchObject({ code: 'registry-state-moved' });
      await expect(as({ kind: 'known', id: 44 })).rejects.toMatchObject({ code: 'registry-state-moved' });
    });

    it('gives content that shares its GUID with other content an id, and leaves the GUID to the first', async () => {
      const subject = fresh();
      const first = await register(subject, 1, 'first');
      const twin: SchemaRecord = { ...contentOf('first'), text: 'second' };
      const fact = (version: number, id: IdChoice): RegistryFact => {
        return { type: 'version-registered', subject, version, id, content: twin, targets: [], terms: [] };
      };
      const { ids } = await apply([fact(2, { kind: 'new', collides: true })]);
      expect(ids).toEqual([first + 1]);
      expect(await store.idOfContent(subject.context, twin)).toBe(first);
      expect((await store.schemas(subject.context, ids)).schemas.get(first + 1)?.text).toBe('second');
    });

    it('finds who refers to a version, which leaves its subject as it is', async () => {
      const target = fresh();
      const referrer = fresh();
      await register(target, 1, 'base');
      const before = await state(target);
      const id = await register(referrer, 1, 'user', { targets: [{ subject: target, version: 1 }] });
      expect(await store.referrers(target)).toEqual([
        { context: referrer.context, schemaId: id, target: 1, subject: referrer, version: 1, deleted: false },
      ]);
      expect(await state(target)).toEqual(before);
      await apply([{ type: 'version-purged', subject: referrer, version: 1 }]);
      expect(await store.referrers(target)).toEqual([]);
    });

    it('deletes nothing that is referred to by what stays, when told so', async () => {
      const target = fresh();
      const referrer = fresh();
      const twin = { ...referrer, name: `${referrer.name}b` };
      await register(target, 1, 'base');
      await register(target, 2, 'other');
      const targets = [{ subject: target, version: 1 }];
      for (const subject of [referrer, twin]) await register(subject, 1, 'user', { targets });
      const gone = (type: 'version-soft-deleted' | 'version-purged', subject = target, version = 1): RegistryFact => {
        return { type, subject, version };
      };
      const unreferenced = (...facts: RegistryFact[]) =>
        store.apply({ at: 1_000, facts, expected: [], unreferenced: true });
      const moved = { code: 'registry-state-moved' };
      await unreferenced(gone('version-soft-deleted', target, 2));
      await expect(unreferenced(gone('version-soft-deleted'))).rejects.toMatchObject(moved);
      await apply([gone('version-soft-deleted', referrer)]);
      await expect(unreferenced(gone('version-soft-deleted'))).rejects.toMatchObject(moved);
      // What goes with it does not hold it.
      await unreferenced(gone('version-soft-deleted'), gone('version-soft-deleted', twin));
      await expect(unreferenced(gone('version-purged'))).rejects.toMatchObject(moved);
      expect((await state(target)).versions).toMatchObject([
        { version: 1, deleted: true },
        { version: 2, deleted: true },
      ]);
      await unreferenced(gone('version-purged'), gone('version-purged', referrer), gone('version-purged', twin));
      expect((await state(target)).versions).toMatchObject([{ version: 2 }]);
    });

    it('leaves a context empty when told so, or does nothing', async () => {
      const subject = fresh();
      const { context } = subject;
      const vacating = (...facts: RegistryFact[]) =>
        store.apply({ at: 1_000, facts, expected: [], vacates: { context } });
      const removed: RegistryFact = { type: 'context-removed', context };
      await register(subject, 1, 'x');
      await apply([{ type: 'version-soft-deleted', subject, version: 1 }]);
      await expect(vacating(removed)).rejects.toMatchObject({ code: 'registry-state-moved' });
      const everywhere = store.apply({ at: 1_000, facts: [removed], expected: [], vacates: { context: undefined } });
      await expect(everywhere).rejects.toMatchObject({ code: 'registry-state-moved' });
      expect(await store.contexts()).toContain(context);
      await vacating({ type: 'version-purged', subject, version: 1 }, removed);
      expect(await store.contexts()).not.toContain(context);
    });

    it('lists names by context and prefix, and says which are live', async () => {
      const context = `.l${++runs}`;
      for (const name of ['order', 'order-value', 'o%der', 'ord\u{1f600}', 'other']) {
        await register({ context, name }, 1, name);
      }
      await apply([{ type: 'version-soft-deleted', subject: { context, name: 'order' }, version: 1 }]);
      const listed = async (prefix: string, after: string | undefined = undefined, limit = 100) =>
        (await store.list(context, prefix, after, limit)).map((one) => `${one.subject.name} ${one.live}`);
      expect(await listed('ord')).toEqual(['order false', 'order-value true', 'ord\u{1f600} true']);
      expect(await listed('o%')).toEqual(['o%der true']);
      expect(await listed('ord', undefined, 2)).toEqual(['order false', 'order-value true']);
      expect(await listed('ord', 'order-value', 2)).toEqual(['ord\u{1f600} true']);
      expect(await listed('ord', 'ord\u{1f600}')).toEqual([]);
      expect(await listed('', 'order', 9)).toEqual(['order-value true', 'ord\u{1f600} true', 'other true']);
    });

    it('finds the contexts that hold a name, and lists contexts until they are removed', async () => {
      const name = `shared${++runs}`;
      const contexts = [`.x${++runs}`, `.y${++runs}`];
      for (const context of contexts) await register({ context, name }, 1, name);
      expect(await store.contextsHolding(name)).toEqual(contexts);
      expect(await store.contexts()).toEqual(expect.arrayContaining(contexts));
      await apply([{ type: 'version-purged', subject: { context: contexts[0]!, name }, version: 1 }]);
      await apply([{ type: 'context-removed', context: contexts[0]! }]);
      expect(await store.contexts()).not.toContain(contexts[0]);
      expect(await store.contextsHolding(name)).toEqual([contexts[1]]);
      expect(await register({ context: contexts[0]!, name }, 1, 'again')).toBe(2);
      expect(await store.contexts()).toContain(contexts[0]);
    });

    it('keeps settings apart from versions and clears them', async () => {
      const subject = fresh();
      await apply([
        { type: 'config-set', subject, config: { compatibility: 'FULL', alias: 'ä' } },
        { type: 'mode-set', subject, mode: 'IMPORT' },
      ]);
      expect(await state(subject)).toMatchObject({ config: { compatibility: 'FULL', alias: 'ä' }, mode: 'IMPORT' });
      expect(await store.names(subject.context, undefined, 9)).toEqual([{ ...subject, hasMode: true }]);
      expect(await store.list(subject.context, '', undefined, 9)).toEqual([]);
      await apply([{ type: 'config-set', subject, config: null }]);
      expect(await state(subject)).toMatchObject({ config: null, mode: 'IMPORT' });
    });

    it('pages the names in use by context and name, and tells which have a mode', async () => {
      const context = `.n${++runs}`;
      const names = ['\u{10000}', 'b', '\uffff', 'a'];
      for (const name of names) await register({ context, name }, 1, `of ${name}`);
      await apply([
        { type: 'mode-set', subject: { context, name: 'b' }, mode: 'READONLY' },
        { type: 'mode-set', subject: { context: `${context}.z`, name: '' }, mode: 'READONLY' },
      ]);
      const pagesOf = async (within: string | undefined): Promise<(readonly NameInUse[])[]> => {
        const pages: (readonly NameInUse[])[] = [];
        let after: SubjectName | undefined = within === undefined ? { context, name: '' } : undefined;
        for (;;) {
          const page = await store.names(within, after, 3);
          pages.push(page);
          if (page.length < 3) return pages;
          after = page.at(-1);
        }
      };
      const of = (name: string, hasMode = false): NameInUse => ({ context, name, hasMode });
      expect(await pagesOf(context)).toEqual([[of('a'), of('b', true), of('\uffff')], [of('\u{10000}')]]);
      const all = (await pagesOf(undefined)).flat();
      expect(all.slice(0, 5)).toEqual([
        ...[of('a'), of('b', true), of('\uffff'), of('\u{10000}')],
        { context: `${context}.z`, name: '', hasMode: true },
      ]);
    });

    it('finds configs by context and prefix', async () => {
      const context = `.g${++runs}`;
      const set = (name: string, config: RegistryConfig | null): RegistryFact => {
        return { type: 'config-set', subject: { context, name }, config };
      };
      await apply([set('order', { alias: 'x' }), set('o%der', { normalize: true }), set('orders', null)]);
      await register({ context, name: 'order-value' }, 1, 'unconfigured');
      const found = [{ subject: { context, name: 'order' }, config: { alias: 'x' } }];
      expect(await store.configs(context, 'or')).toEqual(found);
      expect(await store.configs(context, '')).toHaveLength(2);
      expect(await store.configs(`${context}x`, '')).toEqual([]);
      expect(await store.configs(undefined, 'ord')).toEqual(expect.arrayContaining(found));
    });

    it('reads many names and ids at once, in the order asked', async () => {
      const context = `.m${++runs}`;
      const names = Array.from({ length: 450 }, (_, i) => ({ context, name: `s${i}` }));
      const facts = names.map((subject, i): RegistryFact => ({
        type: 'version-registered',
        subject,
        version: 1,
        id: { kind: 'new' },
        content: contentOf(`many${i}`),
        targets: [],
        terms: [],
      }));
      const { ids } = await apply(facts);
      const { states } = await store.subjects([...names].reverse());
      expect(states.map((one) => one.subject.name)).toEqual(names.map((one) => one.name).reverse());
      expect(states.every((one) => one.versions.length === 1)).toBe(true);
      expect((await store.schemas(context, ids)).schemas.size).toBe(450);
    });

    it('keeps the time at which another registry registered a version', async () => {
      const subject = fresh();
      const fact: RegistryFact = {
        type: 'version-registered',
        subject,
        version: 1,
        id: { kind: 'given', id: 4 },
        content: contentOf('old'),
        targets: [],
        terms: [],
        registeredAt: 17,
      };
      await apply([fact, { type: 'version-soft-deleted', subject, version: 1 }]);
      expect((await state(subject)).versions).toMatchObject([{ version: 1, registeredAt: 17, deleted: true }]);
    });

    it('leaves a content to the id it has when a secondary one comes, whichever comes first', async () => {
      const [subject, other] = [fresh(), fresh()];
      const secondary = { kind: 'given', id: 9, secondary: true } as const;
      await register(subject, 1, 'twin', { id: { kind: 'given', id: 3 } });
      await register(subject, 2, 'twin', { id: secondary });
      expect(await store.idOfContent(subject.context, contentOf('twin'))).toBe(3);
      await register(other, 2, 'twin', { id: secondary });
      await register(other, 1, 'twin', { id: { kind: 'given', id: 3 } });
      expect(await store.idOfContent(other.context, contentOf('twin'))).toBe(3);
    });

    it('takes ids that another registry gave out, and never gives them out', async () => {
      const subject = fresh();
      const { context } = subject;
      await apply([{ type: 'ids-taken', context, upTo: 40, listed: false }]);
      expect([await store.highestId(context), (await store.contexts()).includes(context)]).toEqual([40, false]);
      await apply([{ type: 'ids-taken', context, upTo: 7, listed: true }]);
      expect([await store.highestId(context), (await store.contexts()).includes(context)]).toEqual([40, true]);
      expect(await register(subject, 1, 'x')).toBe(41);
    });

    it('retires an id for one content, once and for all', async () => {
      const subject = fresh();
      const { context } = subject;
      const retired = (id: number, text: string): RegistryFact => {
        return { type: 'id-retired', context, id, content: { guid: contentOf(text).guid, schemaType: 'AVRO' } };
      };
      await apply([retired(5, 'gone')]);
      await apply([retired(5, 'gone')]);
      await expect(apply([retired(5, 'other')])).rejects.toMatchObject({ code: 'operation-not-permitted' });
      await expect(register(subject, 1, 'other', { id: { kind: 'given', id: 5 } })).rejects.toMatchObject({
        code: 'operation-not-permitted',
      });
      expect(await store.taken(context, [4, 5])).toEqual([
        { id: 5, guid: contentOf('gone').guid, schemaType: 'AVRO', purged: true },
      ]);
      expect((await store.schemas(context, [5])).schemas.size).toBe(0);
      expect(await register(subject, 1, 'new')).toBe(6);
      expect(await register(subject, 2, 'gone', { id: { kind: 'given', id: 5 } })).toBe(5);
      await apply([retired(5, 'gone')]);
      expect(await store.taken(context, [6, 5])).toMatchObject([
        { id: 5, purged: false },
        { id: 6, purged: false },
      ]);
    });

    it('shows the whole state as of one revision, whatever is written meanwhile', async () => {
      const context = `.snap${++runs}`;
      const names = ['b', 'a', '\u{10000}', '\uffff'];
      for (const name of names) await register({ context, name }, 1, `of ${name}`);
      await register({ context, name: 'b' }, 2, 'of b', { id: { kind: 'given', id: 30 } });
      await apply([{ type: 'version-purged', subject: { context, name: 'a' }, version: 1 }]);
      await apply([{ type: 'config-set', subject: { context, name: '' }, config: { normalize: true } }]);
      const revision = await store.revision();
      await store.snapshot(async (snapshot) => {
        await register({ context, name: 'a' }, 1, 'late');
        await register({ context, name: 'late' }, 1, 'late');
        await apply([{ type: 'config-set', subject: { context, name: '' }, config: null }]);
        expect(snapshot.revision).toBe(revision);
        expect((await snapshot.contexts()).find((one) => one.name === context)).toEqual({
          name: context,
          lastId: 30,
          listed: true,
        });
        const pages: string[] = [];
        let config: unknown = null;
        for (let after: string | undefined; ;) {
          const page = await snapshot.subjects(context, after, 2);
          after = page.at(-1)?.subject.name;
          for (const one of page) {
            config ??= one.config;
            pages.push(`${one.subject.name} ${one.versions.map((row) => row.version).join()}`);
          }
          if (page.length < 2) break;
        }
        expect(pages).toEqual([' ', 'a ', 'b 1,2', '\uffff 1', '\u{10000} 1']);
        expect(config).toEqual({ normalize: true });
        const [late, b] = await snapshot.states([
          { context, name: 'late' },
          { context, name: 'b' },
        ]);
        expect([late!.versions.length, b!.versions.length]).toEqual([0, 2]);
        const schemas = await snapshot.schemas(context, [1, 2, 3, 4, 30]);
        expect([...schemas].sort(([a], [b]) => a - b).map(([id, one]) => [id, one.primary, one.schema.text])).toEqual([
          [1, false, 'of b'],
          [3, true, 'of \u{10000}'],
          [4, true, 'of \uffff'],
          [30, true, 'of b'],
        ]);
        expect(await snapshot.retired(context, 0, 10)).toMatchObject([{ id: 2, guid: contentOf('of a').guid }]);
        expect(await snapshot.retired(context, 2, 10)).toEqual([]);
      });
      expect((await state({ context, name: 'a' })).versions).toHaveLength(1);
    });

    storesAssociations(() => store);

    it('shows another instance what has been acknowledged', async () => {
      const other = await under.another?.();
      // A store with one owner has nobody to show it to.
      if (other === undefined) return expect(under.another).toBeUndefined();
      try {
        const subject = fresh();
        for (let version = 1; version <= 10; version++) {
          const id = await register(subject, version, `shared ${version} ${subject.name}`);
          expect(await other.store.revision()).toBe(await store.revision());
          expect((await other.store.schemas(subject.context, [id])).schemas.size).toBe(1);
        }
      } finally {
        await other.close();
      }
    });
  });
}

/** Content with a GUID that follows from its text, so that tests can tell contents apart. */
export function contentOf(text: string, targets: readonly ReferenceTarget[] = []): SchemaRecord {
  return {
    guid: `guid-of-${text}`,
    schemaType: 'AVRO',
    text,
    references: targets.map(({ subject, version }) => ({ name: subject.name, subject: subject.name, version })),
    metadata: null,
    ruleSet: null,
  };
}
