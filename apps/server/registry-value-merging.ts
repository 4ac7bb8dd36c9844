import type { JsonValue } from '#libs/core/kernel';
import type { DecodedMessage, MessageCodec } from '#libs/core/registry';
import {
  JsonRecordDecoder,
  JsonValueMerging,
  mergeMembers,
  type MergeRule,
  type RecordValue,
  undecodableRecord,
  ValueMerging,
} from '#libs/core/streams';

type Decoded = Extract<DecodedMessage, { kind: 'decoded' }>;

/** Merges what names its schema, in front or in a header, and writes it with that schema; everything else as JSON text. */
export class RegistryValueMerging extends ValueMerging {
  readonly #plain = new JsonValueMerging();
  readonly #decoder = new JsonRecordDecoder();

  constructor(private readonly codec: MessageCodec) {
    super();
  }

  async merge(topic: string, known: RecordValue, partial: RecordValue, rule: MergeRule): Promise<RecordValue> {
    const before = await this.#read(topic, known);
    const part = await this.#read(topic, partial);
    if (part === undefined) {
      // A state that had a schema goes on as the JSON its readers were shown.
      const text = before === undefined ? known.value : Buffer.from(JSON.stringify(before.value));
      return await this.#plain.merge(topic, { ...known, value: text }, partial, rule);
    }
    const whole = mergeMembers(before?.value ?? this.#decoder.value(topic, known.value), part.value, rule);
    const isBare = (await this.codec.decode(partial.value, 'value', [])) === undefined;
    const writer = await this.codec.writerOf(`${topic}-value`, {
      schemaId: part.schemaId,
      ...(part.message === null ? {} : { message: part.message }),
      ...(isBare ? { headerFor: 'value' as const } : {}),
    });
    return { value: await writer!.encode(whole as JsonValue), headers: partial.headers };
  }

  async #read(topic: string, { value, headers }: RecordValue): Promise<Decoded | undefined> {
    const decoded = await this.codec.decode(value, 'value', headers);
    if (decoded?.kind === 'failed') throw undecodableRecord(topic, 'value', decoded.reason);
    return decoded;
  }
}
