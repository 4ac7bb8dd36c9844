import {
  create,
  createFileRegistry,
  createMutableRegistry,
  type DescMessage,
  type Message,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import {
  DescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_timestamp,
  type DescriptorProto,
  type FieldDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import {
  AvroDeserializer,
  AvroSerializer,
  JsonDeserializer,
  JsonSerializer,
  ProtobufDeserializer,
  ProtobufSerializer,
  SerdeType,
  type Deserializer,
  type SchemaInfo,
  type SchemaRegistryClient,
  type Serializer,
} from '@confluentinc/schemaregistry';

/** Headers as the official client takes and fills them. */
export type ClientHeaders = Record<string, Buffer>;

type ClientSerializer = Serializer & {
  serialize(topic: string, message: unknown, headers?: ClientHeaders): Promise<Buffer>;
};
type ClientDeserializer = Deserializer & {
  deserialize(topic: string, bytes: Buffer, headers?: ClientHeaders): Promise<unknown>;
};

/** The same order in one schema language: as the official JavaScript client has it, and as the data plane has it. */
export interface StockFormat {
  readonly format: string;
  /** What the client serializes. */
  readonly value: unknown;
  /** The value as the data plane shows it. */
  readonly shown: object;
  /** The value as it is given to the data plane. */
  readonly given: object;
  /** A value that the schema does not allow. */
  readonly misfit: object;
  /** Name of the message, in Protobuf. */
  readonly message?: string;
  /** Registered beforehand; in Protobuf the client registers what it takes from the generated code. */
  readonly schema?: SchemaInfo;
  /** A successor that reads the data of `schema`. */
  readonly compatible: SchemaInfo;
  /** What no level but NONE lets follow. */
  readonly incompatible: SchemaInfo;
  serializer(client: SchemaRegistryClient, conf: object): ClientSerializer;
  deserializer(client: SchemaRegistryClient, conf: object): ClientDeserializer;
}

/** An order in Avro. */
export const AVRO_ORDER = JSON.stringify({
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'cents', type: 'long' },
  ],
});

/** An order in JSON Schema. */
export const JSON_ORDER = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Order',
  type: 'object',
  properties: { id: { type: 'string' }, cents: { type: 'integer' } },
  required: ['id'],
});

const field = (init: MessageInitShape<typeof FieldDescriptorProtoSchema>) =>
  create(FieldDescriptorProtoSchema, { label: Label.OPTIONAL, jsonName: init.name!, ...init });
const message = (
  name: string,
  fields: readonly FieldDescriptorProto[] = [],
  nestedType: readonly DescriptorProto[] = [],
) => create(DescriptorProtoSchema, { name, field: [...fields], nestedType: [...nestedType] });

/** Files as generated code carries them: `order.proto` imports `shop/money.proto` and a bundled one. */
const FILES = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      create(FileDescriptorProtoSchema, {
        name: 'shop/money.proto',
        package: 'shop',
        syntax: 'proto3',
        messageType: [message('Money', [field({ name: 'units', number: 1, type: Type.INT64 })])],
      }),
      file_google_protobuf_timestamp.proto,
      create(FileDescriptorProtoSchema, {
        name: 'order.proto',
        package: 'shop',
        syntax: 'proto3',
        dependency: ['shop/money.proto', 'google/protobuf/timestamp.proto'],
        messageType: [
          message('Unused'),
          message(
            'Order',
            [
              field({ name: 'id', number: 1, type: Type.STRING }),
              field({ name: 'total', number: 2, type: Type.MESSAGE, typeName: '.shop.Money' }),
              field({
                name: 'placed_at',
                number: 3,
                type: Type.MESSAGE,
                typeName: '.google.protobuf.Timestamp',
                jsonName: 'placedAt',
              }),
            ],
            [message('Line', [field({ name: 'count', number: 1, type: Type.INT32 })])],
          ),
        ],
      }),
    ],
  }),
);
const ORDER = FILES.getMessage('shop.Order')!;
const LINE = FILES.getMessage('shop.Order.Line')!;
const typed = (type: DescMessage, value: object): Message => create(type, value as never);

/** A nested message of `order.proto`. */
export const PROTOBUF_LINE = typed(LINE, { count: 3 });

const PROTOBUF: StockFormat = {
  format: 'Protobuf',
  value: typed(ORDER, { id: 'o1', total: { units: 5n }, placedAt: { seconds: 1n } }),
  shown: { id: 'o1', total: { units: '5' }, placedAt: '1970-01-01T00:00:01Z' },
  given: { id: 'o1', total: { units: 5 }, placedAt: '1970-01-01T00:00:01Z' },
  misfit: { id: 1 },
  message: 'shop.Order',
  compatible: protobufOrder(
    'string id = 1; Money total = 2; google.protobuf.Timestamp placed_at = 3; string note = 4;',
  ),
  incompatible: protobufOrder('int32 id = 1; Money total = 2; google.protobuf.Timestamp placed_at = 3;'),
  serializer: (client, conf) =>
    new ProtobufSerializer(client, SerdeType.VALUE, { registry: createMutableRegistry(ORDER, LINE), ...conf }),
  deserializer: (client, conf) => new ProtobufDeserializer(client, SerdeType.VALUE, conf),
};

/** `order.proto` with other fields of the order. It refers to `shop/money.proto` as the client registers it. */
function protobufOrder(fields: string): SchemaInfo {
  return {
    schemaType: 'PROTOBUF',
    schema: `syntax = "proto3"; package shop; import "shop/money.proto"; import "google/protobuf/timestamp.proto";
      message Unused {} message Order { ${fields} message Line { int32 count = 1; } }`,
    references: [{ name: 'shop/money.proto', subject: 'shop/money.proto', version: 1 }],
  };
}

const ORDER_VALUE = { id: 'o1', cents: 5 };
/** Avro and JSON have the order as the data plane has it. */
const PLAIN = { value: ORDER_VALUE, shown: ORDER_VALUE, given: ORDER_VALUE, misfit: { id: 'o1', cents: 'five' } };

/** The three schema languages, with Protobuf last. */
export const STOCK_FORMATS: readonly [StockFormat, StockFormat, StockFormat] = [
  {
    format: 'Avro',
    ...PLAIN,
    schema: { schema: AVRO_ORDER, schemaType: 'AVRO' },
    compatible: { schema: AVRO_ORDER.replace('"long"}', '"long"},{"name":"note","type":"string","default":""}') },
    incompatible: { schema: AVRO_ORDER.replace('"long"', '"string"') },
    serializer: (client, conf) => new AvroSerializer(client, SerdeType.VALUE, conf),
    deserializer: (client, conf) => new AvroDeserializer(client, SerdeType.VALUE, conf),
  },
  {
    format: 'JSON Schema',
    ...PLAIN,
    schema: { schema: JSON_ORDER, schemaType: 'JSON' },
    compatible: { schema: JSON_ORDER.replace('"integer"', '"number"'), schemaType: 'JSON' },
    incompatible: { schema: JSON_ORDER.replace('"integer"', '"string"'), schemaType: 'JSON' },
    serializer: (client, conf) => new JsonSerializer(client, SerdeType.VALUE, { validate: true, ...conf }),
    deserializer: (client, conf) => new JsonDeserializer(client, SerdeType.VALUE, { validate: true, ...conf }),
  },
  PROTOBUF,
];

/** A value in one line: integers as text, members that name types left out. For comparing what was read with what was written. */
export function plainText(value: unknown): string {
  return JSON.stringify(value, (key, member: unknown) => {
    if (key.startsWith('$')) return undefined;
    return typeof member === 'bigint' ? String(member) : member;
  });
}
