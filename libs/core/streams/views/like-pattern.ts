import { AppError } from '#libs/core/kernel';

/** Longest pattern, and most places in it that stand for any text: each may have to be tried against all of a value. */
export const PATTERN_LIMITS = { characters: 500, wildcards: 5 } as const;

/** A part of a pattern: text as it is, any text, or any one character. */
export type PatternPart = { readonly text: string } | 'any' | 'one';

/**
 * The pattern of a filter: `*` and `%` stand for any text, `_` for one character, and a backslash takes what follows as it is.
 * @returns the same as a pattern of LIKE with a backslash as escape. @throws `invalid-filter-value`.
 */
export function parsePattern(column: string, operator: string, given: string): string {
  const parts = partsOf(given.replaceAll(/\\[\s\S]|\*/g, (found) => (found === '*' ? '%' : found)));
  const wildcards = parts.filter((part) => part === 'any').length;
  if (given.length > PATTERN_LIMITS.characters || wildcards > PATTERN_LIMITS.wildcards)
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-filter-value',
      message: `${operator} on column '${column}' takes at most ${PATTERN_LIMITS.characters} characters and ${PATTERN_LIMITS.wildcards} asterisks.`,
    });
  return parts
    .map((part) =>
      part === 'any' ? '%' : part === 'one' ? '_' : part.text.replaceAll(/[\\%_]/g, (special) => `\\${special}`),
    )
    .join('');
}

/** The parts of a pattern of LIKE with a backslash as escape. Neighbours that mean the same as one are one. */
export function partsOf(pattern: string): PatternPart[] {
  const parts: PatternPart[] = [];
  for (const [, escaped, special, plain] of pattern.matchAll(/\\([\s\S]?)|([%_])|([^\\%_]+)/g)) {
    const last = parts.at(-1);
    if (special === '%') {
      if (last !== 'any') parts.push('any');
    } else if (special === '_') parts.push('one');
    else {
      const text = plain ?? (escaped === undefined || escaped === '' ? '\\' : escaped);
      if (typeof last === 'object') parts[parts.length - 1] = { text: last.text + text };
      else parts.push({ text });
    }
  }
  return parts;
}
