import { AppError, impossible } from './app-error.js';

/** What a value holds that was gone over, as far as it matters to whoever takes its text. */
export interface ScannedText {
  /** Its first byte, and the one behind its last. */
  readonly from: number;
  readonly to: number;
  /** White space stands between its parts. */
  readonly spaced: boolean;
  /** A name or string in it has an escape. */
  readonly escaped: boolean;
  /** A number in it has an exponent, or digits and dots enough to say more than its double. */
  readonly longNumbers: boolean;
}

/** Where a scan stands within a value. */
interface Halt {
  readonly at: number;
  /** Lists and objects that are open there. */
  readonly depth: number;
  /** It is in a string, and not where a value begins. */
  readonly inString: boolean;
}

export interface ScanLimits {
  /** Levels of lists and objects within each other, those that were entered included. */
  readonly depth: number;
}

/**
 * Goes over JSON text in UTF-8 byte by byte: finds where members and items stand, and that what stands there is JSON, without making values of it. Takes exactly the texts that
 * `JSON.parse` takes. Whoever is to have values parses the parts that are needed; who is to have text has it as it was written.
 *
 * Lists and objects are entered one by one ({@link enter}, {@link nextMember}, {@link nextItem}), and gone over as a whole with {@link scan}, or some of it at a time with
 * {@link scanSome}.
 */
export class JsonScanner {
  /** The byte that is looked at next. */
  at = 0;
  /** Values so far, lists and objects themselves counted; one that is empty counts twice, as `measureJson` does it. */
  values = 1;
  /** Digits and dots of the longest number so far, or of its exponent. */
  longestNumber = 0;
  #depth = 0;
  /** Nothing was read yet of the list or object that was entered last. */
  #fresh = false;
  /** Where the value begins that is gone over, and what was met in it. */
  #from = 0;
  #spaced = false;
  #longNumbers = false;
  #escaped = false;
  /** Of the lists and objects that are open within the value that is gone over, by level: whether it is an object. */
  readonly #objects: Uint8Array;
  /** Where the value is gone on with that was not gone over to its end. */
  #halt: Halt | undefined;

  constructor(
    private readonly json: Buffer,
    private readonly limits: ScanLimits,
  ) {
    this.#objects = new Uint8Array(limits.depth + 1);
  }

  /** The byte that what comes next begins with, behind white space; undefined at the end of the text. */
  next(): number | undefined {
    this.at = this.#behindSpace(this.at);
    return this.json[this.at];
  }

  /** Goes into the list or object that begins here. @throws SyntaxError where none begins, `json-too-deep`. */
  enter(): void {
    const byte = this.next();
    if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) throw notJsonAt(this.at);
    if (++this.#depth > this.limits.depth) throw jsonTooDeep(this.limits.depth);
    this.values++;
    this.at++;
    this.#fresh = true;
  }

  /**
   * The name of the next member of the object that was entered; its value begins here then. Undefined behind the last one: the object is left then.
   * @throws SyntaxError.
   */
  nextMember(): string | undefined {
    if (!this.#goesOn(CLOSE_BRACE)) return undefined;
    const from = this.#behindSpace(this.at);
    if (this.json[from] !== QUOTE) throw notJsonAt(from);
    this.#escaped = false;
    const to = this.#behindString(from);
    const colon = this.#behindSpace(to);
    if (this.json[colon] !== COLON) throw notJsonAt(colon);
    this.at = colon + 1;
    return this.#escaped
      ? (JSON.parse(this.json.toString('utf8', from, to)) as string)
      : this.json.toString('utf8', from + 1, to - 1);
  }

  /** Whether the list that was entered has another item, which begins here then. Otherwise the list is left. @throws SyntaxError. */
  nextItem(): boolean {
    return this.#goesOn(CLOSE_BRACKET);
  }

  /** Demands that nothing but white space is left. @throws SyntaxError. */
  end(): void {
    if (this.next() !== undefined) throw notJsonAt(this.at);
  }

  /** Bytes of the text that were gone over. */
  bytes({ from, to }: Pick<ScannedText, 'from' | 'to'>): Buffer {
    return this.json.subarray(from, to);
  }

  /** Goes over the value that begins here, whatever it is. @throws SyntaxError, `json-too-deep`. */
  scan(): ScannedText {
    return this.scanSome(this.json.length) ?? impossible('a value went on behind the end of its text');
  }

  /**
   * As {@link scan}, but halts after `most` bytes, or where the name or number ends that stands there. Undefined then: called again it goes on, and nothing else may be asked for
   * before it has come to the end of the value.
   */
  scanSome(most: number): ScannedText | undefined {
    const { json } = this;
    const objects = this.#objects;
    const outer = this.#depth;
    let { at, depth, inString } = this.#halt ?? this.#beginning();
    this.#halt = undefined;
    const stop = at + most;
    for (;;) {
      // A value begins here, or the string goes on in which it was halted.
      const kind = inString ? IS_QUOTE : KINDS[json[at]!];
      if (kind === IS_OPEN) {
        if (++depth > this.limits.depth) throw jsonTooDeep(this.limits.depth);
        this.values++;
        const object = json[at] === OPEN_BRACE;
        objects[depth] = object ? 1 : 0;
        at = this.#behindSpace(at + 1);
        if (json[at] !== (object ? CLOSE_BRACE : CLOSE_BRACKET)) {
          if (object) at = this.#behindName(at);
          continue;
        }
        depth--;
        at++;
      } else if (kind === IS_QUOTE) {
        at = this.#behindSomeString(inString ? at : at + 1, stop);
        inString = at < 0;
        if (inString) return this.#halted(~at, depth, true);
      } else if (kind === IS_NUMBER) at = this.#behindNumber(at);
      else at = this.#behindWord(at);
      // A value has ended here: of what it is in, another one may follow, or the end.
      while (depth > outer) {
        at = this.#behindSpace(at);
        const object = objects[depth] === 1;
        if (json[at] === COMMA) break;
        if (json[at] !== (object ? CLOSE_BRACE : CLOSE_BRACKET)) throw notJsonAt(at);
        at++;
        depth--;
      }
      if (depth === outer) break;
      this.values++;
      at = this.#behindSpace(at + 1);
      if (objects[depth] === 1) at = this.#behindName(at);
      if (at >= stop) return this.#halted(at, depth, false);
    }
    this.at = at;
    return { from: this.#from, to: at, spaced: this.#spaced, escaped: this.#escaped, longNumbers: this.#longNumbers };
  }

  /** Where a value begins that nothing was seen of. */
  #beginning(): Halt {
    this.#from = this.#behindSpace(this.at);
    this.#spaced = false;
    this.#longNumbers = false;
    this.#escaped = false;
    return { at: this.#from, depth: this.#depth, inString: false };
  }

  #halted(at: number, depth: number, inString: boolean): undefined {
    this.#halt = { at, depth, inString };
    this.at = at;
  }

  /** Whether a member or item follows in what was entered last; leaves it otherwise. */
  #goesOn(closing: number): boolean {
    const byte = this.next();
    if (byte === closing) {
      this.at++;
      this.#depth--;
      this.#fresh = false;
      return false;
    }
    if (this.#fresh) {
      this.#fresh = false;
      return true;
    }
    if (byte !== COMMA) throw notJsonAt(this.at);
    this.values++;
    this.at++;
    return true;
  }

  /** The value behind the name that begins here, and behind its colon. */
  #behindName(at: number): number {
    if (this.json[at] !== QUOTE) throw notJsonAt(at);
    const colon = this.#behindSpace(this.#behindString(at));
    if (this.json[colon] !== COLON) throw notJsonAt(colon);
    return this.#behindSpace(colon + 1);
  }

  #behindSpace(from: number): number {
    let at = from;
    while (isSpace(this.json[at])) at++;
    if (at > from) this.#spaced = true;
    return at;
  }

  /** @param quote that begins the string. */
  #behindString(quote: number): number {
    return this.#behindSomeString(quote + 1, this.json.length);
  }

  /** @param from within a string. @returns the place behind it; where it goes on at `stop`, the place to go on at, its bits turned (`~`). */
  #behindSomeString(from: number, stop: number): number {
    const { json } = this;
    const { length } = json;
    const end = Math.min(length, stop);
    let at = from;
    for (; at < end; at++) {
      const byte = json[at]!;
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at = this.#escapeEnd(at + 1);
      else if (byte < SPACE) throw notJsonAt(at);
    }
    if (at < length) return ~at;
    throw notJsonAt(length);
  }

  /** The last byte of an escape. @param at of what follows the backslash. */
  #escapeEnd(at: number): number {
    this.#escaped = true;
    const { json } = this;
    if (json[at] !== LETTER_U) {
      if (at >= json.length || !ESCAPED.has(json[at]!)) throw notJsonAt(at);
      return at;
    }
    for (let digit = at + 1; digit <= at + 4; digit++)
      if (digit >= json.length || KINDS_OF_HEX[json[digit]!] !== 1) throw notJsonAt(digit);
    return at + 4;
  }

  #behindNumber(from: number): number {
    const { json } = this;
    let at = from;
    if (json[at] === MINUS) at++;
    const digits = at;
    if (json[at] === ZERO) at++;
    else at = this.#behindDigits(at);
    if (json[at] === DOT) at = this.#behindDigits(at + 1);
    let longest = at - digits;
    if ((json[at]! | LOWER_CASE) === LETTER_E) {
      at++;
      if (json[at] === PLUS || json[at] === MINUS) at++;
      const exponent = at;
      at = this.#behindDigits(at);
      longest = Math.max(longest, at - exponent);
      this.#longNumbers = true;
    }
    if (longest >= LONG) this.#longNumbers = true;
    if (longest > this.longestNumber) this.longestNumber = longest;
    return at;
  }

  /** @throws SyntaxError where there is none. */
  #behindDigits(from: number): number {
    const { json } = this;
    let at = from;
    while (json[at]! >= ZERO && json[at]! <= NINE) at++;
    if (at === from) throw notJsonAt(at);
    return at;
  }

  #behindWord(at: number): number {
    for (const word of WORDS) {
      if (word[0] !== this.json[at]) continue;
      for (let i = 1; i < word.length; i++) if (this.json[at + i] !== word[i]) throw notJsonAt(at + i);
      return at + word.length;
    }
    throw notJsonAt(at);
  }
}

/** JSON text without the white space between its parts. The text must be known to be JSON. */
export function withoutSpaces(json: Uint8Array): Uint8Array {
  const compacting: Compacting = { at: 0, compact: new Uint8Array(json.length), length: 0 };
  compactSome(json, compacting, json.length);
  return compacting.compact.subarray(0, compacting.length);
}

/** As {@link withoutSpaces}, while others have their turn. @param turn asked after every `pieceLength` bytes or, in a string, behind it. */
export async function withoutSpacesInTurns(
  json: Uint8Array,
  turn: () => Promise<void>,
  pieceLength: number,
): Promise<Uint8Array> {
  const compacting: Compacting = { at: 0, compact: new Uint8Array(json.length), length: 0 };
  for (;;) {
    compactSome(json, compacting, Math.min(json.length, compacting.at + pieceLength));
    if (compacting.at >= json.length) return compacting.compact.subarray(0, compacting.length);
    await turn();
  }
}

/** What was taken over of a text so far. */
interface Compacting {
  at: number;
  readonly compact: Uint8Array;
  length: number;
}

/** Goes on to `stop`, or behind the string it lies in. */
function compactSome(json: Uint8Array, compacting: Compacting, stop: number): void {
  const { compact } = compacting;
  let { at, length } = compacting;
  for (; at < stop; at++) {
    const byte = json[at]!;
    if (isSpace(byte)) continue;
    compact[length++] = byte;
    if (byte !== QUOTE) continue;
    for (at++; json[at] !== QUOTE; at++) {
      compact[length++] = json[at]!;
      // What is escaped ends nothing.
      if (json[at] === BACKSLASH) compact[length++] = json[++at]!;
    }
    compact[length++] = QUOTE;
  }
  compacting.at = at;
  compacting.length = length;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
}

function notJsonAt(place: number): SyntaxError {
  return new SyntaxError(`Not JSON at position ${place}`);
}

/** JSON that nests deeper than is taken. @param limit levels. */
export function jsonTooDeep(limit: number): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'json-too-deep',
    message: `The body nests deeper than ${limit} levels.`,
    details: { limit: 'limits.jsonDepth', value: limit },
  });
}

/** Digits and dots of the shortest number that a double may not hold. */
const LONG = 16;
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
const ESCAPED: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));
const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

const [IS_QUOTE, IS_OPEN, IS_NUMBER] = [1, 2, 3] as const;
/** What a value begins with, by its first byte; 0 for words and for what begins none. */
const KINDS = new Uint8Array(256);
for (const [kind, characters] of [
  [IS_QUOTE, '"'],
  [IS_OPEN, '[{'],
  [IS_NUMBER, '-0123456789'],
] as const) {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}
const KINDS_OF_HEX = new Uint8Array(256);
for (const character of '0123456789abcdefABCDEF') KINDS_OF_HEX[character.charCodeAt(0)] = 1;
