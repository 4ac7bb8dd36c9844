import type { JsonValue } from '#libs/core/kernel';

/** Encodes values with one schema version, envelope included. */
export interface MessageWriter {
  readonly subject: string;
  readonly schemaId: number;
  /** @throws `value-does-not-fit-schema` with one item per problem, paths as JSON pointers into the value. */
  encode(value: JsonValue): Uint8Array;
}

/** What became of bytes that carry an envelope. */
export type DecodedMessage =
  | { readonly kind: 'decoded'; readonly schemaId: number; readonly value: JsonValue }
  /** The envelope is there, but the id is unknown or the payload does not fit its schema. */
  | { readonly kind: 'failed'; readonly schemaId: number; readonly reason: string };

/** JSON values to message bytes and back, with the schemas of the registry (contract section 4.1). */
export abstract class MessageCodec {
  /**
   * A writer for the schema with this id, or for the latest version of the subject when no id is given; undefined when the subject has none.
   * @throws `schema-not-found` for an unknown id.
   */
  abstract writerOf(subject: string, schemaId?: number): Promise<MessageWriter | undefined>;

  /** Decodes an enveloped message; undefined for bytes that carry no envelope. Never throws for what is in the bytes. */
  abstract decode(bytes: Uint8Array): Promise<DecodedMessage | undefined>;
}
