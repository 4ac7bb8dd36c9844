import { AppError } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import { undecodableRecord } from '../record-decoder.js';
import { type RawFormat, rawWriter } from './raw-values.js';

/** A value as JSON text, with what it says of its schema. */
export interface ValueText {
  readonly text: string;
  /** The schema it names, in front or in a header; null where it names none. */
  readonly schema: NamedSchema | null;
}

/** Which schema a value is written with. */
export interface NamedSchema {
  readonly schemaId: number;
  /** Full name of the Protobuf message; null in other languages. */
  readonly message: string | null;
  /** The schema is named by its GUID in a header, and the payload stands bare. */
  readonly inHeader: boolean;
}

/** A written value. */
export interface WrittenValue {
  readonly bytes: Uint8Array;
  /** The header that has to name the schema; null where the bytes say it all. */
  readonly header: RecordHeader | null;
}

/** How the values of a topic are written. Plain data; `json` is text of no schema. */
export type ValueFormat =
  { readonly kind: 'json' } | RawFormat | ({ readonly kind: 'schema'; readonly subject: string } & NamedSchema);

/** Writes JSON text as values of one format. */
export interface ValueWriter {
  /**
   * At once where it can be.
   * @throws `value-does-not-fit-schema`, `schema-too-complex`, by rejection too.
   */
  write(text: string): WrittenValue | Promise<WrittenValue>;
}

/**
 * The values of records as JSON text and back, numbers kept where the format can. Class and injection token in one.
 *
 * Same bytes and headers, same text, for ever: schemas are read by ids, which never change meaning. A format change rests on it, and so does its verification.
 */
export abstract class RecordValues {
  /** @param part whose bytes they are, and so which header counts; of a value unless given. @throws `undecodable-record` for bytes that are not what they say, by rejection too. */
  abstract read(
    topic: string,
    bytes: Uint8Array,
    headers: readonly RecordHeader[],
    part?: 'key' | 'value',
  ): ValueText | Promise<ValueText>;

  /** @throws `schema-not-found`, `message-unknown`. */
  abstract writer(format: ValueFormat): Promise<ValueWriter>;

  /**
   * What somebody who asks for a schema gets, pinned to its id: the subject's latest one unless an id or version is given.
   * @throws `schema-not-found`, `subject-not-found`, `message-unknown`; `migration-format-unavailable` where there is no registry.
   */
  abstract resolve(wanted: WantedSchema): Promise<ValueFormat & { readonly kind: 'schema' }>;
}

/** A schema as it is asked for. */
export interface WantedSchema {
  readonly subject: string;
  readonly schemaId: number | undefined;
  readonly message: string | undefined;
}

/** Values that are JSON text. Whether they are is found out where they are parsed. */
export const JSON_VALUES = {
  read: (topic: string, bytes: Uint8Array, _headers: readonly RecordHeader[]): ValueText => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    // Replacement characters are not what was written.
    if (Buffer.byteLength(text) !== bytes.length) throw undecodableRecord(topic, 'value', 'it is not UTF-8 text');
    return { text, schema: null };
  },
  write: (text: string): WrittenValue => ({ bytes: Buffer.from(text), header: null }),
};

/** Values that are JSON text, whatever the topic. Schemas are unknown to it. */
export class JsonRecordValues extends RecordValues {
  read(topic: string, bytes: Uint8Array, headers: readonly RecordHeader[]): ValueText {
    return JSON_VALUES.read(topic, bytes, headers);
  }

  async writer(format: ValueFormat): Promise<ValueWriter> {
    if (format.kind === 'json') return JSON_VALUES;
    if (format.kind === 'raw') return rawWriter(format);
    throw noRegistry();
  }

  async resolve(): Promise<never> {
    throw noRegistry();
  }
}

function noRegistry(): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'migration-format-unavailable',
    message: 'There is no registry here that schemas could be taken from.',
    hint: 'Leave format out, or choose json.',
  });
}
