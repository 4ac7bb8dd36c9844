import { AppError } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import type { DecodedMessage, MessageCodec } from '#libs/core/registry';
import { parseExact, readAddress, VALUE_DEPTH } from '#libs/core/schema';
import {
  JSON_VALUES,
  rawWriter,
  RecordValues,
  undecodableRecord,
  type ValueFormat,
  type ValueText,
  type ValueWriter,
  type WantedSchema,
} from '#libs/core/streams';

/** Values that name their schema, in front or in a header, by the registry's schemas; everything else as JSON text. */
export class RegistryRecordValues extends RecordValues {
  constructor(private readonly codec: MessageCodec) {
    super();
  }

  read(
    topic: string,
    bytes: Uint8Array,
    headers: readonly RecordHeader[],
    part: 'key' | 'value' = 'value',
  ): ValueText | Promise<ValueText> {
    const decoded = this.codec.decode(bytes, part, headers);
    if (decoded instanceof Promise) return decoded.then((one) => this.#text(topic, bytes, headers, part, one));
    return this.#text(topic, bytes, headers, part, decoded);
  }

  async writer(format: ValueFormat): Promise<ValueWriter> {
    if (format.kind === 'json') return JSON_VALUES;
    if (format.kind === 'raw') return rawWriter(format);
    const { subject, schemaId, message, inHeader } = format;
    const writer = await this.codec.writerOf(subject, {
      schemaId,
      ...(message === null ? {} : { message }),
      ...(inHeader ? { headerFor: 'value' as const } : {}),
    });
    if (writer === undefined) throw noSchema(subject);
    const { header } = writer;
    return {
      write: (text) => {
        const bytes = writer.encode(parseExact(text, VALUE_DEPTH));
        return bytes instanceof Promise ? bytes.then((one) => ({ bytes: one, header })) : { bytes, header };
      },
    };
  }

  async resolve({ subject, schemaId, message }: WantedSchema): Promise<ValueFormat & { readonly kind: 'schema' }> {
    const writer = await this.codec.writerOf(subject, { schemaId, message });
    if (writer === undefined) throw noSchema(subject);
    return { kind: 'schema', subject, schemaId: writer.schemaId, message: writer.message, inHeader: false };
  }

  #text(
    topic: string,
    bytes: Uint8Array,
    headers: readonly RecordHeader[],
    part: 'key' | 'value',
    decoded: DecodedMessage | undefined,
  ): ValueText {
    if (decoded === undefined) return JSON_VALUES.read(topic, bytes, headers);
    if (decoded.kind === 'failed') throw undecodableRecord(topic, part, decoded.reason);
    const { schemaId, message, value } = decoded;
    const inHeader = readAddress(part, bytes, headers)?.indexes !== null;
    return { text: JSON.stringify(value), schema: { schemaId, message, inHeader } };
  }
}

function noSchema(subject: string): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'subject-not-found',
    message: `Subject '${subject}' has no schema.`,
    hint: 'Register the schema the values are to be written with, or name another subject.',
    details: { subject },
  });
}
