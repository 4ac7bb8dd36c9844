import { doubleText, floatText } from '../java-numbers.js';
import { isIntegral } from '../json-text.js';
import type { JsonNode } from '../lossless-json.js';
import { inRange, LONG_MAX, LONG_MIN } from '../integers.js';
import { logicalTypeOf } from './logical-types.js';
import { isNamed, type AvroField, type AvroNamedType, type AvroType } from './tree.js';

/**
 * The intermediate form that `normalize=true` goes through before the schema is parsed and printed again: full names instead of namespaces,
 * logical type attributes first, other custom properties by key, aliases sorted, empty docs dropped, defaults in the form of their type.
 *
 * Two effects of the form are the reference's and kept, because ids and GUIDs depend on them: a type without namespace inside a namespaced one takes that
 * namespace, and a default that fits only a later branch of a union is lost.
 */
export function normalForm(root: AvroType, referencedNames: ReadonlySet<string>): JsonNode {
  return new Normaliser(referencedNames).type(root);
}

class Normaliser {
  readonly #known: Set<string>;

  constructor(known: ReadonlySet<string>) {
    this.#known = new Set(known);
  }

  /** Recursion is bounded as printing is: both write a type out where it is used first, and the schema has been printed. */
  type(type: AvroType): JsonNode {
    if (isNamed(type)) return this.#named(type);
    switch (type.kind) {
      case 'union':
        return list(type.branches.map((branch) => this.type(branch)));
      case 'array':
        return object([['type', text('array')], ['items', this.type(type.items)], ...simpleProps(type.props)]);
      case 'map':
        return object([['type', text('map')], ['values', this.type(type.values)], ...simpleProps(type.props)]);
      default:
        if (type.props.size === 0) return text(type.kind);
        return object([['type', text(type.kind)], ...logicalProps(type), ...simpleProps(type.props)]);
    }
  }

  #named(type: AvroNamedType): JsonNode {
    const { full } = type.name;
    if (this.#known.has(full)) return text(full);
    this.#known.add(full);
    const members: [string, JsonNode][] = [
      ['name', text(full)],
      ['type', text(type.kind)],
    ];
    if (type.kind === 'record') members.push(['fields', list(type.fields.map((field) => this.#field(field)))]);
    if (type.kind === 'enum') members.push(['symbols', list(type.symbols.map(text))]);
    if (type.kind === 'fixed') members.push(['size', number(String(type.size))], ...logicalProps(type));
    if (type.doc !== null && type.doc !== '') members.push(['doc', text(type.doc)]);
    if (type.aliases.length > 0) members.push(['aliases', sortedTexts(type.aliases.map((alias) => alias.full))]);
    if (type.kind === 'enum' && type.defaultSymbol !== null) members.push(['default', text(type.defaultSymbol)]);
    return object([...members, ...simpleProps(type.props)]);
  }

  #field(field: AvroField): JsonNode {
    const members: [string, JsonNode][] = [
      ['name', text(field.name)],
      ['type', this.type(field.type)],
      ['order', text(field.order)],
    ];
    if (field.doc !== null) members.push(['doc', text(field.doc)]);
    if (field.aliases.length > 0) members.push(['aliases', sortedTexts(field.aliases)]);
    const value = field.defaultValue === undefined ? undefined : inFormOf(field.defaultValue, field.type);
    if (value !== undefined) members.push(['default', value]);
    return object([...members, ...simpleProps(field.props)]);
  }
}

/** First in the text, and overridden by the property of the same name that follows: only the place is theirs. */
function logicalProps(type: AvroType): [string, JsonNode][] {
  const logical = logicalTypeOf(type);
  if (logical === undefined) return [];
  const members: [string, JsonNode][] = [['logicalType', text(logical.name)]];
  if (logical.precision !== undefined) members.push(['precision', number(String(logical.precision))]);
  if (logical.scale !== undefined && logical.scale !== 0) members.push(['scale', number(String(logical.scale))]);
  return members;
}

function simpleProps(props: ReadonlyMap<string, JsonNode>): [string, JsonNode][] {
  return sortedEntries(props).map(([key, value]) => [key, inOrder(value)]);
}

/** The same value with the members of all objects sorted. */
function inOrder(node: JsonNode): JsonNode {
  if (node.kind === 'array') return list(node.items.map(inOrder));
  if (node.kind === 'object') return object(sortedEntries(node.members).map(([key, value]) => [key, inOrder(value)]));
  return node;
}

/** A default as a value of its type would print, or undefined where the reference loses it. A null type stands for any. */
function inFormOf(node: JsonNode, type: AvroType | null): JsonNode | undefined {
  if (type?.kind === 'union') {
    const first = type.branches[0];
    return first === undefined ? undefined : inFormOf(node, first);
  }
  switch (node.kind) {
    case 'null':
    case 'boolean':
      return node;
    case 'number':
      return numberInFormOf(node.text, type);
    case 'string':
      if (type === null || type.kind === 'string' || type.kind === 'enum') return node;
      if (type.kind === 'bytes' || type.kind === 'fixed') return text(node.value.replace(/[^\u0000-\u00ff]/gu, '?'));
      return undefined;
    case 'array': {
      const items = type?.kind === 'array' ? type.items : null;
      return list(node.items.map((item) => inFormOf(item, items) ?? item));
    }
    case 'object':
      return object(
        sortedEntries(node.members).map(([key, value]) => [key, inFormOf(value, memberType(type, key)) ?? value]),
      );
  }
}

function numberInFormOf(spelled: string, type: AvroType | null): JsonNode | undefined {
  const integral = isIntegral(spelled);
  if (integral && !inRange(spelled, LONG_MIN, LONG_MAX)) return undefined;
  switch (type?.kind) {
    case undefined:
      return number(spelled);
    case 'int':
    case 'long':
      return integral ? number(spelled) : undefined;
    case 'float':
      return fraction(floatText(Number(spelled)));
    case 'double':
      return fraction(doubleText(Number(spelled)));
    default:
      return undefined;
  }
}

function fraction(spelled: string): JsonNode {
  return /[0-9]/.test(spelled) ? number(spelled) : text(spelled);
}

function memberType(type: AvroType | null, key: string): AvroType | null {
  if (type?.kind === 'map') return type.values;
  if (type?.kind === 'record') return type.fields.find((field) => field.name === key)?.type ?? null;
  return null;
}

function sortedEntries(members: ReadonlyMap<string, JsonNode>): [string, JsonNode][] {
  return [...members].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function sortedTexts(texts: readonly string[]): JsonNode {
  return list([...texts].sort().map(text));
}

function text(value: string): JsonNode {
  return { kind: 'string', at: -1, value };
}
function number(spelled: string): JsonNode {
  return { kind: 'number', at: -1, text: spelled };
}
function list(items: readonly JsonNode[]): JsonNode {
  return { kind: 'array', at: -1, items };
}
function object(members: readonly (readonly [string, JsonNode])[]): JsonNode {
  return { kind: 'object', at: -1, members: new Map(members) };
}
