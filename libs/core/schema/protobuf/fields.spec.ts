import { describe, expect, it } from 'vitest';
import { messageFields } from './fields.js';
import { ProtobufFormat } from './protobuf-format.js';

const fields = (text: string) => messageFields(new ProtobufFormat().parse(text));

describe('the fields of messages', () => {
  it('come under their JSON names, with kind and nullability, nested messages followed by their own', () => {
    const listed = fields(`
      syntax = "proto3"; package shop;
      import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
      message Order {
        int64 order_id = 1;
        optional bool gift_wrapped = 2 [json_name = "gift"];
        repeated string tags = 3;
        map<string, Line> lines = 4;
        google.protobuf.Timestamp placed_at = 5;
        google.protobuf.UInt64Value total = 6;
        google.protobuf.Struct extra = 7;
        State state = 8;
        Address to = 9;
        oneof pay { bytes token = 10; Line line = 11; }
        Order parent = 12;
        enum State { NEW = 0; PAID = 1; }
        message Address { string zip_code = 1; }
      }
      message Line { Order order = 1; repeated Line more = 2; }
    `);
    expect([...listed.keys()]).toEqual(['shop.Order', 'shop.Line']);
    const order = listed.get('shop.Order')!;
    expect(order.map((one) => [one.path.join('.'), one.kind, one.repeated, one.nullable])).toEqual([
      ['orderId', 'int64', false, false],
      ['gift', 'bool', false, true],
      ['tags', 'string', true, false],
      ['lines', 'map', false, false],
      ['placedAt', 'timestamp', false, true],
      ['total', 'uint64', false, true],
      ['extra', 'json', false, true],
      ['state', 'enum', false, false],
      ['to', 'message', false, true],
      ['to.zipCode', 'string', false, false],
      ['parent', 'message', false, true],
      ['token', 'bytes', false, true],
      ['line', 'message', false, true],
      ['line.order', 'message', false, true],
      ['line.more', 'message', true, false],
    ]);
    expect(order[0]).toMatchObject({ name: 'order_id', number: 1, oneof: null });
    expect(order[7]).toMatchObject({ symbols: ['NEW', 'PAID'], typeName: 'shop.Order.State' });
    expect(order[10]).toMatchObject({ recursive: true });
    expect(order[12]).toMatchObject({ oneof: 'pay', recursive: false, typeName: 'shop.Line' });
    expect(order[13]).toMatchObject({ recursive: true });
  });

  it('take groups and expanded maps as what they are', () => {
    const listed = fields(`
      message M {
        optional group Inner = 1 { optional int32 a_b = 2; }
        repeated MEntry m = 3;
        message MEntry { option map_entry = true; optional string key = 1; optional int32 value = 2; }
      }
    `);
    expect(listed.get('M')!.map((one) => [one.path.join('.'), one.kind, one.typeName])).toEqual([
      ['m', 'map', null],
      ['inner', 'message', 'M.Inner'],
      ['inner.aB', 'int32', null],
    ]);
  });

  it('are none without messages, and stay few where messages fan out', () => {
    expect(fields('enum E { A = 0; }').size).toBe(0);
    const level = (i: number): string => `message L${i} { ${i === 20 ? '' : `L${i + 1} a = 1; L${i + 1} b = 2;`} }`;
    const text = `syntax = "proto3"; ${Array.from({ length: 21 }, (_, i) => level(i)).join(' ')}`;
    expect(fields(text).get('L0')).toHaveLength(10_000);
  });
});
