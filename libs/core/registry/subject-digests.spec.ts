import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import {
  AvroFormat,
  COMPATIBILITY_LEVELS,
  judge,
  LocalSchemaEngine,
  SchemaFormats,
  verdictMessages,
  type CompatibilityLevel,
  type SchemaDigest,
} from '#libs/core/schema';
import { parseSubject, Registry, type SchemasSnapshot } from './index.js';
import { MemoryRegistryStore } from './testing/index.js';

const AS_SENT = { normalize: false, force: false };
const SUBJECT = parseSubject('s');
const ENUM = { type: 'enum', name: 'E', symbols: ['X', 'Y'] };

function open(store = new MemoryRegistryStore(), formats = new SchemaFormats([new AvroFormat()])) {
  const registry = new Registry(store, new LocalSchemaEngine(formats), new ManualClock());
  const register = (schema: string) => registry.register(SUBJECT, { schema }, AS_SENT);
  const level = (compatibility: CompatibilityLevel) => registry.settings.setConfig(SUBJECT, { compatibility });
  return { store, registry, register, level };
}

const FIELD = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  type: fc.oneof({ weight: 4, arbitrary: fc.constantFrom<unknown>('int', 'int', 'long', 'string') }, fc.constant(ENUM)),
  optional: fc.boolean(),
});

/** Records that differ in a field or two; some have a name used twice, or an alias, or are no records. */
const SCHEMA = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .record({
        name: fc.constantFrom('R', 'R', 'R', 'Q'),
        fields: fc.uniqueArray(FIELD, { selector: ({ name }) => name }),
        alias: fc.constantFrom(undefined, undefined, undefined, 'a'),
      })
      .map(({ name, fields, alias }) => {
        let declared = false;
        const typed = fields.map(({ name: field, type, optional }, i) => {
          const used = type === ENUM && declared ? 'E' : type;
          declared ||= type === ENUM;
          const fallback = { default: type === ENUM ? 'X' : type === 'string' ? '' : 0 };
          const aliases = alias !== undefined && i === 0 ? { aliases: [alias] } : {};
          return { name: field, type: used, ...(optional ? fallback : {}), ...aliases };
        });
        return JSON.stringify({ type: 'record', name, fields: typed });
      }),
  },
  { weight: 1, arbitrary: fc.constantFrom('"int"', '"long"', '["null","int"]') },
);

/** How often the registry's answers are those of comparing every version, and how often they are not. */
async function answers(formats: SchemaFormats): Promise<{ readonly equal: number; readonly different: number }> {
  const count = { equal: 0, different: 0 };
  const samples = fc.sample(
    fc.record({
      history: fc.array(fc.record({ schema: SCHEMA, deleted: fc.constantFrom(false, false, false, true) }), {
        minLength: 1,
        maxLength: 12,
      }),
      candidate: SCHEMA,
    }),
    { numRuns: 80, seed: 11 },
  );
  for (const { history, candidate } of samples) {
    const { registry, register, level } = open(undefined, formats);
    await level('NONE');
    for (const { schema, deleted } of history) {
      const { row } = await register(schema);
      if (deleted) await registry.deleteVersion(SUBJECT, row.version, false);
    }
    await registry.view.refresh();
    const live = (await registry.view.subject(SUBJECT)).versions.filter((row) => !row.deleted).reverse();
    const earlier = [];
    for await (const { row, schema } of registry.view.schemas(SUBJECT, live)) {
      earlier.push({ version: row.version, schema: formats.get('AVRO').parse(schema.text, { validate: false }) });
    }
    for (const one of COMPATIBILITY_LEVELS) {
      await level(one);
      const verdict = judge(formats, { level: one, candidate: formats.get('AVRO').parse(candidate), earlier });
      const expected = verdictMessages(formats, verdict, { validateFields: false });
      const { compatible, messages } = await registry.check(SUBJECT, { schema: candidate }, 'history', {
        normalize: false,
      });
      const same = compatible === verdict.compatible && JSON.stringify(messages) === JSON.stringify(expected);
      if (same) count.equal++;
      else count.different++;
    }
  }
  return count;
}

/** A language whose digests promise too much. */
class Credulous extends AvroFormat {
  override digest(): SchemaDigest {
    return { frame: 'any', parts: [] };
  }
}

describe('what is remembered of the versions of a subject', () => {
  it('changes no verdict and no message, at any level', async () => {
    expect((await answers(new SchemaFormats([new AvroFormat()]))).different).toBe(0);
  });

  it('would, if digests promised too much', async () => {
    expect((await answers(new SchemaFormats([new Credulous()]))).different).toBeGreaterThan(100);
  });

  /** Version `n`: a field more than the one before, and the oldest one gone. */
  const version = (n: number, type = 'int') =>
    JSON.stringify({
      type: 'record',
      name: 'R',
      fields: Array.from({ length: 5 }, (_, i) => ({ name: `f${n + i}`, type, default: type === 'int' ? 0 : '' })),
    });

  /** Counts the schemas that are read. */
  class CountingStore extends MemoryRegistryStore {
    count = 0;

    override schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot> {
      this.count += ids.length;
      return super.schemas(context, ids);
    }
  }

  it('survives a start: a new version is judged against a hundred, and a few of them are read', async () => {
    const store = new CountingStore();
    const before = open(store);
    await before.level('BACKWARD_TRANSITIVE');
    for (let n = 0; n < 100; n++) await before.register(version(n));
    const after = open(store);
    store.count = 0;
    await after.register(version(100));
    expect(store.count).toBeLessThan(12);
    store.count = 0;
    await after.register(version(101));
    expect(store.count).toBeLessThan(4);
    await expect(after.register(version(3, 'string'))).rejects.toMatchObject({ code: 'schema-incompatible' });
  });

  it('is completed by what others have registered, changed and removed in between', async () => {
    const store = new MemoryRegistryStore();
    const [here, there] = [open(store), open(store)];
    await here.level('BACKWARD_TRANSITIVE');
    for (let n = 0; n < 20; n++) await here.register(version(n));
    await there.level('NONE');
    const foreign = await there.register(version(19, 'string'));
    await there.level('BACKWARD_TRANSITIVE');
    await expect(here.register(version(20))).rejects.toMatchObject({ code: 'schema-incompatible' });
    await there.registry.deleteVersion(SUBJECT, foreign.row.version, false);
    expect((await here.register(version(20))).row.version).toBe(22);
    await there.registry.history.restore(SUBJECT, [foreign.row.version], false);
    await expect(here.register(version(21))).rejects.toMatchObject({ code: 'schema-incompatible' });
  });

  it('goes with the versions that are removed for good, and is made again', async () => {
    const { store, registry, register, level } = open();
    await level('BACKWARD_TRANSITIVE');
    for (let n = 0; n < 20; n++) await register(version(n));
    expect(await store.digests(SUBJECT)).toBeDefined();
    await registry.deleteVersion(SUBJECT, 3, false);
    await registry.deleteVersion(SUBJECT, 3, true);
    expect(await store.digests(SUBJECT)).toBeUndefined();
    for (let n = 20; n < 40; n++) await register(version(n));
    expect(await store.digests(SUBJECT)).toBeDefined();
  });

  it('is not believed in the form of another release', async () => {
    const { store, register, level } = open();
    await level('BACKWARD_TRANSITIVE');
    for (let n = 0; n < 20; n++) await register(version(n));
    store.digests = () => Promise.resolve('[0,[1,2,3]]');
    const after = open(store);
    await expect(after.register(version(3, 'string'))).rejects.toMatchObject({ code: 'schema-incompatible' });
    expect((await after.register(version(20))).row.version).toBe(21);
  });
});
