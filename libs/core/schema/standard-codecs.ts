import { AvroCodec } from './avro/codec.js';
import { AVRO_FORMS, type AvroForm } from './avro/mapping.js';
import { SingleMessageCodec, type SchemaCodec } from './codec.js';
import type { ParsedSchema } from './format.js';
import { JsonCodec } from './json-schema/codec.js';
import { jsonSchema } from './json-schema/json-schema-format.js';
import { ProtobufCodec } from './protobuf/codec.js';
import { protobufSchema } from './protobuf/protobuf-format.js';

/** The codec of a schema of any language. @param form of Avro values. @throws `schema-invalid` where none can be made of it. */
export function schemaCodec(schema: ParsedSchema, form: AvroForm): SchemaCodec {
  switch (schema.type) {
    case 'AVRO':
      return new SingleMessageCodec(new AvroCodec(schema, AVRO_FORMS[form]));
    case 'JSON':
      return new SingleMessageCodec(new JsonCodec(jsonSchema(schema)));
    case 'PROTOBUF':
      return new ProtobufCodec(protobufSchema(schema));
  }
}
