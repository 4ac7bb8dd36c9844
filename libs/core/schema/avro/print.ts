import { schemaTooLarge } from '../errors.js';
import { jsonText, quote } from '../json-text.js';
import type { JsonNode } from '../lossless-json.js';
import { qualified } from './names.js';
import { isNamed, type AvroField, type AvroNamedType, type AvroType } from './tree.js';

export interface AvroPrintOptions {
  /** Full names to write as names even where they occur first: what references provide. None by default: everything is written out. */
  readonly knownNames?: ReadonlySet<string>;
  /** Brackets that the text may nest; printing writes types out where they are used first and so can nest deeper than the text it came from. */
  readonly maxDepth: number;
  /** Custom properties and aliases in sorted order, `error` as `record`: for comparing, not for showing. */
  readonly sorted?: boolean;
}

/**
 * The text of a schema in the fixed member order of the registry contract (section 3.6), without white space. The same as the Java library prints.
 * @throws `schema-too-large` when it would nest too deep.
 */
export function printAvro(root: AvroType, options: AvroPrintOptions): string {
  return new Printer(options).type(root, null, 0);
}

class Printer {
  readonly #known: Set<string>;

  constructor(private readonly options: AvroPrintOptions) {
    this.#known = new Set(options.knownNames);
  }

  type(type: AvroType, namespace: string | null, depth: number): string {
    const { maxDepth } = this.options;
    if (depth > maxDepth) throw schemaTooLarge('depth', maxDepth, depth);
    switch (type.kind) {
      case 'union':
        return `[${type.branches.map((branch) => this.type(branch, namespace, depth + 1)).join(',')}]`;
      case 'array':
        return `{"type":"array","items":${this.type(type.items, namespace, depth + 1)}${this.#props(type.props)}}`;
      case 'map':
        return `{"type":"map","values":${this.type(type.values, namespace, depth + 1)}${this.#props(type.props)}}`;
      case 'record':
      case 'enum':
      case 'fixed':
        return this.#named(type, namespace, depth);
      default:
        return type.props.size === 0 ? quote(type.kind) : `{"type":${quote(type.kind)}${this.#props(type.props)}}`;
    }
  }

  #named(type: AvroNamedType, namespace: string | null, depth: number): string {
    const { name } = type;
    if (this.#known.has(name.full)) return quote(qualified(name, namespace));
    this.#known.add(name.full);
    const word = type.kind === 'record' && type.isError && this.options.sorted !== true ? 'error' : type.kind;
    const parts = [`"type":"${word}"`, `"name":${quote(name.simple)}`];
    if (name.namespace !== namespace) parts.push(`"namespace":${quote(name.namespace ?? '')}`);
    if (type.doc !== null) parts.push(`"doc":${quote(type.doc)}`);
    if (type.kind === 'record') {
      // Two brackets further in: the list of fields and the field itself.
      const fields = type.fields.map((field) => this.#field(field, name.namespace, depth + 3));
      parts.push(`"fields":[${fields.join(',')}]`);
    } else if (type.kind === 'enum') {
      parts.push(`"symbols":[${type.symbols.map(quote).join(',')}]`);
      if (type.defaultSymbol !== null) parts.push(`"default":${quote(type.defaultSymbol)}`);
    } else {
      parts.push(`"size":${type.size}`);
    }
    const aliases = type.aliases.map((alias) => qualified(alias, name.namespace));
    return `{${parts.join(',')}${this.#props(type.props)}${this.#aliases(aliases)}}`;
  }

  #field(field: AvroField, namespace: string | null, depth: number): string {
    const parts = [`"name":${quote(field.name)}`, `"type":${this.type(field.type, namespace, depth)}`];
    if (field.doc !== null) parts.push(`"doc":${quote(field.doc)}`);
    if (field.defaultValue !== undefined) parts.push(`"default":${this.#json(field.defaultValue)}`);
    if (field.order !== 'ascending') parts.push(`"order":"${field.order}"`);
    return `{${parts.join(',')}${this.#aliases(field.aliases)}${this.#props(field.props)}}`;
  }

  #aliases(aliases: readonly string[]): string {
    if (aliases.length === 0) return '';
    const order = this.options.sorted === true ? [...aliases].sort() : aliases;
    return `,"aliases":[${order.map(quote).join(',')}]`;
  }

  #props(props: ReadonlyMap<string, JsonNode>): string {
    const names = [...props.keys()];
    if (this.options.sorted === true) names.sort();
    return names.map((name) => `,${quote(name)}:${this.#json(props.get(name)!)}`).join('');
  }

  #json(node: JsonNode): string {
    return jsonText(node, { sorted: this.options.sorted === true });
  }
}

/** A type as short text for people: names as names, at most `length` characters. */
export function describeAvro(type: AvroType, length = 200): string {
  const text = describe(type, 0);
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function describe(type: AvroType, depth: number): string {
  if (depth > 4) return '…';
  const logical = type.props.get('logicalType');
  const suffix = logical?.kind === 'string' ? ` (${logical.value})` : '';
  if (isNamed(type)) return `${type.kind} ${type.name.full}${suffix}`;
  switch (type.kind) {
    case 'union':
      return `union of ${
        type.branches.length === 0
          ? 'nothing'
          : type.branches
              .slice(0, 12)
              .map((one) => describe(one, depth + 1))
              .join(', ')
      }`;
    case 'array':
      return `array of ${describe(type.items, depth + 1)}`;
    case 'map':
      return `map of ${describe(type.values, depth + 1)}`;
    default:
      return `${type.kind}${suffix}`;
  }
}
