import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '#libs/core/kernel';
import type { FieldPath } from '../field-path.js';
import { type Change, DerivationWorld, LATEST, VERSIONED } from '../testing/derivation-world.js';
import { drive, newOperation } from '../testing/operation-driver.js';
import { DeriveHandler } from './derive-handler.js';
import { headerText } from './derived-headers.js';
import type { RecordValue } from './value-merging.js';
import { RebuildHandler } from './rebuild-handler.js';
import { type StreamSchema, ValueRewriting } from './value-rewriting.js';

/** A registry whose version N has `n` renamed to `rank` and no `card`, and reads nothing that is `strange`. */
class RenamingSchemas extends ValueRewriting {
  readonly asked: string[] = [];
  id = 70;

  resolve(topic: string, version: number, fields: readonly FieldPath[]): Promise<StreamSchema> {
    this.asked.push(`${topic} ${fields.map(({ text }) => text).join()}`);
    return Promise.resolve({ subject: `${topic}-value`, version, schemaId: this.id + version, schemaType: 'AVRO' });
  }

  rewritten(_topic: string, { schemaId }: StreamSchema, values: readonly RecordValue[]) {
    return Promise.resolve(
      values.map(({ value, headers }) => {
        const { n, strange, ...rest } = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
        delete rest['card'];
        if (strange === true)
          return new AppError({ kind: 'unprocessable', code: 'value-not-readable', message: 'No.' });
        return { value: Buffer.from(JSON.stringify({ ...rest, rank: n, by: schemaId })), headers };
      }),
    );
  }
}

describe('a stream whose values are read with a version of the schema', () => {
  const schemas = new RenamingSchemas();
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open({ rewriting: schemas });
  });

  afterEach(() => world.close());

  const CHANGES: readonly Change[] = [
    { key: 'a', value: { n: 2, card: '4111' } },
    { key: 'b', value: { n: 1, gone: true } },
    { key: 'a', value: { n: 1 } },
    { key: 'a', value: { n: 3, strange: true } },
    { key: 'a', value: { n: 2, card: '4222' } },
    { key: 'c', value: { n: 1 } },
    { key: 'c', value: undefined },
  ];
  const REQUEST = {
    ...LATEST,
    schemaVersion: 2,
    orderBy: { by: 'field', path: 'value.rank' },
    deletes: { path: 'value.gone', equals: true },
    nullKeys: 'dlq',
    late: 'topic',
  } as const;

  it('has them as that schema does, and goes by what they are then', async () => {
    await world.write('t', ...CHANGES);
    const made = await world.derivations.create(undefined, REQUEST, 'test');
    expect(made.stored.definition.schema).toEqual({
      subject: 't-value',
      version: 2,
      schemaId: 72,
      schemaType: 'AVRO',
    });
    expect(schemas.asked.at(-1)).toBe('t value.rank,value.gone');
    // The later one of the two that say the same and differ in what the schema does not have is no change.
    expect(await world.settled('latest', 7)).toEqual({ a: { rank: 2, by: 72 } });
    const { progress } = await world.describe('latest');
    expect(progress?.counts).toMatchObject({ refused: 1, late: 1, same: 1 + 1, written: 3 });
  });

  it('sets aside what the schema does not read, and what came late, as it was written', async () => {
    await world.write('t', ...CHANGES);
    await world.derivations.create(undefined, REQUEST, 'test');
    await world.settle('latest', 7);
    const [refused] = await world.recordsOf('latest.dlq');
    expect(JSON.parse(Buffer.from(refused!.value!).toString())).toEqual({ n: 3, strange: true });
    expect(headerText(refused!.headers, 'weir-refused')).toBe('value-not-readable t/0/3');
    expect(JSON.parse(Buffer.from((await world.recordsOf('latest.late'))[0]!.value!).toString())).toEqual({ n: 1 });
  });

  it('is the same after a restart, and computed anew', async () => {
    await world.write('t', ...CHANGES.slice(0, 3));
    for (const request of [REQUEST, { ...VERSIONED, schemaVersion: 2 }])
      await world.derivations.create(undefined, request, 'test');
    await world.settle('latest', 3);
    await world.settle('versions', 3);
    await world.stop();
    // What the subject has become meanwhile is nothing to a stream that is there.
    schemas.id = 90;
    await world.restart();
    await world.write('t', ...CHANGES.slice(3), { key: 'd', value: { n: 9 } });
    expect(await world.settled('latest', 8)).toEqual({ a: { rank: 2, by: 72 }, d: { rank: 9, by: 72 } });
    await world.settle('versions', 8);
    const handler = new RebuildHandler({
      store: world.store,
      directories: world.directories,
      names: world.names,
      workers: world.derivations.workers,
      clock: world.clock,
      readersMs: 0,
      readersOn: (...where) => world.derivations.readersOn(...where),
    });
    for (const name of ['latest', 'versions']) {
      const operation = newOperation(`op-${name}`, await handler.plan({ name }));
      await drive(handler, operation, { until: 'SWITCHED' });
      expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatches: 0 });
    }
    schemas.id = 70;
  });

  it('keeps its version in use until it is deleted', async () => {
    await world.derivations.create(undefined, REQUEST, 'test');
    await world.derivations.create(undefined, { ...VERSIONED, schemaVersion: 2 }, 'test');
    expect(await world.derivations.writtenWith('t-value', 2)).toBe(2);
    expect(await world.derivations.writtenWith('t-value', 1)).toBe(0);
    await world.derivations.delete(undefined, 'latest');
    expect(await world.derivations.writtenWith('t-value', 2)).toBe(1);
  });

  it('is planned with the schema, which the plan relies on', async () => {
    const handler = new DeriveHandler({
      store: world.store,
      directories: world.directories,
      derivations: world.derivations,
      newId: () => `made-${world.fresh()}`,
    });
    const request = { createdBy: 'somebody', derivation: REQUEST } as unknown as JsonObject;
    const draft = await handler.plan(request);
    expect(draft.steps).toContain('read values with version 2 of t-value (id 72), and write them with it');
    expect(draft.impact).toMatchObject({ schema: { version: 2, schemaId: 72 } });
    schemas.id = 90;
    expect(await handler.fingerprint(draft.parameters)).not.toEqual(draft.fingerprint);
    schemas.id = 70;
    expect(await handler.fingerprint(draft.parameters)).toEqual(draft.fingerprint);
  });

  it('is refused where values say a part of the state, and where there is no registry', async () => {
    const partial = { ...LATEST, schemaVersion: 1, merge: { nulls: 'keep' } } as const;
    await expect(world.derivations.create(undefined, partial, 'test')).rejects.toMatchObject({
      code: 'invalid-derivation',
      details: { member: 'schemaVersion' },
    });
    const plain = await DerivationWorld.open();
    await expect(plain.derivations.create(undefined, { ...LATEST, schemaVersion: 1 }, 'test')).rejects.toMatchObject({
      code: 'derivation-schema-unavailable',
    });
    expect(await plain.derivations.list(undefined)).toEqual([]);
    await plain.close();
  });
});
