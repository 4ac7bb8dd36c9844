import type { DescMessage } from '@bufbuild/protobuf';
import { SchemaCodec, type DecodedPayload, type PayloadEncoder } from '../codec.js';
import { encodeMessageIndexes, readMessageIndexes, type MessageIndexes } from '../envelope.js';
import { messageUnknown, payloadInvalid } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import { PAYLOAD_VALUES } from '../value-budget.js';
import { ProtoDecoder } from './decode.js';
import { ProtoEncoder } from './encode.js';
import { indexedMessages, indexesOf, messageAt } from './message-indexes.js';
import { MessageTypes } from './message-types.js';
import type { ProtobufSchema } from './protobuf-format.js';
import type { ProtoScope } from './scope.js';

/**
 * JSON to Protobuf and back, by the language's own JSON mapping: names in camel case (those of the schema are taken too), integers of 64 bits as text, bytes as
 * base64, enums by name, well-known messages in their forms. Fields without presence are always shown; members that are no fields are refused, unknown fields on
 * the wire are skipped.
 */
export class ProtobufCodec extends SchemaCodec {
  readonly #scope: ProtoScope;
  readonly #types: MessageTypes;
  readonly #encoder: ProtoEncoder;
  readonly #decoder: ProtoDecoder;
  readonly #chosen = new Map<string, DescMessage>();

  /** @throws `schema-invalid` for a schema that was stored unchecked and that no codec can be made of. */
  constructor(schema: ProtobufSchema, values = PAYLOAD_VALUES) {
    super();
    this.#scope = schema.scope;
    this.#types = new MessageTypes(schema.scope);
    this.#encoder = new ProtoEncoder(this.#types);
    this.#decoder = new ProtoDecoder(this.#types, values);
  }

  encoder(message?: string): PayloadEncoder {
    const first = messageAt(this.#scope, [0]);
    const name = message ?? first?.fullName;
    const indexes = name === undefined ? undefined : message === undefined ? [0] : indexesOf(this.#scope, name);
    const type = name === undefined || indexes === undefined ? undefined : this.#types.get(name);
    if (type === undefined || indexes === undefined) {
      throw messageUnknown(
        message ?? null,
        indexedMessages(this.#scope).map(({ fullName }) => fullName),
      );
    }
    return {
      message: type.typeName,
      indexes: encodeMessageIndexes(indexes),
      encode: (value, steps) => this.#encoder.encode(type, value, steps),
    };
  }

  decode(bytes: Uint8Array, start: number, steps?: StepBudget): DecodedPayload {
    const { path, payloadAt } = readMessageIndexes(bytes, start);
    return this.#decode(path, bytes.subarray(payloadAt), steps);
  }

  decodeBare(payload: Uint8Array, indexes: Uint8Array, steps?: StepBudget): DecodedPayload {
    return this.#decode(readMessageIndexes(indexes, 0).path, payload, steps);
  }

  #decode(path: MessageIndexes, payload: Uint8Array, steps: StepBudget | undefined): DecodedPayload {
    const type = this.#at(path);
    return { value: this.#decoder.decode(type, payload, steps), message: type.typeName };
  }

  #at(path: MessageIndexes): DescMessage {
    const key = path.join();
    let type = this.#chosen.get(key);
    if (type === undefined) {
      const found = messageAt(this.#scope, path);
      type = found && this.#types.get(found.fullName);
      if (type === undefined)
        throw payloadInvalid(`the schema has no message at the indexes ${path.slice(0, 8).join(', ')}`);
      this.#chosen.set(key, type);
    }
    return type;
  }
}
