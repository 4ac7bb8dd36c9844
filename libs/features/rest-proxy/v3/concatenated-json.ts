/** What was found in a stream: the text of a value, or that it cannot go on. */
export type StreamedText = { readonly text: Buffer } | { readonly broken: 'syntax' | 'too-large' };

const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;
const LIST_OPEN = 0x5b;
const LIST_CLOSE = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MARK = [0xef, 0xbb, 0xbf];

/**
 * Finds JSON values that follow one another, with nothing or white space between, while their bytes arrive. It looks at brackets and quotes only and keeps
 * what is not whole yet; whether a text is JSON its parser says. After something broken it finds nothing more.
 */
export class ConcatenatedJson {
  #parts: Buffer[] = [];
  #bytes = 0;
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** What the value that has begun is; undefined between values. */
  #kind: 'nested' | 'text' | 'word' | undefined;
  #marked = 0;
  #broken = false;

  constructor(private readonly longest: number) {}

  /** Bytes of the value that has begun. */
  get begunBytes(): number {
    return this.#bytes;
  }

  /** The texts that are whole with this chunk, in order. */
  *push(chunk: Buffer): Generator<StreamedText> {
    let from = 0;
    for (let at = 0; at < chunk.length && !this.#broken; at++) {
      const byte = chunk[at]!;
      if (this.#kind === undefined) {
        if (isSpace(byte) || this.#isMark(byte)) continue;
        from = at;
        if (!this.#begin(byte)) {
          yield this.#break('syntax');
          return;
        }
        continue;
      }
      if (this.#kind === 'word' && (isSpace(byte) || isStart(byte) || !isWord(byte))) {
        yield this.#take(chunk.subarray(from, at));
        at--;
        continue;
      }
      if (this.#kind !== 'word' && this.#isEnd(byte)) yield this.#take(chunk.subarray(from, at + 1));
    }
    if (this.#kind === undefined || this.#broken) return;
    this.#keep(chunk.subarray(from));
    if (this.#bytes > this.longest) yield this.#break('too-large');
  }

  /** What is left when no more comes: a word that had no end, or half a value. */
  *end(): Generator<StreamedText> {
    if (this.#broken || this.#kind === undefined) return;
    if (this.#kind === 'word') yield this.#take(Buffer.alloc(0));
    else yield this.#break('syntax');
  }

  #begin(byte: number): boolean {
    this.#marked = MARK.length;
    if (byte === OBJECT_OPEN || byte === LIST_OPEN) {
      this.#kind = 'nested';
      this.#depth = 1;
    } else if (byte === QUOTE) {
      this.#kind = 'text';
      this.#inText = true;
    } else if (isWord(byte)) this.#kind = 'word';
    return this.#kind !== undefined;
  }

  #isEnd(byte: number): boolean {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inText = false;
        return this.#kind === 'text';
      }
      return false;
    }
    if (byte === QUOTE) this.#inText = true;
    else if (byte === OBJECT_OPEN || byte === LIST_OPEN) this.#depth++;
    else if (byte === OBJECT_CLOSE || byte === LIST_CLOSE) return --this.#depth === 0;
    return false;
  }

  #keep(bytes: Buffer): void {
    // A copy: what is left of a chunk would keep all of it.
    this.#parts.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
  }

  #take(last: Buffer): StreamedText {
    const text = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#bytes = 0;
    this.#kind = undefined;
    return text.length > this.longest ? this.#break('too-large') : { text };
  }

  #break(broken: 'syntax' | 'too-large'): StreamedText {
    this.#broken = true;
    this.#parts = [];
    this.#bytes = 0;
    return { broken };
  }

  /** A byte order mark, in front of everything. */
  #isMark(byte: number): boolean {
    if (this.#marked >= MARK.length || byte !== MARK[this.#marked]) return false;
    this.#marked++;
    return true;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isStart(byte: number): boolean {
  return byte === OBJECT_OPEN || byte === LIST_OPEN || byte === QUOTE;
}

/** Letters, digits and what stands in numbers. */
function isWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x2d ||
    byte === 0x2b ||
    byte === 0x2e
  );
}
