import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '#libs/core/kernel';
import type { ReadVector } from './topic-reader.js';
import { vectorBytes, vectorOf } from './vector-bytes.js';

/** Where a read goes on, and of what: all of it in the text that the client holds. */
export interface ReadCursor {
  readonly logId: string;
  readonly topic: string;
  readonly vector: ReadVector;
  /** What is looked for, as it was asked; empty for every record. */
  readonly filters: readonly string[];
}

const FORM = 3;
/** Bytes before the content: the form, and the length of what stands as JSON. */
const HEAD_BYTES = 5;
/** Bytes of the signature: HMAC-SHA-256, cut to half. */
const SIGNATURE_BYTES = 16;

/** Name of the service's key that read cursors are signed with. */
export const READ_CURSOR_KEY = 'read-cursors';

/**
 * The cursor as text, safe in URLs and headers: base64url of its form, what is read as JSON, and the vector in few bytes; a dot; the signature. Three to six characters for each
 * partition of a topic whose partitions are about equally full, up to 14 otherwise, twice that with ends: of some 2,000 partitions it may be more than a URL holds.
 */
export function formatReadCursor(cursor: ReadCursor, key: Uint8Array): string {
  const { logId, topic, vector, filters } = cursor;
  const { generation, topicId, whole } = vector;
  const told = Buffer.from(JSON.stringify([logId, topic, generation, topicId, whole ? 1 : 0, filters]));
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(FORM, 0);
  head.writeUInt32BE(told.length, 1);
  const text = Buffer.concat([head, told, vectorBytes(vector)]).toString('base64url');
  return `${text}.${signatureOf(text, key).toString('base64url')}`;
}

/**
 * @param of the log and the topic it is given for; of any log unless one is given, which the caller judges then.
 * @throws `invalid-cursor` for whatever {@link formatReadCursor} did not make with this key, and for one of another topic.
 */
export function parseReadCursor(
  text: string,
  key: Uint8Array,
  of: { readonly logId?: string; readonly topic: string },
): ReadCursor {
  const [content = '', signature = '', ...more] = text.split('.');
  const given = Buffer.from(signature, 'base64url');
  if (more.length > 0 || given.length !== SIGNATURE_BYTES || given.toString('base64url') !== signature)
    throw invalidCursor();
  // What carries our signature was made by us: nothing else is read.
  if (!timingSafeEqual(given, signatureOf(content, key))) throw invalidCursor();
  const bytes = Buffer.from(content, 'base64url');
  if (bytes[0] !== FORM) throw invalidCursor();
  const behind = HEAD_BYTES + bytes.readUInt32BE(1);
  const [logId, topic, generation, topicId, whole, filters] = JSON.parse(
    bytes.toString('utf8', HEAD_BYTES, behind),
  ) as [string, string, number, string, number, string[]];
  if (topic !== of.topic || (of.logId !== undefined && logId !== of.logId)) throw cursorOfAnother(of.topic);
  const { positions, until } = vectorOf(bytes.subarray(behind), invalidCursor);
  const vector: ReadVector = { generation, topicId, whole: whole === 1, positions, until };
  return { logId, topic, vector, filters };
}

function signatureOf(content: string, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(content).digest().subarray(0, SIGNATURE_BYTES);
}

function invalidCursor(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: 'The cursor cannot be read, or was not made by this service.',
    hint: 'Pass `next` of an earlier answer unchanged, or leave it out to begin anew.',
  });
}

/** The cursor is sound and belongs elsewhere. */
export function cursorOfAnother(topic: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: `The cursor belongs to another topic than '${topic}', or to another cluster.`,
    hint: 'Pass `next` of an answer for this topic, or leave it out to begin anew.',
  });
}
