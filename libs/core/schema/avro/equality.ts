import { isIntegral, jsonText } from '../json-text.js';
import type { JsonNode } from '../lossless-json.js';
import type { AvroField, AvroType } from './tree.js';

/**
 * Whether two types are the same by Java's `Schema.equals`: names, fields in order, defaults, order, symbols, sizes and custom properties count; docs,
 * aliases, enum defaults and spelling do not. Decides whether a name may be defined a second time.
 */
export function sameType(one: AvroType, other: AvroType): boolean {
  return same(one, other, new Map());
}

function same(a: AvroType, b: AvroType, busy: Map<AvroType, Set<AvroType>>): boolean {
  if (a === b) return true;
  // A name that is not resolved yet is equal to nothing but itself.
  if (a.kind !== b.kind || (a.kind as string) === 'unresolved') return false;
  if (!sameMembers(a.props, b.props)) return false;
  switch (a.kind) {
    case 'array':
      return same(a.items, (b as typeof a).items, busy);
    case 'map':
      return same(a.values, (b as typeof a).values, busy);
    case 'union': {
      const { branches } = b as typeof a;
      return a.branches.length === branches.length && a.branches.every((one, i) => same(one, branches[i]!, busy));
    }
    case 'fixed':
      return a.name.full === (b as typeof a).name.full && a.size === (b as typeof a).size;
    case 'enum': {
      const { name, symbols } = b as typeof a;
      return (
        a.name.full === name.full &&
        a.symbols.length === symbols.length &&
        a.symbols.every((symbol, i) => symbol === symbols[i])
      );
    }
    case 'record': {
      const { name, fields } = b as typeof a;
      if (a.name.full !== name.full || a.fields.length !== fields.length) return false;
      const met = busy.get(a) ?? new Set();
      if (met.has(b)) return true;
      busy.set(a, met.add(b));
      return a.fields.every((field, i) => sameField(field, fields[i]!, busy));
    }
    default:
      return true;
  }
}

function sameField(a: AvroField, b: AvroField, busy: Map<AvroType, Set<AvroType>>): boolean {
  return (
    a.name === b.name &&
    a.order === b.order &&
    sameValue(a.defaultValue, b.defaultValue) &&
    sameMembers(a.props, b.props) &&
    same(a.type, b.type, busy)
  );
}

function sameMembers(a: ReadonlyMap<string, JsonNode>, b: ReadonlyMap<string, JsonNode>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    if (!sameValue(value, b.get(key))) return false;
  }
  return true;
}

/** Equality of JSON trees: order of members does not count, an integer is not equal to a fraction. */
function sameValue(a: JsonNode | undefined, b: JsonNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === 'number' && b.kind === 'number' && isIntegral(a.text) !== isIntegral(b.text)) return false;
  return jsonText(a, { sorted: true }) === jsonText(b, { sorted: true });
}
