import { schemaInvalid } from '../errors.js';
import { INT_MAX, INT_MIN, inRange } from '../integers.js';
import { positionAt, type JsonMembers, type JsonNode } from '../lossless-json.js';
import type { JsonSchemaSource } from './node.js';
import { isPattern } from './regex.js';
import { isUri } from './uri.js';

export const NO_MEMBERS: ReadonlyMap<string, JsonNode> = new Map();

/** Reads keywords of one schema object, with the errors of wrong ones. */
export class Keywords {
  constructor(
    readonly json: JsonMembers,
    readonly source: JsonSchemaSource,
  ) {}

  has(name: string): boolean {
    return this.json.members.has(name);
  }

  get(name: string): JsonNode | undefined {
    return this.json.members.get(name);
  }

  text(name: string): string | null {
    const value = this.get(name);
    if (value === undefined) return null;
    return value.kind === 'string' ? value.value : this.wrong(name, 'a string', value);
  }

  /** A text that is there and is a URI. */
  uri(name: string): string {
    const text = this.text(name) ?? '';
    return isUri(text) ? text : this.wrong(name, 'a URI', this.get(name)!);
  }

  boolean(name: string): boolean | null {
    const value = this.get(name);
    if (value === undefined) return null;
    return value.kind === 'boolean' ? value.value : this.wrong(name, 'a boolean', value);
  }

  /** A number as spelled. */
  number(name: string): string | null {
    const value = this.get(name);
    if (value === undefined) return null;
    return value.kind === 'number' ? value.text : this.wrong(name, 'a number', value);
  }

  /** An integer of 32 bits, written without fraction or exponent. */
  integer(name: string): number | null {
    const value = this.get(name);
    if (value === undefined) return null;
    if (value.kind !== 'number' || !inRange(value.text, INT_MIN, INT_MAX)) {
      return this.wrong(name, 'an integer of 32 bits', value);
    }
    return Number(value.text);
  }

  /** Any number, its fraction cut off. */
  truncated(name: string): number | null {
    const text = this.number(name);
    return text === null ? null : Math.trunc(Number(text));
  }

  /** As {@link truncated}, where any other value counts as none. */
  numberIfAny(name: string): number | null {
    return this.get(name)?.kind === 'number' ? this.truncated(name) : null;
  }

  list(name: string): readonly JsonNode[] | null {
    const value = this.get(name);
    if (value === undefined) return null;
    return value.kind === 'array' ? value.items : this.wrong(name, 'an array', value);
  }

  members(name: string): ReadonlyMap<string, JsonNode> | null {
    const value = this.get(name);
    if (value === undefined) return null;
    return value.kind === 'object' ? value.members : this.wrong(name, 'an object', value);
  }

  texts(name: string): readonly string[] | null {
    return (
      this.list(name)?.map((item) =>
        item.kind === 'string' ? item.value : this.wrong(name, 'an array of strings', item),
      ) ?? null
    );
  }

  pattern(name: string): string | null {
    const pattern = this.text(name);
    if (pattern !== null && !isPattern(pattern)) this.wrong(name, 'a regular expression', this.get(name)!);
    return pattern;
  }

  wrong(name: string, expected: string, at: JsonNode): never {
    return this.fail(`'${name}' must be ${expected}`, at);
  }

  fail(reason: string, at: JsonNode = this.json): never {
    const { text, reference } = this.source;
    throw schemaInvalid('JSON', reason, {
      position: positionAt(text, at.at),
      ...(reference === null ? {} : { reference }),
    });
  }
}
