import { beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { RegistryCalls } from '#libs/features/registry/testing';
import { overHttp, serverForSuite } from '#libs/platform/testing';
import { dataOf, weir } from './cli/weir-process.js';

interface Derivation {
  readonly schemaVersion: number | null;
  readonly schema: object | null;
  readonly problem: string | null;
  readonly counts: { readonly read: number; readonly refused: number };
}

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'Order', fields });
const text = (name: string) => ({ name, type: 'string' });
const FIRST = record(text('id'), { name: 'cents', type: 'int' }, text('card'));
const SECOND = record(text('id'), { name: 'cents', type: 'long' }, { name: 'land', type: 'string', default: 'NO' });

describe('streams whose values are read with a version of the schema, over REST', () => {
  const server = serverForSuite();
  const records = new DataPlaneCalls(overHttp(() => server().url));
  const registry = new RegistryCalls(overHttp(() => server().url));

  beforeAll(async () => {
    await registry.put('/config', { compatibility: 'NONE' });
  });

  /** Derives, and waits until so many records are read. @returns how it stands then. */
  const derived = async (name: string, body: object, read: number): Promise<Derivation> => {
    const made = await records.post('/v1/derivations', { kind: 'latest', name, ...body });
    expect(made.status).toBe(201);
    const describe = () => records.demand<Derivation>('GET', `/v1/derivations/${name}`);
    const settled = async () => {
      const { counts, problem } = await describe();
      return { read: counts?.read, problem };
    };
    await expect.poll(settled, { timeout: 110_000 }).toEqual({ read, problem: null });
    return describe();
  };
  const values = async (topic: string) => (await records.read(topic)).map(({ value }) => value);
  const ids = async (topic: string) => (await records.rawValues(topic)).map((bytes) => bytes.readInt32BE(1));

  it('have Avro values by resolution, in every form in which records name a schema', async () => {
    await records.topic('orders');
    // A value of no schema is JSON text.
    await records.produce('orders', [{ key: 'o0', value: { id: 'o0', cents: 1 } }], { valueFormat: 'json' });
    const first = await records.register('orders-value', 'AVRO', FIRST);
    await records.produce('orders', [{ key: 'o1', value: { id: 'o1', cents: 5, card: '4111' } }]);
    await records.produce('orders', [{ key: 'o2', value: { id: 'o2', cents: 6, card: '4222' } }], {
      schemaIn: 'header',
    });
    const second = await records.register('orders-value', 'AVRO', SECOND);
    await records.produce('orders', [{ key: 'o3', value: { id: 'o3', cents: 7, land: 'SE' } }]);
    await records.produce(
      'orders',
      [
        { key: 'o4', value: 'no order' },
        { key: 'o3', value: null },
      ],
      {
        valueFormat: 'json',
      },
    );

    const { schema, schemaVersion, counts } = await derived('now', { source: 'orders', schemaVersion: 2 }, 6);
    expect(schema).toEqual({ subject: 'orders-value', version: 2, schemaId: second, schemaType: 'AVRO' });
    expect([schemaVersion, counts.refused]).toEqual([2, 1]);
    expect(await values('now')).toEqual([
      { id: 'o0', cents: 1, land: 'NO' },
      { id: 'o1', cents: 5, land: 'NO' },
      { id: 'o2', cents: 6, land: 'NO' },
      { id: 'o3', cents: 7, land: 'SE' },
      null,
    ]);
    const raw = await records.rawValues('now');
    expect([raw[0]!.readInt32BE(1), raw[1]!.readInt32BE(1)]).toEqual([second, second]);
    // Named in a header it stays, with the payload bare.
    expect(raw[2]!.subarray(0, 3).toString()).toBe('\u0004o2');

    await derived('before', { source: 'orders', schemaVersion: 1, nullKeys: 'dlq' }, 6);
    // What neither a value nor the version has for a field is refused.
    expect(await values('before')).toEqual([
      { id: 'o1', cents: 5, card: '4111' },
      { id: 'o2', cents: 6, card: '4222' },
    ]);
    expect((await ids('before'))[0]).toBe(first);
    const refused = await records.read('before.dlq');
    expect(refused.map(({ key }) => key)).toEqual(['o0', 'o3', 'o4']);
    expect(String(refused[1]!.headers.find(({ key }) => key === 'weir-refused')?.value)).toContain(
      'value-not-readable',
    );
    expect(refused[1]!.value).toEqual({ id: 'o3', cents: 7, land: 'SE' });
  });

  it('have Protobuf messages by the numbers of their fields, and JSON as it is where it fits', async () => {
    const file = (message: string) => `syntax = "proto3"; message M { ${message} }`;
    await records.topic('messages');
    await records.register('messages-value', 'PROTOBUF', file('string card = 1; int32 n = 2;'));
    await records.produce('messages', [{ key: 'a', value: { card: '4111', n: 3 } }]);
    const second = await records.register('messages-value', 'PROTOBUF', file('int32 number = 2;'));
    await derived('numbers', { source: 'messages', schemaVersion: 2 }, 1);
    expect(await values('numbers')).toEqual([{ number: 3 }]);
    expect(await ids('numbers')).toEqual([second]);

    await records.topic('documents');
    const shape = (type: string) => JSON.stringify({ type: 'object', properties: { n: { type } } });
    await records.register('documents-value', 'JSON', shape('number'));
    await records.produce('documents', [
      { key: 'a', value: { n: 1, more: true } },
      { key: 'b', value: { n: 1.5 } },
    ]);
    await records.register('documents-value', 'JSON', shape('integer'));
    const { counts } = await derived('whole', { source: 'documents', schemaVersion: 2 }, 2);
    expect([await values('whole'), counts.refused]).toEqual([[{ n: 1, more: true }], 1]);
  });

  it('are refused by name where there is no such version, and where they would go by a field that it does not have', async () => {
    await records.topic('parcels');
    const request = (more: object) =>
      records.post('/v1/derivations/plans', {
        kind: 'latest',
        name: 'p',
        source: 'parcels',
        schemaVersion: 1,
        ...more,
      });
    expect(await request({})).toMatchObject({ status: 404, json: { code: 'subject-not-found' } });
    await records.register('parcels-value', 'AVRO', FIRST);
    expect(await request({ schemaVersion: 2 })).toMatchObject({ status: 404, json: { code: 'version-not-found' } });
    expect(await request({ orderBy: { by: 'field', path: 'value.cemts' } })).toMatchObject({
      status: 400,
      json: {
        code: 'unknown-field',
        detail: "Values of version 1 of 'parcels-value' have no field 'value.cemts'.",
        hint: "Did you mean 'cents'?",
      },
    });
    expect(await request({ schemaVersion: 0 })).toMatchObject({ status: 400 });
    expect(await request({ merge: { nulls: 'keep' } })).toMatchObject({ json: { code: 'invalid-derivation' } });
    expect(await request({ orderBy: { by: 'field', path: 'value.cents' } })).toMatchObject({
      status: 201,
      json: { impact: { schema: { version: 1 } } },
    });
  });

  it('are derived and described by weir, and the plan says what is read', async () => {
    await records.topic('sales');
    const id = await records.register('sales-value', 'AVRO', FIRST);
    await records.produce('sales', [{ key: 's1', value: { id: 's1', cents: 5, card: '4111' } }]);
    await records.register('sales-value', 'AVRO', SECOND);
    const run = (...args: string[]) => weir(args, { env: { WEIR_URL: server().url } });
    const derive = ['derive', 'versioned', 'sales', '--into', 'sales-1', '--schema-version'];
    const planned = dataOf<{ steps: string[] }>(await run(...derive, '1', '--dry-run', '-o', 'json'));
    expect(planned.steps).toContain(`read values with version 1 of sales-value (id ${id}), and write them with it`);
    expect(await run(...derive, '9', '--dry-run')).toMatchObject({
      code: 5,
      err: expect.stringContaining('Version 9 not found'),
    });
    expect((await run(...derive, 'first')).code).toBe(2);
    expect((await run(...derive, '1', '--yes', '--wait')).code).toBe(0);
    expect((await run('derive', 'describe', 'sales-1')).out).toContain(`version 1 of sales-value (id ${id})`);
    expect(dataOf<Derivation>(await run('derive', 'describe', 'sales-1', '-o', 'json'))).toMatchObject({
      schemaVersion: 1,
      schema: { subject: 'sales-value', version: 1, schemaId: id, schemaType: 'AVRO' },
    });
    expect(await values('sales-1')).toEqual([{ id: 's1', cents: 5, card: '4111' }]);
  });
});
