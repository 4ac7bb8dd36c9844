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
