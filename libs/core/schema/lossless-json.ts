/**
 * JSON text as a tree that loses nothing a schema needs: numbers keep their spelling, members their order, every value its place in the text.
 * `JSON.parse` rounds long integers, forgets `1.0` and `1E+2`, and has no positions.
 *
 * The depth of brackets is scanned before anything is built, so the recursive reader below is bounded. Objects are Maps: `__proto__` is a name
 * like any other.
 */

export interface SourcePosition {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
}

export type JsonNode = JsonNull | JsonBoolean | JsonNumber | JsonText | JsonList | JsonMembers;
export interface JsonNull {
  readonly kind: 'null';
  /** Index of the first character in the text; -1 for a value that was made, not read. */
  readonly at: number;
}
export interface JsonBoolean {
  readonly kind: 'boolean';
  readonly at: number;
  readonly value: boolean;
}
export interface JsonNumber {
  readonly kind: 'number';
  readonly at: number;
  /** As spelled in the text. */
  readonly text: string;
}
export interface JsonText {
  readonly kind: 'string';
  readonly at: number;
  readonly value: string;
}
export interface JsonList {
  readonly kind: 'array';
  readonly at: number;
  readonly items: readonly JsonNode[];
}
export interface JsonMembers {
  readonly kind: 'object';
  readonly at: number;
  readonly members: ReadonlyMap<string, JsonNode>;
}

export interface LosslessJsonOptions {
  /** Nesting of brackets allowed. */
  readonly maxDepth: number;
  /** A name twice in one object: the last value in the first place (as Jackson does), or an error. `last` by default. */
  readonly duplicates?: 'last' | 'refuse';
  /** `//` and `/*` comments where white space may stand. Off by default. */
  readonly comments?: boolean;
  /** What may follow the value: only white space (Java's, all characters up to U+0020), or anything at all. `space` by default. */
  readonly trailing?: 'space' | 'anything';
  /** `NaN`, `Infinity` and `-Infinity` as numbers. Off by default. */
  readonly nonFinite?: boolean;
  /** Halves of surrogate pairs, in the text or escaped. `refuse` by default. */
  readonly surrogates?: 'refuse' | 'keep';
}

/** Why a text is not JSON. Callers turn it into an error of their own. */
export class JsonSyntaxError extends Error {
  constructor(
    readonly reason: string,
    readonly position: SourcePosition,
  ) {
    super(`${reason} at line ${position.line}, column ${position.column}`);
    this.name = 'JsonSyntaxError';
  }
}

/** The text nests deeper than allowed. */
export class JsonDepthError extends Error {
  constructor(
    readonly limit: number,
    readonly position: SourcePosition,
  ) {
    super(`nested deeper than ${limit} at line ${position.line}, column ${position.column}`);
    this.name = 'JsonDepthError';
  }
}

/** Reads one JSON value. @throws {@link JsonSyntaxError}, {@link JsonDepthError}. Linear in the length of the text. */
export function parseLossless(text: string, options: LosslessJsonOptions): JsonNode {
  scanDepth(text, options);
  const broken = options.surrogates === 'keep' ? null : LONE_SURROGATE.exec(text);
  if (broken !== null) {
    throw new JsonSyntaxError('the text holds half of a surrogate pair', positionAt(text, broken.index)!);
  }
  return new Reader(text, options).document();
}

/** Line and column of an index into the text; null for a value that was not read from it. */
export function positionAt(text: string, index: number): SourcePosition | null {
  if (index < 0 || index > text.length) return null;
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next !== -1 && next < index; next = text.indexOf('\n', next + 1)) {
    line++;
    start = next + 1;
  }
  return { line, column: index - start + 1 };
}

/** How deep the brackets outside strings nest in JSON text that is known to be well formed. */
export function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = stringEnd(text, i);
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

/** Index of the quote that ends the string opened at `i`, or the length of the text. */
export function stringEnd(text: string, i: number): number {
  for (let end = text.indexOf('"', i + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

/** Throws when brackets outside strings and comments nest deeper than allowed. Mismatches are left to the reader. */
function scanDepth(text: string, options: LosslessJsonOptions): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = stringEnd(text, i);
    } else if (c === SLASH && options.comments === true) {
      const end = commentEnd(text, i);
      if (end > i) i = end - 1;
    } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      if (++depth > options.maxDepth) throw new JsonDepthError(options.maxDepth, positionAt(text, i)!);
    } else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
      depth--;
      if (depth <= 0 && options.trailing === 'anything') return;
    }
  }
}

/** Index after the comment that starts at `i`, or `i` when none starts there. An unfinished comment ends with the text. */
function commentEnd(text: string, i: number): number {
  const second = text.charCodeAt(i + 1);
  if (second === SLASH) {
    for (let j = i + 2; j < text.length; j++) {
      const c = text.charCodeAt(j);
      if (c === LF || c === CR) return j;
    }
    return text.length;
  }
  if (second === STAR) {
    const end = text.indexOf('*/', i + 2);
    return end === -1 ? text.length : end + 2;
  }
  return i;
}

class Reader {
  #i = 0;

  constructor(
    private readonly text: string,
    private readonly options: LosslessJsonOptions,
  ) {}

  document(): JsonNode {
    this.#space();
    const value = this.#value();
    if (this.options.trailing !== 'anything') {
      while (this.#i < this.text.length && this.text.charCodeAt(this.#i) <= 0x20) this.#i++;
      if (this.#i < this.text.length) this.#fail('there is text after the end of the value');
    }
    return value;
  }

  #value(): JsonNode {
    const at = this.#i;
    switch (this.text.charCodeAt(at)) {
      case OPEN_BRACE:
        return this.#object(at);
      case OPEN_BRACKET:
        return this.#array(at);
      case QUOTE:
        return { kind: 'string', at, value: this.#string() };
    }
    if (this.#word('null')) return { kind: 'null', at };
    if (this.#word('true')) return { kind: 'boolean', at, value: true };
    if (this.#word('false')) return { kind: 'boolean', at, value: false };
    if (this.options.nonFinite === true) {
      for (const name of ['NaN', 'Infinity', '-Infinity']) {
        if (this.#word(name)) return { kind: 'number', at, text: name };
      }
    }
    return this.#number(at);
  }

  #object(at: number): JsonMembers {
    const members = new Map<string, JsonNode>();
    this.#i++;
    this.#space();
    if (this.#take(CLOSE_BRACE)) return { kind: 'object', at, members };
    for (;;) {
      if (this.text.charCodeAt(this.#i) !== QUOTE) this.#fail('a member name in double quotes was expected');
      const nameAt = this.#i;
      const name = this.#string();
      if (this.options.duplicates === 'refuse' && members.has(name)) {
        this.#fail(`the member '${name.slice(0, 100)}' occurs twice`, nameAt);
      }
      this.#space();
      if (!this.#take(COLON)) this.#fail("':' was expected");
      this.#space();
      members.set(name, this.#value());
      this.#space();
      if (this.#take(CLOSE_BRACE)) return { kind: 'object', at, members };
      if (!this.#take(COMMA)) this.#fail("',' or '}' was expected");
      this.#space();
    }
  }

  #array(at: number): JsonList {
    const items: JsonNode[] = [];
    this.#i++;
    this.#space();
    if (this.#take(CLOSE_BRACKET)) return { kind: 'array', at, items };
    for (;;) {
      items.push(this.#value());
      this.#space();
      if (this.#take(CLOSE_BRACKET)) return { kind: 'array', at, items };
      if (!this.#take(COMMA)) this.#fail("',' or ']' was expected");
      this.#space();
    }
  }

  #string(): string {
    const { text } = this;
    let value = '';
    let escaped = false;
    const start = this.#i;
    let from = ++this.#i;
    for (;;) {
      const c = text.charCodeAt(this.#i);
      if (c === QUOTE) {
        value += text.slice(from, this.#i++);
        if (escaped && this.options.surrogates !== 'keep' && LONE_SURROGATE.test(value))
          this.#fail('a string holds half of a surrogate pair', start);
        return value;
      }
      if (c === BACKSLASH) {
        value += text.slice(from, this.#i) + this.#escape();
        escaped = true;
        from = this.#i;
      } else if (c < 0x20) {
        this.#fail('a control character must be escaped in a string');
      } else if (Number.isNaN(c)) {
        this.#fail('the text ends inside a string');
      } else {
        this.#i++;
      }
    }
  }

  #escape(): string {
    const letter = this.text[this.#i + 1] ?? '';
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) {
      this.#i += 2;
      return simple;
    }
    const hex = this.text.slice(this.#i + 2, this.#i + 6);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('a string has an unknown escape sequence');
    this.#i += 6;
    return String.fromCharCode(parseInt(hex, 16));
  }

  #number(at: number): JsonNumber {
    NUMBER.lastIndex = at;
    const text = NUMBER.exec(this.text)?.[0];
    if (text === undefined)
      this.#fail(at >= this.text.length ? 'the text ends where a value was expected' : 'a value was expected');
    this.#i += text.length;
    if (WORD_CHARACTER.test(this.text[this.#i] ?? '')) this.#fail('a number is malformed', at);
    return { kind: 'number', at, text };
  }

  #word(word: string): boolean {
    if (!this.text.startsWith(word, this.#i) || WORD_CHARACTER.test(this.text[this.#i + word.length] ?? ''))
      return false;
    this.#i += word.length;
    return true;
  }

  #take(code: number): boolean {
    if (this.text.charCodeAt(this.#i) !== code) return false;
    this.#i++;
    return true;
  }

  #space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.#i);
      if (c === 0x20 || c === LF || c === CR || c === TAB) {
        this.#i++;
      } else if (c === SLASH && this.options.comments === true) {
        const end = commentEnd(this.text, this.#i);
        if (end === this.#i) return;
        if (end === this.text.length && !this.text.endsWith('*/') && this.text[this.#i + 1] === '*') {
          this.#fail('a comment does not end');
        }
        this.#i = end;
      } else {
        return;
      }
    }
  }

  #fail(reason: string, at = this.#i): never {
    throw new JsonSyntaxError(reason, positionAt(this.text, Math.min(at, this.text.length))!);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const STAR = 0x2a;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// With the `u` flag a whole pair is one character, so only a lone half matches.
/** Half of a surrogate pair: text that no UTF-8 can carry. */
export const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
const WORD_CHARACTER = /[A-Za-z0-9_$.]/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);
