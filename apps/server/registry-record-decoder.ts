import type { JsonValue } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import type { DecodedMessage, MessageCodec, MessagePart } from '#libs/core/registry';
import { JsonRecordDecoder, RecordDecoder, undecodableRecord } from '#libs/core/streams';

/** Decodes what names its schema, in front or in a header, with the registry's schemas, and everything else as JSON text. */
export class RegistryRecordDecoder extends RecordDecoder {
  readonly #plain = new JsonRecordDecoder();

  constructor(private readonly codec: MessageCodec) {
    super();
  }

  /** Nothing that names a schema begins with a brace. */
  override get readsObjectsAsText(): boolean {
    return true;
  }

  /** Nor with a letter. */
  override get readsWordsAsText(): boolean {
    return true;
  }

  value(topic: string, bytes: Uint8Array, headers: readonly RecordHeader[] = []): JsonValue | Promise<JsonValue> {
    return this.#part(topic, 'value', bytes, headers);
  }

  key(topic: string, bytes: Uint8Array, headers: readonly RecordHeader[] = []): JsonValue | Promise<JsonValue> {
    return this.#part(topic, 'key', bytes, headers);
  }

  #part(
    topic: string,
    part: MessagePart,
    bytes: Uint8Array,
    headers: readonly RecordHeader[],
  ): JsonValue | Promise<JsonValue> {
    const decoded = this.codec.decode(bytes, part, headers);
    if (decoded instanceof Promise) return decoded.then((one) => this.#read(topic, part, bytes, one));
    return this.#read(topic, part, bytes, decoded);
  }

  #read(topic: string, part: MessagePart, bytes: Uint8Array, decoded: DecodedMessage | undefined): JsonValue {
    if (decoded === undefined) return this.#plain[part](topic, bytes);
    if (decoded.kind === 'failed') throw undecodableRecord(topic, part, decoded.reason);
    return decoded.value;
  }
}
