import { dereferenced, type SchemaNode } from './node.js';

/** References and combinations that are looked through; beyond them anything is possible. */
const DEEPEST_LOOK = 6;

const TYPES = ['null', 'boolean', 'number', 'string', 'array', 'object'] as const;
type JsonType = (typeof TYPES)[number];

/** What can be told at a glance about the values that a schema accepts. Never too narrow. */
interface Possible {
  readonly types: ReadonlySet<JsonType>;
  /** The values as text, where they can be listed. */
  readonly values: ReadonlySet<string> | null;
  /** Of objects: properties that must be there, with the values they can have. */
  readonly fixed: ReadonlyMap<string, ReadonlySet<string>>;
}

const ANYTHING: Possible = { types: new Set(TYPES), values: null, fixed: new Map() };

/** Whether some value may be accepted by both. False only where types, listed values, or the values of a required property exclude it. */
export function mayOverlap(one: SchemaNode, other: SchemaNode): boolean {
  const [a, b] = [possible(one, 0), possible(other, 0)];
  if (a.values !== null && b.values !== null) return common(a.values, b.values);
  const types = [...a.types].filter((type) => b.types.has(type));
  if (types.length === 0) return false;
  if (types.length > 1 || types[0] !== 'object') return true;
  return ![...a.fixed].some(([name, values]) => {
    const others = b.fixed.get(name);
    return others !== undefined && !common(values, others);
  });
}

function possible(node: SchemaNode, depth: number): Possible {
  if (depth > DEEPEST_LOOK) return ANYTHING;
  switch (node.kind) {
    case 'reference':
      return node.target === null ? ANYTHING : possible(node.target, depth + 1);
    case 'false':
      return { ...ANYTHING, types: new Set() };
    case 'boolean':
    case 'null':
      return { ...ANYTHING, types: new Set([node.kind]) };
    case 'enum':
      return listed(node.values);
    case 'const':
      return listed(new Set([node.value]));
    case 'combined':
      return combined(
        node.criterion,
        node.members.map((member) => possible(member, depth + 1)),
      );
    case 'object':
      return { ...typed(node), fixed: fixedProperties(node) };
    case 'string':
    case 'number':
    case 'array':
      return typed(node);
    default:
      return ANYTHING;
  }
}

/** Keywords of a type say nothing about values of other types, unless `type` beside them names it. */
function typed(node: SchemaNode & { kind: 'string' | 'number' | 'array' | 'object' }): Possible {
  const type = node.json.kind === 'object' ? node.json.members.get('type') : undefined;
  const names = type?.kind === 'array' ? type.items : type === undefined ? [] : [type];
  const named = names.some(
    (name) =>
      name.kind === 'string' && (name.value === node.kind || (node.kind === 'number' && name.value === 'integer')),
  );
  return named ? { ...ANYTHING, types: new Set([node.kind]) } : ANYTHING;
}

function listed(values: ReadonlySet<string>): Possible {
  return { ...ANYTHING, types: new Set([...values].map(typeOfText)), values };
}

function typeOfText(text: string): JsonType {
  if (text === 'null') return 'null';
  if (text === 'true' || text === 'false') return 'boolean';
  return text.startsWith('"') ? 'string' : text.startsWith('[') ? 'array' : text.startsWith('{') ? 'object' : 'number';
}

function combined(criterion: string, parts: readonly Possible[]): Possible {
  if (criterion !== 'allOf') {
    const values = parts.every((part) => part.values !== null) ? parts.flatMap((part) => [...part.values!]) : null;
    return {
      types: new Set(parts.flatMap((part) => [...part.types])),
      values: values && new Set(values),
      fixed: new Map(),
    };
  }
  return parts.reduce(
    (all, part) => ({
      types: new Set([...all.types].filter((type) => part.types.has(type))),
      values: all.values ?? part.values,
      fixed: new Map([...all.fixed, ...part.fixed]),
    }),
    ANYTHING,
  );
}

function fixedProperties(node: SchemaNode & { kind: 'object' }): ReadonlyMap<string, ReadonlySet<string>> {
  const fixed = new Map<string, ReadonlySet<string>>();
  for (const name of node.required) {
    const property = node.properties.get(name);
    const values = property && possible(dereferenced(property), DEEPEST_LOOK - 1).values;
    if (values) fixed.set(name, values);
  }
  return fixed;
}

function common(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((value) => other.has(value));
}
