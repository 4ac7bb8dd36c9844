import { AppError } from '#libs/core/kernel';
import { undecodableRecord } from '../record-decoder.js';
import type { ValueText, ValueWriter } from './record-values.js';

/** How bytes that are no JSON stand in it: as base64, which any bytes can, or as the UTF-8 text they are. */
export type RawEncoding = 'base64' | 'text';

export const RAW_ENCODINGS: readonly RawEncoding[] = ['base64', 'text'];

/** Values that are bytes and nothing else: a JSON text of one string. */
export interface RawFormat {
  readonly kind: 'raw';
  readonly encoding: RawEncoding;
}

/** Bytes as JSON text. @throws `undecodable-record` for bytes that are no text, where they are to be one. */
export function readRaw(topic: string, bytes: Uint8Array, { encoding }: RawFormat): ValueText {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (encoding === 'base64') return { text: JSON.stringify(buffer.toString('base64')), schema: null };
  const text = buffer.toString('utf8');
  // Replacement characters are not what was written.
  if (Buffer.byteLength(text) !== bytes.length || !Buffer.from(text).equals(buffer)) {
    throw undecodableRecord(topic, 'value', 'it is not UTF-8 text');
  }
  return { text: JSON.stringify(text), schema: null };
}

/** Writes a JSON string as the bytes it stands for. */
export function rawWriter({ encoding }: RawFormat): ValueWriter {
  return {
    write: (json) => {
      const value: unknown = JSON.parse(json);
      if (typeof value !== 'string') throw noBytes('it is not a string');
      if (encoding === 'text') return { bytes: Buffer.from(value), header: null };
      const bytes = Buffer.from(value, 'base64');
      // Whatever is no base64 is passed over by the decoder; encoded again it shows.
      if (bytes.toString('base64') !== value) throw noBytes('it is not base64');
      return { bytes, header: null };
    },
  };
}

function noBytes(why: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'value-does-not-fit-schema',
    message: `The value cannot be written as bytes: ${why}.`,
  });
}
