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

/** Whether Java's `URI` takes the text: no spaces, quotes, brackets or broken percent escapes. */
export function isUri(text: string): boolean {
  return (
    !/[\s"<>\\^`{|}]/.test(text) && !/%(?![0-9a-fA-F]{2})/.test(text) && text.indexOf('#') === text.lastIndexOf('#')
  );
}

const HAS_SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
