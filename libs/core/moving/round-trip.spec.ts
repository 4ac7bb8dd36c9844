import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError, type JsonObject } from '#libs/core/kernel';
import { parseSubject, subjectText } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { ImportWorld, MemorySourceRegistry } from './testing/index.js';

/** Something done to a registry; what its state does not allow changes nothing. */
type Deed = (world: ImportWorld) => Promise<unknown>;

const subjects = ['a', 'b', 'ä/ö', '__proto__', ':.x:a', ':.x:b', ':.y:\u{1f600}'];
const scopes = [...subjects, '', ':.x:', ':.__GLOBAL:', 'nobody'];
const record = (field: string) =>
  `{"type":"record","name":"R","fields":[{"name":"${field}","type":"int","default":0,"doc":"ü"}]}`;
const schemas = [
  { schema: '"string"' },
  { schema: '"int"' },
  { schema: record('f') },
  { schema: record('g') },
  { schema: '{"type":"object","title":"__proto__"}', schemaType: 'JSON' },
  { schema: 'syntax = "proto3"; message M { int32 a = 1; }', schemaType: 'PROTOBUF' },
];
const contracts = [
  {},
  { metadata: { properties: { owner: 'team', ['__proto__']: 'p' }, tags: { 'R.*': ['PII'] }, sensitive: ['owner'] } },
  { ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', type: 'CEL', mode: 'WRITE', expr: 'true' }] } },
];

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.tuple(fc.constantFrom(...subjects), fc.constantFrom(...schemas), fc.constantFrom(...contracts)).map(
    ([subject, schema, contract]): Deed =>
      ({ registry }) =>
        registry.register(parseSubject(subject), { ...schema, ...contract }, { normalize: false, force: true }),
  ),
  fc
    .tuple(
      fc.constantFrom('refers', ':.x:refers'),
      fc.constantFrom('a', 'b', ':.x:a', ':.x:b'),
      fc.integer({ min: 1, max: 3 }),
    )
    .map(([subject, target, version]): Deed => ({ registry }) => {
      const references = [{ name: 'R', subject: target, version }];
      const schema = `{"type":"array","items":"R"}`;
      return registry.register(parseSubject(subject), { schema, references }, { normalize: false, force: true });
    }),
  fc.tuple(fc.constantFrom(...subjects, 'refers'), fc.boolean()).map(
    ([subject, permanent]): Deed =>
      ({ registry }) =>
        registry.deleteSubject(parseSubject(subject), permanent),
  ),
  fc.tuple(fc.constantFrom(...subjects), fc.integer({ min: 1, max: 3 }), fc.boolean()).map(
    ([subject, version, permanent]): Deed =>
      ({ registry }) =>
        registry.deleteVersion(parseSubject(subject), version, permanent),
  ),
  fc
    .tuple(
      fc.constantFrom(...scopes),
      fc.constantFrom(
        { compatibility: 'FULL' as const },
        { normalize: true, validateFields: true },
        { alias: 'b' },
        { compatibilityGroup: 'g', compatibilityPolicy: 'LENIENT' as const, defaultMetadata: contracts[1]!.metadata! },
      ),
    )
    .map(
      ([scope, config]): Deed =>
        ({ registry }) =>
          registry.settings.setConfig(parseSubject(scope), config),
    ),
  fc
    .tuple(fc.constantFrom(...scopes), fc.constantFrom('READONLY' as const, 'READWRITE' as const, 'IMPORT' as const))
    .map(
      ([scope, mode]): Deed =>
        ({ registry }) =>
          registry.settings.setMode(parseSubject(scope), mode, true),
    ),
  fc.constantFrom(...scopes).map(
    (scope): Deed =>
      ({ registry }) =>
        registry.settings.setRegistration(parseSubject(scope), 'registrars-only'),
  ),
  fc.tuple(fc.constantFrom(...subjects), fc.constantFrom('t1', 't2'), fc.constantFrom('key', 'value')).map(
    ([subject, topic, associationType]): Deed =>
      ({ registry }) =>
        registry.associations.put(
          'create',
          {
            resourceName: topic,
            resourceNamespace: 'ns',
            resourceId: `id-${topic}`,
            associations: [{ subject, associationType, lifecycle: 'WEAK' }],
          },
          { context: '.', dryRun: false },
        ),
  ),
);

async function filled(deeds: readonly Deed[]): Promise<ImportWorld> {
  const world = new ImportWorld([], new MemoryRegistryStore());
  for (const one of deeds) {
    try {
      await one(world);
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal') throw error;
    }
  }
  return world;
}

describe('a registry that moves', () => {
  it('as a file is the same there, byte by byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 40 }), async (deeds) => {
        const source = await filled(deeds);
        const file = await source.exported();
        const target = new ImportWorld();
        const { notes } = await target.imported({ source: { upload: await target.uploaded(file) } });
        expect(notes['verification']).toMatchObject({ state: 'passed' });
        expect(await target.exported()).toBe(file);
      }),
      { numRuns: 60 },
    );
  });

  it('from where it runs is the same there, but for what the Confluent API does not tell', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 40 }), async (deeds) => {
        const source = await filled(deeds);
        const running = new MemorySourceRegistry('old', source.store as MemoryRegistryStore);
        const target = new ImportWorld([running]);
        await target.imported({ source: { registry: 'old' } });
        const subjectsThere = new Set<string>();
        for await (const page of source.registry.list(undefined, '')) {
          for (const { subject } of page) subjectsThere.add(subjectText(subject));
        }
        const told = (file: string) =>
          file
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as JsonObject)
            .filter(({ kind }) => kind === 'version' || kind === 'association' || kind === 'config' || kind === 'mode')
            .filter(
              ({ kind, scope }) =>
                kind === 'version' || kind === 'association' || isListed(String(scope), subjectsThere),
            );
        expect(told(await target.exported())).toEqual(told(await source.exported()).map(primary));
      }),
      { numRuns: 40 },
    );
  });
});

/** Settings are found under names that hold versions. */
function isListed(scope: string, names: ReadonlySet<string>): boolean {
  return names.has(scope);
}

/** Which of several ids a content is known by is not told either. */
function primary(entry: JsonObject): JsonObject {
  const { secondary, ...rest } = entry;
  void secondary;
  return rest;
}
