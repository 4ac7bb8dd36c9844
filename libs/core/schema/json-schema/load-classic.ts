import { requireWithin, schemaInvalid } from '../errors.js';
import { jsonText } from '../json-text.js';
import type { SchemaLimits } from '../limits.js';
import { positionAt, type JsonMembers, type JsonNode } from '../lossless-json.js';
import { idKeyword, type Draft } from './drafts.js';
import type { SchemaDocument, SchemaDocuments } from './documents.js';
import { Keywords, NO_MEMBERS } from './keywords.js';
import {
  arrayNode,
  nodeBase,
  numberNode,
  objectNode,
  stringNode,
  type ArrayNode,
  type CombinedNode,
  type Criterion,
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
 * Drafts 4, 6 and 7 as typed nodes. On each schema object the keywords are taken in a fixed order, each kind of node consuming its own: `enum`, combinations,
 * `not`, `const`, `type`, then what is left over of each keyword family. More than one node becomes a generated `allOf`.
 *
 * A `$ref` leads to a copy of its own for each URI it is written with, shared by all uses of that URI; schemas that stand in the text are never shared.
 */
export function loadClassic(documents: SchemaDocuments, limits: SchemaLimits): SchemaNode {
  return new ClassicLoader(documents, limits).load();
}

interface Place {
  readonly document: SchemaDocument;
  readonly base: string | null;
}

class ClassicLoader {
  readonly #draft: Draft;
  readonly #targets = new Map<string, { readonly waiting: ReferenceNode[]; loaded: SchemaNode | null }>();
  /** References whose targets are still to be loaded; worked off one by one, so that chains of references do not nest. */
  readonly #queue: { readonly key: string; readonly json: JsonNode; readonly place: Place }[] = [];
  #nodes = 0;

  constructor(
    private readonly documents: SchemaDocuments,
    private readonly limits: SchemaLimits,
  ) {
    this.#draft = documents.draft;
  }

  load(): SchemaNode {
    const { main } = this.documents;
    const root = this.#schema(main.root, { document: main, base: main.base });
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const target = this.#targets.get(next.key)!;
      target.loaded = this.#schema(next.json, next.place, true);
      for (const reference of target.waiting) reference.target = target.loaded;
    }
    return root;
  }

  /** @param booleans whether `true` and `false` are schemas here: draft 4 has them in some places only. */
  #schema(json: JsonNode, place: Place, booleans = this.#draft !== 'draft-04'): SchemaNode {
    requireWithin(this.limits, 'nodes', ++this.#nodes);
    const base = nodeBase(place.document.source, json);
    if (json.kind === 'boolean' && (booleans || json === place.document.root)) {
      return { ...base, kind: json.value ? 'true' : 'false' };
    }
    if (json.kind === 'object') return this.#object(json, place, base);
    const { text, reference } = place.document.source;
    throw schemaInvalid('JSON', 'A schema must be an object' + (booleans ? ' or a boolean' : ''), {
      position: positionAt(text, json.at),
      ...(reference === null ? {} : { reference }),
    });
  }

  #object(json: JsonMembers, outer: Place, bare: NodeBase): SchemaNode {
    const place = { document: outer.document, base: this.documents.baseWithin(json, outer.base) };
    const keys = new Keywords(json, place.document.source);
    const id = keys.get(idKeyword(this.#draft));
    if (this.documents.strict && id?.kind === 'string' && !isUri(id.value))
      keys.wrong(idKeyword(this.#draft), 'a URI', id);
    if (keys.has('$ref')) {
      const reference = this.#reference(keys, outer, { ...bare, json: keys.get('$ref')! });
      annotate(reference, keys, this.#draft);
      reference.defaultText = undefined;
      return reference;
    }
    const parts = this.#parts(keys, place, bare);
    const whole: SchemaNode =
      parts.length === 0
        ? { ...bare, kind: 'empty' }
        : parts.length === 1
          ? parts[0]!
          : { ...bare, kind: 'combined', criterion: 'allOf', members: parts, generated: true };
    annotate(whole, keys, this.#draft);
    return whole;
  }

  #reference(keys: Keywords, place: Place, base: NodeBase): ReferenceNode {
    const text = this.documents.strict ? keys.uri('$ref') : keys.text('$ref')!;
    const found = this.documents.resolve(text, place);
    if (found === undefined) keys.fail(`The reference '${text.slice(0, 200)}' cannot be resolved`, keys.get('$ref'));
    const node: ReferenceNode = { ...base, kind: 'reference', target: null };
    const target = this.#targets.get(found.key);
    if (target === undefined) {
      this.#targets.set(found.key, { waiting: [node], loaded: null });
      this.#queue.push({ key: found.key, json: found.json, place: { document: found.document, base: found.base } });
    } else {
      node.target = target.loaded;
      target.waiting.push(node);
    }
    return node;
  }

  #parts(keys: Keywords, place: Place, base: NodeBase): SchemaNode[] {
    const parts: SchemaNode[] = [];
    const values = keys.list('enum');
    if (values !== null) {
      requireWithin(this.limits, 'enumSymbols', values.length);
      parts.push({ ...base, kind: 'enum', values: new Set(values.map(valueText)) });
    }
    for (const criterion of ['allOf', 'anyOf', 'oneOf'] as const) {
      const members = keys.list(criterion);
      if (members !== null) parts.push(this.#combined(criterion, members, place, base));
    }
    const not = keys.get('not');
    if (not !== undefined) parts.push({ ...base, kind: 'not', inner: this.#schema(not, place, true) });
    const constant = this.#draft === 'draft-04' ? undefined : keys.get('const');
    if (constant !== undefined) parts.push({ ...base, kind: 'const', value: valueText(constant) });
    const taken = new Set<string>();
    const type = this.#typed(keys, place, base, taken);
    if (type !== null) parts.push(type);
    this.#leftOver(keys, place, base, taken, parts);
    return parts;
  }

  #combined(criterion: Criterion, members: readonly JsonNode[], place: Place, base: NodeBase): CombinedNode {
    requireWithin(this.limits, 'branches', members.length);
    const nodes = members.map((member) => this.#schema(member, place, true));
    return { ...base, kind: 'combined', criterion, members: nodes, generated: false };
  }

  /** The node of `type`, noting which keyword families it consumed. */
  #typed(keys: Keywords, place: Place, base: NodeBase, taken: Set<string>): SchemaNode | null {
    const type = keys.get('type');
    if (type === undefined) return null;
    const one = (node: JsonNode): SchemaNode => {
      const name =
        node.kind === 'string' ? node.value : keys.wrong('type', 'a type name or an array of type names', node);
      return this.#ofType(name, keys, place, base, taken, node);
    };
    if (type.kind !== 'array') return one(type);
    requireWithin(this.limits, 'branches', type.items.length);
    const members = type.items.map(one);
    return { ...base, kind: 'combined', criterion: 'anyOf', members, generated: false };
  }

  #ofType(name: string, keys: Keywords, place: Place, base: NodeBase, taken: Set<string>, at: JsonNode): SchemaNode {
    switch (name) {
      case 'string':
        taken.add('string');
        return this.#string(keys, base);
      case 'integer':
      case 'number':
        taken.add('number');
        return this.#number(keys, base, name === 'integer');
      case 'array':
        taken.add('array');
        return this.#array(keys, place, base);
      case 'object':
        taken.add('object');
        return this.#objectType(keys, place, base);
      case 'boolean':
        return { ...base, kind: 'boolean' };
      case 'null':
        return { ...base, kind: 'null' };
      default:
        return keys.fail(`Unknown type '${name.slice(0, 100)}'`, at);
    }
  }

  #leftOver(keys: Keywords, place: Place, base: NodeBase, taken: ReadonlySet<string>, parts: SchemaNode[]): void {
    const any = (family: string): boolean =>
      !taken.has(family) && FAMILIES[family]!.some((word) => keys.has(word) && appliesTo(word, this.#draft));
    if (any('array')) parts.push(this.#array(keys, place, base));
    if (any('object')) parts.push(this.#objectType(keys, place, base));
    if (any('number')) parts.push(this.#number(keys, base, false));
    if (any('string')) parts.push(this.#string(keys, base));
    if (any('conditional')) {
      for (const word of FAMILIES['conditional']!) {
        const json = keys.get(word);
        // Read for its errors; what it says is never compared.
        if (json !== undefined) this.#schema(json, place);
      }
      parts.push({ ...base, kind: 'conditional' });
    }
  }

  #string(keys: Keywords, base: NodeBase): StringNode {
    keys.text('format');
    const node = stringNode(base);
    node.minLength = keys.integer('minLength');
    node.maxLength = keys.integer('maxLength');
    node.pattern = keys.pattern('pattern');
    return node;
  }

  #number(keys: Keywords, base: NodeBase, integer: boolean): NumberNode {
    const flags = this.#draft === 'draft-04';
    if (flags) {
      keys.boolean('exclusiveMinimum');
      keys.boolean('exclusiveMaximum');
    }
    const multipleOf = keys.number('multipleOf');
    const factor = Number(multipleOf);
    if (multipleOf !== null && (factor === 0 || (this.documents.strict && !Number.isFinite(factor)))) {
      keys.wrong('multipleOf', 'other than 0 and within the range of a double', keys.get('multipleOf')!);
    }
    const node = numberNode(base);
    node.minimum = keys.number('minimum');
    node.maximum = keys.number('maximum');
    node.exclusiveMinimum = flags ? null : keys.number('exclusiveMinimum');
    node.exclusiveMaximum = flags ? null : keys.number('exclusiveMaximum');
    node.multipleOf = multipleOf;
    node.integer = integer;
    return node;
  }

  #array(keys: Keywords, place: Place, base: NodeBase): ArrayNode {
    const node = arrayNode(base);
    node.minItems = keys.integer('minItems');
    node.maxItems = keys.integer('maxItems');
    node.uniqueItems = keys.boolean('uniqueItems') ?? false;
    const items = keys.get('items');
    if (items?.kind === 'array') node.items = items.items.map((item) => this.#schema(item, place, true));
    else if (items !== undefined) node.allItems = this.#schema(items, place);
    const additional = keys.get('additionalItems');
    if (additional?.kind === 'boolean') node.permitsAdditional = additional.value;
    else if (additional?.kind === 'object') node.additional = this.#schema(additional, place);
    else if (additional !== undefined) keys.wrong('additionalItems', 'a boolean or a schema', additional);
    // With a schema for all items there are no additional ones to forbid.
    if (node.allItems !== null) node.permitsAdditional = true;
    if (this.#draft !== 'draft-04') {
      const contains = keys.get('contains');
      if (contains !== undefined) this.#schema(contains, place);
    }
    return node;
  }

  #objectType(keys: Keywords, place: Place, base: NodeBase): ObjectNode {
    const node = objectNode(base);
    node.minProperties = keys.integer('minProperties');
    node.maxProperties = keys.integer('maxProperties');
    node.required = new Set(keys.texts('required'));
    const properties = keys.members('properties') ?? NO_MEMBERS;
    requireWithin(this.limits, 'fieldsPerRecord', properties.size);
    for (const [name, json] of properties) {
      // The reference skips a property named like the id keyword, unless its schema is an object.
      if (name !== idKeyword(this.#draft) || json.kind === 'object')
        node.properties.set(name, this.#schema(json, place, true));
    }
    for (const [pattern, json] of keys.members('patternProperties') ?? []) {
      if (!isPattern(pattern)) keys.wrong('patternProperties', 'keyed by regular expressions', json);
      node.patternProperties.set(pattern, this.#schema(json, place, true));
    }
    const additional = keys.get('additionalProperties');
    if (additional?.kind === 'boolean') node.permitsAdditional = additional.value;
    else if (additional?.kind === 'object') node.additional = this.#schema(additional, place);
    else if (additional !== undefined) keys.wrong('additionalProperties', 'a boolean or a schema', additional);
    for (const [name, json] of keys.members('dependencies') ?? []) {
      if (json.kind === 'array') {
        const texts = json.items.map((item) =>
          item.kind === 'string' ? item.value : keys.wrong('dependencies', 'arrays of strings or schemas', item),
        );
        node.propertyDependencies.set(name, new Set(texts));
      } else {
        node.schemaDependencies.set(name, this.#schema(json, place));
      }
    }
    if (this.#draft !== 'draft-04') {
      const names = keys.get('propertyNames');
      if (names !== undefined) this.#schema(names, place);
    }
    return node;
  }
}

/** Id, title, description and default belong to the outermost node of a schema object. */
function annotate(node: SchemaNode, keys: Keywords, draft: Draft): void {
  if (node.kind !== 'reference') node.rest = keys.json;
  node.id = keys.text(idKeyword(draft));
  node.title = keys.text('title');
  node.description = keys.text('description');
  if (draft === 'draft-07') {
    // Known from draft 7 on. They take no part in comparing, but must be of their type.
    keys.boolean('readOnly');
    keys.boolean('writeOnly');
  }
  const defaultValue = keys.get('default');
  node.defaultText = defaultValue === undefined ? undefined : valueText(defaultValue);
  const connect = keys.get('connect.type');
  node.connectBytes = connect?.kind === 'string' && connect.value === 'bytes';
  if (node.kind === 'array') {
    // Unknown to these drafts, and compared all the same: the reference finds them among the unknown keywords of an array that is the whole schema.
    node.minContains = keys.numberIfAny('minContains');
    node.maxContains = keys.numberIfAny('maxContains');
  }
}

/** Text that is equal for equal values: members of objects in any order, numbers by their exact spelling as decimals. */
export function valueText(json: JsonNode): string {
  return jsonText(json, { sorted: true, numbers: 'decimal' });
}

function appliesTo(word: string, draft: Draft): boolean {
  if (draft === 'draft-07') return true;
  if (word === 'if' || word === 'then' || word === 'else') return false;
  return draft === 'draft-06' || (word !== 'contains' && word !== 'propertyNames');
}

const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  array: ['items', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems', 'contains'],
  object: [
    'properties',
    'required',
    'minProperties',
    'maxProperties',
    'dependencies',
    'patternProperties',
    'additionalProperties',
    'propertyNames',
  ],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  conditional: ['if', 'then', 'else'],
};
