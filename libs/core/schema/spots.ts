import type { SchemaSpot } from './format.js';
import { positionAt } from './lossless-json.js';

/** Characters of a spot's text. */
export const SPOT_LENGTH = 200;

/**
 * A part of a schema as people are shown it. `at` is an index into the text that was parsed, null for a part that came from elsewhere. Text and place are worked
 * out when they are asked for: most differences are tolerated and never shown, and printing and counting lines take time.
 */
export function schemaSpot(text: () => string, source: string, at: number | null): SchemaSpot {
  return {
    get text() {
      const whole = text();
      return whole.length <= SPOT_LENGTH ? whole : `${whole.slice(0, SPOT_LENGTH - 1)}…`;
    },
    get position() {
      return at === null ? null : positionAt(source, at);
    },
  };
}
