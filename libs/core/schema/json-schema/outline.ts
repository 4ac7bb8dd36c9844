import type { JsonNode } from '../lossless-json.js';
import { fieldPaths, partsOf, TAGS_PROPERTY, type OutlineEdge, type SchemaOutline } from '../outline.js';
import { dereferenced, type SchemaNode } from './node.js';

/** Properties, tags and what serves as type names in a JSON Schema: titles, the id, and the names of its definitions. */
export function jsonOutline(root: SchemaNode, text: JsonNode): SchemaOutline {
  const names = new Set<string>();
  const tags = new Set<string>();
  for (const node of partsOf(root, edges)) {
    if (node.source.reference !== null) continue;
    for (const name of [node.title, node.id]) if (name !== null && name !== '') names.add(name);
    addTags(tags, node.json);
  }
  if (text.kind === 'object') {
    for (const keyword of ['$defs', 'definitions']) {
      const definitions = text.members.get(keyword);
      if (definitions?.kind === 'object') for (const name of definitions.members.keys()) names.add(name);
    }
  }
  return { names: [...names], fields: fieldPaths(root, edges), tags: [...tags] };
}

function edges(node: SchemaNode): readonly OutlineEdge<SchemaNode>[] {
  const unnamed = (nodes: Iterable<SchemaNode | null>): readonly OutlineEdge<SchemaNode>[] =>
    [...nodes].flatMap((one) => (one === null ? [] : [[null, dereferenced(one)] as const]));
  switch (node.kind) {
    case 'object':
      return [
        ...[...node.properties].map(([name, one]) => [name, dereferenced(one)] as const),
        ...unnamed(node.schemaDependencies.values()),
        ...unnamed(node.patternProperties.values()),
        ...unnamed([node.additional, node.unevaluated]),
      ];
    case 'array':
      return unnamed([node.allItems, ...(node.items ?? []), node.additional, node.unevaluated]);
    case 'combined':
      return unnamed(node.members);
    case 'reference':
      return node.target === null ? [] : [[null, node.target]];
    default:
      return [];
  }
}

function addTags(tags: Set<string>, json: JsonNode): void {
  const list = json.kind === 'object' ? json.members.get(TAGS_PROPERTY) : undefined;
  if (list?.kind !== 'array') return;
  for (const item of list.items) if (item.kind === 'string') tags.add(item.value);
}
