import { afterAll, beforeAll, expect, it } from 'vitest';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

const AVRO = JSON.stringify({ type: 'record', name: 'Id', fields: [{ name: 'id', type: 'int' }] });
const PROTOBUF = 'syntax = "proto3"; message Id { int32 id = 1; }';
const JSON_SCHEMA = JSON.stringify({ type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] });

let running: RunningService;
let service: ServiceCalls;
beforeAll(async () => {
  running = await runService();
  service = new ServiceCalls(() => running.url);
});
afterAll(() => running.stop());

async function migrated(request: object): Promise<string> {
  const { operations } = service;
  const id = await operations.begin('/v1/migrations/plans', { ...request, cutover: { mode: 'auto' } });
  const state = async () => (await operations.operation(id)).state;
  await expect.poll(state, { interval: 20, timeout: 30_000 }).toMatch(/^(SWITCHED|FAILED|BLOCKED)$/);
  expect(await operations.operation(id)).toMatchObject({ state: 'SWITCHED', verification: { state: 'passed' } });
  await operations.demand('POST', `/v1/operations/${id}:finish`);
  await expect.poll(state, { interval: 20, timeout: 30_000 }).toBe('FINISHED');
  return id;
}

it('keys get the format of every language and plain JSON again, and those of new records lie beside them', async () => {
  const { records } = service;
  await records.topic('orders', 3);
  await records.register('k-avro', 'AVRO', AVRO);
  await records.register('k-proto', 'PROTOBUF', PROTOBUF);
  await records.register('k-json', 'JSON', JSON_SCHEMA);
  const keys = Array.from({ length: 12 }, (_, id) => ({ id: id + 1 }));
  await records.produce(
    'orders',
    keys.map((key) => ({ key, value: { round: 0 } })),
  );
  let round = 0;
  const formats = [{ subject: 'k-avro' }, { subject: 'k-proto' }, { subject: 'k-json' }, { type: 'json' }];
  for (const format of formats) {
    await migrated({ topic: 'orders', key: { format } });
    round++;
    const ofSchema = 'subject' in format;
    const { schemaId } = ofSchema
      ? { schemaId: (await service.registry.get<{ id: number }>(`/subjects/${format.subject}/versions/1`)).json.id }
      : { schemaId: undefined };
    const written = await records.produce(
      'orders',
      keys.map((key) => ({ key, value: { round } })),
      ofSchema ? { keyFormat: 'schema', keySchemaId: schemaId } : {},
    );
    expect(written.status).toBe(200);
    const all = await records.read('orders');
    for (const key of keys) {
      const own = all.filter((one) => (one.key as { id: number }).id === key.id);
      expect(own.map((one) => (one.value as { round: number }).round)).toEqual([...Array(round + 1).keys()]);
      expect(new Set(own.map((one) => one.partition)).size).toBe(1);
    }
  }
});

it('text is a key of JSON, and bytes are a value of it', async () => {
  const { records } = service;
  await records.topic('blobs');
  const sent = await records.produce('blobs', [{ key: 'plain', value: Buffer.from([0xff, 1]).toString('base64') }], {
    keyFormat: 'text',
    valueFormat: 'binary',
  });
  expect(sent.status).toBe(200);
  await migrated({
    topic: 'blobs',
    key: { source: { encoding: 'text' }, format: { type: 'json' } },
    source: { encoding: 'base64' },
    format: { type: 'json' },
  });
  expect((await records.rawValues('blobs')).map(String)).toEqual(['"/wE="']);
  const [record] = await records.read('blobs', '&format=binary');
  expect(Buffer.from(String(record!.key), 'base64').toString()).toBe('"plain"');
});
