import { RE2JS } from 're2js';

/** Patterns longer than this are kept and compared as text but never run. */
const LONGEST_PATTERN = 1_024;
/** Characters and classes of a pattern, each as often as it is repeated. Larger ones are kept and compared as text but never run. */
const LARGEST_PATTERN = 10_000;

/** Characters of a text that a pattern is run on. */
export const LONGEST_INPUT = 65_536;

/**
 * Whether a pattern is well formed. Java's syntax is the union of what the linear engine and JavaScript take, near enough: look-around and back references
 * are Java's and JavaScript's, `(?i)` and `\Q…\E` are Java's and the linear engine's. Neither runs anything here. JavaScript is asked first: it only reads,
 * while the linear engine writes repetitions out.
 */
export function isPattern(pattern: string): boolean {
  for (const flags of ['u', '']) {
    try {
      new RegExp(pattern, flags);
      return true;
    } catch {
      // The next one may take it.
    }
  }
  if (pattern.length > LONGEST_PATTERN) return false;
  const written = sizeOf(pattern) > LARGEST_PATTERN ? pattern.replaceAll(/\{\d+(?:,\d*)?\}/g, '{1}') : pattern;
  return compiled(written) !== undefined;
}

/** A pattern that is run, in linear time. */
export class LinearPattern {
  constructor(
    readonly text: string,
    private readonly regex: RE2JS,
  ) {}

  /** Whether it is found anywhere in the text. */
  finds(text: string): boolean {
    return this.regex.test(text);
  }

  /** Instructions that the engine may follow at every character. */
  get size(): number {
    return this.regex.programSize();
  }
}

/** Undefined for a pattern that the linear engine does not take (look-around, back references) or that is too large: it is never run. */
export function linearPattern(pattern: string): LinearPattern | undefined {
  if (pattern.length > LONGEST_PATTERN || sizeOf(pattern) > LARGEST_PATTERN) return undefined;
  const regex = compiled(pattern);
  return regex && new LinearPattern(pattern, regex);
}

/** A pattern that is made ready when it is first run: what that takes is not asked of those whose values never get there. */
export class LatePattern {
  #linear: LinearPattern | undefined | null = null;

  constructor(readonly text: string) {}

  /** Undefined for a pattern that is never run. @param spend told the steps of making it ready, before they are taken. */
  ready(spend: (steps: number) => void): LinearPattern | undefined {
    if (this.#linear === null) {
      spend(compilationSteps(this.text));
      this.#linear = linearPattern(this.text);
    }
    return this.#linear;
  }
}

function compilationSteps(pattern: string): number {
  return Math.min(sizeOf(pattern), LARGEST_PATTERN) * 8;
}

/**
 * Finds patterns in names. A pattern that is never run is found nowhere.
 * Remembers compiled patterns; one instance serves one comparison.
 */
export class PatternFinder {
  readonly #known = new Map<string, { readonly linear: LinearPattern | undefined; readonly size: number }>();

  /** @param spend told the steps before they are taken. */
  constructor(private readonly spend: (steps: number) => void) {}

  finds(pattern: string, name: string): boolean {
    let known = this.#known.get(pattern);
    if (known === undefined) {
      this.spend(compilationSteps(pattern));
      known = { linear: linearPattern(pattern), size: Math.min(sizeOf(pattern), LARGEST_PATTERN) };
      this.#known.set(pattern, known);
    }
    const { linear, size } = known;
    this.spend(linear === undefined ? 1 : 1 + ((size * name.length) >> 3));
    return linear !== undefined && linear.finds(name);
  }
}

function compiled(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

const COUNTED = /\{(\d+)(?:,(\d*))?\}/y;

/** Characters, classes and groups with their repetitions written out; an estimate from above, since the characters of a class are counted too. */
function sizeOf(pattern: string): number {
  let size = 0;
  /** Of what a repetition at this place would repeat. */
  let last = 0;
  const groups: number[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    COUNTED.lastIndex = i;
    const count = c === '{' ? COUNTED.exec(pattern) : null;
    if (count !== null) {
      size += last * Math.max(Number(count[1]), Number(count[2] ?? 0)) - last;
      i += count[0].length - 1;
    } else if (c === '(') groups.push(size);
    else if (c === ')') last = size - (groups.pop() ?? 0);
    else {
      if (c === '\\') i++;
      size++;
      last = 1;
    }
  }
  return size;
}
