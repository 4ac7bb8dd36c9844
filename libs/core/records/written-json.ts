import {
  parseJsonInTurns,
  withoutSpaces,
  withoutSpacesInTurns,
  type JsonScanner,
  type ScannedText,
} from '#libs/core/kernel';
import { parseExact, VALUE_DEPTH } from '#libs/core/schema';
import type { Turn } from './turns.js';

/** Bytes of a text that is parsed in one go. */
const AT_ONCE = 64 * 1024;
/** Bytes that are gone over in one go: a fraction of a millisecond, five while this is done for the first time and not compiled yet. */
const PIECE = 64 * 1024;

/**
 * A JSON value as it was written: known to be JSON, and not made a value of until somebody needs one. What no schema describes is stored as its text, so that no digit, escape or
 * order of members is lost on the way, and nothing is spent on parsing and writing it anew.
 */
export class WrittenJson {
  private constructor(
    private readonly text: Buffer,
    private readonly scanned: Pick<ScannedText, 'spaced' | 'escaped' | 'longNumbers'>,
  ) {}

  /**
   * The value that begins here; null for null, which is none; undefined where it is longer than is gone over in one go: {@link rest} goes on then.
   * @throws SyntaxError, `json-too-deep`.
   */
  static next(scanner: JsonScanner): WrittenJson | null | undefined {
    const scanned = scanner.scanSome(PIECE);
    return scanned && WrittenJson.#of(scanner, scanned);
  }

  /** The value that {@link next} has begun, gone over to its end while others have their turn. @throws as {@link next} does, by rejection. */
  static async rest(scanner: JsonScanner, turn: Turn): Promise<WrittenJson | null> {
    for (;;) {
      await turn();
      const scanned = scanner.scanSome(PIECE);
      if (scanned !== undefined) return WrittenJson.#of(scanner, scanned);
    }
  }

  static #of(scanner: JsonScanner, scanned: ScannedText): WrittenJson | null {
    const text = scanner.bytes(scanned);
    return text[0] === LETTER_N ? null : new WrittenJson(text, scanned);
  }

  /** Whether {@link value} takes its time. */
  get isLong(): boolean {
    return this.text.length > AT_ONCE;
  }

  /** Its text without the white space between its parts; by promise where that is long, while others have their turn. May share memory with the text it was found in. */
  bytes(turn: Turn): Uint8Array | Promise<Uint8Array> {
    const { text } = this;
    if (!this.scanned.spaced) return text;
    return text.length > PIECE ? withoutSpacesInTurns(text, turn, PIECE) : withoutSpaces(text);
  }

  /** The value, numbers kept as `parseExact` does it; by promise where it is long, while others have their turn. @throws `json-name-too-long`, by rejection. */
  value(turn: Turn): unknown {
    return this.isLong ? parseJsonInTurns(this.text, { turn, parse: (text) => this.#parse(text) }) : this.valueNow();
  }

  /** The same at once, for what is not long. */
  valueNow(): unknown {
    const { text } = this;
    const plain = text[0] === QUOTE && !this.scanned.escaped;
    return plain ? text.toString('utf8', 1, text.length - 1) : this.#parse(text.toString());
  }

  #parse(text: string): unknown {
    return this.scanned.longNumbers ? parseExact(text, VALUE_DEPTH) : (JSON.parse(text) as unknown);
  }
}

const QUOTE = 0x22;
const LETTER_N = 0x6e;
