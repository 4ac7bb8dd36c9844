import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch, type LogEngine } from '#libs/core/log';
import { parseSubject } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { ImportWorld } from './import-world.js';

/** When the first record was written, each next one a millisecond later. */
export const WRITTEN = 1_600_000_000_000;

/** A record as the reference registry writes them; a value that is null ends its key. */
export type Written = readonly [key: object, value: object | null];

const schemaKey = (subject: string, version: number) => ({ keytype: 'SCHEMA', subject, version, magic: 1 });
const schema = (subject: string, version: number, id: number, text: string, more: object = {}): Written => [
  schemaKey(subject, version),
  { subject, version, id, schema: text, deleted: false, ...more },
];
const TEXTS = ['"string"', '"int"', '"long"', '"float"', '"double"', '"bytes"', '"boolean"', '"null"'] as const;

/** Releases differ in members: 5.x tells neither type nor references, 8.x a GUID, which older ones keep as bytes of an MD5. */
export const REGISTRY_TOPIC: readonly Written[] = [
  [{ keytype: 'NOOP', magic: 0 }, null],
  [{ keytype: 'CONFIG', subject: null, magic: 0 }, { compatibilityLevel: 'NONE' }],
  schema('a', 1, 1, TEXTS[0]),
  schema('a', 2, 2, TEXTS[1], { md5: 'oWdVVWLUb1HIuAmHJe0ihQ==', guid: 'ef524ea1-b91e-7317-3d93-8ade36c1db32' }),
  // The whole subject was deleted, and comes back with a new version.
  [
    { keytype: 'DELETE_SUBJECT', subject: 'a', magic: 0 },
    { subject: 'a', version: 2 },
  ],
  schema('a', 3, 3, TEXTS[2]),
  // Deleted one by one, as newer releases do it.
  schema('b', 1, 4, TEXTS[3], { deleted: true }),
  schema('b', 2, 5, TEXTS[4], { ts: WRITTEN + 5 }),
  // Deleted for good: newer releases leave tombstones, older ones say that deleted versions are cleared.
  schema('gone', 1, 6, TEXTS[5]),
  [schemaKey('gone', 1), null],
  schema('cleared', 1, 7, TEXTS[6], { deleted: true }),
  schema('cleared', 2, 4, TEXTS[3]),
  [{ keytype: 'CLEAR_SUBJECT', subject: 'cleared', magic: 0 }, { subject: 'cleared' }],
  schema(':.dev:a', 1, 1, '{"type":"object"}', {
    schemaType: 'JSON',
    metadata: { properties: { owner: 'x' } },
    ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', type: 'CEL', mode: 'WRITE', expr: 'true' }] },
  }),
  [
    { keytype: 'CONTEXT', tenant: 'default', context: '.dev', magic: 0 },
    { tenant: 'default', context: '.dev' },
  ],
  [
    { keytype: 'CONTEXT', tenant: 'default', context: '.empty', magic: 0 },
    { tenant: 'default', context: '.empty' },
  ],
  schema('r', 1, 8, '{"type":"array","items":"R"}', { references: [{ name: 'R', subject: 'record', version: 1 }] }),
  schema('record', 1, 9, '{"type":"record","name":"R","fields":[]}'),
  [
    { keytype: 'CONFIG', subject: 'a', magic: 0 },
    { subject: 'a', compatibilityLevel: 'FULL', normalize: true },
  ],
  [{ keytype: 'CONFIG', subject: 'b', magic: 0 }, { compatibilityLevel: 'FULL' }],
  [{ keytype: 'CONFIG', subject: 'b', magic: 0 }, null],
  [
    { keytype: 'MODE', subject: ':.dev:', magic: 0 },
    { subject: ':.dev:', mode: 'READONLY' },
  ],
  [{ keytype: 'MODE', subject: 'a', magic: 0 }, { mode: 'READONLY' }],
  [{ keytype: 'MODE', subject: 'a', magic: 0 }, null],
  [{ keytype: 'ASSOC', subject: 'a', magic: 0 }, { subject: 'a' }],
  schema('last', 1, 12, TEXTS[7]),
  [schemaKey('last', 1), null],
];

/** What an import from the topic of a registry promises, on any log. */
export function topicImportSuite(
  name: string,
  open: () => Promise<{ log: LogEngine; dispose: () => Promise<void> }>,
): void {
  describe(`the topic of a registry on ${name}`, () => {
    let log: LogEngine;
    let dispose: () => Promise<void>;
    beforeAll(async () => void ({ log, dispose } = await open()));
    afterAll(() => dispose());

    let topics = 0;
    const topicWith = async (records: readonly Written[], partitions = 1): Promise<string> => {
      const topic = `_schemas-${process.pid}-${++topics}`;
      await log.createTopic({ name: topic, partitions });
      const bytes = (value: object | null) => (value === null ? null : Buffer.from(JSON.stringify(value)));
      for (const [n, [key, value]] of records.entries()) {
        const record = { key: bytes(key), value: bytes(value), headers: [], timestamp: WRITTEN + n };
        await log.append({ topic, partition: 0 }, encodeBatch([record]));
      }
      return topic;
    };
    const world = () => new ImportWorld([], new MemoryRegistryStore(), log);

    it('is brought in as the last record of each key has it, and as records about several mean it', async () => {
      const here = world();
      const operation = await here.imported({ source: { topic: await topicWith(REGISTRY_TOPIC) } });
      expect(operation.notes['report']).toMatchObject({
        source: {
          records: {
            SCHEMA: 14,
            CONFIG: 4,
            MODE: 3,
            DELETE_SUBJECT: 1,
            CLEAR_SUBJECT: 1,
            CONTEXT: 2,
            NOOP: 1,
            other: 1,
          },
          invalid: { count: 0 },
        },
      });
      const rows = async (subject: string) =>
        (await here.store.subjects([parseSubject(subject)])).states[0]!.versions.map(
          ({ version, schemaId, deleted }) => `${version}:${schemaId}${deleted ? ' deleted' : ''}`,
        );
      expect(await rows('a')).toEqual(['1:1 deleted', '2:2 deleted', '3:3']);
      expect(await rows('b')).toEqual(['1:4 deleted', '2:5']);
      expect(await rows('gone')).toEqual([]);
      expect(await rows('cleared')).toEqual(['2:4']);
      expect(await rows(':.dev:a')).toEqual(['1:1']);
      expect(await rows('r')).toEqual(['1:8']);
      const [a, b, dev, global] = (await here.store.subjects(['a', 'b', ':.dev:', ''].map((one) => parseSubject(one))))
        .states;
      expect([a!.config, a!.mode, b!.config, dev!.mode, global!.config]).toEqual([
        { compatibility: 'FULL', normalize: true },
        null,
        null,
        'READONLY',
        { compatibility: 'NONE' },
      ]);
      expect(await here.store.contexts()).toEqual(['.', '.dev', '.empty']);
      const contract = (await here.store.schemas('.dev', [1])).schemas.get(1)!;
      expect(contract).toMatchObject({ schemaType: 'JSON', metadata: { properties: { owner: 'x' } } });
      expect(contract.ruleSet?.domainRules).toHaveLength(1);
      // Ids of what is gone are given to nobody, and times are those of the records where they tell none.
      expect([await here.store.highestId('.'), await here.store.highestId('.dev')]).toEqual([12, 1]);
      expect([a!.versions[0]!.registeredAt, b!.versions[1]!.registeredAt]).toEqual([WRITTEN + 2, WRITTEN + 5]);
    });

    it('compacted, gives the same', async () => {
      const [whole, compacted] = [world(), world()];
      const last = new Map(REGISTRY_TOPIC.map(([key], n) => [JSON.stringify(key), n]));
      // Tombstones go, too, some time after; what they say of ids is lost with them.
      const kept = REGISTRY_TOPIC.filter(([key, value], n) => last.get(JSON.stringify(key)) === n && value !== null);
      await whole.imported({ source: { topic: await topicWith(REGISTRY_TOPIC) } });
      await compacted.imported({ source: { topic: await topicWith(kept) } });
      const lines = async (one: ImportWorld) =>
        (await one.exported())
          .split('\n')
          .filter((line) => /"kind":"(version|config|mode)"/.test(line))
          .map((line) => line.replace(/,"ts":\d+/, ''));
      expect(await lines(compacted)).toEqual(await lines(whole));
    });

    it('is read again from its beginning when that was cut short', async () => {
      const here = world();
      const topic = await topicWith(REGISTRY_TOPIC);
      const operation = await here.started({ source: { topic } });
      const handler = here.handler((step) => {
        if (step === 'import:read') throw new Error('killed');
      });
      await expect(here.goOn(operation, handler)).rejects.toThrow('killed');
      await here.goOn(operation);
      const other = world();
      await other.imported({ source: { topic } });
      expect(await here.exported()).toBe(await other.exported());
    });

    it('with records that cannot be used is refused, or they are left out, by name', async () => {
      const topic = await topicWith([
        schema('fine', 1, 1, TEXTS[0]),
        [schemaKey('bad', 1), { subject: 'bad', version: 1, schema: TEXTS[1] }],
        [{ keytype: 'MODE', subject: 'fine', magic: 0 }, { mode: 'NONSENSE' }],
      ]);
      const operation = await world().started({ source: { topic } });
      expect(operation.plan.blockers).toEqual([
        expect.stringMatching(/^the record at offset 1 cannot be imported/),
        expect.stringMatching(/^the record at offset 2 cannot be imported/),
      ]);
      const here = world();
      await here.imported({ source: { topic }, conflicts: 'skip' });
      expect(await here.store.list('.', '', undefined, 9)).toMatchObject([{ subject: { name: 'fine' } }]);
    });

    it('is not one where keys are none of a registry, where partitions are many, or where there is none', async () => {
      const plan = async (topic: string) => world().started({ source: { topic } });
      await expect(plan(await topicWith([[{ order: 7 }, { cents: 100 }]]))).rejects.toMatchObject({
        code: 'import-damaged',
      });
      await expect(plan(await topicWith([], 2))).rejects.toMatchObject({ code: 'import-damaged' });
      await expect(plan('_nothing')).rejects.toMatchObject({ code: 'topic-not-found' });
    });
  });
}
