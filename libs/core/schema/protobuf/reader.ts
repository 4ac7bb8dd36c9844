import { schemaInvalid } from '../errors.js';
import { positionAt } from '../lossless-json.js';

/**
 * Characters, words, numbers and strings of `.proto` text, with white space and comments skipped. There are no tokens: what a character means
 * depends on where it stands (`-`, `.` and digits are letters of a word; every keyword can be a name), as in the reference.
 */
export class ProtoReader {
  #at = 0;

  constructor(
    readonly text: string,
    /** Name of the reference that brought the text, null for the schema itself. */
    readonly reference: string | null,
  ) {}

  /** Index of the next character that counts. */
  get at(): number {
    this.#space();
    return this.#at;
  }

  get atEnd(): boolean {
    this.#space();
    return this.#at >= this.text.length;
  }

  /** The next character that counts, not taken. */
  peek(): string {
    this.#space();
    if (this.#at >= this.text.length) this.fail('the text ends here, in the middle of a declaration');
    return this.text[this.#at]!;
  }

  /** Takes the next character if it is this one. */
  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  require(character: string): void {
    if (!this.take(character)) this.fail(`'${character}' is missing before '${this.peek()}'`);
  }

  requireWord(word: string): void {
    const at = this.at;
    const found = this.word();
    if (found !== word) this.fail(`'${word}' is missing before ${short(found)}`, at);
  }

  word(): string {
    this.#space();
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.text)?.[0] ?? this.fail('a word is missing');
    this.#at += word.length;
    return word;
  }

  /** A word that may stand in parentheses or square brackets, without them. */
  name(): string {
    for (const [open, close] of BRACKETS) {
      if (!this.take(open)) continue;
      const word = this.word();
      this.require(close);
      return word;
    }
    return this.word();
  }

  /** The name of a type, of which a part that begins with a dot may stand apart. @param first its first word, where that is read already. */
  typeName(first = this.word()): string {
    let name = first;
    while (this.take('.')) name += `.${this.word()}`;
    return name;
  }

  /** The name of a field. */
  fieldName(): string {
    return this.#withoutDigit(this.at, this.name());
  }

  /** The name of an enum constant. */
  constantName(): string {
    return this.#withoutDigit(this.at, this.word());
  }

  /** A 32-bit integer, decimal or hexadecimal; a leading zero is no octal. */
  integer(): number {
    const at = this.at;
    const word = this.word();
    const value = /^0[xX][0-9a-fA-F]+$/.test(word) ? Number(word) : decimal(word);
    return inInt32(value) ? value : this.fail(`${short(word)} is no integer of 32 bits`, at);
  }

  /** The end of a range: a decimal integer or `max`. */
  rangeEnd(max: number): number {
    const at = this.at;
    const word = this.word();
    if (word === 'max') return max;
    const value = decimal(word);
    return inInt32(value)
      ? value
      : this.fail(`a range ends with an integer of 32 bits or max, not with ${short(word)}`, at);
  }

  /** Strings beside one another are one string. Escapes name characters; the ones that mean nothing stand for the character itself. */
  quoted(): string {
    const start = this.at;
    let value = '';
    do {
      const quote = this.peek();
      if (quote !== '"' && quote !== "'") return this.fail('text in quotes is missing');
      this.#at++;
      value += this.#stringPart(quote, start);
    } while (!this.atEnd && (this.peek() === '"' || this.peek() === "'"));
    return value;
  }

  /**
   * After a declaration that may carry a comment on its own line: a block comment there must end the line. The reference reads it as
   * documentation, and refuses what follows.
   */
  endOfDeclaration(): void {
    let at = this.#at;
    while (this.text[at] === ' ' || this.text[at] === '\t') at++;
    if (this.text[at] !== '/' || this.text[at + 1] !== '*') return;
    const end = this.text.indexOf('*/', at + 2);
    if (end === -1) this.fail(UNCLOSED_COMMENT, at);
    at = end + 2;
    while (this.text[at] === ' ' || this.text[at] === '\t') at++;
    if (at < this.text.length && this.text[at] !== '\n' && this.text[at] !== '\r')
      this.fail('a comment that follows a declaration on its line has to end the line', at);
    this.#at = at;
  }

  /** @throws `schema-invalid` with line and column of the index (of the next character by default). */
  fail(reason: string, at = this.#at): never {
    throw schemaInvalid('PROTOBUF', reason, {
      position: positionAt(this.text, at),
      ...(this.reference === null ? {} : { reference: this.reference }),
    });
  }

  #withoutDigit(at: number, name: string): string {
    if (isDigit(name.charCodeAt(0)))
      this.fail(`${short(name)} begins with a digit, which no name of a field or constant does`, at);
    return name;
  }

  #stringPart(quote: '"' | "'", start: number): string {
    const parts: string[] = [];
    for (;;) {
      const plain = PLAIN_TEXT[quote];
      plain.lastIndex = this.#at;
      plain.test(this.text);
      parts.push(this.text.slice(this.#at, plain.lastIndex));
      const end = this.text[plain.lastIndex];
      this.#at = plain.lastIndex + 1;
      if (end === undefined) return this.fail(UNCLOSED_STRING, start);
      if (end === quote) return parts.length === 1 ? parts[0]! : parts.join('');
      parts.push(this.#escape(start));
    }
  }

  #escape(start: number): string {
    const c = this.text[this.#at];
    if (c === undefined) return this.fail(UNCLOSED_STRING, start);
    if (c === 'x' || c === 'X') {
      this.#at++;
      return this.#numericEscape(/[0-9a-fA-F]{1,2}/y, 16);
    }
    if (c >= '0' && c <= '7') return this.#numericEscape(/[0-7]{1,3}/y, 8);
    this.#at++;
    return ESCAPES.get(c) ?? c;
  }

  #numericEscape(pattern: RegExp, radix: number): string {
    pattern.lastIndex = this.#at;
    const digits = pattern.exec(this.text)?.[0] ?? this.fail('an escape names a character by number and has none');
    this.#at += digits.length;
    return String.fromCharCode(Number.parseInt(digits, radix));
  }

  #space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.#at);
      if (c === SPACE || c === LF || c === CR || c === TAB) this.#at++;
      else if (c === SLASH) this.#comment();
      else return;
    }
  }

  #comment(): void {
    const next = this.text[this.#at + 1];
    if (next !== '/' && next !== '*') this.fail("'/' begins no comment");
    const end = next === '/' ? this.text.indexOf('\n', this.#at) : this.text.indexOf('*/', this.#at + 2);
    if (end === -1 && next === '*') this.fail(UNCLOSED_COMMENT);
    this.#at = end === -1 ? this.text.length : end + (next === '/' ? 1 : 2);
  }
}

/** How deep braces and brackets nest outside strings and comments. Text that ends inside one of those is left to the reader. */
export function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"' || c === "'") {
      for (i++; i < text.length && text[i] !== c; i++) if (text[i] === '\\') i++;
    } else if (c === '/' && (text[i + 1] === '/' || text[i + 1] === '*')) {
      const end = text[i + 1] === '/' ? text.indexOf('\n', i) : text.indexOf('*/', i + 2);
      if (end === -1) break;
      i = end;
    } else if (c === '{' || c === '[' || c === '<') deepest = Math.max(deepest, ++depth);
    else if (c === '}' || c === ']' || c === '>') depth--;
  }
  return deepest;
}

/** Whether the whole text is one word, keyword, name or number. */
export function isWord(text: string): boolean {
  WORD.lastIndex = 0;
  return WORD.exec(text)?.[0].length === text.length;
}

/** At most 60 characters of a word, for messages. */
export function short(word: string): string {
  return word.length <= 60 ? word : `${word.slice(0, 60)}…`;
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

function decimal(word: string): number {
  return /^-?[0-9]+$/.test(word) ? Number(word) : NaN;
}

function inInt32(value: number): boolean {
  return value >= -(2 ** 31) && value < 2 ** 31;
}

const UNCLOSED_STRING = 'the string that begins here is not closed';
const UNCLOSED_COMMENT = 'the comment that begins here is not closed';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const SLASH = 0x2f;

/** Letters of a word. Used from a given index only. */
const WORD = /[a-zA-Z0-9_.-]+/y;

/** Up to the quote that may end a string, or an escape in it. Used from a given index only. */
const PLAIN_TEXT = { '"': /[^"\\]*/y, "'": /[^'\\]*/y };

const BRACKETS = [
  ['(', ')'],
  ['[', ']'],
] as const;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);
