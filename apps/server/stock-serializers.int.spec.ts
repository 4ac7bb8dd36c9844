import {
  AvroDeserializer,
  AvroSerializer,
  CelExecutor,
  CelFieldExecutor,
  HeaderSchemaIdSerializer,
  JsonataExecutor,
  JsonDeserializer,
  JsonSerializer,
  LifecyclePolicy,
  RuleMode,
  RuleRegistry,
  SchemaRegistryClient,
  SerdeType,
  SubjectNameStrategyType,
  type ClientConfig,
} from '@confluentinc/schemaregistry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';
import {
  AVRO_ORDER,
  JSON_ORDER,
  plainText,
  PROTOBUF_LINE,
  STOCK_FORMATS,
  type ClientHeaders,
} from './testing/stock-formats.js';

const [, , PROTOBUF] = STOCK_FORMATS;
const binary = { valueFormat: 'binary' };

/** Unchanged, against the whole service: its registry, its log, its data plane. */
describe('the serializers of the official JavaScript client', () => {
  let running: RunningService;
  const plane = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  /** A client that remembers nothing of another one. */
  const client = (conf: Partial<ClientConfig> = {}) =>
    new SchemaRegistryClient({ baseURLs: [running.url], maxRetries: 0, ...conf });
  const fresh = async (): Promise<string> => {
    const topic = `topic${++topics}`;
    await plane.topic(topic);
    return topic;
  };
  const base64 = (bytes: Buffer) => ({ value: bytes.toString('base64') });
  const protobuf = (conf: object) => PROTOBUF.serializer(client(), conf);

  describe.each(STOCK_FORMATS)('with $format', ({ value, shown, given, misfit, schema, message, ...format }) => {
    const ofMessage = message === undefined ? {} : { valueMessage: message };

    /** A serializer whose schema is registered, in whichever way its language does it. */
    async function prepared(topic: string, conf: object = {}, registry = client()) {
      if (schema === undefined) return format.serializer(registry, { autoRegisterSchemas: true, ...conf });
      await registry.register(`${topic}-value`, schema);
      return format.serializer(registry, { useLatestVersion: true, ...conf });
    }
    const deserialize = (topic: string, bytes: Buffer, conf: object = {}) =>
      format.deserializer(client(), conf).deserialize(topic, bytes);

    it('writes what the service reads, and reads what the service writes, byte for byte', async () => {
      const topic = await fresh();
      const theirs = await (await prepared(topic)).serialize(topic, value);
      await plane.produce(topic, [base64(theirs)], binary);
      expect((await plane.read(topic))[0]).toMatchObject({ value: shown, valueFormat: 'schema', ...ofMessage });

      expect((await plane.produce(topic, [{ value: given }], ofMessage)).status).toBe(200);
      const [, ours] = await plane.rawValues(topic);
      expect(ours!.toString('hex')).toBe(theirs.toString('hex'));
      expect(plainText(await deserialize(topic, ours!))).toBe(plainText(value));
    });

    it('does the same with the schema named by GUID in a header', async () => {
      const topic = await fresh();
      const headers: ClientHeaders = {};
      const serializer = await prepared(topic, { schemaIdSerializer: HeaderSchemaIdSerializer });
      const bare = await serializer.serialize(topic, value, headers);
      const sent = Object.entries(headers).map(([key, bytes]) => ({
        key,
        value: { base64: bytes.toString('base64') },
      }));
      expect(sent.map((header) => header.key)).toEqual(['__value_schema_id']);
      await plane.produce(topic, [{ ...base64(bare), headers: sent }], binary);
      expect((await plane.read(topic))[0]).toMatchObject({ value: shown, valueFormat: 'schema' });

      await plane.produce(topic, [{ value: given }], { schemaIn: 'header', ...ofMessage });
      const [, written] = await plane.read(topic, '&format=binary');
      const header = Buffer.from((written!.headers[0]!.value as { base64: string }).base64, 'base64');
      expect(header.toString('hex')).toBe(headers['__value_schema_id']!.toString('hex'));
      const ours = Buffer.from(String(written!.value), 'base64');
      expect(ours.toString('hex')).toBe(bare.toString('hex'));
      const read = await format.deserializer(client(), {}).deserialize(topic, ours, { __value_schema_id: header });
      expect(plainText(read)).toBe(plainText(value));
    });

    it('finds subjects whatever their names', async () => {
      const topic = await fresh();
      const subjectNameStrategy = () => `${topic}/with slash+ä %2F:value`;
      if (schema !== undefined) await client().register(subjectNameStrategy(), schema);
      const conf = schema === undefined ? { autoRegisterSchemas: true } : { useLatestVersion: true };
      const bytes = await format.serializer(client(), { ...conf, subjectNameStrategy }).serialize(topic, value);
      expect((await client().getLatestSchemaMetadata(subjectNameStrategy())).id).toBe(bytes.readInt32BE(1));
      expect(plainText(await deserialize(topic, bytes, { subjectNameStrategy }))).toBe(plainText(value));
    });

    it('lives in the context that its base URL names', async () => {
      const topic = await fresh();
      const inContext = () => client({ baseURLs: [`${running.url}/contexts/.dev`] });
      const bytes = await (await prepared(topic, {}, inContext())).serialize(topic, value);
      expect(plainText(await format.deserializer(inContext(), {}).deserialize(topic, bytes))).toBe(plainText(value));
      expect((await client().getLatestSchemaMetadata(`:.dev:${topic}-value`)).version).toBe(1);
      await expect(client().getLatestSchemaMetadata(`${topic}-other`)).rejects.toMatchObject({ errorCode: 40401 });
    });

    it('goes on with a compatible successor, reads what is older, and is refused an incompatible one', async () => {
      const topic = await fresh();
      const bytes = await (await prepared(topic)).serialize(topic, value);
      await plane.produce(topic, [base64(bytes)], binary);
      const subject = `${topic}-value`;
      expect(await client().testSubjectCompatibility(subject, format.incompatible)).toBe(false);
      await expect(client().register(subject, format.incompatible)).rejects.toMatchObject({
        status: 409,
        errorCode: 40901,
        message: expect.stringContaining('incompatible with an earlier schema') as string,
      });
      expect(await client().testSubjectCompatibility(subject, format.compatible)).toBe(true);
      await client().register(subject, format.compatible);
      expect((await client().getLatestSchemaMetadata(subject)).version).toBe(2);
      expect((await plane.read(topic))[0]).toMatchObject({ value: shown });
      expect(plainText(await deserialize(topic, bytes))).toBe(plainText(value));
    });

    it('and the service both refuse a value that the schema does not allow', async () => {
      const topic = await fresh();
      const serializer = await prepared(topic);
      await serializer.serialize(topic, value);
      await expect(serializer.serialize(topic, misfit)).rejects.toThrow();
      expect((await plane.produce(topic, [{ value: misfit }], ofMessage)).status).toBe(422);
      expect(await plane.read(topic)).toEqual([]);
    });

    it('and the service both refuse bytes that are cut short or name no schema', async () => {
      const topic = await fresh();
      const whole = await (await prepared(topic)).serialize(topic, value);
      const unknown = Buffer.from(whole);
      unknown.writeInt32BE(2 ** 30, 1);
      for (const bytes of [whole.subarray(0, -1), unknown]) {
        await plane.produce(topic, [base64(bytes)], binary);
        expect((await plane.read(topic)).at(-1)).toMatchObject({ error: expect.any(String) as string });
        await expect(deserialize(topic, bytes)).rejects.toThrow();
      }
      await expect(deserialize(topic, unknown)).rejects.toMatchObject({ status: 404, errorCode: 40403 });
    });
  });

  it.each([
    [SubjectNameStrategyType.RECORD, () => 'shop.Unused'],
    [SubjectNameStrategyType.TOPIC_RECORD, (topic: string) => `${topic}-shop.Unused`],
  ] as const)('names subjects by %s', async (subjectNameStrategyType, subjectOf) => {
    const topic = await fresh();
    const serializer = protobuf({ autoRegisterSchemas: true, subjectNameStrategyType });
    const bytes = await serializer.serialize(topic, PROTOBUF.value);
    // The client names the record after the first message of the file.
    expect((await client().getLatestSchemaMetadata(subjectOf(topic))).id).toBe(bytes.readInt32BE(1));
    await plane.produce(topic, [base64(bytes)], binary);
    expect((await plane.read(topic))[0]).toMatchObject({ valueMessage: 'shop.Order' });
  });

  it('serializes with subjects that are qualified by a context', async () => {
    const topic = await fresh();
    const subjectNameStrategy = () => `:.qualified:${topic}-value`;
    const value = { id: 'o1', cents: 5 };
    await client().register(subjectNameStrategy(), { schema: AVRO_ORDER });
    const conf = { useLatestVersion: true, subjectNameStrategy };
    const bytes = await new AvroSerializer(client(), SerdeType.VALUE, conf).serialize(topic, value);
    const reader = new AvroDeserializer(client(), SerdeType.VALUE, { subjectNameStrategy });
    expect(await reader.deserialize(topic, bytes)).toMatchObject(value);
  });

  it('takes the subject that is associated with the topic', async () => {
    const topic = await fresh();
    const registry = client();
    const about = {
      resourceName: topic,
      resourceNamespace: 'lkc-1',
      resourceId: `id-of-${topic}`,
      resourceType: 'topic',
    };
    const lifecycle = LifecyclePolicy.WEAK;
    const subject = `orders of ${topic}`;
    await registry.register(subject, { schema: AVRO_ORDER });
    await registry.createAssociation({ ...about, associations: [{ subject, associationType: 'value', lifecycle }] });
    const found = () => registry.getAssociationsByResourceName(topic, 'lkc-1', 'topic', ['value'], null, 0, -1);
    expect(await found()).toMatchObject([{ subject, ...about, associationType: 'value', lifecycle }]);
    const serializer = new AvroSerializer(client(), SerdeType.VALUE, {
      useLatestVersion: true,
      subjectNameStrategyType: SubjectNameStrategyType.ASSOCIATED,
    });
    const bytes = await serializer.serialize(topic, { id: 'o1', cents: 5 });
    expect(bytes.readInt32BE(1)).toBe((await registry.getLatestSchemaMetadata(subject)).id);
    await registry.deleteAssociations(about.resourceId, 'topic', ['value'], false);
    expect(await found()).toEqual([]);
  });

  it('registers the schema that it infers from the first message', async () => {
    const topic = await fresh();
    const bytes = await new AvroSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true }).serialize(topic, {
      id: 1,
      name: 'x',
    });
    await plane.produce(topic, [base64(bytes)], binary);
    expect((await plane.read(topic))[0]!.value).toEqual({ id: 1, name: 'x' });
    expect(await new AvroDeserializer(client(), SerdeType.VALUE, {}).deserialize(topic, bytes)).toMatchObject({
      id: 1,
      name: 'x',
    });
  });

  it('registers the files that a Protobuf file imports, under names with slashes', async () => {
    const topic = await fresh();
    await protobuf({ autoRegisterSchemas: true }).serialize(topic, PROTOBUF.value);
    const metadata = await client().getLatestSchemaMetadata(`${topic}-value`);
    expect(metadata.references).toEqual([{ name: 'shop/money.proto', subject: 'shop/money.proto', version: 1 }]);
    // A client that may not register finds what another has registered.
    const lookingUp = await protobuf({}).serialize(topic, PROTOBUF.value);
    expect(lookingUp.readInt32BE(1)).toBe(metadata.id);
  });

  it('writes nested messages of a Protobuf file', async () => {
    const topic = await fresh();
    const bytes = await protobuf({ autoRegisterSchemas: true }).serialize(topic, PROTOBUF_LINE);
    await plane.produce(topic, [base64(bytes)], binary);
    expect((await plane.read(topic))[0]).toMatchObject({ valueMessage: 'shop.Order.Line', value: { count: 3 } });
    expect(bytes.subarray(5, 8).toString('hex')).toBe('040200');
  });

  it('follows references of Avro and JSON Schema', async () => {
    const registry = client();
    await registry.register('money', {
      schema: '{"type":"record","name":"Money","fields":[{"name":"units","type":"long"}]}',
    });
    await registry.register('positive', { schema: '{"type":"integer","minimum":1}', schemaType: 'JSON' });
    const [avro, json] = [await fresh(), await fresh()];
    await registry.register(`${avro}-value`, {
      schema: '{"type":"record","name":"Bill","fields":[{"name":"total","type":"Money"}]}',
      references: [{ name: 'Money', subject: 'money', version: 1 }],
    });
    await registry.register(`${json}-value`, {
      schema: '{"type":"object","properties":{"n":{"$ref":"positive.json"}}}',
      schemaType: 'JSON',
      references: [{ name: 'positive.json', subject: 'positive', version: 1 }],
    });
    const bills = new AvroSerializer(registry, SerdeType.VALUE, { useLatestVersion: true });
    await plane.produce(avro, [base64(await bills.serialize(avro, { total: { units: 7 } }))], binary);
    expect((await plane.read(avro))[0]!.value).toEqual({ total: { units: 7 } });
    const numbers = new JsonSerializer(registry, SerdeType.VALUE, { useLatestVersion: true, validate: true });
    await plane.produce(json, [base64(await numbers.serialize(json, { n: 1 }))], binary);
    expect((await plane.read(json))[0]!.value).toEqual({ n: 1 });
    // Client and service refuse the same value.
    await expect(numbers.serialize(json, { n: 0 })).rejects.toThrow(/Invalid message/);
    expect((await plane.produce(json, [{ value: { n: 0 } }])).status).toBe(422);
  });

  it('chooses versions by id, by metadata, as the latest, and normalises', async () => {
    const registry = client();
    const topic = await fresh();
    const subject = `${topic}-value`;
    const of = (stage: string) => ({ metadata: { properties: { stage } } });
    const first = await registry.register(subject, { schema: AVRO_ORDER, ...of('old') });
    const next = STOCK_FORMATS[0].compatible.schema;
    const second = await registry.register(subject, { schema: next, ...of('new') });
    const value = { id: 'o1', cents: 5, note: 'n' };
    const idWith = async (conf: object) =>
      (await new AvroSerializer(client(), SerdeType.VALUE, conf).serialize(topic, value)).readInt32BE(1);
    expect(await idWith({ useSchemaId: first })).toBe(first);
    expect(await idWith({ useLatestWithMetadata: { stage: 'old' } })).toBe(first);
    expect(await idWith({ useLatestVersion: true })).toBe(second);
    await expect(idWith({ useLatestWithMetadata: { stage: 'none' } })).rejects.toMatchObject({ errorCode: 40403 });
    const spaced = next.replaceAll(':', ' : ');
    expect(await registry.getId(subject, { schema: spaced }, true)).toBe(second);
    expect(await registry.register(subject, { schema: spaced, ...of('new') }, true)).toBe(second);
    // Old data is read with the latest schema.
    const old = await new AvroSerializer(client(), SerdeType.VALUE, { useSchemaId: first }).serialize(topic, value);
    const reader = new AvroDeserializer(client(), SerdeType.VALUE, { useLatestVersion: true });
    expect(await reader.deserialize(topic, old)).toMatchObject({ id: 'o1', note: '' });
  });

  it('keeps the rules that are registered with a schema, and executes them', async () => {
    const registry = client();
    const rules = new RuleRegistry();
    for (const executor of [new CelExecutor(), new CelFieldExecutor(), new JsonataExecutor()])
      rules.registerExecutor(executor);
    const topic = await fresh();
    const subject = `${topic}-value`;
    const about = { schemaType: 'JSON', metadata: { properties: { application: '1' } } };
    await registry.updateConfig(subject, { compatibilityGroup: 'application' });
    await registry.register(subject, {
      ...about,
      schema: JSON_ORDER,
      ruleSet: {
        domainRules: [
          {
            name: 'positive',
            kind: 'CONDITION',
            mode: RuleMode.WRITE,
            type: 'CEL',
            expr: 'message.cents > 0',
            onFailure: 'ERROR',
          },
        ],
      },
    });
    const conf = { useLatestVersion: true };
    const serializer = new JsonSerializer(client(), SerdeType.VALUE, conf, rules);
    await expect(serializer.serialize(topic, { id: 'o1', cents: 0 })).rejects.toThrow(/positive/);
    const bytes = await serializer.serialize(topic, { id: 'o1', cents: 5 });

    await registry.register(subject, {
      schemaType: 'JSON',
      metadata: { properties: { application: '2' } },
      schema: JSON_ORDER.replace('"cents"', '"price"'),
      ruleSet: {
        migrationRules: [
          {
            name: 'rename',
            kind: 'TRANSFORM',
            mode: RuleMode.UPGRADE,
            type: 'JSONATA',
            expr: "$merge([$sift($, function($v, $k) {$k != 'cents'}), {'price': $.'cents'}])",
          },
        ],
      },
    });
    const reader = new JsonDeserializer(client(), SerdeType.VALUE, conf, rules);
    expect(await reader.deserialize(topic, bytes)).toEqual({ id: 'o1', price: 5 });
  });
});
