import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSubject } from '#libs/core/registry';
import { keyOf, type MovedEntry, type MovedVersion } from '../entry.js';
import { STAGED_PAGE_BYTES, type ImportStaging, type StagedPlace } from '../staging.js';

export interface StagingUnderTest {
  readonly staging: ImportStaging;
  readonly dispose: () => Promise<void>;
}

let runs = 0;

/** What every {@link ImportStaging} promises. */
export function importStagingContract(name: string, open: () => Promise<StagingUnderTest>): void {
  describe(`${name} keeps what is to be imported`, () => {
    let under: StagingUnderTest;
    let staging: ImportStaging;
    beforeAll(async () => {
      under = await open();
      staging = under.staging;
    });
    afterAll(() => under.dispose());

    const fresh = async (...entries: MovedEntry[]) => {
      const id = `import-${++runs}`;
      await staging.begin(id, 1_000);
      await put(id, ...entries);
      return id;
    };
    const put = (id: string, ...entries: MovedEntry[]) =>
      staging.write(
        id,
        entries.map((entry) => ({ type: 'put', entry })),
      );
    const all = async (id: string, page = 2) => {
      const found: MovedVersion[] = [];
      for (let after: StagedPlace | undefined; ;) {
        const some = await staging.versions(id, after, page);
        found.push(...some.map((one) => one.entry));
        after = some.at(-1)?.place;
        if (after === undefined) return found;
      }
    };
    const names = async (id: string) => (await all(id)).map((one) => `${one.subject.name} ${one.version}`);

    it('knows nothing of an id that was not begun, and nothing more of one that was dropped', async () => {
      expect(await staging.find('nobody')).toBeUndefined();
      const id = await fresh(versionOf('a', 1));
      expect(await staging.find(id)).toEqual({ id, createdAt: 1_000, facts: {}, complete: false, held: false });
      await staging.drop(id);
      await staging.drop(id);
      expect(await staging.find(id)).toBeUndefined();
    });

    it('returns entries as they were, whatever they hold', async () => {
      const entries: MovedEntry[] = [
        { kind: 'context', context: '.', lastId: 17, listed: true },
        { kind: 'retired', context: '.x', id: 4, guid: 'g', schemaType: 'JSON' },
        { kind: 'config', scope: parseSubject(':.x:'), config: { compatibility: 'FULL', alias: 'ä' } },
        { kind: 'registration', scope: parseSubject('s'), policy: 'registrars-only' },
        { kind: 'mode', scope: parseSubject(':.__GLOBAL:'), mode: 'FORWARD' },
      ];
      const version: MovedVersion = {
        ...versionOf(':.x:\u{1f600}', 3, 9),
        content: {
          schemaType: 'JSON',
          text: '{"title":"\\u0000 ä"}',
          references: [{ name: 'n', subject: 's', version: 1 }],
          metadata: { properties: JSON.parse('{"__proto__":"p"}') as Record<string, string> },
          ruleSet: { domainRules: [{ name: 'r', type: 'CEL', disabled: true }] },
        },
        guid: '095d71cf-1255-6b9d-5e33-0ad575b3df5d',
        deleted: true,
        registeredAt: 77,
        secondary: true,
      };
      const id = await fresh(...entries, version);
      for (const entry of entries) {
        expect(await staging.entries(id, entry.kind as 'config', undefined, 10)).toEqual([entry]);
      }
      expect(await all(id)).toEqual([version]);
      expect(Object.keys((await all(id))[0]!.content.metadata!.properties!)).toEqual(['__proto__']);
    });

    it('lets the last entry of a key count, and takes removed ones away', async () => {
      const id = await fresh(versionOf('a', 1, 1), versionOf('a', 1, 2), versionOf('b', 1, 3));
      await staging.write(id, [{ type: 'remove', key: keyOf(versionOf('b', 1)) }]);
      expect((await all(id)).map((one) => one.id)).toEqual([2]);
    });

    it('marks versions as deleted that are there, not those that come later', async () => {
      const id = await fresh(versionOf('a', 1, 1), versionOf('a', 2, 2), versionOf('a', 3, 3), versionOf('b', 1, 4));
      await staging.write(id, [{ type: 'delete-up-to', subject: parseSubject('a'), version: 2 }]);
      await put(id, versionOf('a', 1, 5));
      expect((await all(id)).map((one) => [one.id, one.deleted])).toEqual([
        [2, true],
        [3, false],
        [4, false],
        [5, false],
      ]);
    });

    it('clears deleted versions of a subject, of a context, of everything', async () => {
      const deleted = (subject: string, id: number) => ({ ...versionOf(subject, 1, id), deleted: true });
      const id = await fresh(deleted('a', 1), deleted('b', 2), versionOf('c', 1, 3), deleted(':.x:a', 4));
      const ids = async () => (await all(id)).map((one) => one.id);
      const clear = (scope: string | null) =>
        staging.write(id, [{ type: 'clear-deleted', scope: scope === null ? null : parseSubject(scope) }]);
      await clear('a');
      expect(await ids()).toEqual([2, 3, 4]);
      await clear('');
      expect(await ids()).toEqual([3, 4]);
      await clear(null);
      expect(await ids()).toEqual([3]);
    });

    it('pages versions by rank, context, id, name and number', async () => {
      const id = await fresh(
        versionOf('b', 1, 2),
        versionOf('a', 2, 1),
        versionOf('a', 1, 1),
        versionOf('\u{10000}', 1, 9),
        versionOf('\uffff', 1, 9),
        versionOf(':.x:a', 1, 1),
        versionOf('low', 1, 1),
      );
      await staging.rank(id, [{ key: keyOf(versionOf('low', 1)), rank: 3 }]);
      expect(await names(id)).toEqual(['a 1', 'a 2', 'b 1', '\uffff 1', '\u{10000} 1', 'a 1', 'low 1']);
      const [first] = await staging.versions(id, undefined, 1);
      expect(first!.place).toEqual({ rank: 0, context: '.', id: 1, name: 'a', version: 1 });
    });

    it('gives the versions of one subject, and leaves out what is to be left out', async () => {
      const id = await fresh(versionOf('a', 2, 2), versionOf('a', 1, 1), versionOf('b', 1, 3));
      await put(id, { kind: 'mode', scope: parseSubject('a'), mode: 'IMPORT' });
      const subject = parseSubject('a');
      const versions = async (after: number, limit: number) =>
        (await staging.versionsOf(id, subject, after, limit)).map((one) => one.version);
      expect([await versions(0, 9), await versions(0, 1), await versions(1, 9)]).toEqual([[1, 2], [1], [2]]);
      await staging.write(id, [{ type: 'delete-up-to', subject, version: 1 }]);
      expect(await staging.numbersOf(id, subject)).toEqual([
        { version: 1, deleted: true },
        { version: 2, deleted: false },
      ]);
      await staging.skip(id, [keyOf(versionOf('a', 1)), { kind: 'mode', context: '.', name: 'a', number: 0 }]);
      expect(await versions(0, 9)).toEqual([2]);
      expect(await staging.numbersOf(id, subject)).toEqual([{ version: 2, deleted: false }]);
      expect(await names(id)).toEqual(['a 2', 'b 1']);
      expect(await staging.entries(id, 'mode', undefined, 10)).toEqual([]);
    });

    it('gives fewer at a time of what is long, and one at least', async () => {
      const long = (subject: string, version: number, length: number): MovedVersion => {
        const { content, ...rest } = versionOf(subject, version, version);
        return { ...rest, content: { ...content, text: 'x'.repeat(length) } };
      };
      const [half, whole] = [STAGED_PAGE_BYTES / 2 - 1_000, STAGED_PAGE_BYTES + 1_000];
      const id = await fresh(
        long('a', 1, half),
        long('a', 2, half),
        long('a', 3, 10),
        long('a', 4, whole),
        long('a', 5, 1),
      );
      await put(
        id,
        ...[1, 2, 3].map((n): MovedEntry => ({
          kind: 'config',
          scope: parseSubject(`s${n}`),
          config: { alias: 'x'.repeat(half) },
        })),
      );
      const pages: number[][] = [];
      for (let after: StagedPlace | undefined; ;) {
        const page = await staging.versions(id, after, 100);
        if (page.length === 0) break;
        pages.push(page.map(({ entry }) => entry.version));
        after = page.at(-1)!.place;
      }
      expect(pages).toEqual([[1, 2, 3], [4], [5]]);
      const sizes = async (after: number) =>
        (await staging.versionsOf(id, parseSubject('a'), after, 100)).map((one) => one.version);
      expect([await sizes(0), await sizes(3), await sizes(4), await sizes(5)]).toEqual([[1, 2, 3], [4], [5], []]);
      const first = await staging.entries(id, 'config', undefined, 100);
      const rest = await staging.entries(id, 'config', keyOf(first.at(-1)!), 100);
      expect([first.length, rest.length]).toEqual([2, 1]);
    });

    it('leaves out nothing any more once it is released', async () => {
      const id = await fresh(versionOf('a', 1, 1), versionOf('b', 1, 2));
      await staging.hold(id);
      await staging.skip(id, [keyOf(versionOf('a', 1))]);
      await staging.skip(id, [keyOf(versionOf('b', 1))]);
      expect(await names(id)).toEqual([]);
      await staging.release(id);
      expect([await names(id), (await staging.find(id))?.held]).toEqual([['a 1', 'b 1'], false]);
    });

    it('lists what is staged, the oldest first', async () => {
      const [one, other] = [await fresh(), await fresh()];
      await staging.begin(one, 9_000);
      await staging.hold(other);
      const listed = (await staging.list()).filter(({ id }) => id === one || id === other);
      expect(listed.map(({ id, createdAt, held }) => [id, createdAt, held])).toEqual([
        [other, 1_000, true],
        [one, 9_000, false],
      ]);
    });

    it('pages other entries in the order of their keys', async () => {
      const scopes = [':.x:b', 'c', 'a', ':.x:'];
      const id = await fresh(
        ...scopes.map((text): MovedEntry => ({ kind: 'mode', scope: parseSubject(text), mode: 'READONLY' })),
      );
      const first = await staging.entries(id, 'mode', undefined, 3);
      const rest = await staging.entries(id, 'mode', keyOf(first.at(-1)!), 3);
      const found = [...first, ...rest].map((entry) => keyOf(entry)).map(({ context, name }) => `${context}/${name}`);
      expect(found).toEqual(['./a', './c', '.x/', '.x/b']);
    });

    it('counts by kind and context', async () => {
      const id = await fresh(
        versionOf('a', 1, 1),
        versionOf('a', 2, 7),
        { ...versionOf('b', 1, 3), deleted: true },
        versionOf(':.x:a', 1, 1),
        { kind: 'config', scope: parseSubject('a'), config: {} },
      );
      expect(await staging.counts(id)).toEqual([
        { kind: 'version', context: '.', entries: 3, subjects: 2, deleted: 1, highestId: 7 },
        { kind: 'version', context: '.x', entries: 1, subjects: 1, deleted: 0, highestId: 1 },
        { kind: 'config', context: '.', entries: 1, subjects: 0, deleted: 0, highestId: 0 },
      ]);
    });

    it('remembers which subjects were read', async () => {
      const id = await fresh();
      await staging.write(id, [{ type: 'subject-read', subject: parseSubject(':.x:a') }]);
      expect([await staging.isRead(id, parseSubject(':.x:a')), await staging.isRead(id, parseSubject('a'))]).toEqual([
        true,
        false,
      ]);
      expect(await staging.counts(id)).toEqual([]);
    });

    it('is complete once that is said, and empty again when begun anew', async () => {
      const id = await fresh(versionOf('a', 1));
      await staging.hold(id);
      await staging.complete(id, { format: 'x', passedOver: 2 });
      expect(await staging.find(id)).toMatchObject({ complete: true, facts: { format: 'x', passedOver: 2 } });
      await staging.begin(id, 2_000);
      expect(await staging.find(id)).toEqual({ id, complete: false, facts: {}, createdAt: 2_000, held: true });
      expect(await all(id)).toEqual([]);
    });

    it('forgets what is old and that nobody needs', async () => {
      const [old, held, young] = [await fresh(), await fresh(), await fresh()];
      await staging.hold(held);
      await staging.begin(young, 9_000);
      await staging.prune(5_000);
      expect([await staging.find(old), await staging.find(held), await staging.find(young)]).toMatchObject([
        undefined,
        { held: true },
        { createdAt: 9_000 },
      ]);
    });
  });
}

/** A version of a plain schema. */
export function versionOf(subject: string, version: number, id = 1): MovedVersion {
  return {
    kind: 'version',
    subject: parseSubject(subject),
    version,
    id,
    content: { schemaType: 'AVRO', text: '"string"', references: [], metadata: null, ruleSet: null },
    guid: null,
    deleted: false,
    registeredAt: null,
    secondary: false,
  };
}
