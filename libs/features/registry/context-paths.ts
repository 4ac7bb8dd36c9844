import { AppError } from '#libs/core/kernel';

/**
 * Clients put `/contexts/<context>` in front of any path of the API (contract 2.8), in every spelling of the context: `.ctx`, `ctx`, `:.ctx:`. Such a URL is
 * rewritten, before it is routed, to the plain path with the subject qualified, so that there is one route for both and access is decided on the name that
 * is meant.
 */

const PREFIX = /^\/contexts\/([^/?]+)(\/[^?]*)(\?.*)?$/;
/** What may follow: paths of the registry, nothing else of the service. */
const BELOW = /^\/+(subjects|schemas|config|mode|compatibility|contexts|associations|v1\/metadata)([/:]|$)/;
/** First segments whose next segment is a subject. */
const SUBJECT_AFTER = new Set(['subjects', 'config', 'mode']);
/** First segments below which a segment of {@link SUBJECT_AFTER} comes. */
const SUBJECTS_BELOW = new Set(['compatibility', 'associations']);

/**
 * The URL to route. Of other services' URLs nothing is changed.
 * @param url path and query as received.
 */
export function rewriteRegistryUrl(url: string): string {
  const match = PREFIX.exec(url);
  if (match === null || !BELOW.test(match[2]!)) return url;
  const context = contextNamed(match[1]!);
  // Left as it is, the path ends at a route that says what is wrong with it; see ContextsController.
  if (context === undefined) return url;
  return rewritten(context, match[2]!, match[3] ?? '');
}

/** The context that a path segment names; undefined for one that cannot be a context. */
export function contextNamed(segment: string): string | undefined {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  if (text.startsWith(':')) text = text.slice(1);
  if (text.endsWith(':')) text = text.slice(0, -1);
  if (text.includes(':')) return undefined;
  return text.startsWith('.') ? text : `.${text}`;
}

export function contextInvalid(segment: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'context-invalid',
    message: `Context name '${segment.slice(0, 300)}' cannot contain a colon`,
  });
}

function rewritten(context: string, path: string, query: string): string {
  const segments = path.slice(1).split('/');
  const at = SUBJECTS_BELOW.has(segments[0]!) ? 1 : 0;
  if (SUBJECT_AFTER.has(segments[at]!)) {
    const subject = segments[at + 1];
    if (subject !== undefined && subject !== '') segments[at + 1] = qualifiedSegment(context, subject);
    // The settings of the context itself.
    else if (segments[at] !== 'subjects') segments[at + 1] = encodeURIComponent(`:${context}:`);
  }
  return `/${segments.join('/')}${rewrittenQuery(context, segments, query)}`;
}

function rewrittenQuery(context: string, segments: readonly string[], query: string): string {
  const [first, second] = segments;
  if (first === 'schemas' && second === 'ids') return withParameter(query, 'subject', (text) => qualify(context, text));
  const lists =
    segments.filter((segment) => segment !== '').length === 1 && (first === 'schemas' || first === 'subjects');
  if (lists) return withParameter(query, 'subjectPrefix', (text) => qualify(context, text));
  if (first === 'associations' || first === 'associations:batchMutate') {
    return withParameter(query, 'context', () => context);
  }
  return query;
}

/** The query with one parameter replaced, or added; everything else stays as it was sent. */
function withParameter(query: string, name: string, value: (text: string) => string): string {
  const parts = query.slice(1).split('&');
  const at = parts.findIndex((part) => part === name || part.startsWith(`${name}=`));
  const given = at < 0 ? '' : decoded(parts[at]!.slice(name.length + 1).replaceAll('+', ' '));
  const part = `${name}=${encodeURIComponent(value(given))}`;
  if (at >= 0) parts[at] = part;
  else parts.push(part);
  return `?${parts.filter((one) => one !== '').join('&')}`;
}

function qualifiedSegment(context: string, segment: string): string {
  const text = decoded(segment);
  return isQualified(text) ? segment : encodeURIComponent(qualify(context, text));
}

function qualify(context: string, text: string): string {
  return isQualified(text) ? text : `:${context}:${text}`;
}

function isQualified(text: string): boolean {
  return /^:(\.[^:]*|\*):/.test(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
