import { impossible, type JsonValue } from '#libs/core/kernel';
import { valueInvalid } from './errors.js';
import { decimalOf } from './java-numbers.js';
import { isIntegral } from './json-text.js';
import { VALUE_DEPTH } from './limits.js';
import { JsonDepthError, nestingDepth, stringEnd, type JsonNode } from './lossless-json.js';

/**
 * A number of JSON text that is more than its double tells: an integer beyond ±(2^53 − 1), or any other number that a double would change. As it was
 * written. Values read with {@link parseExact} hold one wherever that is so, and plain numbers everywhere else; with {@link parseSpelled}, wherever
 * JavaScript would spell the number in another way.
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
  return parseWith(text, maxDepth, BY_VALUE, exactNumber);
}

/**
 * JSON text as a value whose numbers can be told as they were spelled: `1.50`, `1e2` and `-0` are {@link ExactNumber}s, too.
 * @throws SyntaxError as `JSON.parse` does; {@link JsonDepthError}, which is not looked for where no number can be unusual.
 */
export function parseSpelled(text: string, maxDepth: number): unknown {
  // Native code is quick to tell that there is none.
  return UNUSUAL.test(text) ? parseWith(text, maxDepth, BY_SPELLING, exactNumber) : JSON.parse(text);
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
  return parseWith(text, maxDepth, BY_VALUE, (number) => {
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

/** As {@link exactText}, while others have their turn. @param turn asked now and then: resolves when the work may go on. */
export async function exactTextInTurns(
  value: unknown,
  maxDepth: number,
  turn: () => Promise<void>,
): Promise<string | undefined> {
  if (isLongText(value)) return await inTurns(textInStages(value), turn);
  if (isLeaf(value)) return leafText(value);
  return await inTurns(writtenInStages(value, maxDepth, { parts: 0 }), turn);
}

async function inTurns(stages: Generator<undefined, string, undefined>, turn: () => Promise<void>): Promise<string> {
  for (;;) {
    // Before the first stage, too: whoever comes here has looked at the value already, and listing the names of a large object is most of the work on it.
    await turn();
    const next = stages.next();
    if (next.done === true) return next.value;
  }
}

/** The text of a value that somebody gave. @throws `value-does-not-fit-schema` for what is no JSON value, or nests too deep. */
export function valueText(value: unknown): string {
  try {
    return requireText(exactText(value, VALUE_DEPTH));
  } catch (error) {
    throw misfit(error);
  }
}

/** As {@link valueText}, while others have their turn. */
export async function valueTextInTurns(value: unknown, turn: () => Promise<void>): Promise<string> {
  try {
    return requireText(await exactTextInTurns(value, VALUE_DEPTH, turn));
  } catch (error) {
    throw misfit(error);
  }
}

/** About as many characters as the text of a value takes; counted until there are more than `most`. */
export function roughLength(value: unknown, most: number): number {
  let length = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && length <= most) {
    const next = waiting.pop();
    length += LEAST_LENGTH;
    if (typeof next === 'string') length += next.length;
    if (typeof next !== 'object' || next === null) continue;
    if (next instanceof ExactNumber) length += next.text.length;
    else if (Array.isArray(next)) {
      if (next.length > most - length) return most + 1;
      for (const item of next as unknown[]) waiting.push(item);
    } else {
      for (const name in next) {
        length += name.length;
        waiting.push((next as Record<string, unknown>)[name]);
        if (length + waiting.length > most) return most + 1;
      }
    }
  }
  return length;
}

function requireText(text: string | undefined): string {
  if (text === undefined) throw valueInvalid('', 'is no JSON value');
  return text;
}

function misfit(error: unknown): unknown {
  return error instanceof JsonDepthError ? valueInvalid('', `nests deeper than ${VALUE_DEPTH}`) : error;
}

/** Whether the double nearest to a JSON number says everything about it. Of integers that are not safe, it does not say whether it was rounded. */
export function isDouble(text: string): boolean {
  if (text.length <= SHORT && !/[eE]/.test(text)) return true;
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

/** Which numbers a plain one stands for. */
interface PlainNumbers {
  /** Whether all of up to {@link SHORT} characters without an exponent are among them. */
  readonly short: boolean;
  readonly includes: (number: string) => boolean;
}

function parseWith(text: string, maxDepth: number, plain: PlainNumbers, number: (text: string) => unknown): unknown {
  if (text.length > maxDepth && opensMoreThan(text, maxDepth) && nestingDepth(text) > maxDepth) {
    throw new JsonDepthError(maxDepth, START);
  }
  const value: unknown = JSON.parse(text);
  // Native code is quick to tell that every number is short; digits in strings only send the text the longer way.
  if (plain.short && !mayHoldLongNumber(text)) return value;
  const quoted = quotedNumbers(text, plain);
  return quoted === undefined ? value : exact(value, JSON.parse(quoted), number);
}

/** Whether a number could be longer than {@link SHORT}, or have an exponent; digits in strings count, too. Every record is looked at: a pattern that begins anew at each digit takes several times as long. */
function mayHoldLongNumber(text: string): boolean {
  let run = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= DIGIT_9 && (code >= ZERO || (code >= PLUS && code <= POINT && code !== COMMA))) {
      if (++run > SHORT) return true;
    } else {
      // An exponent stands behind a digit, or behind the point that followed one.
      if (run > 0 && (code | 0x20) === 0x65) return true;
      run = 0;
    }
  }
  return false;
}

/**
 * Whether bytes are plain characters (ASCII) of which `JSON.parse` makes what {@link parseReadable} would, if they are JSON text at all: no number in them can be long, nothing nests deep. Some others are, too. One look at each
 * byte tells it, where it is not known yet whether they are text.
 */
export function isPlainJson(bytes: Uint8Array, from: number, to: number): boolean {
  let run = 0;
  let opened = 0;
  for (let at = from; at < to; at++) {
    const code = bytes[at]!;
    if (code <= DIGIT_9 && (code >= ZERO || (code >= PLUS && code <= POINT && code !== COMMA))) {
      if (++run > SHORT) return false;
      continue;
    }
    const lower = code | 0x20;
    if (code > LAST_ASCII || (run > 0 && lower === 0x65) || (lower === 0x7b && ++opened > FEW_BRACKETS)) return false;
    run = 0;
  }
  return true;
}

/** Whether so many lists and objects begin that they could lie deeper than that; brackets in strings count, too. */
function opensMoreThan(text: string, most: number): boolean {
  let left = most;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true;
  }
  return false;
}

/** JSON text, known to be well formed, in which the numbers that are not plain are strings. Undefined where there are none. */
function quotedNumbers(text: string, plain: PlainNumbers): string | undefined {
  const pieces: string[] = [];
  let taken = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = stringEnd(text, at);
    } else if (character === MINUS || isDigit(character)) {
      const from = at;
      let exponent = false;
      for (let next = text.charCodeAt(at + 1); isInNumbers(next); next = text.charCodeAt(++at + 1)) {
        if ((next | 0x20) === 0x65) exponent = true;
      }
      const to = at + 1;
      if (plain.short && to - from <= SHORT && !exponent) continue;
      const number = text.slice(from, to);
      if (plain.includes(number)) continue;
      pieces.push(text.slice(taken, from), `"${number}"`);
      taken = to;
    }
  }
  return pieces.length === 0 ? undefined : pieces.join('') + text.slice(taken);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9;
}

/** Digits, `.`, `+`, `-`, `e` and `E`. */
function isInNumbers(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x2b || code === MINUS || (code | 0x20) === 0x65;
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

/** @param depth that is left. @param done parts written since the last stage ended. */
function* writtenInStages(
  value: object,
  depth: number,
  done: { parts: number },
): Generator<undefined, string, undefined> {
  if (depth === 0) throw new JsonDepthError(depth, START);
  const parts: string[] = [];
  const list = Array.isArray(value);
  for (const name of list ? value.keys() : Object.keys(value)) {
    const member = (value as Record<PropertyKey, unknown>)[name];
    const text = isLongText(member)
      ? yield* textInStages(member)
      : isLeaf(member)
        ? leafText(member)
        : yield* writtenInStages(member, depth - 1, done);
    parts.push(list ? text : `${JSON.stringify(name)}:${text}`);
    if (++done.parts < STAGE_PARTS) continue;
    done.parts = 0;
    yield;
  }
  return list ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

function isLongText(value: unknown): value is string {
  return typeof value === 'string' && value.length > STAGE_CHARACTERS;
}

/** A string, cut where no pair of surrogates is: a half of one would be escaped. */
function* textInStages(text: string): Generator<undefined, string, undefined> {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const to = placeToCut(text, at + STAGE_CHARACTERS);
    pieces.push(JSON.stringify(text.slice(at, to)).slice(1, -1));
    at = to;
    yield;
  }
  return `"${pieces.join('')}"`;
}

/** The place itself, or the one before it where it lies between the halves of a pair; the end of a text that is shorter. */
export function placeToCut(text: string, at: number): number {
  if (at >= text.length) return text.length;
  return (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 ? at - 1 : at;
}

function isLeaf(value: unknown): value is Exclude<unknown, object> {
  return typeof value !== 'object' || value === null || value instanceof ExactNumber;
}

function leafText(value: unknown): string {
  return value instanceof ExactNumber ? value.text : JSON.stringify(value);
}

/** Values written in one stage, a millisecond or two of them. */
const STAGE_PARTS = 5_000;
/** Characters of a string that are written in one stage. */
const STAGE_CHARACTERS = 64 * 1024;
/** What a value counts at least. */
const LEAST_LENGTH = 2;
/** Characters of the longest text that a double can be written as without loss. */
const LONGEST_DOUBLE = 1_100;
const START = { line: 1, column: 1 };
const ZERO = 0x30;
/** Characters of a number without an exponent that a double always holds. */
const SHORT = 15;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_9 = 0x39;
const LAST_ASCII = 0x7f;
/** Lists and objects that cannot lie too deep, one in the other. */
const FEW_BRACKETS = 64;
const QUOTE = 0x22;
const BY_VALUE: PlainNumbers = { short: true, includes: isDouble };
const BY_SPELLING: PlainNumbers = { short: false, includes: (number) => String(Number(number)) === number };
/** Found in every number that JavaScript spells in another way, and in others. */
const UNUSUAL = /[0-9]{16}|[0-9][.eE]|-0/;
