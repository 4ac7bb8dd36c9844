import { isUtf8 } from 'node:buffer';
import { measureJsonInTurns, parseJsonInTurns, type JsonValue } from '#libs/core/kernel';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';
import type { Turn } from './turns.js';

/** Bytes that are read as text in one go. A mebibyte with characters beyond ASCII takes some 8 ms. */
const PIECE = 256 * 1024;

/** What bytes that no schema wrote are: JSON where they may be and are, text where they are UTF-8, and undefined where they are neither. */
export type PlainText = { readonly json: JsonValue } | { readonly text: string } | undefined;

/** @param mayBeJson of the text from its first byte. */
export function plainText(bytes: Uint8Array, mayBeJson: (first: number | undefined) => boolean): PlainText {
  const text = utf8(bytes);
  if (text === undefined) return undefined;
  if (!mayBeJson(bytes[0])) return { text };
  try {
    return { json: parseReadable(text, VALUE_DEPTH) };
  } catch {
    return { text };
  }
}

/** As {@link plainText}, while others have their turn: for bytes of which there are many. */
export async function plainTextInTurns(
  bytes: Uint8Array,
  mayBeJson: (first: number | undefined) => boolean,
  turn: Turn,
): Promise<PlainText> {
  if (!isUtf8(bytes)) return undefined;
  if (mayBeJson(bytes[0])) {
    const json = await parsedInTurns(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), turn);
    if (json !== undefined) return { json };
  }
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (at > 0) await turn();
    pieces.push(decoder.decode(bytes.subarray(at, at + PIECE), { stream: at + PIECE < bytes.length }));
  }
  return { text: pieces.join('') };
}

/** Whether so many bytes are to be read in turns. */
export function isLong(bytes: Uint8Array): boolean {
  return bytes.length > PIECE;
}

async function parsedInTurns(json: Buffer, turn: Turn): Promise<JsonValue | undefined> {
  // Pieces are parsed by themselves, so none of them shows how deep the whole is.
  const { depth } = await measureJsonInTurns(json, turn, PIECE);
  if (depth > VALUE_DEPTH) return undefined;
  const parse = (piece: string): JsonValue => parseReadable(piece, VALUE_DEPTH);
  try {
    return (await parseJsonInTurns(json, { turn, parse })) as JsonValue;
  } catch {
    return undefined;
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, or undefined where the bytes are none. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
