import { usage } from './failure.js';
import { milliseconds } from './settings/durations.js';

/** The reference grammar (2.2). */

export type SchemaRef =
  | { readonly kind: 'version'; readonly subject: string; readonly version: number | 'latest' | undefined }
  | { readonly kind: 'id'; readonly id: number };

/** `subject`, `subject@3`, `subject@latest`, `id:42`, `:.context:subject@3`. @throws Failure for what is none. */
export function schemaRef(text: string): SchemaRef {
  const id = /^id:(\d+)$/.exec(text)?.[1];
  if (id !== undefined) return { kind: 'id', id: Number(id) };
  const at = text.lastIndexOf('@');
  if (at < 0) return { kind: 'version', subject: text, version: undefined };
  const [subject, version] = [text.slice(0, at), text.slice(at + 1)];
  if (subject !== '' && version === 'latest') return { kind: 'version', subject, version };
  if (subject === '' || !/^[1-9]\d{0,9}$/.test(version))
    throw usage(
      'reference-invalid',
      `'${text}' is no reference to a schema.`,
      'Write subject, subject@3, subject@latest, id:42 or :.context:subject@3.',
    );
  return { kind: 'version', subject, version: Number(version) };
}

/** A reference to a version of a subject. @throws Failure for an id, which names no subject. */
export function versionRef(text: string): { readonly subject: string; readonly version: number | 'latest' } {
  const ref = schemaRef(text);
  if (ref.kind === 'id')
    throw usage(
      'reference-invalid',
      `'${text}' names a schema, and a version of a subject is needed.`,
      'Write subject@3. weir schema get id:42 tells which versions carry an id.',
    );
  return { subject: ref.subject, version: ref.version ?? 'latest' };
}

/** `topic` or `topic/partition`. */
export function topicRef(text: string): { readonly topic: string; readonly partition: number | undefined } {
  const match = /^(.+)\/(\d+)$/.exec(text);
  return match === null ? { topic: text, partition: undefined } : { topic: match[1]!, partition: Number(match[2]) };
}

/** A position in a topic, as the service takes it in `from` and `until`. */
export type Position =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'after-start'; readonly records: number }
  | { readonly kind: 'before-end'; readonly records: number }
  | { readonly kind: 'time'; readonly at: number };

/** `start`, `end`, `N`, `+N`, `-N`, `@timestamp` (ISO 8601, epoch s or ms, or relative as `@-1h`). @param now in ms. */
export function position(text: string, now: number): Position {
  if (text === 'start' || text === 'end') return { kind: text };
  const count = /^([+-]?)(\d+)$/.exec(text);
  if (count !== null) {
    const number = Number(count[2]);
    if (!Number.isSafeInteger(number)) throw positionInvalid(text);
    if (count[1] === '+') return { kind: 'after-start', records: number };
    return count[1] === '-' ? { kind: 'before-end', records: number } : { kind: 'offset', offset: number };
  }
  if (text.startsWith('@')) return { kind: 'time', at: time(text.slice(1), text, now) };
  throw positionInvalid(text);
}

/** `A:B` or `@T1:T2`: where to begin and where to end; the second is undefined for a single position. */
export function range(text: string, now: number): { readonly from: Position; readonly until: Position | undefined } {
  // A time has colons of its own: what comes after the one that parts two is relative, a date, or seconds of an epoch.
  const times = /^@(.+?):@?(-\d.*|\d{4}-\d\d-\d\d(?:T.*)?|\d{3,})$/.exec(text);
  if (text.startsWith('@')) {
    if (times !== null) {
      return { from: position(`@${times[1]}`, now), until: position(`@${times[2]}`, now) };
    }
    return { from: position(text, now), until: undefined };
  }
  const colon = text.indexOf(':');
  if (colon < 0) return { from: position(text, now), until: undefined };
  return { from: position(text.slice(0, colon), now), until: position(text.slice(colon + 1), now) };
}

/** Epoch numbers below are seconds: as ms they would be before 1973. */
const LEAST_MS = 100_000_000_000;

function time(text: string, whole: string, now: number): number {
  if (/^-(\d+(s|m|h|d))+$/.test(text)) return now - milliseconds(text.slice(1), 'position');
  if (/^\d+$/.test(text)) return Number(text) < LEAST_MS ? Number(text) * 1_000 : Number(text);
  const parsed = Date.parse(text);
  if (!/^\d{4}-/.test(text) || Number.isNaN(parsed)) throw positionInvalid(whole);
  return parsed;
}

function positionInvalid(text: string) {
  return usage(
    'position-invalid',
    `'${text}' is no position.`,
    'Write start, end, 1000, +100 (after the start), -100 (before the end), @2026-01-31T12:00:00Z, @1767225600 or @-1h.',
  );
}
