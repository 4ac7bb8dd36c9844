import type { JsonValue } from '#libs/core/kernel';
import type { JsonNode } from './lossless-json.js';

/** A parsed value as a tree, for code that reads trees. What parsing has rounded stays rounded. Recursion is as deep as the value. */
export function jsonNode(value: JsonValue): JsonNode {
  if (value === null) return { kind: 'null', at: -1 };
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', at: -1, value };
    case 'number':
      return { kind: 'number', at: -1, text: Object.is(value, -0) ? '0' : String(value) };
    case 'string':
      return { kind: 'string', at: -1, value };
    default:
      return Array.isArray(value)
        ? { kind: 'array', at: -1, items: value.map(jsonNode) }
        : {
            kind: 'object',
            at: -1,
            members: new Map(Object.entries(value).map(([name, one]) => [name, jsonNode(one)])),
          };
  }
}

/** A tree as a value that loses nothing codecs can use: integers that a number cannot hold are BigInts. Objects have no prototype, so that every name is a member. */
export function exactValue(node: JsonNode): unknown {
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
    case 'string':
      return node.value;
    case 'number': {
      const value = Number(node.text);
      const inexact = Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(node.text);
      return inexact ? BigInt(node.text) : value;
    }
    case 'array':
      return node.items.map(exactValue);
    case 'object': {
      const value = Object.create(null) as Record<string, unknown>;
      for (const [key, member] of node.members) value[key] = exactValue(member);
      return value;
    }
  }
}
