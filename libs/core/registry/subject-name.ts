import { subjectInvalid } from './errors.js';

/** A subject within its context; an empty name stands for the context itself where settings are concerned. */
export interface SubjectName {
  /** Begins with a dot; `.` is the default context. */
  readonly context: string;
  readonly name: string;
}

export const DEFAULT_CONTEXT = '.';
/** The pseudo-context above all others: holds settings, never subjects. */
export const GLOBAL_CONTEXT = '.__GLOBAL';

/** Where settings of the default context live; `/config` and `/mode` without a subject. */
export const DEFAULT_SCOPE: SubjectName = { context: DEFAULT_CONTEXT, name: '' };
export const GLOBAL_SCOPE: SubjectName = { context: GLOBAL_CONTEXT, name: '' };

/** Bytes of UTF-8 in a subject name with its context. Index pages of both databases hold it with room to spare. */
export const MAX_SUBJECT_BYTES = 1_000;

const QUALIFIED = /^:(\.[^:]*):([^]*)$/;
const PHYSICAL_TOPIC = /^(.+)--g(?:[2-9]|[1-9][0-9]+)-(key|value)$/s;

/**
 * Reads a subject as clients write it: `name`, or `:.context:name`. Only the second colon separates; a leading colon without a dot belongs to the name.
 * The subject of a physical topic (`orders--g2-value`) stands for that of its logical one (`orders-value`).
 * @param within context of an unqualified name.
 */
export function parseSubject(text: string, within: string = DEFAULT_CONTEXT): SubjectName {
  const match = QUALIFIED.exec(text);
  return match === null
    ? { context: within, name: logicalSubject(text) }
    : { context: match[1]!, name: logicalSubject(match[2]!) };
}

/** Whether the text names its context. */
export function isQualified(text: string): boolean {
  return QUALIFIED.test(text);
}

/** The name as answers print it: plain in the default context, `:.context:name` elsewhere. Unique, so it also serves as a key. */
export function subjectText(subject: SubjectName): string {
  return subject.context === DEFAULT_CONTEXT ? subject.name : `:${subject.context}:${subject.name}`;
}

/** The context as messages print it: nothing for the default one, `:.context:` elsewhere. */
export function contextText(context: string): string {
  return context === DEFAULT_CONTEXT ? '' : `:${context}:`;
}

/** The name under which settings of a context are kept. */
export function contextScope(context: string): SubjectName {
  return { context, name: '' };
}

/** Whether both name one subject of one context. */
export function sameSubject(a: SubjectName, b: SubjectName): boolean {
  return a.context === b.context && a.name === b.name;
}

function logicalSubject(name: string): string {
  const match = PHYSICAL_TOPIC.exec(name);
  return match === null ? name : `${match[1]}-${match[2]}`;
}

/**
 * Whether schemas may be registered, or settings stored, under this name.
 * @param text the name as it was written, for the message.
 * @throws `subject-invalid`
 */
export function requireUsableSubject(subject: SubjectName, text: string): void {
  const { context, name } = subject;
  const reserved = name === '__GLOBAL' || name === '__EMPTY' || context === GLOBAL_CONTEXT;
  // `:*:` means "all contexts" in filters; accepted as a subject it would poison every later search by name.
  const wildcard = name.startsWith(':*:');
  const unnamedDefault = context === DEFAULT_CONTEXT && name === '';
  if (reserved || wildcard || unnamedDefault || !isUsableText(name) || !isUsableText(context))
    throw subjectInvalid(text);
  if (Buffer.byteLength(subjectText(subject), 'utf8') > MAX_SUBJECT_BYTES) throw subjectInvalid(text);
}

/** Settings may also be stored for a context and for all contexts. @throws `subject-invalid` */
export function requireUsableScope(scope: SubjectName, text: string): void {
  if (scope.name === '' && isUsableText(scope.context) && scope.context.length <= MAX_SUBJECT_BYTES) return;
  requireUsableSubject(scope, text);
}

function isUsableText(text: string): boolean {
  // With the u flag the last range matches lone surrogates only.
  return !/[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u.test(text);
}
