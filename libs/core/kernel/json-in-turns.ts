import { AppError } from './app-error.js';

/** Bytes that are parsed in one go: 10 ms where all of them are objects with names of their own, a tenth of it for what is usual. */
const PIECE = 32 * 1024;
/** Bytes of the longest name, with its quotes. */
const NAME = 64 * 1024;

export interface ParsingInTurns {
  /** Asked after each piece: resolves when the work may go on. */
  readonly turn: () => Promise<void>;
  /** Parses one piece: `JSON.parse`, or what takes the same texts. */
  readonly parse: (text: string) => unknown;
  /** {@link PIECE} when absent. Names are no longer than that, or than {@link NAME} when absent. */
  readonly pieceLength?: number;
}

/**
 * The value of JSON text in UTF-8 as `parse` gives it for the whole, while others have their turn: `JSON.parse` takes 60 ms for 8 MiB. Lists and objects that are long
 * are parsed some members at a time, long strings some characters. The text must be known to be UTF-8, and to nest no deeper than `parse` may go.
 * @throws SyntaxError by rejection, for exactly the texts that are no JSON; `json-name-too-long` for a name that is longer than a piece, or than 64 KiB.
 */
export async function parseJsonInTurns(json: Buffer, options: ParsingInTurns): Promise<unknown> {
  const start = behindSpace(json, 0);
  if (json.length <= (options.pieceLength ?? PIECE) || !LONG_KINDS.has(json[start]!)) {
    return options.parse(json.toString());
  }
  const { value, end } = await new PiecewiseParser(json, options).long(start);
  const rest = behindSpace(json, end + 1);
  if (rest < json.length) throw wrongAt(rest);
  return value;
}

type Container = unknown[] | Record<string, unknown>;

/** Where the scan of one list or object stands. */
interface Scan {
  /** The byte that is looked at next. */
  at: number;
  /** What is not parsed yet begins here. */
  from: number;
  /** The member that the scan is in begins here. */
  memberAt: number;
  /** Brackets that are open within the list or object. */
  inner: number;
  /** Where the outermost of them stands, or the quote before a string that is long. */
  longAt: number;
}

interface Parsed<T> {
  readonly value: T;
  /** The place of the bracket or quote that ends it. */
  readonly end: number;
}

/**
 * Cuts between members, and leaves to `parse` whether what stands between two cuts is JSON: within brackets of its own it is a list or an object if and only if it
 * may stand in one. A cut has as many brackets closed as opened before it, so none in one piece can answer to one in another.
 */
class PiecewiseParser {
  readonly #piece: number;
  readonly #name: number;

  constructor(
    private readonly json: Buffer,
    private readonly options: ParsingInTurns,
  ) {
    this.#piece = options.pieceLength ?? PIECE;
    this.#name = options.pieceLength ?? NAME;
  }

  /** The list, object or string that begins here. */
  long(start: number): Promise<Parsed<unknown>> {
    return this.json[start] === QUOTE ? this.#string(start) : this.#container(start);
  }

  async #container(bracket: number): Promise<Parsed<Container>> {
    const { json } = this;
    const value: Container = json[bracket] === OPEN_BRACKET ? [] : {};
    const closing = Array.isArray(value) ? CLOSE_BRACKET : CLOSE_BRACE;
    const first = bracket + 1;
    const scan: Scan = { at: first, from: first, memberAt: first, inner: 0, longAt: 0 };
    for (;;) {
      const found = this.#scan(scan);
      const { at, from, memberAt } = scan;
      if (found === 'end') {
        if (json[at] !== closing) throw wrongAt(at);
        this.#addMembers(value, from, at, from > first);
        return { value, end: at };
      }
      if (found === 'cut') {
        this.#addMembers(value, from, at, true);
        await this.options.turn();
        scan.from = scan.memberAt = ++scan.at;
        continue;
      }
      // What was scanned of the long member is scanned again, once for each level.
      if (memberAt > from) this.#addMembers(value, from, memberAt - 1, true);
      await this.options.turn();
      const behind = await this.#addLong(value, memberAt, scan.longAt);
      if (json[behind] === closing) return { value, end: behind };
      if (json[behind] !== COMMA) throw wrongAt(behind);
      scan.at = scan.from = scan.memberAt = behind + 1;
      scan.inner = 0;
    }
  }

  /** Goes on to the bracket that ends the list or object, to a comma where enough stands before it, or into a member that is long itself. @throws where the text ends. */
  #scan(scan: Scan): 'end' | 'cut' | 'long' {
    const { json } = this;
    let { inner, memberAt } = scan;
    for (let at = scan.at; at < json.length; at++) {
      switch (json[at]) {
        case QUOTE: {
          const quote = at;
          const most = inner === 0 ? quote + this.#name : Math.max(quote + 2, memberAt + this.#piece);
          const stop = Math.min(json.length, most);
          for (at++; at < stop && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
          if (at < stop || stop === json.length) break;
          if (inner === 0) scan.longAt = quote;
          return 'long';
        }
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (inner++ === 0) scan.longAt = at;
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          if (inner-- > 0) break;
          scan.at = at;
          return 'end';
        case COMMA:
          if (inner > 0) break;
          if (at - scan.from >= this.#piece) {
            scan.at = at;
            return 'cut';
          }
          scan.memberAt = memberAt = at + 1;
          break;
        default:
          continue;
      }
      if (inner > 0 && at - memberAt >= this.#piece) return 'long';
    }
    throw wrongAt(json.length);
  }

  /** @param needed whether there must be one. */
  #addMembers(value: Container, from: number, to: number, needed: boolean): void {
    const members = this.#parsed(value, from, to, '');
    if (Array.isArray(value)) {
      const items = members as unknown[];
      if (needed && items.length === 0) throw wrongAt(to);
      for (const item of items) value.push(item);
      return;
    }
    const names = Object.keys(members);
    if (needed && names.length === 0) throw wrongAt(to);
    for (const name of names) addMember(value, name, (members as Record<string, unknown>)[name]);
  }

  /** Adds the list, object or string that begins at `start`. @returns the place of what follows it. */
  async #addLong(value: Container, memberAt: number, start: number): Promise<number> {
    const isName = !Array.isArray(value) && behindSpace(this.json, memberAt) === start;
    if (isName && this.json[start] === QUOTE) throw nameTooLong(this.#name);
    // Before it stands a name and a colon, or nothing: what can be followed by a value, whatever it is.
    const [name] = Object.keys(this.#parsed(value, memberAt, start, 'null'));
    if (!Array.isArray(value)) addMember(value, name!, null);
    const made = await this.long(start);
    if (Array.isArray(value)) value.push(made.value);
    else addMember(value, name!, made.value);
    return behindSpace(this.json, made.end + 1);
  }

  /** A string, cut where neither a character nor an escape is cut. */
  async #string(quote: number): Promise<Parsed<string>> {
    const { json } = this;
    const pieces: string[] = [];
    for (let from = quote + 1; ;) {
      const to = this.#cutOfString(from);
      pieces.push(this.options.parse(`"${json.toString('utf8', from, to)}"`) as string);
      if (json[to] === QUOTE) return { value: pieces.join(''), end: to };
      if (to >= json.length) throw wrongAt(json.length);
      await this.options.turn();
      from = to;
    }
  }

  /** The quote that ends the string, or a place to cut it after a piece. */
  #cutOfString(from: number): number {
    const { json } = this;
    let at = from;
    for (; at < json.length && json[at] !== QUOTE; at++) {
      if (at - from >= this.#piece && (json[at]! & 0xc0) !== 0x80) return at;
      if (json[at] === BACKSLASH) at += json[at + 1] === LETTER_U ? 5 : 1;
    }
    return Math.min(at, json.length);
  }

  /** A part of the text and what follows it, within brackets as those of `value`. */
  #parsed(value: Container, from: number, to: number, following: string): object {
    const part = this.json.toString('utf8', from, to);
    try {
      return this.options.parse(Array.isArray(value) ? `[${part}${following}]` : `{${part}${following}}`) as object;
    } catch (error) {
      const place = error instanceof SyntaxError ? /at position (\d+)/.exec(error.message) : null;
      throw place === null ? error : wrongAt(from + Number(place[1]) - 1);
    }
  }
}

/** Every name is a member like any other. */
function addMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else object[name] = value;
}

function behindSpace(json: Uint8Array, from: number): number {
  let at = from;
  while (at < json.length && SPACES.has(json[at]!)) at++;
  return at;
}

function wrongAt(place: number): SyntaxError {
  return new SyntaxError(`Not JSON at position ${place}`);
}

function nameTooLong(limit: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'json-name-too-long',
    message: `A name in JSON is longer than ${limit} bytes.`,
    details: { limit: 'jsonNameBytes', value: limit },
  });
}

const SPACES: ReadonlySet<number> = new Set([0x20, 0x0a, 0x0d, 0x09]);
const LETTER_U = 0x75;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
/** What values begin with that can be long. */
const LONG_KINDS: ReadonlySet<number> = new Set([QUOTE, OPEN_BRACE, OPEN_BRACKET]);
