import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '#libs/core/kernel';
import type { ReadVector } from './topic-reader.js';

/** Where a read goes on, and of what: all of it in the text that the client holds. */
export interface ReadCursor {
  readonly logId: string;
  readonly topic: string;
  readonly vector: ReadVector;
  /** What is looked for, as it was asked; empty for every record. */
  readonly filters: readonly string[];
}

const FORM = 2;
/** Bytes of the signature: HMAC-SHA-256, cut to half. */
const SIGNATURE_BYTES = 16;

/** The cursor as text, safe in URLs and headers: base64url of versioned JSON, a dot, the signature. */
export function formatReadCursor(cursor: ReadCursor, key: Uint8Array): string {
  const { logId, topic, vector, filters } = cursor;
  const { generation, topicId, whole, positions, until } = vector;
  const places = [...positions].map(([partition, offset]) => {
    const end = until?.get(partition);
    return end === undefined ? [partition, String(offset)] : [partition, String(offset), String(end)];
  });
  const content = JSON.stringify([FORM, logId, topic, generation, topicId, whole ? 1 : 0, places, filters]);
  const text = Buffer.from(content).toString('base64url');
  return `${text}.${signatureOf(text, key).toString('base64url')}`;
}

/**
 * @param of the log and the topic it is given for.
 * @throws `invalid-cursor` for whatever {@link formatReadCursor} did not make with this key, and for one of another topic.
 */
export function parseReadCursor(
  text: string,
  key: Uint8Array,
  of: { readonly logId: string; readonly topic: string },
): ReadCursor {
  const [content = '', signature = '', ...more] = text.split('.');
  const given = Buffer.from(signature, 'base64url');
  if (more.length > 0 || given.length !== SIGNATURE_BYTES || given.toString('base64url') !== signature)
    throw invalidCursor();
  // What carries our signature was made by us: nothing else is read.
  if (!timingSafeEqual(given, signatureOf(content, key))) throw invalidCursor();
  const [form, logId, topic, generation, topicId, whole, places, filters] = JSON.parse(
    Buffer.from(content, 'base64url').toString(),
  ) as [number, string, string, number, string, number, [number, string, string?][], string[]];
  if (form !== FORM) throw invalidCursor();
  if (logId !== of.logId || topic !== of.topic) throw otherTopic(of.topic);
  const ends = places.flatMap(([partition, , end]) => (end === undefined ? [] : [[partition, Number(end)] as const]));
  const vector: ReadVector = {
    generation,
    topicId,
    whole: whole === 1,
    positions: new Map(places.map(([partition, offset]) => [partition, Number(offset)])),
    until: ends.length === 0 ? undefined : new Map(ends),
  };
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

function otherTopic(topic: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: `The cursor belongs to another topic than '${topic}', or to another cluster.`,
    hint: 'Pass `next` of an answer for this topic, or leave it out to begin anew.',
  });
}
