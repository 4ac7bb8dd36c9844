import { impossible, type JsonValue } from '#libs/core/kernel';
import { valueInvalid } from './errors.js';
import { decimalOf } from './java-numbers.js';
import { isIntegral } from './json-text.js';
import { VALUE_DEPTH } from './limits.js';
import { JsonDepthError, nestingDepth, stringEnd, type JsonNode } from './lossless-json.js';

/**
 * A number of JSON text that is more than its double tells: an integer beyond ±(2^53 − 1), or any other number that a double would change. As it was
 * written. Values read with {@link parseExact} hold one wherever that is so, and plain numbers everywhere else.
 */
export class ExactNumber {
  constructor(readonly text: string) {}

  /** Written without fraction and exponent. */
  get integral(): boolean {
    return isIntegral(this.text);
  }

  /** Only {@link exactText} writes them: `JSON.stringify` has no way to. */
  toJSON(): never {
    return impossible('an exact number was written with JSON.stringify');
  }
}

/**
 * JSON text as a value, numbers kept: where a double says less, they are {@link ExactNumber}s.
 * @throws SyntaxError as `JSON.parse` does, {@link JsonDepthError}.
 */
export function parseExact(text: string, maxDepth: number): unknown {
  return parseWith(text, maxDepth, exactNumber);
}

/** As {@link parseExact}, letting others have their turn now and then. The text must be known to nest no deeper than it may. */
export async function parseExactInTurns(text: string, turn: () => Promise<void>): Promise<unknown> {
  const value: unknown = JSON.parse(text);
  await turn();
  const stages = exactStages(text, value, exactNumber);
  for (;;) {
    const next = stages.next();
    if (next.done === true) return next.value;
    await turn();
  }
}

/** A tree as a value with {@link ExactNumber}s. */
export function exactValue(node: JsonNode): unknown {
  return plain(node, exactNumber);
}

/**
 * JSON text as a plain value, as the native API shows data: integers beyond ±(2^53 − 1) and numbers beyond the range of a double are their text, fractions
 * the nearest double.
 * @throws SyntaxError as `JSON.parse` does, {@link JsonDepthError}.
 */
export function parseReadable(text: string, maxDepth: number): JsonValue {
  return parseWith(text, maxDepth, (number) => {
    const value = Number(number);
    return isIntegral(number) || !Number.isFinite(value) ? number : value;
  }) as JsonValue;
}

/**
 * The value as compact JSON text, members in their order, exact numbers as they were written.
 * @throws {@link JsonDepthError}
 */
export function exactText(value: unknown, maxDepth: number): string | undefined {
  return holdsExact(value, maxDepth) ? written(value) : JSON.stringify(value);
}

/** The text of a value that somebody gave. @throws `value-does-not-fit-schema` for what is no JSON value, or nests too deep. */
export function valueText(value: unknown): string {
  let text: string | undefined;
  try {
    text = exactText(value, VALUE_DEPTH);
  } catch (error) {
    if (!(error instanceof JsonDepthError)) throw error;
    throw valueInvalid('', `nests deeper than ${VALUE_DEPTH}`);
  }
  if (text === undefined) throw valueInvalid('', 'is no JSON value');
  return text;
}

/** Whether the double nearest to a JSON number says everything about it. Of integers that are not safe, it does not say whether it was rounded. */
export function isDouble(text: string): boolean {
  if (text.length <= 15 && !/[eE]/.test(text)) return true;
  if (text.length > LONGEST_DOUBLE) return false;
  if (isIntegral(text)) return Number.isSafeInteger(Number(text));
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  const [exact, double] = [digitsOf(text), digitsOf(String(value))];
  return exact !== undefined && exact === double;
}

/** Equal for equal numbers, however spelled. Undefined for an exponent beyond all measure. */
export function digitsOf(text: string): string | undefined {
  const decimal = decimalOf(text);
  if (decimal === undefined) return undefined;
  let end = decimal.digits.length;
  while (end > 0 && decimal.digits.charCodeAt(end - 1) === ZERO) end--;
  if (end === 0) return '0';
  return `${decimal.negative ? '-' : ''}${decimal.digits.slice(0, end)}e${decimal.digits.length - end - decimal.scale}`;
}

function parseWith(text: string, maxDepth: number, number: (text: string) => unknown): unknown {
  if (text.length > maxDepth && nestingDepth(text) > maxDepth) {
    throw new JsonDepthError(maxDepth, START);
  }
  const value: unknown = JSON.parse(text);
  // No long run of digits and no exponent: the common case.
  if (!SUSPECT.test(text)) return value;
  const stages = exactStages(text, value, number);
  for (;;) {
    const next = stages.next();
    if (next.done === true) return next.value;
  }
}

/** Makes the numbers of a parsed text exact, in stages of some 20 ms at most where the text has 8 MiB. */
function* exactStages(
  text: string,
  value: unknown,
  number: (text: string) => unknown,
): Generator<undefined, unknown, undefined> {
  const quoted = yield* quotedNumbers(text);
  if (quoted === text) return value;
  yield;
  const texts: unknown = JSON.parse(quoted);
  yield;
  return exact(value, texts, number);
}

/** JSON text, known to be well formed, in which the numbers that a double would change are strings. */
function* quotedNumbers(text: string): Generator<undefined, string, undefined> {
  const pieces: string[] = [];
  let taken = 0;
  let steps = 0;
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    for (const [from, to] of longNumbers(text.slice(at, end))) {
      const number = text.slice(at + from, at + to);
      if (!isDouble(number)) {
        pieces.push(text.slice(taken, at + from), `"${number}"`);
        taken = at + to;
      }
      if (++steps % STAGE_STEPS === 0) yield;
    }
    at = quote < 0 ? end : stringEnd(text, quote) + 1;
    if (++steps % STAGE_STEPS === 0) yield;
  }
  return pieces.join('') + text.slice(taken);
}

/** Where numbers of many digits, or with an exponent, stand in text without strings. Written without a pattern that would remember every digit. */
function* longNumbers(text: string): Generator<readonly [from: number, to: number]> {
  const suspects = new RegExp(SUSPECT, 'g');
  for (let found = suspects.exec(text); found !== null; found = suspects.exec(text)) {
    let from = found.index;
    let to = from + found[0].length;
    while (from > 0 && isInNumbers(text.charCodeAt(from - 1))) from--;
    while (to < text.length && isInNumbers(text.charCodeAt(to))) to++;
    yield [from, to];
    suspects.lastIndex = to;
  }
}

/** Digits, `.`, `+`, `-`, `e` and `E`. */
function isInNumbers(code: number): boolean {
  return (
    (code >= ZERO && code <= ZERO + 9) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65
  );
}

/** One value twice, parsed with and without quotes around numbers: what is a number in one and a string in the other was quoted. */
function exact(value: unknown, texts: unknown, number: (text: string) => unknown): unknown {
  if (typeof value === 'number' && typeof texts === 'string') return number(texts);
  if (typeof value !== 'object' || value === null) return value;
  const [members, quoted] = [value, texts] as [Record<string, unknown>, Record<string, unknown>];
  for (const name of Object.keys(members)) {
    const member = members[name];
    if (typeof member === 'number' || (typeof member === 'object' && member !== null)) {
      members[name] = exact(member, quoted[name], number);
    }
  }
  return value;
}

function exactNumber(text: string): ExactNumber {
  return new ExactNumber(text);
}

/** Objects have no prototype, so that every name is a member like any other. */
function plain(node: JsonNode, inexact: (text: string) => unknown): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
    case 'string':
      return node.value;
    case 'number':
      return isDouble(node.text) ? Number(node.text) : inexact(node.text);
    case 'array':
      return node.items.map((item) => plain(item, inexact));
    case 'object': {
      const object = Object.create(null) as Record<string, unknown>;
      for (const [name, member] of node.members) object[name] = plain(member, inexact);
      return object;
    }
  }
}

/** Looks at all of it, since the depth is to be known before anything that recurses. */
function holdsExact(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof ExactNumber) return true;
  if (depth === 0) throw new JsonDepthError(depth, START);
  let found = false;
  for (const part of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (holdsExact(part, depth - 1)) found = true;
  }
  return found;
}

function written(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${written(member)}`)
    .join(',')}}`;
}

/** Characters of the longest text that a double can be written as without loss. */
const LONGEST_DOUBLE = 1_100;
const START = { line: 1, column: 1 };
const ZERO = 0x30;
const SUSPECT = /[0-9.]{16}|[0-9][eE]/;
/** Numbers and strings looked at in one stage. */
const STAGE_STEPS = 20_000;
