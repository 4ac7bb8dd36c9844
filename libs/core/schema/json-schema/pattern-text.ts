/** Characters that a text made for a pattern may have before it is given up. */
const LONGEST_TEXT = 200;
/** Groups inside one another that are followed. */
const DEEPEST_GROUP = 20;

/**
 * A text that a regular expression is likely to match: alternatives by their first, repetitions as seldom as they may be. Knows literals, classes, groups and
 * repetitions; what it does not know it leaves out. Undefined where it comes to nothing. Makes a text, never runs the pattern.
 */
export function textFor(pattern: string): string | undefined {
  const maker = new TextMaker(pattern);
  const text = maker.alternatives(0);
  return text.length <= LONGEST_TEXT && maker.finished ? text : undefined;
}

class TextMaker {
  #at = 0;

  constructor(private readonly pattern: string) {}

  get finished(): boolean {
    return this.#at >= this.pattern.length;
  }

  /** Up to the bracket that closes the group, or the end. The first alternative is taken. */
  alternatives(depth: number): string {
    const first = this.#sequence(depth);
    while (this.#take('|')) this.#sequence(depth);
    return first;
  }

  #sequence(depth: number): string {
    let text = '';
    while (!this.finished && this.#peek() !== '|' && this.#peek() !== ')') {
      const one = this.#atom(depth);
      const times = this.#times();
      text += one.repeat(Math.min(times, LONGEST_TEXT));
      if (text.length > LONGEST_TEXT || depth > DEEPEST_GROUP) {
        this.#at = this.pattern.length;
        return text;
      }
    }
    return text;
  }

  #atom(depth: number): string {
    const character = this.#next();
    switch (character) {
      case '^':
      case '$':
        return '';
      case '.':
        return 'a';
      case '[':
        return this.#class();
      case '\\':
        return escaped(this.#next());
      case '(':
        return this.#group(depth);
      default:
        return character;
    }
  }

  #group(depth: number): string {
    let counts = true;
    if (this.#take('?')) {
      const kind = this.#next();
      // Look-around takes no characters; a name is skipped.
      if (kind === '=' || kind === '!') counts = false;
      else if (kind === '<' || kind === 'P') {
        if (this.#peek() === '=' || this.#peek() === '!') counts = false;
        while (counts && !this.finished && this.#next() !== '>');
      } else if (kind !== ':') while (!this.finished && ![':', ')'].includes(this.#peek())) this.#at++;
      if (kind !== ':' && this.#peek() === ':') this.#at++;
    }
    const text = this.alternatives(depth + 1);
    this.#take(')');
    return counts ? text : '';
  }

  /** A character of the class; for one that excludes, a letter or digit that it leaves. */
  #class(): string {
    const negated = this.#take('^');
    const ranges: [string, string][] = [];
    let first = true;
    while (!this.finished && (first || this.#peek() !== ']')) {
      first = false;
      const from = this.#member();
      if (this.#peek() === '-' && this.pattern[this.#at + 1] !== ']' && from.length === 1) {
        this.#at++;
        ranges.push([from, this.#member()]);
      } else ranges.push([from, from]);
    }
    this.#take(']');
    if (!negated) return ranges[0]?.[0] ?? '';
    return [...'a0A _-'].find((one) => !ranges.some(([from, to]) => from <= one && one <= to)) ?? '';
  }

  #member(): string {
    const character = this.#next();
    return character === '\\' ? escaped(this.#next()) : character;
  }

  /** How often the last atom is to stand at least. */
  #times(): number {
    let times = 1;
    if (this.#take('*') || this.#take('?')) times = 0;
    else if (!this.#take('+')) {
      const count = /^\{(\d+)(?:,\d*)?\}/.exec(this.pattern.slice(this.#at, this.#at + 24));
      if (count === null) return 1;
      this.#at += count[0].length;
      times = Number(count[1]);
    }
    // A lazy or possessive repetition is one all the same.
    if (!this.#take('?')) this.#take('+');
    return times;
  }

  #peek(): string {
    return this.pattern[this.#at] ?? '';
  }

  #next(): string {
    return this.pattern[this.#at++] ?? '';
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

function escaped(character: string): string {
  switch (character) {
    case 'd':
      return '0';
    case 'w':
    case 'D':
    case 'S':
      return 'a';
    case 's':
    case 'W':
      return ' ';
    case 'b':
    case 'B':
    case 'A':
    case 'z':
    case 'Z':
      return '';
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    default:
      return character;
  }
}
