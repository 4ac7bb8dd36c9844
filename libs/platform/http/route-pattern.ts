/** One segment of a route's pattern, in find-my-way's language: `topics`, `:topic`, `:id([^:]+)::approve`, `*`. */
export interface PatternSegment {
  /** Literal text; what follows the parameter where there is one. */
  readonly text: string;
  readonly parameter: string | undefined;
  readonly wildcard: boolean;
}

export function patternSegments(url: string): readonly PatternSegment[] {
  return split(url).map((segment) => {
    if (segment === '*') return { text: '', parameter: undefined, wildcard: true };
    const [, parameter, rest] = /^:(?!:)([^(:.-]+)(?:\([^)]*\))?(.*)$/.exec(segment) ?? [];
    return { text: (rest ?? segment).replaceAll('::', ':'), parameter, wildcard: false };
  });
}

/** Whether a path could be meant by a pattern. */
export function fitsPattern(pattern: readonly PatternSegment[], path: string): boolean {
  const given = split(path);
  const open = pattern.at(-1)?.wildcard === true;
  if (open ? given.length < pattern.length - 1 : given.length !== pattern.length) return false;
  return pattern.every((segment, index) => {
    if (segment.wildcard) return true;
    const text = given[index] ?? '';
    return segment.parameter === undefined
      ? text === segment.text
      : text.length > segment.text.length && text.endsWith(segment.text);
  });
}

/** The pattern as OpenAPI writes it: `/v1/operations/{id}:approve`. */
export function templateOf(url: string): string {
  const parts = patternSegments(url).map(({ text, parameter, wildcard }) =>
    wildcard ? '{rest}' : parameter === undefined ? text : `{${parameter}}${text}`,
  );
  return `/${parts.join('/')}`;
}

function split(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}
