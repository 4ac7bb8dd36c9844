import type { FieldPath } from './field-path.js';

/**
 * The text of one field of JSON objects, found where it stands, without making values of what is around it. It takes texts that `JSON.parse` takes, and of these only the usual ones: what it
 * does not find may be there all the same, and whoever wants to know parses the text.
 */
export class TextField {
  /** Where the text stands that was found last, without its quotes, and how many bytes it has: plain ASCII. */
  at = 0;
  length = 0;
  /** Whether what is open is an object, level by level. */
  readonly #objects = new Uint8Array(MAX_LEVELS + 1);
  /** Of the string that was passed over last: every byte of it stands for itself. */
  #isPlain = true;

  private constructor(private readonly steps: readonly Uint8Array[]) {}

  /** The field at a path below the value; undefined where it leads through a list, or by names that JSON can spell in several ways. */
  static of({ root, steps }: FieldPath): TextField | undefined {
    if (root !== 'value' || steps.length === 0) return undefined;
    const names: Uint8Array[] = [];
    for (const step of steps) {
      if (typeof step === 'number' || !/^[\x20-\x7e]*$/.test(step) || /["\\]/.test(step)) return undefined;
      names.push(Buffer.from(step));
    }
    return new TextField(names);
  }

  /** Looks for the field in the JSON text from one place up to another. */
  find(bytes: Uint8Array, from: number, to: number): boolean {
    const { steps } = this;
    const objects = this.#objects;
    let depth = 0;
    /** Objects that are open on the way to the field, the outermost first. */
    let onPath = 0;
    /** Names on the way that were met: one that comes twice counts as it came last. */
    let met = 0;
    let isFound = false;
    /** The value that comes next is on the way, or the field itself. */
    let leads = true;
    let at = behindSpace(bytes, from, to);
    for (;;) {
      // A value begins here.
      const byte = at < to ? bytes[at]! : 0;
      let isEmpty = false;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > MAX_LEVELS || (leads && met === steps.length)) return false;
        const isObject = byte === OPEN_BRACE;
        objects[depth] = Number(isObject);
        if (leads && isObject) onPath = depth;
        at = behindSpace(bytes, at + 1, to);
        isEmpty = at < to && bytes[at] === (isObject ? CLOSE_BRACE : CLOSE_BRACKET);
      } else if (byte === QUOTE) {
        const end = this.#behindString(bytes, at + 1, to);
        if (end < 0) return false;
        if (leads && met === steps.length) {
          if (!this.#isPlain) return false;
          this.at = at + 1;
          this.length = end - at - 2;
          isFound = true;
        }
        at = end;
      } else {
        if (leads && met === steps.length) return false;
        at = byte === MINUS || isDigit(byte) ? behindNumber(bytes, at, to) : behindWord(bytes, at, to);
        if (at < 0) return false;
      }
      leads = false;
      if (!isEmpty && (byte === OPEN_BRACE || byte === OPEN_BRACKET)) {
        if (byte === OPEN_BRACKET) continue;
      } else {
        // Ends of what is open, up to where another value follows.
        for (;;) {
          if (depth === 0) return isFound && behindSpace(bytes, at, to) === to;
          at = behindSpace(bytes, at, to);
          const next = at < to ? bytes[at]! : 0;
          if (next === COMMA) break;
          if (next !== (objects[depth] === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) return false;
          if (onPath === depth) onPath--;
          depth--;
          at++;
        }
        at = behindSpace(bytes, at + 1, to);
        if (objects[depth] === 0) continue;
      }
      // A name of an object.
      if (at >= to || bytes[at] !== QUOTE) return false;
      const name = at + 1;
      const end = this.#behindString(bytes, name, to);
      if (end < 0) return false;
      if (onPath === depth) {
        if (!this.#isPlain) return false;
        if (isSame(steps[depth - 1]!, bytes, name, end - 1 - name)) {
          // It was met before, or one further in was: the later one counts, and may lack what the former had.
          if (met >= depth) return false;
          met = depth;
          leads = true;
        }
      }
      at = behindSpace(bytes, end, to);
      if (at >= to || bytes[at] !== COLON) return false;
      at = behindSpace(bytes, at + 1, to);
    }
  }

  /** The place behind a string, from within it; −1 where it does not end, or holds what none may. */
  #behindString(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let isPlain = true;
    for (; at < to; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#isPlain = isPlain;
        return at + 1;
      }
      if (byte >= SPACE && byte < 0x80 && byte !== BACKSLASH) continue;
      if (byte < SPACE) return -1;
      isPlain = false;
      if (byte !== BACKSLASH) continue;
      at++;
      if (at >= to) return -1;
      if (bytes[at] === LETTER_U) {
        for (let digit = 0; digit < 4; digit++) if (++at >= to || !isHexDigit(bytes[at]!)) return -1;
      } else if (ESCAPED[bytes[at]!] === 0) return -1;
    }
    return -1;
  }
}

function isSame(name: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[at + i]) return false;
  return true;
}

function behindSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const byte = bytes[at]!;
    if (byte !== SPACE && byte !== LINE_FEED && byte !== RETURN && byte !== TAB) break;
  }
  return at;
}

/** −1 where there is none. */
function behindNumber(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  if (bytes[at] === MINUS) at++;
  if (at < to && bytes[at] === ZERO) at++;
  else at = behindDigits(bytes, at, to);
  if (at < 0) return at;
  if (at < to && bytes[at] === DOT) at = behindDigits(bytes, at + 1, to);
  if (at < 0 || at >= to || (bytes[at]! | LOWER_CASE) !== LETTER_E) return at;
  at++;
  if (at < to && (bytes[at] === PLUS || bytes[at] === MINUS)) at++;
  return behindDigits(bytes, at, to);
}

function behindDigits(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isDigit(bytes[at]!)) at++;
  return at === from ? -1 : at;
}

function behindWord(bytes: Uint8Array, at: number, to: number): number {
  for (const word of WORDS) {
    if (at + word.length <= to && isSame(word, bytes, at, word.length)) return at + word.length;
  }
  return -1;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number): boolean {
  const letter = byte | LOWER_CASE;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}

/** Levels of lists and objects within each other. */
const MAX_LEVELS = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const TAB = 0x09;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_CASE = 0x20;
const LETTER_E = 0x65;
const LETTER_U = 0x75;
const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word));
const ESCAPED = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) ESCAPED[byte] = 1;
