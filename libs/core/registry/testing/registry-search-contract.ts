import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldTerm, nameTerm, propertyTerm, schemaTypeTerm, tagTerm, type SearchTerm } from '../search-terms.js';
import type { IdChoice, RegistryFact, RegistryStore, SearchPosition, VersionSearch } from '../store.js';
import { subjectText, type SubjectName } from '../subject-name.js';
import { contentOf, type StoreUnderTest } from './registry-store-contract.js';

let runs = 0;

/** What every {@link RegistryStore} promises of looking versions up. */
export function registrySearchContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} finds versions`, () => {
    let under: StoreUnderTest;
    let store: RegistryStore;
    beforeAll(async () => {
      under = await open();
      store = under.store;
    });
    afterAll(() => under.dispose());

    const fresh = () => `.q${++runs}`;
    const apply = (...facts: RegistryFact[]) => store.apply({ at: 1, facts, expected: [] });
    const registration = (
      subject: SubjectName,
      version: number,
      terms: readonly SearchTerm[],
      more: { readonly text?: string; readonly id?: IdChoice } = {},
    ): RegistryFact => {
      const { text = `${subjectText(subject)} ${version}`, id = { kind: 'new' } } = more;
      return { type: 'version-registered', subject, version, id, content: contentOf(text), targets: [], terms };
    };
    const question = (more: Partial<VersionSearch>): VersionSearch => ({
      context: '.',
      prefix: '',
      terms: [],
      versions: 'latest',
      ...more,
    });
    const found = async (more: Partial<VersionSearch>, limit = 100): Promise<string[]> => {
      const hits: string[] = [];
      for (let after: SearchPosition | undefined; ;) {
        const page = await store.search(question(more), after, limit);
        expect(page.hits.length).toBeLessThanOrEqual(limit);
        hits.push(...page.hits.map(({ subject, row }) => `${subject.name}@${row.version}`));
        if (page.next === null) return hits;
        after = page.next;
      }
    };

    it('by field, type, tag and metadata property, each alone and all together', async () => {
      const context = fresh();
      const terms = (n: number) => [
        fieldTerm('id'),
        fieldTerm(`f${n}`),
        nameTerm(n % 2 === 0 ? 'Even' : 'Odd'),
        tagTerm(n < 3 ? 'PII' : 'PUBLIC'),
        propertyTerm('owner', `team-${n}`),
        schemaTypeTerm(n === 3 ? 'JSON' : 'AVRO'),
      ];
      await apply(...[1, 2, 3, 4].map((n) => registration({ context, name: `s${n}` }, 1, terms(n))));
      const ask = (...some: SearchTerm[]) => found({ context, terms: some });
      expect(await ask(fieldTerm('id'))).toEqual(['s1@1', 's2@1', 's3@1', 's4@1']);
      expect(await ask(fieldTerm('f2'))).toEqual(['s2@1']);
      expect(await ask(nameTerm('Odd'))).toEqual(['s1@1', 's3@1']);
      expect(await ask(tagTerm('PII'))).toEqual(['s1@1', 's2@1']);
      expect(await ask(propertyTerm('owner', 'team-4'))).toEqual(['s4@1']);
      expect(await ask(schemaTypeTerm('JSON'))).toEqual(['s3@1']);
      expect(await ask(fieldTerm('id'), nameTerm('Odd'), tagTerm('PII'), propertyTerm('owner', 'team-1'))).toEqual([
        's1@1',
      ]);
      expect(await ask(nameTerm('Odd'), propertyTerm('owner', 'team-2'))).toEqual([]);
      // A field is no type, and case counts.
      expect(await ask(nameTerm('id'))).toEqual([]);
      expect(await ask(fieldTerm('ID'))).toEqual([]);
    });

    it('by context and beginning of the name', async () => {
      const [one, other] = [fresh(), fresh()];
      const terms = [fieldTerm('x')];
      for (const name of ['ord', 'order', 'order-value', 'o%der', 'ord\u{1f600}', 'other']) {
        await apply(registration({ context: one, name }, 1, terms));
      }
      await apply(registration({ context: other, name: 'order' }, 1, terms));
      for (const some of [[], terms]) {
        const ask = (more: Partial<VersionSearch>) => found({ ...more, terms: some });
        expect(await ask({ context: one, prefix: 'ord' })).toEqual([
          'ord@1',
          'order@1',
          'order-value@1',
          'ord\u{1f600}@1',
        ]);
        expect(await ask({ context: one, prefix: 'o%' })).toEqual(['o%der@1']);
        expect(await ask({ context: one, prefix: 'order-' })).toEqual(['order-value@1']);
        expect(await ask({ context: other })).toEqual(['order@1']);
      }
      expect(await found({ context: fresh() })).toEqual([]);
    });

    it('the latest, the live, the deleted or all of them', async () => {
      const context = fresh();
      const [a, b] = ['a', 'b'].map((one) => ({ context, name: one })) as [SubjectName, SubjectName];
      const terms = [fieldTerm('x')];
      await apply(...[1, 2, 3].map((version) => registration(a, version, terms)), registration(b, 1, terms));
      await apply({ type: 'version-soft-deleted', subject: a, version: 3 });
      await apply({ type: 'version-soft-deleted', subject: b, version: 1 });
      for (const some of [[], terms]) {
        const ask = (versions: VersionSearch['versions']) => found({ context, versions, terms: some });
        expect(await ask('latest')).toEqual(['a@2']);
        expect(await ask('live')).toEqual(['a@1', 'a@2']);
        expect(await ask('deleted')).toEqual(['a@3', 'b@1']);
        expect(await ask('all')).toEqual(['a@1', 'a@2', 'a@3', 'b@1']);
      }
      await apply({ type: 'version-restored', subject: a, version: 3 });
      expect(await found({ context, terms })).toEqual(['a@3']);
    });

    it('in pages of any size, the same and in the same order', async () => {
      const context = fresh();
      const terms = (n: number) => [fieldTerm('all'), ...(n % 7 === 0 ? [tagTerm('SEVENTH')] : [])];
      const names = Array.from({ length: 60 }, (_, n) => `s${String(n).padStart(2, '0')}`);
      await apply(...names.flatMap((one, n) => [1, 2].map((v) => registration({ context, name: one }, v, terms(n)))));
      for (const more of [
        {},
        { versions: 'live' as const },
        { terms: [fieldTerm('all')] },
        { terms: [fieldTerm('all'), tagTerm('SEVENTH')] },
        { terms: [tagTerm('SEVENTH'), fieldTerm('all')], versions: 'all' as const },
      ]) {
        const whole = await found({ context, ...more }, 1_000);
        expect(whole).toEqual([...whole].sort());
        expect(whole.length).toBeGreaterThan(5);
        for (const limit of [1, 2, 7, 60]) expect(await found({ context, ...more }, limit)).toEqual(whole);
      }
    });

    it('no more by what is gone: purged, or overwritten with another schema', async () => {
      const context = fresh();
      const [a, b] = ['a', 'b'].map((one) => ({ context, name: one })) as [SubjectName, SubjectName];
      await apply(registration(a, 1, [fieldTerm('old')]), registration(b, 1, [fieldTerm('old')]));
      await apply({ type: 'version-purged', subject: a, version: 1 });
      expect(await found({ context, terms: [fieldTerm('old')] })).toEqual(['b@1']);
      await apply(registration(a, 1, [fieldTerm('new')], { text: 'another' }));
      await apply(registration(b, 1, [fieldTerm('newer')], { text: 'third', id: { kind: 'given', id: 90 } }));
      expect(await found({ context, terms: [fieldTerm('old')] })).toEqual([]);
      expect(await found({ context, terms: [fieldTerm('newer')] })).toEqual(['b@1']);
    });

    it('by words of any kind: long ones, with NUL, with half a character', async () => {
      const context = fresh();
      const words = ['x'.repeat(10_000), 'a\0b', '\ud800', '', "'; drop table registry_terms", '__proto__', '💥'];
      await apply(registration({ context, name: 's' }, 1, words.map(fieldTerm)));
      for (const word of words) expect(await found({ context, terms: [fieldTerm(word)] })).toEqual(['s@1']);
      expect(await found({ context, terms: [fieldTerm('x'.repeat(9_999))] })).toEqual([]);
    });
  });
}
