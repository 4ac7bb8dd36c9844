import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import type { ShownVersion } from '#libs/features/registry/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

const PROTO = `syntax = "proto3";
package shop;
message Order { string id = 1; int64 cents = 2; message Line { int32 count = 1; } }
message Paid { string id = 1; }`;
const SCHEMAS = {
  AVRO: JSON.stringify({
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'cents', type: 'long' },
    ],
  }),
  JSON: JSON.stringify({
    type: 'object',
    properties: { id: { type: 'string' }, cents: { type: 'integer' } },
    required: ['id', 'cents'],
    additionalProperties: false,
  }),
  PROTOBUF: PROTO,
} as const;

describe('records with schemas, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  async function topicWith(type: keyof typeof SCHEMAS): Promise<{ topic: string; id: number }> {
    const topic = `t${++topics}`;
    await client.topic(topic);
    return { topic, id: await client.register(`${topic}-value`, type, SCHEMAS[type]) };
  }

  it('are read to the last one, all of them decoded, however much text a page would be', async () => {
    const topic = `t${++topics}`;
    await client.topic(topic, 3);
    const filler = 'x'.repeat(1_000);
    const values = Array.from({ length: 5_000 }, (_, number) => ({ number, filler }));
    for (let at = 0; at < values.length; at += 500) {
      const records = values.slice(at, at + 500).map((value) => ({ key: `k${value.number}`, value }));
      expect((await client.produce(topic, records)).status).toBe(200);
    }
    const numbers = new Map<number, number>();
    const sizes: number[] = [];
    for (let query = 'from=start'; ;) {
      const page = await client.page(topic, `${query}&limit=10000`);
      sizes.push(page.records.length);
      for (const { error, partition, offset, value } of page.records) {
        expect(error).toBeUndefined();
        const { number } = value as { number: number };
        const before = numbers.get(number);
        expect(before, `record ${number} once, ${partition}/${offset}`).toBeUndefined();
        numbers.set(number, partition);
      }
      if (page.atEnd) break;
      query = `cursor=${page.next}`;
    }
    expect(numbers.size).toBe(values.length);
    // Some page ended early, and the next went on there.
    expect(sizes.length).toBeGreaterThan(2);
  });

  describe.each(['AVRO', 'JSON', 'PROTOBUF'] as const)('in %s', (type) => {
    it('are written as they are given and read as they were written', async () => {
      const { topic, id } = await topicWith(type);
      expect((await client.produce(topic, [{ key: 'a', value: { id: 'o1', cents: 5 } }])).status).toBe(200);
      const [raw] = await client.rawValues(topic);
      expect(raw!.readInt32BE(1)).toBe(id);
      const [record] = await client.read(topic);
      expect(record).toMatchObject({
        value: { id: 'o1', cents: type === 'PROTOBUF' ? '5' : 5 },
        valueFormat: 'schema',
        valueSchemaId: id,
        ...(type === 'PROTOBUF' ? { valueMessage: 'shop.Order' } : {}),
      });
    });

    it('are refused as a whole, with the place of each problem', async () => {
      const { topic } = await topicWith(type);
      const answer = await client.produce(topic, [
        { value: { id: 'o1', cents: 5 } },
        { value: { id: 7, cents: 'many' } },
        { value: { id: 'o1', cents: 5, colour: 'red' } },
      ]);
      expect(answer.status).toBe(422);
      expect(answer.problem.errors?.map((one) => one.path)).toEqual([
        '/records/1/value/id',
        '/records/1/value/cents',
        '/records/2/value/colour',
      ]);
      expect(await client.read(topic)).toEqual([]);
    });

    it('keep integers that JavaScript would round', async () => {
      const { topic } = await topicWith(type);
      const body = '{"records":[{"value":{"id":"o1","cents":9007199254740993}}]}';
      expect((await client.post(`/v1/topics/${topic}/records`, body)).status).toBe(200);
      expect((await client.read(topic))[0]!.value).toEqual({ id: 'o1', cents: '9007199254740993' });
      if (type === 'JSON') expect((await client.rawValues(topic))[0]!.toString('latin1')).toContain('9007199254740993');
    });

    it('can name their schema in a header and stay bare', async () => {
      const { topic, id } = await topicWith(type);
      const guid = (await client.get<ShownVersion>(`/subjects/${topic}-value/versions/1`)).json.guid;
      const own = { key: '__value_schema_id', value: 'mine' };
      const value = { id: 'o1', cents: 5 };
      await client.produce(topic, [{ key: 'k', value, headers: [own] }, { value: null }], { schemaIn: 'header' });
      const [first, second] = await client.read(topic);
      expect(first).toMatchObject({ value: { id: 'o1' }, valueFormat: 'schema', valueSchemaId: id, keyFormat: 'text' });
      const header = Buffer.from((first!.headers[1]!.value as { base64: string }).base64, 'base64');
      expect(header.toString('hex')).toBe(`01${guid.replaceAll('-', '')}${type === 'PROTOBUF' ? '00' : ''}`);
      expect((await client.rawValues(topic))[0]![0]).not.toBe(0);
      // A tombstone has no schema.
      expect(second).toMatchObject({ value: null, headers: [] });
    });

    it('that cannot be decoded are shown with the reason', async () => {
      const { topic, id } = await topicWith(type);
      const broken = Buffer.from([0, 0, 0, id >> 8, id & 0xff, 0xff, 0xff]).toString('base64');
      const unknown = Buffer.from([0, 0, 0xff, 0, 0, 0]).toString('base64');
      await client.produce(topic, [{ value: broken }, { value: unknown }], { valueFormat: 'binary' });
      const shown = await client.read(topic);
      expect(shown.map((one) => [one.value, one.valueFormat])).toEqual([
        [broken, 'binary'],
        [unknown, 'binary'],
      ]);
      expect(shown[0]!.error).toMatch(/^value: /);
      expect(shown[1]!.error).toMatch(/not found/);
    });

    it('give a view its columns and rows, also from headers', async () => {
      const { topic } = await topicWith(type);
      const view = `v${topics}`;
      const declaration = { source: { topic }, columns: { id: 'value.id', cents: 'value.cents' } };
      const created = await client.put(`/v1/views/${view}`, declaration);
      expect(created.json).toHaveProperty('columns', [
        { name: 'id', type: 'text' },
        { name: 'cents', type: 'integer' },
      ]);
      await client.produce(topic, [{ key: 'a', value: { id: 'o1', cents: 5 } }]);
      const last = await client.produce(topic, [{ key: 'b', value: { id: 'o2', cents: 7 } }], { schemaIn: 'header' });
      const rows = await client.get(
        `/v1/views/${view}/rows?order=id&wait=10000&at-least=${encodeURIComponent(last.json.token!)}`,
      );
      expect(rows.json).toMatchObject({
        rows: [
          { id: 'o1', cents: 5 },
          { id: 'o2', cents: 7 },
        ],
      });
    });
  });

  it('of Protobuf can be any message of the schema', async () => {
    const { topic } = await topicWith('PROTOBUF');
    await client.produce(topic, [{ value: { count: 2 } }], { valueMessage: 'shop.Order.Line' });
    await client.produce(topic, [{ value: { id: 'p' } }], { valueMessage: 'shop.Paid' });
    expect((await client.rawValues(topic)).map((raw) => raw.subarray(5).toString('hex'))).toEqual([
      '0400000802',
      '02020a0170',
    ]);
    expect((await client.read(topic)).map((one) => [one.valueMessage, one.value])).toEqual([
      ['shop.Order.Line', { count: 2 }],
      ['shop.Paid', { id: 'p' }],
    ]);
    const wrong = await client.produce(topic, [{ value: {} }], { valueMessage: 'shop.Payd' });
    expect(wrong).toMatchObject({ status: 422, json: { code: 'message-unknown', hint: "Did you mean 'shop.Paid'?" } });
    const { topic: avro } = await topicWith('AVRO');
    expect((await client.produce(avro, [{ value: {} }], { valueMessage: 'x' })).json).toMatchObject({
      code: 'message-unknown',
    });
    expect((await client.produce(topic, [{ value: {} }], { valueMessage: 'x', valueFormat: 'json' })).status).toBe(400);
  });

  it('use references, whatever the language', async () => {
    await client.register('ref-json', 'JSON', '{"type":"integer","minimum":1}');
    await client.register('ref-proto', 'PROTOBUF', 'syntax = "proto3"; message Money { int64 units = 1; }');
    await client.register(
      'ref-avro',
      'AVRO',
      '{"type":"record","name":"Money","fields":[{"name":"units","type":"long"}]}',
    );
    for (const name of ['rj', 'rp', 'ra']) await client.topic(name);
    const jsonText = '{"properties":{"n":{"$ref":"positive.json"}}}';
    await client.register('rj-value', 'JSON', jsonText, [{ name: 'positive.json', subject: 'ref-json', version: 1 }]);
    const protoText = 'syntax = "proto3"; import "money.proto"; message Bill { Money total = 1; }';
    await client.register('rp-value', 'PROTOBUF', protoText, [
      { name: 'money.proto', subject: 'ref-proto', version: 1 },
    ]);
    const avroText = '{"type":"record","name":"Bill","fields":[{"name":"total","type":"Money"}]}';
    await client.register('ra-value', 'AVRO', avroText, [{ name: 'Money', subject: 'ref-avro', version: 1 }]);
    expect((await client.produce('rj', [{ value: { n: 1 } }])).status).toBe(200);
    expect((await client.produce('rj', [{ value: { n: 0 } }])).status).toBe(422);
    await client.produce('rp', [{ value: { total: { units: '7' } } }]);
    await client.produce('ra', [{ value: { total: { units: 7 } } }]);
    expect((await client.read('rp'))[0]!.value).toEqual({ total: { units: '7' } });
    expect((await client.read('ra'))[0]!.value).toEqual({ total: { units: 7 } });
  });

  it('without a schema keep their numbers too', async () => {
    await client.topic('plain');
    await client.post('/v1/topics/plain/records', '{"records":[{"value":{"n":12345678901234567890,"f":1e400}}]}');
    expect((await client.rawValues('plain'))[0]!.toString()).toBe('{"n":12345678901234567890,"f":1e400}');
    expect((await client.read('plain'))[0]!.value).toEqual({ n: '12345678901234567890', f: '1e400' });
  });

  it('that nest without end harm nobody', async () => {
    await client.topic('deep');
    const deep = Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)).toString('base64');
    expect((await client.produce('deep', [{ value: deep }], { valueFormat: 'binary' })).status).toBe(200);
    expect((await client.read('deep'))[0]).toMatchObject({ valueFormat: 'text' });
  });
});
