const PLAIN = /^[\p{L}\p{N}\p{P}\p{S} ]*$/u;
const BINARY = 'base64:';
/** Plain text beyond this is shown in base64 like other bytes: nobody reads it. */
const MAX_PLAIN = 200;

/** A key as text for people and for JSON: what it says where that is plain text, `base64:…` otherwise. {@link keyOfText} gives the same bytes again. */
export function keyText(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const text = bytes.toString('utf8');
  const plain = text.length <= MAX_PLAIN && PLAIN.test(text) && !text.includes('\ufffd') && !text.startsWith(BINARY);
  return plain ? text : `${BINARY}${bytes.toString('base64')}`;
}

/** The bytes of a key that is given as text, any text or `base64:…`; undefined where what follows that is not base64. */
export function keyOfText(text: string): Uint8Array | undefined {
  if (!text.startsWith(BINARY)) return Buffer.from(text, 'utf8');
  const encoded = text.slice(BINARY.length);
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes : undefined;
}
