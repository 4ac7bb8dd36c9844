import type { JsonValue } from '#libs/core/kernel';
import type { MessageCodec } from '#libs/core/registry';
import { JsonRecordDecoder, RecordDecoder, undecodableRecord } from '#libs/core/streams';

/**
 * Decodes keys and values by the schema their envelope names, and as JSON (keys: as text) where there is no envelope. A value whose first byte happens to be
 * zero and that names no schema of the registry is undecodable, never guessed at.
 */
export class RegistryRecordDecoder extends RecordDecoder {
  readonly #plain = new JsonRecordDecoder();

  constructor(private readonly codec: MessageCodec) {
    super();
  }

  value(topic: string, bytes: Uint8Array): JsonValue | Promise<JsonValue> {
    return bytes[0] === 0 || bytes[0] === 1 ? this.#enveloped(topic, 'value', bytes) : this.#plain.value(topic, bytes);
  }

  key(topic: string, bytes: Uint8Array): JsonValue | Promise<JsonValue> {
    return bytes[0] === 0 || bytes[0] === 1 ? this.#enveloped(topic, 'key', bytes) : this.#plain.key(topic, bytes);
  }

  async #enveloped(topic: string, part: 'key' | 'value', bytes: Uint8Array): Promise<JsonValue> {
    const message = await this.codec.decode(bytes);
    if (message === undefined) return part === 'key' ? this.#plain.key(topic, bytes) : this.#plain.value(topic, bytes);
    if (message.kind === 'failed') throw undecodableRecord(topic, part, message.reason.replace(/\.$/, ''));
    return message.value;
  }
}
