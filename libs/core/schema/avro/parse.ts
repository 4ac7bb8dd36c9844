import { schemaInvalid, schemaTooLarge } from '../errors.js';
import type { ResolvedReference } from '../format.js';
import { INT_MAX, INT_MIN, inRange } from '../integers.js';
import { parseJavaDouble } from '../java-numbers.js';
import type { SchemaLimits } from '../limits.js';
import {
  JsonDepthError,
  JsonSyntaxError,
  parseLossless,
  positionAt,
  type JsonMembers,
  type JsonNode,
} from '../lossless-json.js';
import { DefaultRules, type UnresolvedType } from './defaults.js';
import { sameType } from './equality.js';
import {
  ENUM_WORDS,
  FIELD_WORDS,
  fractionText,
  NO_PROPS,
  optionalText,
  propsOf,
  SCHEMA_WORDS,
  short,
  shortText,
} from './members.js';
import { avroName, nameProblem, namespaceProblem, type NameRule } from './names.js';
import {
  AVRO_PRIMITIVES,
  isNamed,
  typeName,
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroName,
  type AvroNamedType,
  type AvroPrimitiveKind,
  type AvroRecord,
  type AvroSource,
  type AvroType,
  type AvroUnion,
} from './tree.js';

export interface AvroParseOptions {
  readonly references: readonly ResolvedReference[];
  readonly validate: boolean;
  readonly limits: SchemaLimits;
}

/** A schema text as a graph of types, with the full names that its references provide at their top. */
export interface AvroDocument {
  readonly root: AvroType;
  readonly source: AvroSource;
  /** Names written as names where the text is printed: the root types of the references. */
  readonly referencedNames: ReadonlySet<string>;
}

/**
 * Reads Avro schema text by the rules of the Java library 1.12, which the reference registry parses with: forward references, equal
 * redefinitions, look-up in the null namespace as a last resort, comments. References are read first, in order, into the same table of names.
 * @throws `schema-invalid`, `schema-too-large`.
 */
export function parseAvro(text: string, options: AvroParseOptions): AvroDocument {
  return new AvroParser(options).document(text);
}

/** As {@link parseAvro}, for a tree instead of a text. Its positions count for nothing. */
export function parseAvroTree(tree: JsonNode, source: AvroSource, options: AvroParseOptions): AvroDocument {
  return new AvroParser(options).document(source.text, tree);
}

/** Stands for a named type until the whole text is read. Takes a type's place in the tree and equals nothing but itself. */
interface Unresolved extends UnresolvedType {
  readonly fullName: string;
}

class AvroParser {
  readonly #names = new Map<string, AvroNamedType>();
  readonly #defaults = new DefaultRules();
  /** Of the text at hand while names are missing in it. What it has found holds until they are filled in. */
  #earlyDefaults = new DefaultRules();
  readonly #nameRule: NameRule;
  /** Places that hold an unresolved name, to be filled at the end of a text. */
  #pending: { readonly name: string; readonly at: number; fill(type: AvroType): void }[] = [];
  /** Unions and fields of the text at hand, checked when its names are resolved. */
  #unions: AvroUnion[] = [];
  #fields: AvroField[] = [];
  #nodes = 0;
  #source: AvroSource = { text: '', reference: null };

  constructor(private readonly options: AvroParseOptions) {
    this.#nameRule = options.validate ? 'strict' : 'unicode';
  }

  document(text: string, tree?: JsonNode): AvroDocument {
    const { limits } = this.options;
    const referencedNames = new Set<string>();
    const seen = new Set<string>();
    let length = text.length;
    for (const reference of this.options.references) {
      if (seen.has(reference.name)) continue;
      seen.add(reference.name);
      if (seen.size > limits.references) throw schemaTooLarge('references', limits.references, seen.size);
      length += reference.text.length;
      if (length > limits.resolvedTextLength) {
        throw schemaTooLarge('resolvedTextLength', limits.resolvedTextLength, length);
      }
      if (reference.schemaType !== 'AVRO') {
        throw schemaInvalid('AVRO', `Reference '${reference.name}' is of type ${reference.schemaType}`);
      }
      const type = this.#text({ text: reference.text, reference: reference.name });
      if (isNamed(type)) referencedNames.add(type.name.full);
    }
    const source = { text, reference: null };
    const root = this.#text(source, tree);
    return { root, source, referencedNames };
  }

  #text(source: AvroSource, given?: JsonNode): AvroType {
    const { limits, validate } = this.options;
    if (source.text.length > limits.textLength) {
      throw schemaTooLarge('textLength', limits.textLength, source.text.length);
    }
    this.#source = source;
    this.#pending = [];
    this.#unions = [];
    this.#fields = [];
    this.#earlyDefaults = new DefaultRules();
    const tree = given ?? this.#json(source.text);
    let root = this.#type(tree, null);
    this.#later(root, tree.at, (found) => (root = found));
    for (const { name, at, fill } of this.#pending) {
      fill(this.#names.get(name) ?? this.#fail(`Undefined schema: ${name}`, at));
    }
    for (const union of this.#unions) this.#checkBranches(union);
    if (validate) for (const field of this.#fields) this.#checkDefault(field);
    return root;
  }

  #json(text: string): JsonNode {
    try {
      return parseLossless(text, { maxDepth: this.options.limits.depth, comments: true });
    } catch (error) {
      if (error instanceof JsonDepthError) throw schemaTooLarge('depth', error.limit, error.limit + 1);
      if (!(error instanceof JsonSyntaxError)) throw error;
      const { reference } = this.#source;
      const hint = /^\s*[A-Za-z]/.test(text) && reference === null ? '; a type name needs double quotes' : '';
      throw schemaInvalid('AVRO', `The text is not JSON: ${error.reason}${hint}`, {
        position: error.position,
        ...(reference === null ? {} : { reference }),
      });
    }
  }

  /** Recursion is bounded by the depth of the text. */
  #type(node: JsonNode, namespace: string | null): AvroType {
    if (++this.#nodes > this.options.limits.nodes)
      throw schemaTooLarge('nodes', this.options.limits.nodes, this.#nodes);
    switch (node.kind) {
      case 'string':
        return this.#find(node.value, namespace, node);
      case 'object':
        return this.#object(node, namespace);
      case 'array':
        return this.#union(node.items, node, namespace);
      default:
        return this.#fail(`Schema not yet supported: ${short(node)}`, node.at);
    }
  }

  #object(node: JsonMembers, namespace: string | null): AvroType {
    const type = this.#required(node, 'type', 'No type');
    if (isPrimitive(type)) return { kind: type, ...this.#base(node, SCHEMA_WORDS) };
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(node, namespace, type === 'error');
      case 'enum':
        return this.#enum(node, namespace);
      case 'fixed':
        return this.#fixed(node, namespace);
      case 'array': {
        const items = node.members.get('items') ?? this.#fail(`Array has no items type: ${short(node)}`, node.at);
        const array = {
          kind: 'array' as const,
          ...this.#base(node, SCHEMA_WORDS),
          items: this.#type(items, namespace),
        };
        this.#later(array.items, items.at, (found) => (array.items = found));
        return array;
      }
      case 'map': {
        const values = node.members.get('values') ?? this.#fail(`Map has no values type: ${short(node)}`, node.at);
        const map = { kind: 'map' as const, ...this.#base(node, SCHEMA_WORDS), values: this.#type(values, namespace) };
        this.#later(map.values, values.at, (found) => (map.values = found));
        return map;
      }
      default:
        return this.#find(type, namespace, node);
    }
  }

  /** The type a word means: a primitive, the name in this namespace, the name as it stands, or one that comes later. */
  #find(word: string, namespace: string | null, node: JsonNode): AvroType {
    if (isPrimitive(word)) return { kind: word, source: this.#source, at: node.at, props: NO_PROPS };
    const fullName = namespace !== null && !word.includes('.') ? `${namespace}.${word}` : word;
    const known = this.#names.get(fullName) ?? this.#names.get(word);
    if (known !== undefined) return known;
    const unresolved: Unresolved = { kind: 'unresolved', fullName };
    return unresolved as unknown as AvroType;
  }

  #union(items: readonly JsonNode[], node: JsonNode, namespace: string | null): AvroUnion {
    const { limits } = this.options;
    if (items.length > limits.branches) throw schemaTooLarge('branches', limits.branches, items.length);
    const branches = items.map((item) => this.#type(item, namespace));
    branches.forEach((branch, i) => this.#later(branch, items[i]!.at, (found) => (branches[i] = found)));
    const union = { kind: 'union' as const, source: this.#source, at: node.at, props: NO_PROPS, branches };
    this.#unions.push(union);
    return union;
  }

  #checkBranches(union: AvroUnion): void {
    const names = new Set<string>();
    for (const branch of union.branches) {
      if (branch.kind === 'union') this.#fail(`Nested union: ${shortText(this.#source.text, union.at)}`, union.at);
      const name = typeName(branch);
      if (names.has(name)) this.#fail(`Duplicate in union:${name}`, union.at);
      names.add(name);
    }
  }

  #record(node: JsonMembers, namespace: string | null, isError: boolean): AvroType {
    const { limits } = this.options;
    const name = this.#name(node, namespace);
    const members = node.members.get('fields');
    if (members?.kind !== 'array') return this.#fail(`Record has no fields: ${short(node)}`, node.at);
    if (members.items.length > limits.fieldsPerRecord) {
      throw schemaTooLarge('fieldsPerRecord', limits.fieldsPerRecord, members.items.length);
    }
    const fields = new Map<string, AvroField>();
    for (const member of members.items) {
      const field = this.#field(member, name.namespace);
      if (fields.has(field.name)) this.#fail(`Duplicate field ${field.name} in record ${name.full}`, field.at);
      fields.set(field.name, field);
    }
    const record: AvroRecord = {
      kind: 'record',
      isError,
      ...this.#base(node, SCHEMA_WORDS),
      ...this.#named(node, name),
      fields: [...fields.values()],
    };
    return this.#define(record);
  }

  #field(node: JsonNode, namespace: string | null): AvroField {
    if (node.kind !== 'object') return this.#fail(`No field name: ${short(node)}`, node.at);
    const name = this.#required(node, 'name', 'No field name');
    this.#checkName(name, node.at);
    const typeNode = node.members.get('type') ?? this.#fail(`No field type: ${short(node)}`, node.at);
    const type = this.#type(typeNode, namespace);
    let defaultValue = node.members.get('default');
    if (defaultValue?.kind === 'string' && (type.kind === 'float' || type.kind === 'double')) {
      const value = parseJavaDouble(defaultValue.value);
      if (value === undefined) this.#fail(`Invalid default for field ${name}: ${short(defaultValue)}`, defaultValue.at);
      defaultValue = { kind: 'number', at: defaultValue.at, text: fractionText(value) };
    }
    const field = {
      name,
      type,
      doc: optionalText(node, 'doc'),
      defaultValue,
      order: this.#order(node),
      aliases: this.#aliasTexts(node),
      props: propsOf(node, FIELD_WORDS),
      source: this.#source,
      at: node.at,
    };
    this.#later(type, typeNode.at, (found) => (field.type = found));
    if (this.options.validate && field.defaultValue !== undefined) {
      // Java checks a default where it stands, while names are still missing, and again when they are known.
      const early = this.#pending.length === 0 || this.#earlyDefaults.isValid(type, field.defaultValue);
      if (!early) this.#failDefault(field);
      this.#fields.push(field);
    }
    return field;
  }

  #checkDefault(field: AvroField): void {
    if (!this.#defaults.isValid(field.type, field.defaultValue)) this.#failDefault(field);
  }

  #failDefault(field: AvroField): never {
    return this.#fail(
      `Invalid default for field ${field.name}: ${short(field.defaultValue!)} not a ${typeName(field.type)}`,
      field.at,
    );
  }

  #order(node: JsonMembers): AvroField['order'] {
    const order = node.members.get('order');
    if (order === undefined) return 'ascending';
    const word = order.kind === 'string' ? order.value.toLowerCase() : '';
    if (word === 'ascending' || word === 'descending' || word === 'ignore') return word;
    return this.#fail(`Unknown field order: ${short(order)}`, order.at);
  }

  #enum(node: JsonMembers, namespace: string | null): AvroType {
    const { limits } = this.options;
    const name = this.#name(node, namespace);
    const list = node.members.get('symbols');
    if (list?.kind !== 'array') return this.#fail(`Enum has no symbols: ${short(node)}`, node.at);
    if (list.items.length > limits.enumSymbols) {
      throw schemaTooLarge('enumSymbols', limits.enumSymbols, list.items.length);
    }
    const symbols = new Set<string>();
    for (const item of list.items) {
      if (item.kind !== 'string') return this.#fail(`Null name: ${short(item)}`, item.at);
      this.#checkName(item.value, item.at);
      if (symbols.has(item.value)) this.#fail(`Duplicate enum symbol: ${item.value}`, item.at);
      symbols.add(item.value);
    }
    const defaultSymbol = optionalText(node, 'default');
    if (defaultSymbol !== null && !symbols.has(defaultSymbol)) {
      this.#fail(`The Enum Default: ${defaultSymbol} is not in the enum symbol set`, node.at);
    }
    const type: AvroEnum = {
      kind: 'enum',
      ...this.#base(node, ENUM_WORDS),
      ...this.#named(node, name),
      symbols: [...symbols],
      defaultSymbol,
    };
    return this.#define(type);
  }

  #fixed(node: JsonMembers, namespace: string | null): AvroType {
    const name = this.#name(node, namespace);
    const size = node.members.get('size');
    if (size?.kind !== 'number' || !inRange(size.text, INT_MIN, INT_MAX)) {
      return this.#fail(`Invalid or no size: ${short(node)}`, node.at);
    }
    const bytes = Number(size.text);
    if (bytes < 0) this.#fail(`Malformed data. Length is negative: ${bytes}`, size.at);
    if (bytes > LONGEST_ARRAY) this.#fail(`A fixed cannot be longer than ${LONGEST_ARRAY} bytes`, size.at);
    const type: AvroFixed = {
      kind: 'fixed',
      ...this.#base(node, SCHEMA_WORDS),
      ...this.#named(node, name),
      size: bytes,
    };
    return this.#define(type);
  }

  /** Adds a named type to the table. A second definition must be equal; the first one stays the one that names mean. */
  #define<T extends AvroNamedType>(type: T): T {
    const problem = namespaceProblem(type.name.namespace, this.#nameRule);
    if (problem !== null) this.#fail(problem, type.at);
    const known = this.#names.get(type.name.full);
    if (known === undefined) this.#names.set(type.name.full, type);
    else if (!sameType(known, type)) this.#fail(`Can't redefine: ${type.name.full}`, type.at);
    return type;
  }

  #name(node: JsonMembers, namespace: string | null): AvroName {
    const text = this.#required(node, 'name', 'No name in schema');
    const name = avroName(text, optionalText(node, 'namespace') ?? namespace);
    this.#checkName(name.simple, node.at);
    if (isPrimitive(name.full)) this.#fail(`Schemas may not be named after primitives: ${name.full}`, node.at);
    return name;
  }

  #named(node: JsonMembers, name: AvroName): { name: AvroName; doc: string | null; aliases: readonly AvroName[] } {
    const aliases = new Map<string, AvroName>();
    for (const text of this.#aliasTexts(node)) {
      const alias = avroName(text, name.namespace);
      this.#checkName(alias.simple, node.at);
      if (!aliases.has(alias.full)) aliases.set(alias.full, alias);
    }
    return { name, doc: optionalText(node, 'doc'), aliases: [...aliases.values()] };
  }

  #aliasTexts(node: JsonMembers): readonly string[] {
    const list = node.members.get('aliases');
    if (list === undefined) return [];
    if (list.kind !== 'array') return this.#fail(`aliases not an array: ${short(node)}`, list.at);
    const texts = list.items.map((item) =>
      item.kind === 'string' ? item.value : this.#fail(`alias not a string: ${short(item)}`, item.at),
    );
    return [...new Set(texts)];
  }

  #checkName(word: string, at: number): void {
    const problem = nameProblem(word, this.#nameRule);
    if (problem !== null) this.#fail(problem, at);
  }

  #base(node: JsonMembers, words: ReadonlySet<string>): { source: AvroSource; at: number; props: AvroType['props'] } {
    return { source: this.#source, at: node.at, props: propsOf(node, words) };
  }

  /** Remembers to fill the place that holds `type` when it is only a name yet. */
  #later(type: AvroType, at: number, fill: (type: AvroType) => void): void {
    const name = unresolvedName(type);
    if (name !== undefined) this.#pending.push({ name, at, fill });
  }

  #required(node: JsonMembers, member: string, problem: string): string {
    return optionalText(node, member) ?? this.#fail(`${problem}: ${short(node)}`, node.at);
  }

  #fail(reason: string, at: number): never {
    const { text, reference } = this.#source;
    throw schemaInvalid('AVRO', reason.length > 400 ? `${reason.slice(0, 400)}…` : reason, {
      position: positionAt(text, at),
      ...(reference === null ? {} : { reference }),
    });
  }
}

/** The name that stands in the place of a type, or undefined for a real type. */
function unresolvedName(type: AvroType | Unresolved): string | undefined {
  return type.kind === 'unresolved' ? type.fullName : undefined;
}

function isPrimitive(word: string): word is AvroPrimitiveKind {
  return (AVRO_PRIMITIVES as readonly string[]).includes(word);
}

/** The longest byte array Java will read. */
const LONGEST_ARRAY = 2_147_483_639;
