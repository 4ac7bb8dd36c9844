import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { parseSubject, Registry } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { LocalSchemaEngine, standardFormats, type SchemaType } from '#libs/core/schema';
import { parseFieldPath, type FieldType } from '#libs/core/streams';
import { RegistryFieldTypes } from './registry-field-types.js';

async function found(
  schemaType: SchemaType,
  schema: string,
  paths: readonly string[],
): Promise<(FieldType | undefined)[]> {
  const registry = new Registry(new MemoryRegistryStore(), new LocalSchemaEngine(standardFormats()), new ManualClock());
  await registry.register(parseSubject('t-value'), { schema, schemaType }, { normalize: false, force: false });
  const types = new RegistryFieldTypes(registry);
  return Promise.all(paths.map((path) => types.typeOf('t', parseFieldPath(path))));
}

async function typesOf(schemaType: SchemaType, schema: string, ...paths: string[]) {
  return (await found(schemaType, schema, paths)).map((type) =>
    type?.reading === undefined ? type?.type : `${type.type} ${type.reading}`,
  );
}

async function defaultsOf(schemaType: SchemaType, schema: string, ...paths: string[]): Promise<unknown[]> {
  return (await found(schemaType, schema, paths)).map((type) => type?.default);
}

describe('column types from schemas', () => {
  it('are those of the record in Avro', async () => {
    const at = { type: 'long', logicalType: 'timestamp-millis' };
    const inner = { type: 'record', name: 'I', fields: [{ name: 'zip', type: 'string' }] };
    const fields = [
      { name: 'id', type: 'long' },
      { name: 'at', type: at },
      { name: 'to', type: inner },
      { name: 'tags', type: { type: 'array', items: 'string' } },
    ];
    const schema = JSON.stringify({ type: 'record', name: 'R', fields });
    expect(
      await typesOf(
        'AVRO',
        schema,
        'value',
        'value.id',
        'value.at',
        'value.to',
        'value.to.zip',
        'value.tags[0]',
        'key.x',
      ),
    ).toEqual(['json', 'integer', 'timestamp', 'json', 'text', undefined, undefined]);
  });

  it('follow the logical types of Avro, and say how their values are read', async () => {
    const logical = (name: string, type: string, logicalType: string, more: object = {}) => ({
      name,
      type: { type, logicalType, ...more },
    });
    const fields = [
      logical('day', 'int', 'date'),
      logical('ms', 'int', 'time-millis'),
      logical('us', 'long', 'timestamp-micros'),
      logical('ns', 'long', 'timestamp-nanos'),
      logical('price', 'bytes', 'decimal', { precision: 10, scale: 2 }),
      logical('huge', 'bytes', 'decimal', { precision: 30, scale: 4 }),
      logical('id', 'string', 'uuid'),
      { name: 'raw', type: 'bytes' },
      { name: 'size', type: { type: 'enum', name: 'E', symbols: ['S', 'L'] } },
    ];
    const schema = JSON.stringify({ type: 'record', name: 'R', fields });
    expect(await typesOf('AVRO', schema, ...fields.map(({ name }) => `value.${name}`))).toEqual([
      'date',
      'time millis',
      'timestamp_us',
      'timestamp_us nanos',
      'decimal(10,2) unscaled(2)',
      'decimal unscaled(4)',
      'uuid',
      'bytes',
      'text',
    ]);
  });

  it('are those of the properties in JSON Schema, and none where a member need not be declared', async () => {
    const schema = JSON.stringify({
      type: 'object',
      properties: {
        id: { type: 'integer' },
        price: { type: ['number', 'null'] },
        at: { type: 'string', format: 'date-time' },
        day: { type: 'string', format: 'date' },
        to: { type: 'object', properties: { zip: { type: 'string' } }, additionalProperties: false },
        any: {},
      },
    });
    const paths = [
      'value',
      'value.id',
      'value.price',
      'value.at',
      'value.to',
      'value.to.zip',
      'value.any',
      'value.more',
    ];
    expect(await typesOf('JSON', schema, ...paths)).toEqual([
      'json',
      'integer',
      'real',
      'timestamp',
      'json',
      'text',
      undefined,
      undefined,
    ]);
    await expect(typesOf('JSON', schema, 'value.to.zap')).rejects.toMatchObject({
      code: 'unknown-field',
      hint: "Did you mean 'zip'?",
    });
  });

  it('are found in Protobuf under JSON names, in whichever message of the file has them', async () => {
    const schema = `
      syntax = "proto3";
      import "google/protobuf/timestamp.proto";
      message Placed { int64 order_id = 1; google.protobuf.Timestamp at = 2; Line line = 3; uint64 hash = 4; bool new = 5; repeated double r = 6; }
      message Paid { int64 order_id = 1; float amount = 2; string new = 3; }
      message Line { E kind = 1; enum E { A = 0; } }
    `;
    const paths = ['value', 'value.orderId', 'value.at', 'value.line', 'value.line.kind', 'value.hash', 'value.amount'];
    expect(await typesOf('PROTOBUF', schema, ...paths, 'value.r', 'value.new', 'value.r[0]')).toEqual([
      'json',
      'integer',
      'timestamp',
      'json',
      'text',
      'decimal',
      'real',
      'json',
      // Two messages have it, and not of one type.
      undefined,
      undefined,
    ]);
  });

  it('are refused for fields that are not there, with the nearest ones', async () => {
    const schema = 'syntax = "proto3"; message M { int64 order_id = 1; N n = 2; } message N { string zip = 1; }';
    const hint = (path: string) => typesOf('PROTOBUF', schema, path).catch((error: unknown) => error);
    expect(await hint('value.order_id')).toMatchObject({ code: 'unknown-field', hint: "Did you mean 'orderId'?" });
    expect(await hint('value.n.zap')).toMatchObject({ hint: "Did you mean 'zip'?" });
    expect(await hint('value.nothing')).toMatchObject({ hint: 'Fields there: orderId, n, zip.' });
  });

  it('have the values of records that were written before there was the field: defaults in Avro, zeros in proto3', async () => {
    const fields = [
      { name: 'n', type: 'long' },
      { name: 'count', type: 'int', default: 3 },
      { name: 'big', type: 'long', default: Number.MIN_SAFE_INTEGER - 2 },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'size', type: { type: 'enum', name: 'E', symbols: ['S', 'L'] }, default: 'L' },
      { name: 'raw', type: 'bytes', default: '\u0000\u00ff' },
      {
        name: 'to',
        type: { type: 'record', name: 'I', fields: [{ name: 'zip', type: 'string', default: 'none' }] },
        default: {},
      },
    ];
    const avro = JSON.stringify({ type: 'record', name: 'R', fields }).replace(
      '-9007199254740992',
      '-9007199254740993',
    );
    expect(await defaultsOf('AVRO', avro, ...fields.map(({ name }) => `value.${name}`), 'value.to.zip')).toEqual([
      ...[undefined, 3, '-9007199254740993', undefined, 'L', 'AP8=', { zip: 'none' }],
      // Whether a record has one depends on what the object around it is.
      undefined,
    ]);
    const proto = `syntax = "proto3"; enum E { A = 0; B = 1; }
      message M { int64 a = 1; string b = 2; bool c = 3; E d = 4; bytes e = 5; repeated int32 f = 6; map<string, int32> g = 7; optional int32 h = 8; oneof o { string i = 9; } }`;
    expect(await defaultsOf('PROTOBUF', proto, ...[...'abcdefghi'].map((name) => `value.${name}`))).toEqual([
      ...[0, '', false, 'A', '', [], {}],
      ...[undefined, undefined],
    ]);
    expect(await defaultsOf('PROTOBUF', `${proto} message Other { string z = 1; }`, 'value.a')).toEqual([undefined]);
    const json = JSON.stringify({ type: 'object', properties: { a: { type: 'integer', default: 5 } } });
    expect(await defaultsOf('JSON', json, 'value.a')).toEqual([undefined]);
  });

  it('are none where the schema says nothing about fields', async () => {
    expect(await typesOf('JSON', '{"properties":{"a":{}}}', 'value.a')).toEqual([undefined]);
    expect(await typesOf('AVRO', '"string"', 'value.a')).toEqual([undefined]);
    expect(await typesOf('PROTOBUF', 'enum E { A = 0; }', 'value.a')).toEqual([undefined]);
  });
});
