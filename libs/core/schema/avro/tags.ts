import type { JsonNode } from '../lossless-json.js';
import { tagsIn, withTags, type TagChange } from '../tags.js';

/**
 * The schema with the tags of its records and their fields replaced. What references provide is not reached.
 * @param node canonical text as a tree.
 */
export function retaggedAvro(node: JsonNode, change: TagChange, namespace = ''): JsonNode {
  if (node.kind === 'array') return { ...node, items: node.items.map((item) => retaggedAvro(item, change, namespace)) };
  if (node.kind !== 'object') return node;
  const type = node.members.get('type');
  if (type?.kind === 'string' && (type.value === 'record' || type.value === 'error')) {
    return { ...node, members: record(node.members, change, namespace) };
  }
  const members = new Map(node.members);
  for (const name of ['type', 'items', 'values']) {
    const inner = members.get(name);
    if (inner !== undefined) members.set(name, retaggedAvro(inner, change, namespace));
  }
  return { ...node, members };
}

function record(members: ReadonlyMap<string, JsonNode>, change: TagChange, enclosing: string) {
  const given = text(members.get('namespace'));
  const namespace = given ?? enclosing;
  const name = text(members.get('name')) ?? '';
  const path = namespace === '' ? name : `${namespace}.${name}`;
  // Asked before what is inside, so that parts are met in the order of their paths.
  const tags = change({ path, kind: 'record' }, tagsIn(members));
  const fields = members.get('fields');
  const inner = fields?.kind === 'array' ? fields.items.map((item) => field(item, path, change, namespace)) : [];
  const result = new Map(members).set('fields', { kind: 'array', at: -1, items: inner });
  return withTags(result, tags);
}

function field(node: JsonNode, record: string, change: TagChange, namespace: string): JsonNode {
  if (node.kind !== 'object') return node;
  const path = `${record}.${text(node.members.get('name')) ?? ''}`;
  const tags = change({ path, kind: 'field' }, tagsIn(node.members));
  const members = new Map(node.members);
  const type = members.get('type');
  if (type !== undefined) members.set('type', retaggedAvro(type, change, namespace));
  return { ...node, members: withTags(members, tags) };
}

function text(node: JsonNode | undefined): string | undefined {
  return node?.kind === 'string' ? node.value : undefined;
}
