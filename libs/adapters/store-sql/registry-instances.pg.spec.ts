import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { isAppError } from '#libs/core/kernel';
import { parseSubject, Registry } from '#libs/core/registry';
import { AvroFormat, LocalSchemaEngine, SchemaFormats } from '#libs/core/schema';
import { SqlRegistryStore } from './registry-store.js';
import type { SqlStore } from './sql-store.js';
import { freshPostgresStore, type FreshStore } from './testing/index.js';

/** Waits end at once. */
class QuickClock extends ManualClock {
  override sleep(ms: number): Promise<void> {
    this.advance(ms);
    return Promise.resolve();
  }
}

const AS_SENT = { normalize: false, force: false };
const record = (...fields: string[]) =>
  JSON.stringify({ type: 'record', name: 'R', fields: fields.map((name) => ({ name, type: 'int', default: 0 })) });

describe('three instances of the registry on one PostgreSQL', () => {
  let fresh: FreshStore;
  let stores: SqlStore[];
  let instances: Registry[];
  beforeAll(async () => {
    fresh = await freshPostgresStore();
    stores = await Promise.all([fresh.reopen(), fresh.reopen(), fresh.reopen()]);
    const engine = new LocalSchemaEngine(new SchemaFormats([new AvroFormat()]));
    instances = stores.map((store) => new Registry(new SqlRegistryStore(store), engine, new QuickClock()));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await fresh.dispose();
  });

  it('gives one schema one id, whoever registers it where at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        instances[i % 3]!.register(parseSubject(`one-${i % 5}`), { schema: record('a') }, AS_SENT),
      ),
    );
    expect(new Set(answers.map((answer) => answer.schema.id)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.row.version))).toEqual(new Set([1]));
  });

  it('numbers versions without gap or copy, and every instance serves at once what another acknowledged', async () => {
    const subject = parseSubject('many');
    await instances[0]!.settings.setConfig(subject, { compatibility: 'NONE' });
    const answers = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const answer = await instances[i % 3]!.register(subject, { schema: record(`f${i}`) }, AS_SENT);
        const elsewhere = await instances[(i + 1) % 3]!.schemaById(answer.schema.id);
        expect(elsewhere.schema.text).toBe(answer.schema.text);
        return answer;
      }),
    );
    const versions = answers.map((answer) => answer.row.version).sort((a, b) => a - b);
    expect(versions).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(new Set(answers.map((answer) => answer.schema.id)).size).toBe(24);
  });

  it('lets one of two incompatible schemas in', async () => {
    for (let round = 0; round < 5; round++) {
      const subject = parseSubject(`pair-${round}`);
      const schemas = [
        record('a'),
        JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] }),
      ];
      const outcomes = await Promise.allSettled(
        schemas.map((schema, i) => instances[i]!.register(subject, { schema }, AS_SENT)),
      );
      expect(outcomes.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await instances[2]!.versions(subject)).toHaveLength(1);
    }
  });

  it('never leaves a reference without its target', async () => {
    for (let round = 0; round < 8; round++) {
      const base = parseSubject(`base-${round}`);
      await instances[0]!.register(base, { schema: record('a') }, AS_SENT);
      await Promise.all(instances.map((one) => one.latest(base)));
      const schema = JSON.stringify({ type: 'record', name: `U${round}`, fields: [{ name: 'r', type: 'R' }] });
      const references = [{ name: 'R', subject: base.name, version: 1 }];
      const [registered, deleted] = await Promise.allSettled([
        instances[1]!.register(parseSubject(`user-${round}`), { schema, references }, AS_SENT),
        instances[2]!.deleteVersion(base, 1, false),
      ]);
      for (const one of [registered, deleted])
        if (one.status === 'rejected' && !isAppError(one.reason)) throw one.reason;
      expect([registered, deleted].filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    }
  });
});
