import { AvroCodec } from './avro/codec.js';
import { SingleMessageCodec, type SchemaCodec } from './codec.js';
import type { ParsedSchema } from './format.js';
import { JsonCodec } from './json-schema/codec.js';
import { jsonSchema } from './json-schema/json-schema-format.js';
import { ProtobufCodec } from './protobuf/codec.js';
import { protobufSchema } from './protobuf/protobuf-format.js';

/** The codec of a schema of any language, with the native API's mapping. @throws `schema-invalid` where none can be made of it. */
export function schemaCodec(schema: ParsedSchema): SchemaCodec {
  switch (schema.type) {
    case 'AVRO':
      return new SingleMessageCodec(new AvroCodec(schema));
    case 'JSON':
      return new SingleMessageCodec(new JsonCodec(jsonSchema(schema)));
    case 'PROTOBUF':
      return new ProtobufCodec(protobufSchema(schema));
  }
}
