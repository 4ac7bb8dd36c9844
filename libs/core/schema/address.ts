import { KEY_SCHEMA_HEADER, readEnvelope, VALUE_SCHEMA_HEADER, type Envelope } from './envelope.js';

/** The two parts of a record that a schema can describe. */
export type AddressedPart = 'key' | 'value';

/** What a part of a record says about the schema it was written with. */
export interface Address {
  readonly envelope: Envelope;
  /** Protobuf's message indexes, where they came apart from the payload, which is bare then; null: everything stands in the bytes of the part. */
  readonly indexes: Uint8Array | null;
}

/** A header of a record, as far as it can name a schema. */
export interface AddressHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

const HEADERS: Readonly<Record<AddressedPart, string>> = { key: KEY_SCHEMA_HEADER, value: VALUE_SCHEMA_HEADER };

/** The header in which a part's schema is named. */
export function addressHeader(part: AddressedPart): string {
  return HEADERS[part];
}

/**
 * The schema that a part names, in its header or in front of it; undefined where it names none. The last header of the name counts, and one that holds no GUID is
 * somebody else's (contract 4.2).
 * @param part which header counts; none when undefined.
 */
export function readAddress(
  part: AddressedPart | undefined,
  bytes: Uint8Array,
  headers: readonly AddressHeader[],
): Address | undefined {
  const value = part && headers.length > 0 ? headers.findLast(({ key }) => key === HEADERS[part])?.value : undefined;
  const named = value ? readEnvelope(value) : undefined;
  if (named?.form === 'guid') return { envelope: named, indexes: value!.subarray(named.payloadAt) };
  const inFront = readEnvelope(bytes);
  return inFront && { envelope: inFront, indexes: null };
}
