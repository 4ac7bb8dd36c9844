import { jsonText } from '../json-text.js';
import type { JsonMembers, JsonNode } from '../lossless-json.js';

/** How the objects of an Avro schema's JSON are read: members with a meaning, and all others, which are properties of the writer's own. */

/** Members of a schema that are no properties. */
export const SCHEMA_WORDS: ReadonlySet<string> = new Set([
  'doc',
  'fields',
  'items',
  'name',
  'namespace',
  'size',
  'symbols',
  'values',
  'type',
  'aliases',
]);
/** Those of an enum, which may have a default. */
export const ENUM_WORDS: ReadonlySet<string> = new Set([...SCHEMA_WORDS, 'default']);
/** Those of a field. */
export const FIELD_WORDS: ReadonlySet<string> = new Set(['default', 'doc', 'name', 'order', 'type', 'aliases']);

export const NO_PROPS: ReadonlyMap<string, JsonNode> = new Map();

/** The text of a member; null where it is not there, or no text. */
export function optionalText(node: JsonMembers, member: string): string | null {
  const value = node.members.get(member);
  return value?.kind === 'string' ? value.value : null;
}

/** What is no member of these words, in the order of the text. */
export function propsOf(node: JsonMembers, words: ReadonlySet<string>): ReadonlyMap<string, JsonNode> {
  const props = [...node.members].filter(([name]) => !words.has(name));
  return props.length === 0 ? NO_PROPS : new Map(props);
}

/** A value with at most 120 characters, for messages. */
export function short(node: JsonNode): string {
  const text = jsonText(node);
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`;
}

/** What stands at a place of the text, at most 60 characters of it, for messages. */
export function shortText(text: string, at: number): string {
  return text.length - at <= 60 ? text.slice(at) : `${text.slice(at, at + 60)}…`;
}

/** A number text that counts as a fraction even where the value is whole: the default was given as a string and became a double. */
export function fractionText(value: number): string {
  const text = String(value);
  return /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}
