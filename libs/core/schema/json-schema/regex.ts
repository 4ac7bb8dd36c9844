import { RE2JS } from 're2js';

/** Patterns longer than this are kept and compared as text but never run. */
const LONGEST_PATTERN = 1_024;

/**
 * Whether a pattern is well formed. Java's syntax is the union of what the linear engine and JavaScript take, near enough: look-around and back references
 * are Java's and JavaScript's, `(?i)` and `\Q…\E` are Java's and the linear engine's. Neither runs anything here.
 */
export function isPattern(pattern: string): boolean {
  if (linear(pattern) !== undefined) return true;
  for (const flags of ['u', '']) {
    try {
      new RegExp(pattern, flags);
      return true;
    } catch {
      // The next one may take it.
    }
  }
  return false;
}

/**
 * Finds patterns in names, in linear time. A pattern the linear engine does not take (look-around, back references) is found nowhere.
 * Remembers compiled patterns; one instance serves one comparison.
 */
export class PatternFinder {
  readonly #compiled = new Map<string, RE2JS | undefined>();

  finds(pattern: string, name: string): boolean {
    let compiled = this.#compiled.get(pattern);
    if (compiled === undefined && !this.#compiled.has(pattern)) {
      this.#compiled.set(pattern, (compiled = linear(pattern)));
    }
    return compiled?.matcher(name).find() === true;
  }
}

function linear(pattern: string): RE2JS | undefined {
  if (pattern.length > LONGEST_PATTERN) return undefined;
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}
