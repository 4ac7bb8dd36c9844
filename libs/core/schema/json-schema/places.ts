import type { SchemaSpot } from '../format.js';
import { jsonTextStart } from '../json-text.js';
import type { JsonNode } from '../lossless-json.js';
import { schemaSpot, SPOT_LENGTH } from '../spots.js';
import type { SchemaNode } from './node.js';

/** `#/properties/lines/items/properties/price` as `lines[].price`. */
export function placeOf(path: readonly string[]): string {
  let place = '';
  for (let i = 0; i < path.length; i++) {
    const segment = path[i]!;
    if ((segment === 'properties' || segment === 'required') && i + 1 < path.length) {
      place += place === '' ? path[++i]! : `.${path[++i]!}`;
    } else if (segment === 'items') place += '[]';
    else if (segment.startsWith('items/')) place += `[${segment.slice(6)}]`;
    else place += place === '' ? segment : ` ${segment}`;
  }
  return place === '' ? 'the schema' : place;
}

/** What stands at `path` below a schema. Where nothing does, the text is empty and the place that of the schema. */
export function jsonSpot(node: SchemaNode, path: readonly string[]): SchemaSpot {
  const part = path.length === 0 ? node.json : partAt(node.json, path);
  const text = (): string => (part === undefined ? '' : jsonTextStart(part, SPOT_LENGTH, { numbers: 'decimal' }));
  const at = part === undefined || part === node.json ? node.at : part.at;
  return schemaSpot(text, node.source, node.source.reference === null ? at : null);
}

/** Keywords that the reference's paths call by an older name. */
const MODERN_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['dependencies', ['dependentRequired', 'dependentSchemas']],
  ['items', ['prefixItems']],
]);

/** A keyword, then perhaps a name; positions are written into the keyword, `items/1`. */
function partAt(schema: JsonNode, path: readonly string[]): JsonNode | undefined {
  if (schema.kind !== 'object' || path.length === 0) return undefined;
  const [keyword, index] = path[0]!.split('/', 2) as [string, string?];
  const inner = index ?? path[1];
  for (const name of [keyword, ...(MODERN_NAMES.get(keyword) ?? [])]) {
    const value = schema.members.get(name);
    const part = inner === undefined ? value : value && memberOf(value, inner);
    if (part !== undefined) return part;
  }
  return undefined;
}

function memberOf(value: JsonNode, name: string): JsonNode | undefined {
  if (value.kind === 'object') return value.members.get(name);
  if (value.kind !== 'array') return undefined;
  // `required` names the property, a tuple the position.
  return value.items.find((item) => item.kind === 'string' && item.value === name) ?? value.items[Number(name)];
}
