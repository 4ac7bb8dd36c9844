import { AppError, type JsonValue } from '#libs/core/kernel';
import type { RecordCursor, StoredRecord } from '#libs/core/log';
import { type FieldPath, parseFieldPath, valueAt } from '../field-path.js';
import type { RecordDecoder } from '../record-decoder.js';
import { TextField } from '../text-field.js';

/** Longest expression, and most parts in one: an expression is stored with its operation and evaluated for each record. */
const MAX_LENGTH = 1_000;
const MAX_PARTS = 16;

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'old-key' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'field'; readonly path: FieldPath };

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
  readonly #needsKey: boolean;
  readonly #needsValue: boolean;

  private constructor(
    readonly text: string,
    private readonly parts: readonly Part[],
  ) {
    const reads = (root: FieldPath['root']): boolean =>
      parts.some((part) => part.kind === 'field' && part.path.root === root);
    this.#needsKey = reads('key');
    this.#needsValue = reads('value');
  }

  /** @throws `invalid-key-expression`, saying where. */
  static parse(text: string): KeyExpression {
    return new KeyExpression(text, parse(text));
  }

  /** Whether the record's present key takes part. */
  get usesKey(): boolean {
    return this.parts.some((part) => part.kind === 'old-key' || (part.kind === 'field' && part.path.root === 'key'));
  }

  /** The fields that take part, in the order in which they are written. */
  get fields(): readonly FieldPath[] {
    return this.parts.flatMap((part) => (part.kind === 'field' ? [part.path] : []));
  }

  /** What finds the key in records as they lie, where the expression gives bytes that can lie there; undefined where it does not. */
  inPlace(decoder: RecordDecoder): KeyInPlace | undefined {
    const [part, ...others] = this.parts;
    if (part === undefined || others.length > 0) return undefined;
    if (part.kind === 'old-key') return new KeyInPlace(undefined);
    const field = part.kind === 'field' && decoder.readsObjectsAsText ? TextField.of(part.path) : undefined;
    return field && new KeyInPlace(field);
  }

  /** Synchronous when the decoder is. Decoding failures are an answer, not an error. */
  evaluate(topic: string, record: StoredRecord, decoder: RecordDecoder): KeyAnswer | Promise<KeyAnswer> {
    if (this.#needsValue && record.value === null) return { failure: 'tombstone' };
    if (this.#needsKey && record.key === null) return { failure: 'missing-field' };
    try {
      const value = this.#needsValue ? decoder.value(topic, record.value!, record.headers) : null;
      const key = this.#needsKey ? decoder.key(topic, record.key!, record.headers) : null;
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

/** The answer of a {@link KeyExpression} where it is bytes of the record itself: of most records, for most expressions. */
export class KeyInPlace {
  /** Where the key lies of the record that was looked at last. */
  at = 0;
  length = 0;

  /** @param field undefined for the present key */
  constructor(private readonly field: TextField | undefined) {}

  /** Finds the key of a record. False where the expression has to be asked, whatever it says. */
  find(record: RecordCursor): boolean {
    const { field } = this;
    const { bytes, keyAt, keyLength, valueAt, valueLength } = record;
    if (field === undefined) {
      this.at = keyAt;
      this.length = keyLength;
      return keyLength >= 0;
    }
    if (valueLength < 2 || bytes[valueAt] !== OPEN_BRACE || record.headers().length > 0) return false;
    if (!field.find(bytes, valueAt, valueAt + valueLength)) return false;
    this.at = field.at;
    this.length = field.length;
    return true;
  }
}

const OPEN_BRACE = 0x7b;

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
      return scalar(valueAt(part.path, part.path.root === 'key' ? key : value));
  }
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

/** A root and its path, as far as it goes; what follows is looked at by the caller. */
const PATH =
  /(key|value|header)((?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:"(?:[^"\\]|\\.)*"|[0-9]{1,9})\])*)(?![A-Za-z0-9_.[])/y;
const TEXT = /"(?:[^"\\]|\\.)*"/y;
const SPACE = / */y;

function parse(text: string): Part[] {
  if (text.length > MAX_LENGTH) throw invalid(text, 0, `it is longer than ${MAX_LENGTH} characters`);
  const parts: Part[] = [];
  for (let at = skip(text, 0); ; at = skip(text, at + 1)) {
    const [part, end] = parsePart(text, at);
    parts.push(part);
    at = skip(text, end);
    if (at === text.length) break;
    if (text[at] !== '+') throw invalid(text, at, "'+' or the end is expected");
  }
  if (parts.length > MAX_PARTS) throw invalid(text, 0, `it has more than ${MAX_PARTS} parts`);
  return parts;
}

function parsePart(text: string, at: number): [Part, number] {
  TEXT.lastIndex = PATH.lastIndex = at;
  const quoted = TEXT.exec(text)?.[0];
  if (quoted !== undefined) return [{ kind: 'text', text: unquote(text, at, quoted) }, at + quoted.length];
  const match = PATH.exec(text);
  const [whole, root, steps] = [match?.[0] ?? '', match?.[1], match?.[2] ?? ''];
  const end = at + whole.length;
  if (root === 'key' && steps === '') return [{ kind: 'old-key' }, end];
  if ((root === 'key' || root === 'value') && steps !== '')
    return [{ kind: 'field', path: parseFieldPath(whole) }, end];
  if (root === 'header') {
    const [name, more] = parseFieldPath(`value${steps}`).steps;
    if (typeof name === 'string' && more === undefined) return [{ kind: 'header', name }, end];
  }
  throw invalid(text, at, "'key', 'value.<field>', 'header.<name>' or text in double quotes is expected");
}

function unquote(text: string, at: number, quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw invalid(text, at, 'the text in double quotes is not JSON text');
  }
}

function skip(text: string, at: number): number {
  SPACE.lastIndex = at;
  return at + (SPACE.exec(text)?.[0].length ?? 0);
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
