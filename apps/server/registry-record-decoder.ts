import type { JsonValue } from '#libs/core/kernel';
import type { MessageCodec } from '#libs/core/registry';
import { JsonRecordDecoder, RecordDecoder, undecodableRecord } from '#libs/core/streams';

/** First byte of a message that carries an envelope (registry contract 4.1); JSON text never begins with it. */
const ENVELOPED = 0;

/** Decodes what carries an envelope with the registry's schemas, and everything else as JSON text. */
export class RegistryRecordDecoder extends RecordDecoder {
  readonly #plain = new JsonRecordDecoder();

  constructor(private readonly codec: MessageCodec) {
    super();
  }

  value(topic: string, bytes: Uint8Array): JsonValue | Promise<JsonValue> {
    return bytes[0] === ENVELOPED ? this.enveloped(topic, 'value', bytes) : this.#plain.value(topic, bytes);
  }

  key(topic: string, bytes: Uint8Array): JsonValue | Promise<JsonValue> {
    return bytes[0] === ENVELOPED ? this.enveloped(topic, 'key', bytes) : this.#plain.key(topic, bytes);
  }

  private async enveloped(topic: string, part: 'key' | 'value', bytes: Uint8Array): Promise<JsonValue> {
    const decoded = await this.codec.decode(bytes);
    if (decoded === undefined) return this.#plain[part](topic, bytes);
    if (decoded.kind === 'failed') throw undecodableRecord(topic, part, decoded.reason);
    return decoded.value;
  }
}
