import type { JsonValue } from '#libs/core/kernel';
import { messageUnknown } from './errors.js';
import type { StepBudget } from './step-budget.js';

/** Encodes values as payloads of one kind of message. */
export interface PayloadEncoder {
  /** Full name of the Protobuf message; null in languages whose schemas describe one kind of value. */
  readonly message: string | null;
  /** What stands between id (or GUID) and payload: Protobuf's message indexes, nothing in other languages. */
  readonly indexes: Uint8Array;
  /**
   * The payload alone.
   * @param value as `JSON.parse` or `parseExact` gives it.
   * @param steps what it may take; only the limits when absent.
   * @throws `value-does-not-fit-schema` with an item for each problem (20 at most), paths as JSON pointers into the value; `schema-too-complex` when the
   * steps end first.
   */
  encode(value: unknown, steps?: StepBudget): Uint8Array;
}

export interface DecodedPayload {
  /** Integers beyond ±(2^53 − 1) are decimal text. */
  readonly value: JsonValue;
  /** As {@link PayloadEncoder.message}. */
  readonly message: string | null;
}

/** JSON values to what stands behind the id of a message, and back, for one schema of any language. Safe to keep and share. */
export abstract class SchemaCodec {
  /**
   * @param message full name of the Protobuf message to write; the first of the schema when not given.
   * @throws `message-unknown` for a name the schema does not have, and for any name in other languages.
   */
  abstract encoder(message?: string): PayloadEncoder;

  /**
   * The value that is all of `bytes` from `start` on, message indexes in front.
   * @param steps as in {@link PayloadEncoder.encode}.
   * @throws `payload-does-not-decode`, `envelope-invalid`, `schema-too-complex` when the steps end first.
   */
  abstract decode(bytes: Uint8Array, start: number, steps?: StepBudget): DecodedPayload;

  /**
   * The value that is all of `payload`, when the message indexes came apart from it, in a record header.
   * @throws as {@link decode}.
   */
  abstract decodeBare(payload: Uint8Array, indexes: Uint8Array, steps?: StepBudget): DecodedPayload;
}

/** JSON values to payloads and back, where there is nothing to choose. */
export interface ValueCodec {
  encode(value: unknown, steps?: StepBudget): Uint8Array;
  decode(bytes: Uint8Array, start: number, steps?: StepBudget): JsonValue;
}

/** A codec of a language whose schemas describe one kind of value. */
export class SingleMessageCodec extends SchemaCodec {
  constructor(private readonly values: ValueCodec) {
    super();
  }

  encoder(message?: string): PayloadEncoder {
    if (message !== undefined) throw messageUnknown(message, []);
    return { message: null, indexes: NOTHING, encode: (value, steps) => this.values.encode(value, steps) };
  }

  decode(bytes: Uint8Array, start: number, steps?: StepBudget): DecodedPayload {
    return { value: this.values.decode(bytes, start, steps), message: null };
  }

  decodeBare(payload: Uint8Array, _indexes: Uint8Array, steps?: StepBudget): DecodedPayload {
    return this.decode(payload, 0, steps);
  }
}

const NOTHING = new Uint8Array(0);
