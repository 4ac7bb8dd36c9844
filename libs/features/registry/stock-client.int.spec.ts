import {
  AvroDeserializer,
  AvroSerializer,
  Compatibility,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSubject, RegistryMessageCodec } from '#libs/core/registry';
import { openRegistryApp, type RegistryApp } from './testing/index.js';

const schema = JSON.stringify({
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
});

describe('the official JavaScript client', () => {
  let app: RegistryApp;
  let url: string;
  beforeAll(async () => {
    app = await openRegistryApp();
    url = await app.http.listen('127.0.0.1', 0);
  });
  afterAll(() => app.http.close());

  const client = (path = '') => SchemaRegistryClient.newClient({ baseURLs: [`${url}${path}`] });

  it.each([
    ['', 'orders-value'],
    ['/contexts/.dev', ':.dev:orders-value'],
  ])('serializes with a registered schema and reads it back, with base path %j', async (path, subject) => {
    const registry = client(path);
    await registry.register('orders-value', { schema, schemaType: 'AVRO' }, false);
    const serializer = new AvroSerializer(registry, SerdeType.VALUE, { useLatestVersion: true });
    const bytes = await serializer.serialize('orders', { id: 7, note: 'x' });
    expect([...bytes.subarray(0, 5)]).toEqual([0, 0, 0, 0, 1]);
    const deserializer = new AvroDeserializer(registry, SerdeType.VALUE, {});
    expect(await deserializer.deserialize('orders', bytes)).toMatchObject({ id: 7, note: 'x' });
    expect((await app.registry.latest(parseSubject(subject)))?.row.version).toBe(1);
  });

  it('registers the schema it infers from the first message', async () => {
    const serializer = new AvroSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true });
    const bytes = await serializer.serialize('inferred', { id: 1, name: 'x' });
    const deserializer = new AvroDeserializer(client(), SerdeType.VALUE, {});
    expect(await deserializer.deserialize('inferred', bytes)).toMatchObject({ id: 1, name: 'x' });
  });

  it('reads what our codec writes, and our codec what it writes', async () => {
    const registry = client();
    const codec = new RegistryMessageCodec(app.registry);
    const writer = await codec.writerOf('orders-value');
    const deserializer = new AvroDeserializer(registry, SerdeType.VALUE, {});
    const ours = Buffer.from(writer!.encode({ id: 9, note: null }));
    expect(await deserializer.deserialize('orders', ours)).toMatchObject({ id: 9, note: null });
    const serializer = new AvroSerializer(registry, SerdeType.VALUE, { useLatestVersion: true });
    const theirs = await serializer.serialize('orders', { id: 3, note: 'y' });
    expect(await codec.decode(theirs)).toEqual({
      kind: 'decoded',
      schemaId: 1,
      message: null,
      value: { id: 3, note: 'y' },
    });
  });

  it('does everything else that the client offers', async () => {
    const registry = client();
    const subject = 'path/with slash+ä-value';
    const id = await registry.register(subject, { schema }, false);
    expect(id).toBeGreaterThan(0);
    expect(await registry.getId(subject, { schema }, false)).toBe(id);
    expect(await registry.getAllSubjects()).toContain(subject);
    // The only call for which the client does not encode the subject itself.
    expect(await registry.getAllVersions(encodeURIComponent(subject))).toEqual([1]);
    expect((await registry.getBySubjectAndId(subject, id)).schema).toBe(schema);
    expect((await registry.getSchemaMetadata(subject, 1, false)).id).toBe(id);
    expect((await registry.getLatestSchemaMetadata(subject)).version).toBe(1);
    expect(await registry.getVersion(subject, { schema }, false, false)).toBe(1);
    expect(await registry.testCompatibility(subject, 1, { schema: '"string"' })).toBe(false);
    expect(await registry.testSubjectCompatibility(subject, { schema: '"string"' })).toBe(false);
    await registry.updateCompatibility(subject, Compatibility.NONE);
    expect(await registry.getCompatibility(subject)).toBe('NONE');
    await registry.updateDefaultCompatibility(Compatibility.BACKWARD);
    expect(await registry.getDefaultCompatibility()).toBe('BACKWARD');
    expect(await registry.deleteSubjectVersion(subject, 1, false)).toBe(1);
    expect(await registry.deleteSubject(subject, true)).toEqual([1]);
    await expect(registry.getLatestSchemaMetadata('none')).rejects.toMatchObject({ status: 404, errorCode: 40401 });
  });
});
