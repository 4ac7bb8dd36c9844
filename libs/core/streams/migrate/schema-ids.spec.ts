import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, KeyPlacement, type LogRecord } from '#libs/core/log';
import { envelope, guidHeader, KEY_SCHEMA_HEADER, VALUE_SCHEMA_HEADER } from '#libs/core/schema';
import { drive, MigrationWorld, ScriptedTransforms } from '../testing/index.js';
import { JsonRecordValues } from './record-values.js';
import { type IdSpace, type NamedBy, SchemaIds, type Translated, type TranslatedSchema } from './schema-ids.js';

const guid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Content `c` has id `c + 10` in one context and, where it is known there, `c + 50` in the other. Its GUID differs, as where references have other versions. */
class TwoContexts extends SchemaIds {
  readonly registered: number[] = [];

  constructor(readonly known: Set<number>) {
    super();
  }

  async translate(_: IdSpace, to: string, name: NamedBy): Promise<Translated> {
    const isBack = to === '.old';
    const content = 'id' in name ? name.id - (isBack ? 50 : 10) : Number(name.guid.slice(-12)) - (isBack ? 500 : 100);
    if (content < 1 || content > 9) return { kind: 'unknown-here' };
    if (isBack) return { kind: 'known', schemaId: content + 10, guid: guid(content + 100) };
    if (!this.known.has(content)) return { kind: 'unknown-there', subject: `subject-${content}` };
    return { kind: 'known', schemaId: content + 50, guid: guid(content + 500) };
  }

  async register(_: IdSpace, __: string, name: NamedBy): Promise<TranslatedSchema> {
    const content = 'id' in name ? name.id - 10 : Number(name.guid.slice(-12)) - 100;
    this.registered.push(content);
    this.known.add(content);
    return { schemaId: content + 50, guid: guid(content + 500) };
  }
}

const payload = Buffer.from([7, 0, 8, 9]);
const recordOf = (value: Uint8Array | null, headers: LogRecord['headers'] = []): LogRecord => ({
  key: Buffer.from('k'),
  value,
  headers,
  timestamp: 7,
});
const named = (n: number) => Buffer.concat([guidHeader(guid(n)), Buffer.from([0])]);
const trace = { key: 'trace', value: Buffer.from('t') };

async function worldOf(records: readonly LogRecord[], known: readonly number[]) {
  const ids = new TwoContexts(new Set(known));
  const world = new MigrationWorld(new ScriptedTransforms({}), new JsonRecordValues(), ids);
  await world.engine.createTopic({ name: 'orders', partitions: 1 });
  for (const record of records) await world.engine.append({ topic: 'orders', partition: 0 }, encodeBatch([record]));
  return { world, ids };
}

// The target is no default context: values are not read with it, and any payload will do.
const request = (more: JsonObject = {}, poison: JsonObject = {}): JsonObject => ({
  topic: 'orders',
  schemaIds: { from: { context: '.old' }, to: { context: '.new' }, ...more },
  poison,
});

describe('rewriting ids of schemas by content', () => {
  it('changes the name of the schema in all of its forms, and no other byte', async () => {
    const bare = Buffer.from([1, ...payload]);
    const { world } = await worldOf(
      [
        recordOf(envelope(11, payload)),
        recordOf(Buffer.concat([guidHeader(guid(102)), payload])),
        recordOf(payload, [trace, { key: VALUE_SCHEMA_HEADER, value: named(103) }, trace]),
        recordOf(null),
        recordOf(bare, [{ key: KEY_SCHEMA_HEADER, value: named(101) }]),
        recordOf(Buffer.from('text')),
      ],
      [1, 2, 3],
    );
    const operation = await world.planned(request());
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact).toMatchObject({
      rehearsal: { records: 6, changed: 3, same: 3, wayBack: { returned: 6, restored: 6 } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const [records] = await world.read('orders');
    expect(records!.map((one) => [one.value && Buffer.from(one.value), one.headers])).toEqual([
      [Buffer.from(envelope(51, payload)), []],
      [Buffer.concat([guidHeader(guid(502)), payload]), []],
      [payload, [trace, { key: VALUE_SCHEMA_HEADER, value: named(503) }, trace]],
      [null, []],
      [bare, [{ key: KEY_SCHEMA_HEADER, value: named(101) }]],
      [Buffer.from('text'), []],
    ]);
    // And back again, with what was written since.
    await world.engine.append({ topic: 'orders--g2', partition: 0 }, encodeBatch([recordOf(envelope(52, payload))]));
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    const back = (await world.read('orders')).flat().at(-1);
    expect(Buffer.from(back!.value!)).toEqual(Buffer.from(envelope(12, payload)));
  });

  it('rewrites keys where that is asked for, tombstones too, and has each record lie where its new key belongs', async () => {
    const ids = new TwoContexts(new Set([1, 2]));
    const world = new MigrationWorld(new ScriptedTransforms({}), new JsonRecordValues(), ids);
    const partitions = 4;
    await world.engine.createTopic({ name: 'orders', partitions });
    const placed = new KeyPlacement(null, partitions);
    const partitionOf = (key: Uint8Array): number => placed.of(key, 0, key.length, 0, 0);
    const keyOf = (id: number, n: number): Uint8Array => Buffer.from(envelope(id, Buffer.from([n])));
    const write = async (topic: string, key: Uint8Array, value: Uint8Array | null): Promise<void> => {
      const record = { ...recordOf(value), key };
      await world.engine.append({ topic, partition: partitionOf(key) }, encodeBatch([record]));
    };
    for (let n = 0; n < 12; n++) await write('orders', keyOf(12, n), Buffer.from(envelope(11, payload)));
    for (let n = 0; n < 12; n += 3) await write('orders', keyOf(12, n), null);
    const operation = await world.planned({ ...request({ keys: true }), groups: { mode: 'duplicates' } });
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact['order']).toContain('lie where their new keys belong');
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const expected = (key: Uint8Array, n: number) => [Buffer.from(key), n % 3 === 0 ? 2 : 1];
    const found = (await world.read('orders')).flatMap((records, partition) =>
      records.map((one) => {
        expect(partition).toBe(partitionOf(one.key!));
        return one;
      }),
    );
    for (let n = 0; n < 12; n++) {
      const key = keyOf(52, n);
      const same = found.filter((one) => Buffer.compare(one.key!, key) === 0);
      expect([key, same.length]).toEqual(expected(key, n));
      expect(Buffer.from(same[0]!.value!)).toEqual(Buffer.from(envelope(51, payload)));
      expect(same[1]?.value ?? null).toBeNull();
    }
    // And back again, to where the former key belongs.
    await write('orders--g2', keyOf(52, 99), null);
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    const back = await world.read('orders');
    expect(back[partitionOf(keyOf(12, 99))]!.at(-1)!.key).toEqual(keyOf(12, 99));
  });

  it('without that leaves keys as they are, and blames a key whose id means nothing', async () => {
    const key = Buffer.from(envelope(12, payload));
    const { world } = await worldOf([{ ...recordOf(null), key }], [1, 2]);
    expect((await world.planned(request())).plan.impact).toMatchObject({ rehearsal: { same: 1 } });
    const { world: other } = await worldOf([{ ...recordOf(null), key: Buffer.from(envelope(40, payload)) }], [1]);
    expect((await other.planned(request({ keys: true }))).plan.blockers).toEqual([
      expect.stringContaining('unknown-schema-id'),
    ]);
  });

  it('blocks the plan naming what the target does not have, or registers it when it is met, once', async () => {
    const records = [recordOf(envelope(11, payload)), recordOf(envelope(12, payload)), recordOf(envelope(12, payload))];
    const { world } = await worldOf(records, [1]);
    const { plan } = await world.planned(request());
    expect(plan.blockers).toContainEqual(expect.stringContaining("does not have the schemas 12 ('subject-2')"));
    const { world: other, ids } = await worldOf(records, [1]);
    const operation = await other.planned(request({ register: true }));
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.risks).toContainEqual(expect.stringContaining("12 ('subject-2') are registered"));
    expect(ids.registered).toEqual([]);
    await drive(other.process(), operation, { until: 'SWITCHED' });
    expect(ids.registered).toEqual([2]);
    const [written] = await other.read('orders');
    expect(written!.map((one) => Buffer.from(one.value!).readInt32BE(1))).toEqual([51, 52, 52]);
  });

  it('takes a leading zero byte for an id only where the source has it', async () => {
    const zero = Buffer.from([0, 0, 0, 0, 99, 1]);
    const { world } = await worldOf([recordOf(zero)], []);
    expect((await world.planned(request())).plan.blockers).toEqual([expect.stringContaining('unknown-schema-id')]);
    const operation = await world.planned(request({ strict: false }));
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(Buffer.from((await world.read('orders')).flat()[0]!.value!)).toEqual(zero);
  });

  it('parks what cannot be translated, and redrives it when it can', async () => {
    const { world, ids } = await worldOf([recordOf(envelope(11, payload))], [1]);
    const operation = await world.planned(request({}, { policy: 'park-by-key' }));
    await world.engine.append({ topic: 'orders', partition: 0 }, encodeBatch([recordOf(envelope(12, payload))]));
    await drive(world.process(), operation, { until: 'READY' });
    expect(operation.notes['errors']).toMatchObject({ parked: 1, byClass: { 'schema-not-translated': 1 } });
    ids.known.add(2);
    const handler = world.process();
    operation.notes = {
      ...operation.notes,
      ...(await handler.redrive!(operation.plan.parameters, operation.notes, {})),
    };
    operation.phase = 'CATCHING_UP';
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['errors']).toMatchObject({ parked: 0, written: 2 });
  });

  it('says in the plan that there is no way back to the ids of another registry, and why, and that it is open until something is written', async () => {
    const { world } = await worldOf([recordOf(envelope(11, payload))], [1]);
    const schemaIds = { from: { registry: 'theirs' }, to: { context: '.new' } };
    const operation = await world.planned({ topic: 'orders', schemaIds });
    expect(operation.plan.impact).toMatchObject({ rollback: expect.stringContaining('nothing was written') });
    expect(operation.plan.risks).toEqual([expect.stringContaining("registry 'theirs' is only read")]);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect(Buffer.from((await world.read('orders')).flat()[0]!.value!)).toEqual(Buffer.from(envelope(11, payload)));
  });

  it('refuses what makes no sense', async () => {
    const { world } = await worldOf([], []);
    await expect(
      world.planned({ topic: 'orders', schemaIds: { from: { context: 'old' }, to: {} } }),
    ).rejects.toMatchObject({ code: 'invalid-migration-request', items: [{ path: 'schemaIds.from.context' }] });
    await expect(world.planned({ topic: 'orders', schemaIds: { from: {} } })).rejects.toMatchObject({
      items: [{ path: 'schemaIds' }],
    });
  });
});
