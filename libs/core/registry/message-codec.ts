import type { JsonValue } from '#libs/core/kernel';
import type { AvroForm } from '#libs/core/schema';

/** The two parts of a record that a schema can describe. */
export type MessagePart = 'key' | 'value';

/** A header of a record, as far as messages say something in one. */
export interface MessageHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** How a writer is to write; what is not given is the subject's latest schema, its first message, the id before the payload. */
export interface WriterChoice {
  readonly schemaId?: number | undefined;
  /** Full name of a Protobuf message. */
  readonly message?: string | undefined;
  /** Name the schema by its GUID in the header of this part, and leave the payload bare (contract 4.2). */
  readonly headerFor?: MessagePart | undefined;
  /** How Avro values stand in JSON; `plain` unless given. */
  readonly form?: AvroForm | undefined;
}

/** Encodes values with one schema version. */
export interface MessageWriter {
  readonly subject: string;
  readonly schemaId: number;
  /** Full name of the Protobuf message that is written; null in other languages. */
  readonly message: string | null;
  /** The header that every record written must carry; null where the bytes say it all. */
  readonly header: MessageHeader | null;
  /**
   * At once where the value is small, so that a loop over many awaits only what it must.
   * @param value as `JSON.parse` gives it, or `parseExact`.
   * @throws `value-does-not-fit-schema` with one item per problem, paths as JSON pointers into the value; `schema-too-complex` for what takes too long to check.
   * By rejection too.
   */
  encode(value: unknown): Uint8Array | Promise<Uint8Array>;
}

/** What became of bytes that name a schema. */
export type DecodedMessage =
  | {
      readonly kind: 'decoded';
      readonly schemaId: number;
      /** Full name of the Protobuf message; null in other languages. */
      readonly message: string | null;
      readonly value: JsonValue;
    }
  /** A schema is named, but it is unknown or the payload does not fit it. @see schemaId null: it is named by a GUID that nobody knows. */
  | { readonly kind: 'failed'; readonly schemaId: number | null; readonly reason: string };

/** JSON values to message bytes and back, with the schemas of the registry, whatever their language (contract section 4). */
export abstract class MessageCodec {
  /**
   * A writer of the subject; undefined when no schema is chosen and the subject has none.
   * @throws `schema-not-found` for an unknown id, `message-unknown` for a message that the schema does not have.
   */
  abstract writerOf(subject: string, choice?: WriterChoice): Promise<MessageWriter | undefined>;

  /**
   * Decodes bytes that name their schema in a header or in front; undefined for those that name none. Never throws for what is in the bytes. Synchronous when
   * the schema and what the bytes stand for are small and in memory.
   * @param part which header counts, if any.
   * @param form how Avro values stand in JSON; `plain` unless given.
   */
  abstract decode(
    bytes: Uint8Array,
    part?: MessagePart,
    headers?: readonly MessageHeader[],
    form?: AvroForm,
  ): DecodedMessage | undefined | Promise<DecodedMessage | undefined>;
}
