import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { isAppError } from '#libs/core/kernel';
import { parseSubject, Registry, type SetChange } from '#libs/core/registry';
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
  beforeEach(async () => {
    fresh = await freshPostgresStore();
    stores = await Promise.all([fresh.reopen(), fresh.reopen(), fresh.reopen()]);
    const engine = new LocalSchemaEngine(new SchemaFormats([new AvroFormat()]));
    instances = stores.map((store) => new Registry(new SqlRegistryStore(store), engine, new QuickClock()));
  });
  afterEach(async () => {
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

  it('carries out one plan once, at however many instances it is applied at the same time', async () => {
    const changes: SetChange[] = [
      {
        kind: 'register',
        subject: parseSubject('plan-order'),
        sent: { schema: record('total').replace('"R"', '"Order"'), references: [{ name: 'M', subject: 'plan-money' }] },
        normalize: false,
      },
      { kind: 'register', subject: parseSubject('plan-money'), sent: { schema: record('cents') }, normalize: false },
    ];
    const everything = () => true;
    const plan = await instances[0]!.changeSets.plan(changes, everything);
    expect(plan.blockers).toEqual([]);
    const before = await stores[0]!.one<{ revision: number }>('select revision from registry_state');
    const asked = { hash: plan.hash, restsOn: plan.restsOn, principal: 'ci', key: 'k', visible: everything };
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, i) => instances[i % 3]!.changeSets.apply(asked, changes)),
    );
    expect(answers.filter((one) => !one.repeated)).toHaveLength(1);
    expect(new Set(answers.map((one) => JSON.stringify(one.changes))).size).toBe(1);
    const after = await stores[0]!.one<{ revision: number }>('select revision from registry_state');
    expect(after!.revision).toBe(before!.revision + 1);
  });

  it('lets one of several plans through that were made on one state, and writes nothing of the others', async () => {
    const everything = () => true;
    const planned = await Promise.all(
      instances.map(async (instance, i) => {
        const changes: SetChange[] = ['contested', `alone-${i}`].map((name) => ({
          kind: 'register',
          subject: parseSubject(name),
          sent: { schema: record(`field${i}`) },
          normalize: false,
        }));
        return { instance, changes, plan: await instance.changeSets.plan(changes, everything) };
      }),
    );
    const outcomes = await Promise.allSettled(
      planned.map(({ instance, changes, plan }) => {
        const asked = { hash: plan.hash, restsOn: plan.restsOn, principal: 'ci', key: null, visible: everything };
        return instance.changeSets.apply(asked, changes);
      }),
    );
    const lost = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason as { code: string });
    expect(lost.map((one) => one.code)).toEqual(['plan-stale', 'plan-stale']);
    const written = await Promise.all([0, 1, 2].map((i) => instances[0]!.latest(parseSubject(`alone-${i}`))));
    expect(written.filter((one) => one !== undefined)).toHaveLength(1);
  });
});
