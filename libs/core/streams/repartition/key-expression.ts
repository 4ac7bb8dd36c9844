import { AppError, type JsonValue } from '#libs/core/kernel';
import type { StoredRecord } from '#libs/core/log';
import type { RecordDecoder } from '../record-decoder.js';

/** Longest expression, and most parts and steps in one: an expression is stored with its operation and evaluated for each record. */
const MAX_LENGTH = 1_000;
const MAX_PARTS = 16;
const MAX_STEPS = 32;

type Step = string | number;

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'old-key' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'field'; readonly of: 'key' | 'value'; readonly path: readonly Step[] };

/** Why an expression has no answer for a record. Named in counts; never holds contents. */
export type KeyFailure = 'tombstone' | 'missing-field' | 'not-scalar' | 'undecodable';

/** The new key, or why there is none. */
export type KeyAnswer = { readonly key: Uint8Array } | { readonly failure: KeyFailure };

/**
 * An expression for a record's key: `key`, a field of the decoded value or key (`value.origin`, `value.legs[0].airport`, `value["a b"]`), a header
 * (`header.tenant`, `header["x-tenant"]`), text in double quotes, and several of these joined by `+`.
 *
 * The key is the UTF-8 text of the answer: text as it is, numbers as JSON writes them, true and false as words; `key` and `header` alone give the
 * bytes as they are. Objects, arrays, null and what is not there have no answer. Deterministic: nothing but the record and its schema takes part.
 */
export class KeyExpression {
  private constructor(
    readonly text: string,
    private readonly parts: readonly Part[],
  ) {}

  /** @throws `invalid-key-expression`, saying where. */
  static parse(text: string): KeyExpression {
    return new KeyExpression(text, new Parser(text).parts());
  }

  /** Synchronous when the decoder is. Decoding failures are an answer, not an error. */
  evaluate(topic: string, record: StoredRecord, decoder: RecordDecoder): KeyAnswer | Promise<KeyAnswer> {
    const needs = (of: 'key' | 'value'): boolean => this.parts.some((part) => part.kind === 'field' && part.of === of);
    if (needs('value') && record.value === null) return { failure: 'tombstone' };
    if (needs('key') && record.key === null) return { failure: 'missing-field' };
    try {
      const value = needs('value') ? decoder.value(topic, record.value!) : null;
      const key = needs('key') ? decoder.key(topic, record.key!) : null;
      if (!(value instanceof Promise) && !(key instanceof Promise)) return this.answer(record, key, value);
      return Promise.all([key, value]).then(
        ([k, v]) => this.answer(record, k, v),
        (error: unknown) => undecodable(error),
      );
    } catch (error) {
      return undecodable(error);
    }
  }

  private answer(record: StoredRecord, key: JsonValue, value: JsonValue): KeyAnswer {
    const bytes: Uint8Array[] = [];
    for (const part of this.parts) {
      const one = bytesOf(part, record, key, value);
      if (!(one instanceof Uint8Array)) return one;
      bytes.push(one);
    }
    return { key: bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes) };
  }
}

function bytesOf(part: Part, record: StoredRecord, key: JsonValue, value: JsonValue): Uint8Array | KeyAnswer {
  switch (part.kind) {
    case 'text':
      return Buffer.from(part.text);
    case 'old-key':
      return record.key ?? { failure: 'missing-field' };
    case 'header': {
      // The last one counts, as with the usual reading of repeated headers.
      const header = record.headers.findLast((one) => one.key === part.name);
      return header?.value ?? { failure: 'missing-field' };
    }
    case 'field':
      return scalar(fieldAt(part.of === 'key' ? key : value, part.path));
  }
}

/** The value at a path, undefined when there is none. Own members only. */
export function fieldAt(value: JsonValue | undefined, path: readonly (string | number)[]): JsonValue | undefined {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at)) at = typeof step === 'number' ? at[step] : undefined;
    else at = Object.hasOwn(at, String(step)) ? at[String(step)] : undefined;
  }
  return at;
}

function scalar(value: JsonValue | undefined): Uint8Array | KeyAnswer {
  if (value === undefined || value === null) return { failure: 'missing-field' };
  if (typeof value === 'object') return { failure: 'not-scalar' };
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

function undecodable(error: unknown): KeyAnswer {
  if (error instanceof AppError && error.code === 'undecodable-record') return { failure: 'undecodable' };
  throw error;
}

/** A field path such as `value.version` or `key.id`, for those who need one field and no expression. @throws `invalid-key-expression`. */
export function parseFieldPath(text: string): {
  readonly of: 'key' | 'value';
  readonly path: readonly (string | number)[];
} {
  const parts = new Parser(text).parts();
  const [part] = parts;
  if (parts.length !== 1 || part?.kind !== 'field') throw invalid(text, 0, 'a field of key or value is expected');
  return { of: part.of, path: part.path };
}

class Parser {
  #at = 0;

  constructor(private readonly text: string) {}

  parts(): Part[] {
    if (this.text.length > MAX_LENGTH) throw this.wrong(`it is longer than ${MAX_LENGTH} characters`);
    const parts: Part[] = [];
    do {
      this.#space();
      parts.push(this.#part());
      this.#space();
    } while (this.#take('+'));
    if (this.#at < this.text.length) throw this.wrong("'+' or the end is expected");
    if (parts.length > MAX_PARTS) throw this.wrong(`it has more than ${MAX_PARTS} parts`);
    return parts;
  }

  #part(): Part {
    if (this.text[this.#at] === '"') return { kind: 'text', text: this.#quoted() };
    const start = this.#at;
    const root = this.#word();
    const path = this.#path();
    if (root === 'key') return path.length === 0 ? { kind: 'old-key' } : { kind: 'field', of: 'key', path };
    if (root === 'value' && path.length > 0) return { kind: 'field', of: 'value', path };
    const [name] = path;
    if (root === 'header' && path.length === 1 && typeof name === 'string') return { kind: 'header', name };
    this.#at = start;
    throw this.wrong("'key', 'value.<field>', 'header.<name>' or text in double quotes is expected");
  }

  #path(): Step[] {
    const path: Step[] = [];
    for (;;) {
      if (this.#take('.')) path.push(this.#word());
      else if (this.#take('[')) {
        const step = this.text[this.#at] === '"' ? this.#quoted() : this.#index();
        if (!this.#take(']')) throw this.wrong("']' is expected");
        path.push(step);
      } else return path;
      if (path.length > MAX_STEPS) throw this.wrong(`a path has more than ${MAX_STEPS} steps`);
    }
  }

  #word(): string {
    const word = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.text.slice(this.#at))?.[0];
    if (word === undefined) throw this.wrong('a name is expected');
    this.#at += word.length;
    return word;
  }

  #index(): number {
    const digits = /^[0-9]{1,9}/.exec(this.text.slice(this.#at))?.[0];
    if (digits === undefined) throw this.wrong('a number or a name in double quotes is expected');
    this.#at += digits.length;
    return Number(digits);
  }

  #quoted(): string {
    const quoted = /^"(?:[^"\\]|\\.)*"/.exec(this.text.slice(this.#at))?.[0];
    if (quoted === undefined) throw this.wrong('the double quote is never closed');
    try {
      const text = JSON.parse(quoted) as string;
      this.#at += quoted.length;
      return text;
    } catch {
      throw this.wrong('the text in double quotes is not JSON text');
    }
  }

  #take(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (this.text[this.#at] === ' ') this.#at++;
  }

  private wrong(why: string): AppError {
    return invalid(this.text, this.#at, why);
  }
}

function invalid(text: string, at: number, why: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-key-expression',
    message: `The key expression is not valid at character ${at + 1}: ${why}.`,
    hint: 'Examples: value.origin · value.address.zip · header.tenant · value.origin + "-" + value.destination',
    details: { expression: text.slice(0, 200), at: at + 1 },
  });
}
