import { parseLossless, type JsonMembers, type JsonNode } from '#libs/core/schema';

/** A named type or a field of an Avro schema, with its place in the text. */
export interface AvroPart {
  readonly kind: 'record' | 'enum' | 'fixed' | 'field';
  readonly name: string;
  readonly path: string;
  readonly node: JsonMembers;
  readonly nameAt: number;
  readonly isRoot: boolean;
}

const MOST_DEEP = 128;

/** The parts of a text in its order; none where it is no JSON: that is for `weir check` to say. */
export function avroParts(text: string): readonly AvroPart[] {
  const root = jsonRoot(text);
  const parts: AvroPart[] = [];
  if (root !== undefined) walkType(root, '', parts, true);
  return parts;
}

/** The tree of a text; undefined where it is no JSON. */
export function jsonRoot(text: string): JsonNode | undefined {
  try {
    return parseLossless(text, { maxDepth: MOST_DEEP });
  } catch {
    return undefined;
  }
}

/** A member that is text. */
export function textOf(node: JsonMembers, name: string): string | undefined {
  const member = node.members.get(name);
  return member?.kind === 'string' ? member.value : undefined;
}

function walkType(node: JsonNode, path: string, parts: AvroPart[], isRoot: boolean): void {
  if (node.kind === 'array') for (const branch of node.items) walkType(branch, path, parts, false);
  if (node.kind !== 'object') return;
  const type = node.members.get('type');
  const kind = type?.kind === 'string' ? type.value : undefined;
  if (kind === 'record' || kind === 'error' || kind === 'enum' || kind === 'fixed') {
    const name = textOf(node, 'name') ?? '';
    const here = path === '' ? name : path;
    parts.push({
      kind: kind === 'error' ? 'record' : kind,
      name,
      path: here,
      node,
      nameAt: node.members.get('name')?.at ?? node.at,
      isRoot,
    });
    const fields = node.members.get('fields');
    if (fields?.kind === 'array') for (const field of fields.items) walkField(field, here, parts);
  } else if (kind === 'array') walkInto(node.members.get('items'), `${path}[]`, parts);
  else if (kind === 'map') walkInto(node.members.get('values'), `${path}{}`, parts);
  else walkInto(type, path, parts);
}

function walkField(field: JsonNode, above: string, parts: AvroPart[]): void {
  if (field.kind !== 'object') return;
  const name = textOf(field, 'name') ?? '';
  const path = `${above}.${name}`;
  parts.push({
    kind: 'field',
    name,
    path,
    node: field,
    nameAt: field.members.get('name')?.at ?? field.at,
    isRoot: false,
  });
  walkInto(field.members.get('type'), path, parts);
}

function walkInto(node: JsonNode | undefined, path: string, parts: AvroPart[]): void {
  if (node !== undefined) walkType(node, path, parts, false);
}
