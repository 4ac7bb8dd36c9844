import { guidOf } from './fingerprint.js';
import { envelopeInvalid } from './errors.js';

/**
 * The registry's wire format (contract, section 4). Prefix form: byte 0, schema id as 4 bytes big-endian, for Protobuf the message indexes, then the
 * payload. GUID form: byte 1 and 16 GUID bytes, in a record header (payload bare) or before the payload; for Protobuf followed by the message indexes.
 *
 * Nothing here proves that bytes are such a message: any value may happen to start with a zero byte. Whoever decodes must know the id and
 * find that the payload decodes with its schema.
 */

export const ENVELOPE_LENGTH = 5;
const GUID_LENGTH = 17;
const ID_MAGIC = 0;
const GUID_MAGIC = 1;
const NO_INDEXES = new Uint8Array(0);

export const KEY_SCHEMA_HEADER = '__key_schema_id';
export const VALUE_SCHEMA_HEADER = '__value_schema_id';

/** What a message says about its schema, and where what follows begins. */
export type Envelope =
  | { readonly form: 'id'; readonly schemaId: number; readonly payloadAt: number }
  | { readonly form: 'guid'; readonly guid: string; readonly payloadAt: number };

/** Payload with the prefix form in front, and Protobuf's message indexes between. Ids are 1 … 2^31 − 1. */
export function envelope(schemaId: number, payload: Uint8Array, indexes: Uint8Array = NO_INDEXES): Uint8Array {
  const bytes = Buffer.allocUnsafe(ENVELOPE_LENGTH + indexes.length + payload.length);
  bytes[0] = ID_MAGIC;
  bytes.writeInt32BE(schemaId, 1);
  if (indexes.length > 0) bytes.set(indexes, ENVELOPE_LENGTH);
  bytes.set(payload, ENVELOPE_LENGTH + indexes.length);
  return bytes;
}

/** The envelope that the bytes may carry, undefined where they certainly carry none: another first byte, too short, an id that no registry gives. */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  if (bytes[0] === ID_MAGIC && bytes.length >= ENVELOPE_LENGTH) {
    const schemaId = new DataView(bytes.buffer, bytes.byteOffset).getInt32(1);
    return schemaId > 0 ? { form: 'id', schemaId, payloadAt: ENVELOPE_LENGTH } : undefined;
  }
  if (bytes[0] === GUID_MAGIC && bytes.length >= GUID_LENGTH) {
    return { form: 'guid', guid: guidOf(bytes.subarray(1, GUID_LENGTH)), payloadAt: GUID_LENGTH };
  }
  return undefined;
}

/** The GUID form for a record header (or a prefix). */
export function guidHeader(guid: string): Uint8Array {
  const hex = guid.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw envelopeInvalid('a GUID has 32 hexadecimal digits');
  return Uint8Array.of(GUID_MAGIC, ...Buffer.from(hex, 'hex'));
}

/** Which message of a Protobuf file: positions from the file level down. */
export type MessageIndexes = readonly number[];

/** Indexes as zigzag varints, count first; the very common [0] is one zero byte. */
export function encodeMessageIndexes(path: MessageIndexes): Uint8Array {
  if (path.length === 1 && path[0] === 0) return Uint8Array.of(0);
  const bytes: number[] = [];
  for (const value of [path.length, ...path]) {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      bytes.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

/** Levels of nested messages that a path may have. */
const DEEPEST_MESSAGE = 32;

/** Reads message indexes at `start`. @throws `envelope-invalid`. */
export function readMessageIndexes(
  bytes: Uint8Array,
  start: number,
): { readonly path: MessageIndexes; readonly payloadAt: number } {
  let at = start;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw envelopeInvalid('the message indexes are cut off');
      value = (value | ((byte & 0x7f) << shift)) >>> 0;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw envelopeInvalid('a message index takes more than five bytes');
  };
  const count = next();
  if (count === 0) return { path: [0], payloadAt: at };
  if (count < 0 || count > DEEPEST_MESSAGE) throw envelopeInvalid(`${count} message indexes are impossible`);
  const path: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = next();
    if (index < 0) throw envelopeInvalid('a message index is negative');
    path.push(index);
  }
  return { path, payloadAt: at };
}
