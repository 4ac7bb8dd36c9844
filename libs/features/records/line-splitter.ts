/** Bytes of one line. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/** A line without its end, or that it is longer than {@link MAX_LINE_BYTES}. */
export type Line = Buffer | 'too-long';

/** Cuts chunks into lines; blank ones are left out. Keeps no more than the beginning of one line. Nothing follows a line that is too long. */
export class LineSplitter {
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #over = false;

  /** Bytes of the line that has begun. */
  get begunBytes(): number {
    return this.#begunBytes;
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); !this.#over && at >= 0; at = chunk.indexOf(LF, from)) {
      // Of nothing but line breaks there may be many.
      if (at > from || this.#begunBytes > 0) {
        this.#begin(chunk.subarray(from, at));
        this.#cut(lines);
      }
      from = at + 1;
    }
    if (this.#over) return lines;
    this.#begin(chunk.subarray(from));
    if (this.#begunBytes > MAX_LINE_BYTES) this.#cut(lines);
    return lines;
  }

  /** The last line, where the text ends without a line break. */
  end(): Line[] {
    const lines: Line[] = [];
    if (!this.#over) this.#cut(lines);
    return lines;
  }

  #begin(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#begun.push(bytes);
    this.#begunBytes += bytes.length;
  }

  #cut(lines: Line[]): void {
    let line = this.#begun.length === 1 ? this.#begun[0]! : Buffer.concat(this.#begun);
    this.#begun = [];
    this.#begunBytes = 0;
    if (line.at(-1) === CR) line = line.subarray(0, -1);
    if (line.length > MAX_LINE_BYTES) {
      this.#over = true;
      lines.push('too-long');
    } else if (!isBlank(line)) lines.push(line);
  }
}

function isBlank(line: Buffer): boolean {
  for (let at = 0; at < line.length; at++) if (line[at] !== 0x20 && line[at] !== 0x09) return false;
  return true;
}
