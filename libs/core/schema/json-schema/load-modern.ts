import { requireWithin } from '../errors.js';
import type { SchemaLimits } from '../limits.js';
import type { JsonMembers, JsonNode } from '../lossless-json.js';
import type { SchemaDocument, SchemaDocuments } from './documents.js';
import { Keywords, NO_MEMBERS } from './keywords.js';
import { valueText } from './load-classic.js';
import {
  arrayNode,
  nodeBase,
  numberNode,
  objectNode,
  stringNode,
  type ArrayNode,
  type CombinedNode,
  type NodeBase,
  type NumberNode,
  type ObjectNode,
  type ReferenceNode,
  type SchemaNode,
  type StringNode,
} from './node.js';
import { isPattern } from './regex.js';
import { isUri } from './uri.js';

/**
 * Drafts 2019-09 and 2020-12 as typed nodes. Each keyword is a small node; nodes of one type on one schema object are merged, different types end up in a
 * generated `allOf`. The loader of the reference is laxer than the classic one about values, and stricter about their JSON types.
 *
 * Schemas are shared: one place in the text is one node. Each `$ref` has a copy of its own of the node it leads to, whose inner nodes are the shared ones.
 */
export function loadModern(documents: SchemaDocuments, limits: SchemaLimits): SchemaNode {
  return new ModernLoader(documents, limits).load();
}

interface Place {
  readonly document: SchemaDocument;
  readonly base: string | null;
}

class ModernLoader {
  readonly #loaded = new Map<JsonNode, SchemaNode>();
  readonly #queue: { readonly reference: ReferenceNode; readonly json: JsonNode; readonly place: Place }[] = [];
  #nodes = 0;

  constructor(
    private readonly documents: SchemaDocuments,
    private readonly limits: SchemaLimits,
  ) {}

  load(): SchemaNode {
    const { main } = this.documents;
    const root = this.#schema(main.root, { document: main, base: main.base });
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      next.reference.target = { ...this.#schema(next.json, next.place) };
    }
    return root;
  }

  #schema(json: JsonNode, place: Place): SchemaNode {
    const known = this.#loaded.get(json);
    if (known !== undefined) return known;
    requireWithin(this.limits, 'nodes', ++this.#nodes);
    const base = nodeBase(place.document.source, json);
    let node: SchemaNode;
    if (json.kind === 'boolean') node = { ...base, kind: json.value ? 'true' : 'false' };
    else if (json.kind === 'object') node = this.#object(json, place, base);
    else return new Keywords(EMPTY, place.document.source).fail('A schema must be an object or a boolean', json);
    this.#loaded.set(json, node);
    return node;
  }

  #object(json: JsonMembers, outer: Place, base: NodeBase): SchemaNode {
    const place = { document: outer.document, base: this.documents.baseWithin(json, outer.base) };
    const keys = new Keywords(json, place.document.source);
    this.#checkIds(keys, place);
    checkAnnotations(keys);
    this.#definitions(keys, place);
    const parts = this.#parts(keys, place, base);
    const whole = assemble(parts, base);
    if (whole.kind !== 'reference') whole.rest = json;
    whole.title = keys.text('title');
    whole.description = keys.text('description');
    const defaultValue = keys.get('default');
    whole.defaultText =
      defaultValue === undefined || defaultValue.kind === 'null' ? undefined : valueText(defaultValue);
    const connect = keys.get('connect.type');
    whole.connectBytes = connect?.kind === 'string' && connect.value === 'bytes';
    if ([...json.members].some(([name, value]) => leavesRest(name, value))) forgetUnevaluated(whole);
    return whole;
  }

  /** A document is not named by a fragment; within one, the reference takes any URI. */
  #checkIds(keys: Keywords, place: Place): void {
    const id = keys.get('$id');
    const root = keys.json === place.document.root;
    if (id?.kind === 'string' && (!isUri(id.value) || (root && /#./.test(id.value)))) keys.wrong('$id', 'a URI', id);
    keys.text('$dynamicAnchor');
    for (const name of ['$anchor', '$dynamicAnchor']) {
      const anchor = keys.get(name);
      if (anchor?.kind === 'string' && !isUri(`#${anchor.value}`)) keys.wrong(name, 'a URI fragment', anchor);
    }
  }

  /** Read for their errors; what nothing refers to takes no part in comparing. */
  #definitions(keys: Keywords, place: Place): void {
    const definitions = keys.json === place.document.root ? ['$defs', 'definitions'] : ['$defs'];
    for (const name of definitions) {
      // What is called `definitions` means nothing here unless it holds some.
      if (name === 'definitions' && keys.get(name)?.kind !== 'object') continue;
      for (const json of keys.members(name)?.values() ?? []) this.#schema(json, place);
    }
  }

  #parts(keys: Keywords, place: Place, base: NodeBase): SchemaNode[] {
    const parts: SchemaNode[] = [];
    const type = keys.get('type');
    if (type !== undefined) parts.push(this.#type(type, keys, base));
    const values = keys.list('enum');
    if (values !== null) {
      requireWithin(this.limits, 'enumSymbols', values.length);
      parts.push({ ...base, kind: 'enum', values: new Set(values.map(valueText)) });
    }
    const constant = keys.get('const');
    if (constant !== undefined) parts.push({ ...base, kind: 'const', value: valueText(constant) });
    for (const criterion of ['allOf', 'anyOf', 'oneOf'] as const) {
      const members = keys.list(criterion);
      if (members === null) continue;
      requireWithin(this.limits, 'branches', members.length);
      // The reference flattens what the keywords of one member generated into the list of members.
      const nodes = members.flatMap((member) => generatedMembers(this.#schema(member, place)));
      parts.push({ ...base, kind: 'combined', criterion, members: nodes, generated: false });
    }
    const not = keys.get('not');
    if (not !== undefined) parts.push({ ...base, kind: 'not', inner: this.#schema(not, place) });
    this.#conditional(keys, place, base, parts);
    for (const node of [
      this.#string(keys, base),
      this.#number(keys, base),
      this.#objectType(keys, place, base),
      this.#array(keys, place, base),
    ]) {
      if (node !== null) parts.push(node);
    }
    for (const name of ['$ref', '$dynamicRef']) {
      if (keys.has(name)) parts.push(...this.#reference(name, keys, place, base));
    }
    return parts;
  }

  #type(type: JsonNode, keys: Keywords, base: NodeBase): SchemaNode {
    if (type.kind !== 'array') return this.#ofType(type, keys, base);
    requireWithin(this.limits, 'branches', type.items.length);
    const members = type.items.map((item) => this.#ofType(item, keys, base));
    return { ...base, kind: 'combined', criterion: 'anyOf', members, generated: true };
  }

  #ofType(type: JsonNode, keys: Keywords, base: NodeBase): SchemaNode {
    const name =
      type.kind === 'string' ? type.value : keys.wrong('type', 'a type name or an array of type names', type);
    switch (name) {
      case 'string':
        return stringNode(base);
      case 'integer':
      case 'number':
        return typeNumber(base, name === 'integer');
      case 'array':
        return arrayNode(base);
      case 'object':
        return objectNode(base);
      case 'boolean':
        return { ...base, kind: 'boolean' };
      case 'null':
        return { ...base, kind: 'null' };
      default:
        return keys.fail(`Unknown type '${name.slice(0, 100)}'`, type);
    }
  }

  /** `then` and `else` mean nothing without `if`, and are not read then. */
  #conditional(keys: Keywords, place: Place, base: NodeBase, parts: SchemaNode[]): void {
    if (!keys.has('if')) return;
    for (const name of ['if', 'then', 'else']) {
      const json = keys.get(name);
      if (json !== undefined) this.#schema(json, place);
    }
    parts.push({ ...base, kind: 'conditional' });
  }

  #string(keys: Keywords, base: NodeBase): StringNode | null {
    keys.text('format');
    const node = stringNode(base);
    node.minLength = keys.truncated('minLength');
    node.maxLength = keys.truncated('maxLength');
    node.pattern = keys.pattern('pattern');
    return node.minLength === null && node.maxLength === null && node.pattern === null ? null : node;
  }

  #number(keys: Keywords, base: NodeBase): NumberNode | null {
    if (!NUMBER_WORDS.some((word) => keys.has(word))) return null;
    return {
      ...numberNode(base),
      minimum: keys.number('minimum'),
      maximum: keys.number('maximum'),
      exclusiveMinimum: keys.number('exclusiveMinimum'),
      exclusiveMaximum: keys.number('exclusiveMaximum'),
      multipleOf: keys.number('multipleOf'),
    };
  }

  #objectType(keys: Keywords, place: Place, base: NodeBase): ObjectNode | null {
    if (!OBJECT_WORDS.some((word) => keys.has(word))) return null;
    const node: ObjectNode = {
      ...objectNode(base),
      minProperties: keys.truncated('minProperties'),
      maxProperties: keys.truncated('maxProperties'),
      required: new Set(keys.texts('required')),
    };
    const properties = keys.members('properties') ?? NO_MEMBERS;
    requireWithin(this.limits, 'fieldsPerRecord', properties.size);
    for (const [name, json] of properties) node.properties.set(name, this.#schema(json, place));
    for (const [pattern, json] of keys.members('patternProperties') ?? []) {
      if (!isPattern(pattern)) keys.wrong('patternProperties', 'keyed by regular expressions', json);
      node.patternProperties.set(pattern, this.#schema(json, place));
    }
    const additional = this.#optional(keys, 'additionalProperties', place);
    if (additional?.kind === 'false') node.permitsAdditional = false;
    else if (additional !== null && additional.kind !== 'true') node.additional = additional;
    for (const [name, json] of keys.members('dependentRequired') ?? []) {
      const texts = json.kind === 'array' ? json.items : keys.wrong('dependentRequired', 'arrays of strings', json);
      const names = texts.map((text) =>
        text.kind === 'string' ? text.value : keys.wrong('dependentRequired', 'arrays of strings', text),
      );
      node.propertyDependencies.set(name, new Set(names));
    }
    for (const [name, json] of keys.members('dependentSchemas') ?? []) {
      node.schemaDependencies.set(name, this.#schema(json, place));
    }
    this.#optional(keys, 'propertyNames', place);
    node.unevaluated = this.#optional(keys, 'unevaluatedProperties', place);
    return node;
  }

  #array(keys: Keywords, place: Place, base: NodeBase): ArrayNode | null {
    if (!ARRAY_WORDS.some((word) => keys.has(word))) return null;
    const node: ArrayNode = {
      ...arrayNode(base),
      minItems: keys.truncated('minItems'),
      maxItems: keys.truncated('maxItems'),
      uniqueItems: keys.boolean('uniqueItems') ?? false,
    };
    const prefix = keys.list('prefixItems');
    if (prefix !== null) node.items = prefix.map((item) => this.#schema(item, place));
    const items = this.#optional(keys, 'items', place);
    if (items?.kind === 'false') node.permitsAdditional = false;
    else if (items !== null && items.kind !== 'true') {
      if (prefix === null || prefix.length === 0) node.allItems = items;
      else node.additional = items;
    }
    if (this.#optional(keys, 'contains', place) !== null) {
      // The reference passes over any other value of these two.
      node.minContains = keys.numberIfAny('minContains') ?? 1;
      node.maxContains = keys.numberIfAny('maxContains');
    }
    node.unevaluated = this.#optional(keys, 'unevaluatedItems', place);
    return node;
  }

  #optional(keys: Keywords, name: string, place: Place): SchemaNode | null {
    const json = keys.get(name);
    return json === undefined ? null : this.#schema(json, place);
  }

  #reference(name: string, keys: Keywords, place: Place, base: NodeBase): SchemaNode[] {
    const { strict } = this.documents;
    const text = strict ? keys.uri(name) : keys.text(name)!;
    const found = this.documents.resolve(text, place);
    if (found === undefined) {
      if (name === '$dynamicRef' && !strict) return [];
      return keys.fail(`The reference '${text.slice(0, 200)}' cannot be resolved`, keys.get(name));
    }
    const reference: ReferenceNode = { ...base, json: keys.get(name)!, kind: 'reference', target: null };
    this.#queue.push({ reference, json: found.json, place: { document: found.document, base: found.base } });
    return [reference];
  }
}

function typeNumber(base: NodeBase, integer: boolean): NumberNode {
  const node = numberNode(base);
  node.integer = integer;
  return node;
}

/** One node of the parts of a schema object: parts of one type merged, a type array's member absorbing the keywords of its type, the rest a generated `allOf`. */
function assemble(parts: readonly SchemaNode[], base: NodeBase): SchemaNode {
  const merged: SchemaNode[] = [];
  for (const part of parts) {
    if (!absorbed(merged, part)) merged.push(part);
  }
  if (merged.length === 0) return { ...base, kind: 'empty' };
  if (merged.length === 1) return merged[0]!;
  return { ...base, kind: 'combined', criterion: 'allOf', members: merged, generated: true };
}

function generatedMembers(node: SchemaNode): readonly SchemaNode[] {
  return node.kind === 'combined' && node.generated && node.criterion === 'allOf' ? node.members : [node];
}

function absorbed(merged: SchemaNode[], part: SchemaNode): boolean {
  for (let i = 0; i < merged.length; i++) {
    const one = merged[i]!;
    const joined = merge(one, part);
    if (joined !== undefined) {
      merged[i] = joined;
      return true;
    }
    if (one.kind !== 'combined' || !one.generated || one.criterion !== 'anyOf') continue;
    const members = one.members.map((member) => merge(member, part) ?? member);
    if (members.some((member, j) => member !== one.members[j])) {
      merged[i] = { ...one, members } satisfies CombinedNode;
      return true;
    }
  }
  return false;
}

/** Two nodes of the same type as one, where they are of a type that keywords add to: the later one only has keywords, the former only the type. */
function merge(one: SchemaNode, other: SchemaNode): SchemaNode | undefined {
  if (one.kind === 'number' && other.kind === 'number') return { ...other, integer: one.integer || other.integer };
  if (one.kind !== other.kind) return undefined;
  return one.kind === 'string' || one.kind === 'object' || one.kind === 'array' ? other : undefined;
}

/** Keywords that take no part in comparing, but must be of their type. */
function checkAnnotations(keys: Keywords): void {
  keys.text('$schema');
  for (const name of ['readOnly', 'writeOnly', 'deprecated']) keys.boolean(name);
}

/** Whether a member of a schema object is one of those that the reference keeps beside the keywords it knows. */
function leavesRest(name: string, value: JsonNode): boolean {
  if (name === '$defs') return value.kind === 'object' && value.members.size > 0;
  return !KEYWORDS.has(name);
}

/** The reference overwrites the place where it keeps these with the unknown keywords of a schema object. */
function forgetUnevaluated(node: SchemaNode): void {
  if (node.kind === 'object' || node.kind === 'array') node.unevaluated = null;
  if (node.kind === 'array') {
    node.minContains = null;
    node.maxContains = null;
  }
}

const EMPTY: JsonMembers = { kind: 'object', at: -1, members: new Map() };
const NUMBER_WORDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const OBJECT_WORDS = [
  'properties',
  'required',
  'minProperties',
  'maxProperties',
  'patternProperties',
  'additionalProperties',
  'dependentRequired',
  'dependentSchemas',
  'propertyNames',
  'unevaluatedProperties',
];
const ARRAY_WORDS = ['prefixItems', 'items', 'contains', 'minItems', 'maxItems', 'uniqueItems', 'unevaluatedItems'];
const KEYWORDS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$ref',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$vocabulary',
  'type',
  'enum',
  'const',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'title',
  'description',
  'default',
  'readOnly',
  'writeOnly',
  'deprecated',
  'minContains',
  'maxContains',
  ...NUMBER_WORDS,
  ...OBJECT_WORDS,
  ...ARRAY_WORDS,
]);
