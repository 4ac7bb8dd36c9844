import type { JsonValue } from '#libs/core/kernel';
import { payloadInvalid, valueInvalid } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import type { ParsedSchema } from '../format.js';
import { avroSchema } from './avro-format.js';
import { AVRO_DECODE_LIMITS, AvroDecoder, type AvroDecodeLimits } from './decode.js';
import { AvroEncoder } from './encode.js';
import { PLAIN_JSON, type AvroJsonMapping } from './mapping.js';
import { asBytes } from './scalars.js';

/**
 * JSON values to the Avro payload of a message and back, for one schema. The payload is what stands behind the envelope: Avro's binary encoding, except that a
 * schema that is just `bytes` has the bytes themselves.
 *
 * With {@link PLAIN_JSON} encoding what was decoded gives the same bytes (blocks of arrays and NaN bit patterns aside).
 */
export class AvroCodec {
  readonly #schema: ParsedSchema;
  readonly #mapping: AvroJsonMapping;
  readonly #limits: AvroDecodeLimits;
  readonly #raw: boolean;
  #encoder: AvroEncoder | undefined;
  #decoder: AvroDecoder | undefined;

  /** @param schema of type AVRO. */
  constructor(schema: ParsedSchema, mapping: AvroJsonMapping = PLAIN_JSON, limits: Partial<AvroDecodeLimits> = {}) {
    this.#schema = schema;
    this.#mapping = mapping;
    this.#limits = { ...AVRO_DECODE_LIMITS, ...limits };
    this.#raw = avroSchema(schema).root.kind === 'bytes';
  }

  /** @throws `value-does-not-fit-schema` with an item for each problem (20 at most), paths as JSON pointers into the value. */
  encode(value: unknown, steps?: StepBudget): Uint8Array {
    if (this.#raw) {
      const bytes = asBytes(value, this.#mapping.bytes);
      if (bytes === undefined) throw valueInvalid('', `expected bytes as ${this.#mapping.bytes} text`);
      return bytes;
    }
    this.#encoder ??= new AvroEncoder(avroSchema(this.#schema).root, this.#mapping);
    return this.#encoder.encode(value, steps);
  }

  /**
   * The value that is all of `bytes` from `start` on.
   * @throws `payload-does-not-decode`; every byte must belong to the value.
   */
  decode(bytes: Uint8Array, start = 0, steps?: StepBudget): JsonValue {
    if (start > bytes.length) throw payloadInvalid('they end before the value begins');
    if (this.#raw)
      return Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.length - start).toString(this.#mapping.bytes);
    this.#decoder ??= new AvroDecoder(avroSchema(this.#schema).root, this.#mapping, this.#limits);
    return this.#decoder.decode(bytes, start, steps);
  }
}
