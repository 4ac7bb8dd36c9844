import type { JsonNode } from '../lossless-json.js';
import { fieldPaths, partsOf, TAGS_PROPERTY, type OutlineEdge, type SchemaOutline } from '../outline.js';
import { isNamed, type AvroType } from './tree.js';

/** Types, fields and tags of an Avro schema. */
export function avroOutline(root: AvroType): SchemaOutline {
  const names = new Set<string>();
  const tags = new Set<string>();
  for (const type of partsOf(root, edges)) {
    if (type.source.reference !== null) continue;
    if (isNamed(type)) names.add(type.name.full);
    addTags(tags, type.props);
    if (type.kind === 'record') for (const field of type.fields) addTags(tags, field.props);
  }
  return { names: [...names], fields: fieldPaths(root, edges), tags: [...tags] };
}

function edges(type: AvroType): readonly OutlineEdge<AvroType>[] {
  switch (type.kind) {
    case 'record':
      return type.fields.map((field) => [field.name, field.type]);
    case 'array':
      return [[null, type.items]];
    case 'map':
      return [[null, type.values]];
    case 'union':
      return type.branches.map((branch) => [null, branch]);
    default:
      return [];
  }
}

function addTags(tags: Set<string>, props: ReadonlyMap<string, JsonNode>): void {
  const list = props.get(TAGS_PROPERTY);
  if (list?.kind !== 'array') return;
  for (const item of list.items) if (item.kind === 'string') tags.add(item.value);
}
