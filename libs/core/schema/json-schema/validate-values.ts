import { ExactNumber } from '../exact-json.js';
import type { JsonNode } from '../lossless-json.js';
import { jsonKind } from '../json-kind.js';
import type { LinearPattern } from './regex.js';
import type { Evaluation } from './subschema.js';
import { compareNumbers, numberKey, SchemaNumber } from './validate-numbers.js';

/** Whether the value is the one written in the schema: numbers by what they are worth, objects whatever the order of their members. */
export function isValue(node: JsonNode, value: unknown, run: Evaluation): boolean {
  run.step();
  switch (node.kind) {
    case 'null':
      return value === null;
    case 'boolean':
    case 'string':
      return value === node.value;
    case 'number':
      return isNumber(value) && compareNumbers(value, new SchemaNumber(node.text)) === 0;
    case 'array':
      return (
        Array.isArray(value) &&
        value.length === node.items.length &&
        node.items.every((item, i) => isValue(item, value[i], run))
      );
    case 'object': {
      if (jsonKind(value) !== 'object') return false;
      const members = value as Record<string, unknown>;
      if (Object.keys(members).length !== node.members.size) return false;
      for (const [name, member] of node.members) {
        if (!Object.hasOwn(members, name) || !isValue(member, members[name], run)) return false;
      }
      return true;
    }
  }
}

/** Text that is equal exactly for equal values. */
export function valueKey(value: unknown, run: Evaluation): string {
  run.step();
  if (isNumber(value)) return numberKey(value);
  if (typeof value === 'string') {
    run.step(value.length >> 4);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => valueKey(item, run)).join(',')}]`;
  const members = value as Record<string, unknown>;
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${valueKey(members[name], run)}`).join(',')}}`;
}

export function isNumber(value: unknown): value is number | ExactNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}

/** Steps that looking for a pattern takes at most. */
export function patternSteps(pattern: LinearPattern, text: string): number {
  return 1 + ((text.length * pattern.size) >> 2);
}
