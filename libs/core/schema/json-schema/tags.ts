import type { JsonMembers, JsonNode } from '../lossless-json.js';
import { tagsIn, withTags, type TagChange } from '../tags.js';

const COMBINED = ['allOf', 'anyOf', 'oneOf'];
const UNDER_ONE = ['not', 'if', 'then', 'else'];
const DEFINITIONS = ['definitions', '$defs'];

/**
 * The schema with the tags of its objects and their properties replaced. A property that is an object itself holds one list for both: it is met as a field and,
 * after that, as a record.
 */
export function retaggedJson(node: JsonNode, change: TagChange, path = ''): JsonNode {
  if (node.kind !== 'object') return node;
  const members = new Map(node.members);
  const each = (name: string, walk: (inner: JsonNode) => JsonNode) => {
    const inner = members.get(name);
    if (inner !== undefined) members.set(name, walk(inner));
  };
  let tags = tagsIn(members);
  if (isObject(node)) {
    const object = join(path, 'object');
    tags = change({ path: object, kind: 'record' }, tags);
    each('properties', (properties) =>
      mapped(properties, (name, inner) => property(inner, change, join(object, name))),
    );
  }
  each('items', (items) => {
    const at = join(path, 'array');
    if (items.kind !== 'array') return retaggedJson(items, change, at);
    return { ...items, items: items.items.map((item, i) => retaggedJson(item, change, join(at, String(i)))) };
  });
  for (const keyword of COMBINED) {
    each(keyword, (branches) => {
      if (branches.kind !== 'array') return branches;
      const at = join(path, keyword.toLowerCase());
      return { ...branches, items: branches.items.map((one, i) => retaggedJson(one, change, join(at, String(i)))) };
    });
  }
  for (const keyword of UNDER_ONE) each(keyword, (inner) => retaggedJson(inner, change, join(path, keyword)));
  for (const keyword of DEFINITIONS) {
    each(keyword, (all) => mapped(all, (name, one) => retaggedJson(one, change, join(path, `${keyword}.${name}`))));
  }
  return { ...node, members: withTags(members, tags) };
}

function property(node: JsonNode, change: TagChange, path: string): JsonNode {
  if (node.kind !== 'object') return node;
  const tags = change({ path, kind: 'field' }, tagsIn(node.members));
  return retaggedJson({ ...node, members: withTags(node.members, tags) }, change, path);
}

function isObject({ members }: JsonMembers): boolean {
  const type = members.get('type');
  return (type?.kind === 'string' && type.value === 'object') || members.get('properties')?.kind === 'object';
}

function mapped(node: JsonNode, change: (name: string, inner: JsonNode) => JsonNode): JsonNode {
  if (node.kind !== 'object') return node;
  return { ...node, members: new Map([...node.members].map(([name, inner]) => [name, change(name, inner)])) };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
