import { isUtf8 } from 'node:buffer';
import { AppError, type JsonValue } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';

/**
 * Turns the bytes of keys and values into JSON, by the topic's schemas where there are any. Class and injection token in one.
 *
 * Same bytes and headers, same answer, for ever: key expressions and version fields rest on it. An implementation reads schemas by the id in the message, or
 * by the GUID in a header, which never change meaning. Integers beyond ±(2^53 − 1) arrive as decimal text, bytes as base64 text.
 */
export abstract class RecordDecoder {
  /**
   * The value of a record of a logical topic. Synchronous when everything needed is in memory, so that a loop over millions of records awaits
   * only what it must.
   * @param headers the record's, since one may name the schema.
   * @throws `undecodable-record` (directly or by rejection).
   */
  abstract value(topic: string, bytes: Uint8Array, headers?: readonly RecordHeader[]): JsonValue | Promise<JsonValue>;

  /** Whether a value without headers that begins with a brace is JSON text to it, whatever the topic: then a field of it can be found where it stands. */
  get readsObjectsAsText(): boolean {
    return false;
  }

  /** Whether a key without headers that begins with a letter is that text to it, unless JSON text begins so. */
  get readsWordsAsText(): boolean {
    return false;
  }

  /** The same for a key. */
  abstract key(topic: string, bytes: Uint8Array, headers?: readonly RecordHeader[]): JsonValue | Promise<JsonValue>;
}

/** Reads keys and values as JSON text, whatever the topic. Schemas are unknown to it. */
export class JsonRecordDecoder extends RecordDecoder {
  override get readsObjectsAsText(): boolean {
    return true;
  }

  override get readsWordsAsText(): boolean {
    return true;
  }

  value(topic: string, bytes: Uint8Array): JsonValue {
    return parse(topic, 'value', bytes);
  }

  /** A key that is not JSON text is taken as the text it is, as most keys are plain words. @throws `undecodable-record` for one that is no text: what stands for its bytes would stand for those of others, too. */
  key(topic: string, bytes: Uint8Array): JsonValue {
    const text = textOf(bytes);
    if (text.includes(REPLACEMENT) && !isUtf8(bytes)) throw undecodableRecord(topic, 'key', 'it is not UTF-8 text');
    if (!JSON_BEGINS.has(bytes[0])) return text;
    try {
      return parseReadable(text, VALUE_DEPTH);
    } catch {
      return text;
    }
  }
}

/** Stands in a text for bytes that are none. */
const REPLACEMENT = '\ufffd';

/** First bytes of JSON text (RFC 8259 section 2). To try it with a plain word costs an error, which takes longer than all the rest of a record. */
const JSON_BEGINS: ReadonlySet<number | undefined> = new Set(Buffer.from(' \t\n\r"{[-0123456789tfn'));

/** Records of a fetch are buffers already. */
function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('utf8');
}

function parse(topic: string, part: string, bytes: Uint8Array): JsonValue {
  try {
    return parseReadable(textOf(bytes), VALUE_DEPTH);
  } catch (cause) {
    throw undecodableRecord(topic, part, 'it is not JSON text', cause);
  }
}

/** The error of a {@link RecordDecoder}. `why` names rules and positions, never contents. */
export function undecodableRecord(topic: string, part: string, why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'undecodable-record',
    message: `The ${part} of a record of '${topic}' cannot be decoded: ${why}.`,
    details: { topic, part },
    cause,
  });
}
