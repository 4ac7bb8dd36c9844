import { createHash } from 'node:crypto';
import { AppError, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';

/** A request that its client named by a key, so that it is done once however often it is sent. */
export interface KeyedRequest {
  /** Who asks: keys of others are other keys. */
  readonly principal: string;
  /** Undefined: the client gave none, and each request is one of its own. */
  readonly key: string | undefined;
  /** What is asked for, as `POST /v1/topics`. */
  readonly call: string;
  readonly body: JsonObject;
}

/** A request as it is remembered: the call, and each member of the body as text, or as a digest where that is long. */
export type RememberedRequest = Readonly<Record<string, string>>;

/** Text of a value that is remembered as it is; of anything longer its digest is. */
const MAX_TEXT = 200;
const CALL = 'call';

/** What a request is known by: principal and key, of a fixed length. */
export function keyedId(principal: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([principal, key]))
    .digest('base64url');
}

/** Equal exactly for requests that ask for the same. Members of the body are told from the call by a dot in front. */
export function remembered({ call, body }: Pick<KeyedRequest, 'call' | 'body'>): RememberedRequest {
  const members = Object.entries(body).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined);
  return Object.fromEntries([[CALL, call], ...members.map(([name, value]) => [`.${name}`, textOf(value)])]);
}

function textOf(value: JsonValue): string {
  const text = stableJson(value);
  return text.length <= MAX_TEXT ? text : `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}

/** One thing in which two requests under one key differ; null: it is not there. */
export interface RequestDifference {
  /** A member of the body, or `call`. */
  readonly member: string;
  readonly before: string | null;
  readonly now: string | null;
}

/** What differs, by name; empty for the same request. */
export function differences(before: RememberedRequest, now: RememberedRequest): readonly RequestDifference[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .sort()
    .filter((name) => before[name] !== now[name])
    .map((name) => ({
      member: name.replace(/^\./, ''),
      before: before[name] ?? null,
      now: now[name] ?? null,
    }));
}

export const keyReused = (moved: readonly RequestDifference[]): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'idempotency-key-reused',
    message: `This idempotency key was used for another request: ${moved.map(described).join('; ')}.`,
    hint: 'Use a fresh key for another request.',
    details: { differences: moved.map((one) => ({ ...one })) },
    items: moved.map((one) => ({ path: one.member === CALL ? '' : `/${one.member}`, message: described(one) })),
  });

export const keyInUse = (retryAfterMs: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'idempotency-key-in-use',
    message: 'The request with this idempotency key is still being done, or was cut short a moment ago.',
    hint: 'Send it again in a while, with the same key: it is answered as it was, or gone on with.',
    retryable: true,
    retryAfterMs,
  });

/** For what cannot be told from its traces. @param look where to look, a sentence. */
export const outcomeUnknown = (look: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'idempotency-outcome-unknown',
    message: 'An earlier request with this idempotency key was cut short; it may have been done.',
    hint: `${look} To do it, or to do it once more, use a fresh key.`,
  });

function described({ member, before, now }: RequestDifference): string {
  return `${member} was ${shown(before)}, is ${shown(now)}`;
}

function shown(text: string | null): string {
  return text === null ? 'not given' : text.startsWith('sha256:') ? 'something else' : text;
}
