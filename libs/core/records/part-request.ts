/**
 * How a key or value given as JSON becomes bytes. `auto`: by the topic's registered schema where there is one, otherwise text for a string (keys) and JSON
 * text for anything else. `schema`: by the registered schema, refused without one. `json`: JSON text. `text`: a string as UTF-8. `binary`: base64.
 */
export const FORMATS = ['auto', 'schema', 'json', 'text', 'binary'] as const;
export type Format = (typeof FORMATS)[number];

/** Where a record says which schema it was written with: in front of the payload by id, or in a header by GUID. */
export const SCHEMA_PLACES = ['prefix', 'header'] as const;
export type SchemaPlace = (typeof SCHEMA_PLACES)[number];

/** How the keys, or the values, of a request become bytes. */
export interface PartRequest {
  readonly format: Format;
  /** Encode with this schema instead of the subject's latest. */
  readonly schemaId: number | undefined;
  /** Encode as this Protobuf message instead of the schema's first. */
  readonly message: string | undefined;
}

/** The bytes of base64 text, or undefined for text that is none. */
export function fromBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? Buffer.from(text, 'base64') : undefined;
}
