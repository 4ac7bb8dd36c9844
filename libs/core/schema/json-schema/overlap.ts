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

/** Which schemas may accept a value in common. What was found about a schema is kept: alternatives share their parts. */
export class Overlaps {
  readonly #found = new Map<SchemaNode, (Possible | undefined)[]>();

  /** @param spend told the steps before they are taken. */
  constructor(private readonly spend: (steps: number) => void) {}

  /** Whether some value may be accepted by both. False only where types, listed values, or the values of a required property exclude it. */
  possible(one: SchemaNode, other: SchemaNode): boolean {
    const [a, b] = [this.#look(one, 0), this.#look(other, 0)];
    if (a.values !== null && b.values !== null) return this.#common(a.values, b.values);
    const types = [...a.types].filter((type) => b.types.has(type));
    if (types.length === 0) return false;
    if (types.length > 1 || types[0] !== 'object') return true;
    return ![...a.fixed].some(([name, values]) => {
      const others = b.fixed.get(name);
      return others !== undefined && !this.#common(values, others);
    });
  }

  #look(node: SchemaNode, depth: number): Possible {
    if (depth > DEEPEST_LOOK) return ANYTHING;
    const known = this.#found.get(node)?.[depth];
    if (known !== undefined) return known;
    this.spend(1);
    const found = this.#kindOf(node, depth);
    const depths = this.#found.get(node) ?? [];
    depths[depth] = found;
    this.#found.set(node, depths);
    return found;
  }

  #kindOf(node: SchemaNode, depth: number): Possible {
    switch (node.kind) {
      case 'reference':
        return node.target === null ? ANYTHING : this.#look(node.target, depth + 1);
      case 'false':
        return { ...ANYTHING, types: new Set() };
      case 'boolean':
      case 'null':
        return { ...ANYTHING, types: new Set([node.kind]) };
      case 'enum':
        return this.#listed(node.values);
      case 'const':
        return this.#listed(new Set([node.value]));
      case 'combined':
        return this.#combined(
          node.criterion,
          node.members.map((member) => this.#look(member, depth + 1)),
        );
      case 'object':
        return { ...typed(node), fixed: this.#fixedProperties(node) };
      case 'string':
      case 'number':
      case 'array':
        return typed(node);
      default:
        return ANYTHING;
    }
  }

  #listed(values: ReadonlySet<string>): Possible {
    this.spend(values.size >> 3);
    return { ...ANYTHING, types: new Set([...values].map(typeOfText)), values };
  }

  #combined(criterion: string, parts: readonly Possible[]): Possible {
    if (criterion !== 'allOf') {
      const values = parts.every((part) => part.values !== null) ? parts.map((part) => part.values!) : null;
      this.spend(parts.length + (sum(values ?? []) >> 3));
      return {
        types: new Set(parts.flatMap((part) => [...part.types])),
        values: values && new Set(values.flatMap((some) => [...some])),
        fixed: new Map(),
      };
    }
    this.spend(parts.length + (sum(parts.map((part) => part.fixed)) >> 3));
    return parts.reduce(
      (all, part) => ({
        types: new Set([...all.types].filter((type) => part.types.has(type))),
        values: all.values ?? part.values,
        fixed: part.fixed.size === 0 ? all.fixed : new Map([...all.fixed, ...part.fixed]),
      }),
      ANYTHING,
    );
  }

  #fixedProperties(node: SchemaNode & { kind: 'object' }): ReadonlyMap<string, ReadonlySet<string>> {
    const fixed = new Map<string, ReadonlySet<string>>();
    for (const name of node.required) {
      this.spend(1);
      const property = node.properties.get(name);
      const values = property && this.#listedAt(dereferenced(property));
      if (values) fixed.set(name, values);
    }
    return fixed;
  }

  /** The values of a schema that lists them, by itself or as alternatives of such. Looks into nothing else, so that properties may lead in circles. */
  #listedAt(node: SchemaNode): ReadonlySet<string> | null {
    switch (node.kind) {
      case 'enum':
      case 'const':
        return this.#kindOf(node, 0).values;
      case 'combined': {
        const parts = node.members.map((member) =>
          member.kind === 'enum' || member.kind === 'const' ? this.#kindOf(member, 0) : ANYTHING,
        );
        return this.#combined(node.criterion, parts).values;
      }
      default:
        return null;
    }
  }

  #common(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
    this.spend(one.size >> 3);
    return [...one].some((value) => other.has(value));
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

function typeOfText(text: string): JsonType {
  if (text === 'null') return 'null';
  if (text === 'true' || text === 'false') return 'boolean';
  return text.startsWith('"') ? 'string' : text.startsWith('[') ? 'array' : text.startsWith('{') ? 'object' : 'number';
}

function sum(parts: readonly { readonly size: number }[]): number {
  return parts.reduce((total, { size }) => total + size, 0);
}
