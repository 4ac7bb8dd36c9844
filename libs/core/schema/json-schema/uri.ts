/** A reference resolved against a base, by the rules of RFC 3986 as far as schema ids need them. Null and relative bases are allowed. */
export function resolveUri(base: string | null, reference: string): string {
  if (base === null || base === '' || HAS_SCHEME.test(reference)) return reference;
  if (reference === '') return base;
  if (reference.startsWith('#')) return `${withoutFragment(base)}${reference}`;
  if (HAS_SCHEME.test(base)) {
    try {
      return new URL(reference, withoutFragment(base)).href;
    } catch {
      // A base such as urn:x:y has no path to resolve against.
      return reference;
    }
  }
  if (reference.startsWith('/')) return reference;
  const directory = withoutFragment(base).replace(/[^/]*$/, '');
  return `${directory}${reference.replace(/^(?:\.\/)+/, '')}`;
}

export function withoutFragment(uri: string): string {
  const hash = uri.indexOf('#');
  return hash < 0 ? uri : uri.slice(0, hash);
}

/** The part after `#`, without it; empty when there is none. */
export function fragmentOf(uri: string): string {
  const hash = uri.indexOf('#');
  return hash < 0 ? '' : uri.slice(hash + 1);
}

/** Whether Java's `URI` takes the text, which is what the reference makes of every id, anchor and `$ref`. */
export function isUri(text: string): boolean {
  const [, scheme, rest = '', fragment = ''] = URI_PARTS.exec(text)!;
  if (!ANY_CHARACTERS.test(fragment)) return false;
  if (scheme === undefined) return isHierarchical(rest);
  if (!SCHEME.test(scheme) || rest === '') return false;
  return rest.startsWith('/') ? isHierarchical(rest) : ANY_CHARACTERS.test(rest);
}

/** `//authority/path?query`, without the authority or without anything. */
function isHierarchical(text: string): boolean {
  const [, authority, path = '', query = ''] = HIERARCHY.exec(text)!;
  if (authority === '' && path === '' && query === '') return false;
  return (
    (authority === undefined || AUTHORITY.test(authority)) && PATH_CHARACTERS.test(path) && ANY_CHARACTERS.test(query)
  );
}

const HAS_SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** Scheme (up to a colon that stands before any slash or question mark), the rest, fragment. */
const URI_PARTS = /^(?:([^:/?#]*):)?([^#]*)(?:#([^]*))?$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const HIERARCHY = /^(?:\/\/([^/?]*))?([^?]*)(?:\?([^]*))?$/;
/** Java takes characters beyond ASCII, except control characters and spaces. */
const UNRESERVED = String.raw`[\w.!~'()*-]|%[0-9A-Fa-f]{2}|[^\x00-\x9f\p{Z}]`;
const AUTHORITY = new RegExp(`^(?:${UNRESERVED}|[$,;:@&=+\\[\\]])*$`, 'u');
const PATH_CHARACTERS = new RegExp(`^(?:${UNRESERVED}|[:@&=+$,;/])*$`, 'u');
const ANY_CHARACTERS = new RegExp(`^(?:${UNRESERVED}|[:@&=+$,;/?\\[\\]])*$`, 'u');
