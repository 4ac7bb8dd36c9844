import { quote } from '../json-text.js';
import { valueText } from './load-classic.js';
import type { SchemaNode } from './node.js';

/**
 * Tells which nodes count as the same member of a combination: those that the reference's typed tree prints the same. A reference is what it is written as,
 * not what it leads to. Every distinct form gets a number, so that a node is looked at once and recursion needs no care.
 */
export class NodeSameness {
  readonly #forms = new Map<string, number>();
  readonly #numbers = new Map<SchemaNode, number>();

  /** Members without those that are the same as an earlier one. */
  distinct(members: readonly SchemaNode[]): readonly SchemaNode[] {
    if (members.length < 2) return members;
    const seen = new Map<number, SchemaNode>();
    for (const member of members) {
      const form = this.#form(member);
      if (!seen.has(form)) seen.set(form, member);
    }
    return [...seen.values()];
  }

  #form(node: SchemaNode): number {
    const known = this.#numbers.get(node);
    if (known !== undefined) return known;
    const { id, title, description, defaultText } = node;
    const text = JSON.stringify([node.kind, id, title, description, defaultText ?? null, this.#own(node), rest(node)]);
    let form = this.#forms.get(text);
    if (form === undefined) this.#forms.set(text, (form = this.#forms.size));
    this.#numbers.set(node, form);
    return form;
  }

  #own(node: SchemaNode): unknown {
    switch (node.kind) {
      case 'string':
        return [node.minLength, node.maxLength, node.pattern];
      case 'number':
        return [
          node.integer,
          node.minimum,
          node.maximum,
          node.exclusiveMinimum,
          node.exclusiveMaximum,
          node.multipleOf,
        ];
      case 'enum':
        return [...node.values];
      case 'const':
        return node.value;
      case 'not':
        return this.#form(node.inner);
      case 'combined':
        return [node.criterion, ...node.members.map((member) => this.#form(member))];
      case 'reference':
        return valueText(node.json);
      case 'object':
        return [
          this.#members(node.properties),
          [...node.required].sort(),
          node.minProperties,
          node.maxProperties,
          [...node.propertyDependencies].map(([name, names]) => [name, ...names]).sort(),
          this.#members(node.schemaDependencies),
          this.#members(node.patternProperties),
          node.permitsAdditional,
          this.#optional(node.additional),
          this.#optional(node.unevaluated),
        ];
      case 'array':
        return [
          this.#optional(node.allItems),
          node.items?.map((item) => this.#form(item)) ?? null,
          node.permitsAdditional,
          this.#optional(node.additional),
          node.minItems,
          node.maxItems,
          node.uniqueItems,
          this.#optional(node.unevaluated),
          node.minContains,
          node.maxContains,
        ];
      default:
        return null;
    }
  }

  #optional(node: SchemaNode | null): number | null {
    return node === null ? null : this.#form(node);
  }

  #members(nodes: ReadonlyMap<string, SchemaNode>): readonly string[] {
    return [...nodes].map(([name, node]) => `${quote(name)} ${this.#form(node)}`).sort();
  }
}

/** Keywords that the typed tree has no place for, as text. */
function rest(node: SchemaNode): string | null {
  if (node.rest === null) return null;
  const members = [...node.rest.members].filter(([name]) => !MODELLED.has(name));
  if (members.length === 0) return null;
  return members
    .map(([name, value]) => `${quote(name)}:${valueText(value)}`)
    .sort()
    .join(',');
}

const MODELLED: ReadonlySet<string> = new Set([
  '$id',
  'id',
  'title',
  'description',
  'default',
  'type',
  'enum',
  'const',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'properties',
  'required',
  'minProperties',
  'maxProperties',
  'dependencies',
  'dependentRequired',
  'dependentSchemas',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'items',
  'prefixItems',
  'additionalItems',
  'minItems',
  'maxItems',
  'uniqueItems',
  'unevaluatedItems',
  'minContains',
  'maxContains',
]);
