import { AvroFormat } from './avro/avro-format.js';
import { SchemaFormats } from './formats.js';
import { JsonSchemaFormat } from './json-schema/json-schema-format.js';
import { ProtobufFormat } from './protobuf/protobuf-format.js';

/** Every schema language that Weir speaks. */
export function standardFormats(): SchemaFormats {
  return new SchemaFormats([new AvroFormat(), new JsonSchemaFormat(), new ProtobufFormat()]);
}
