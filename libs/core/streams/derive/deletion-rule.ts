import { type JsonValue, stableJson } from '#libs/core/kernel';
import { type FieldPath, parseFieldPath, valueAt } from '../field-path.js';
import type { DeletionRule } from './derivation.js';

/** Tells values that end their key. Objects are equal whatever the order of their members. */
export class DeletedValues {
  readonly #path: FieldPath;
  readonly #equals: string;

  /** @throws `invalid-field-path`. */
  constructor({ path, equals }: DeletionRule) {
    this.#path = parseFieldPath(path);
    this.#equals = stableJson(equals);
  }

  /** Whether a decoded value is a deletion. */
  has(value: JsonValue): boolean {
    const found = valueAt(this.#path, value);
    return found !== undefined && stableJson(found) === this.#equals;
  }
}
