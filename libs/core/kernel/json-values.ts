const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/**
 * How many values JSON text holds, lists and objects themselves counted: what it costs to parse and to look at, which its length does not tell. A list or object
 * that is empty counts twice; text that is no JSON gives some answer.
 */
export function jsonValues(json: Uint8Array): number {
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case QUOTE:
        for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
        break;
      case COMMA:
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        break;
      default:
    }
  }
  return values;
}
