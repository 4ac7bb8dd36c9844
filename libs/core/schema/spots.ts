import type { SchemaSpot } from './format.js';
import type { SourcePosition } from './lossless-json.js';

/** Characters of a spot's text. */
export const SPOT_LENGTH = 200;

/**
 * A part of a schema as people are shown it. `at` is an index into the text that was parsed, null for a part that came from elsewhere. Text and place are worked
 * out when they are asked for: most differences are tolerated and never shown, and printing and counting lines take time.
 */
export function schemaSpot(text: () => string, source: { readonly text: string }, at: number | null): SchemaSpot {
  return {
    get text() {
      const whole = text();
      return whole.length <= SPOT_LENGTH ? whole : `${whole.slice(0, SPOT_LENGTH - 1)}…`;
    },
    get position() {
      return at === null || at < 0 ? null : positionIn(source, at);
    },
  };
}

/** Where the lines of a text begin, found once: thousands of parts of one text may be shown. */
const LINE_STARTS = new WeakMap<object, readonly number[]>();

function positionIn(source: { readonly text: string }, at: number): SourcePosition {
  let starts = LINE_STARTS.get(source);
  if (starts === undefined) {
    starts = [0, ...Array.from(source.text.matchAll(/\n/g), ({ index }) => index + 1)];
    LINE_STARTS.set(source, starts);
  }
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= at) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: at - starts[low]! + 1 };
}
