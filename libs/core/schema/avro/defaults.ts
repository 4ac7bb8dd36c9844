import { schemaTooLarge } from '../errors.js';
import { INT_MAX, INT_MIN, inRange, LONG_MAX, LONG_MIN } from '../integers.js';
import type { JsonNode } from '../lossless-json.js';
import type { AvroType } from './tree.js';

/** Records that a default may nest through defaults of their fields. */
const DEFAULT_DEPTH = 512;

/** A name in the place of a type that has not been defined yet. To a default it is a record without fields, as it is in Java. */
export interface UnresolvedType {
  readonly kind: 'unresolved';
}

/**
 * Decides whether JSON values can be defaults, by the rules of Avro's Java library 1.12: a union takes a value of any branch, strings stand for
 * bytes, fixed and enum whatever they hold. A record field that the value leaves out must have a valid default itself.
 *
 * A record whose defaults need themselves (`R` with a field of type `R` and default `{}`) has no finite value and is not valid. One instance
 * serves one schema: it remembers what it has found, so that defaults of defaults are looked at once.
 */
export class DefaultRules {
  readonly #known = new Map<AvroType, Map<JsonNode, boolean | 'busy'>>();
  /** Times a cycle was cut; a negative answer found meanwhile may hold only inside the cycle and is not remembered. */
  #cuts = 0;
  #depth = 0;

  isValid(type: AvroType | UnresolvedType, value: JsonNode | undefined): boolean {
    if (value === undefined) return false;
    switch (type.kind) {
      case 'unresolved':
        return value.kind === 'object';
      case 'null':
        return value.kind === 'null';
      case 'boolean':
        return value.kind === 'boolean';
      case 'int':
        return value.kind === 'number' && inRange(value.text, INT_MIN, INT_MAX);
      case 'long':
        return value.kind === 'number' && inRange(value.text, LONG_MIN, LONG_MAX);
      case 'float':
      case 'double':
        return value.kind === 'number';
      case 'bytes':
      case 'string':
      case 'enum':
      case 'fixed':
        return value.kind === 'string';
      case 'array':
        return value.kind === 'array' && value.items.every((item) => this.isValid(type.items, item));
      case 'map':
        return value.kind === 'object' && [...value.members.values()].every((one) => this.isValid(type.values, one));
      case 'union':
        return type.branches.some((branch) => this.isValid(branch, value));
      case 'record':
        return value.kind === 'object' && this.#remembered(type, value);
    }
  }

  #remembered(type: AvroType & { kind: 'record' }, value: JsonNode & { kind: 'object' }): boolean {
    let answers = this.#known.get(type);
    if (answers === undefined) this.#known.set(type, (answers = new Map()));
    const answer = answers.get(value);
    if (answer === 'busy') {
      this.#cuts++;
      return false;
    }
    if (answer !== undefined) return answer;
    if (++this.#depth > DEFAULT_DEPTH) throw schemaTooLarge('defaultDepth', DEFAULT_DEPTH, this.#depth);
    const cuts = this.#cuts;
    answers.set(value, 'busy');
    const result = type.fields.every((field) =>
      this.isValid(field.type, value.members.get(field.name) ?? field.defaultValue),
    );
    if (result || cuts === this.#cuts) answers.set(value, result);
    else answers.delete(value);
    this.#depth--;
    return result;
  }
}
