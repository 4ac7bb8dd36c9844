import { samplesNoMessage } from '../errors.js';
import type { Observation } from './observation.js';
import type { ProposalOptions } from './propose-avro.js';
import { isMap, isOptional, numberWidth, typeNameOf, UniqueNames } from './shape.js';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,200}$/;
const STRUCT = 'google/protobuf/struct.proto';

/**
 * A proto3 file whose first message takes every sample in the JSON form of Protobuf. Places that hold several kinds become `google.protobuf.Value`, lists of lists and
 * lists with nulls `google.protobuf.ListValue`. Enumerations are never proposed: their symbols share one scope with those of every other enum around.
 * @throws `samples-no-message` when a sample is no object.
 */
export function proposeProtobuf(observed: Observation, options: ProposalOptions): string {
  if (observed.kinds.some((kind) => kind !== 'object')) throw samplesNoMessage();
  const proposal = new ProtobufProposal(options.namespace);
  const message = proposal.message(observed, options.name, '');
  return [
    'syntax = "proto3";',
    ...(options.namespace === '' ? [] : [`package ${options.namespace};`]),
    ...(proposal.imports.size === 0 ? [] : ['', ...[...proposal.imports].map((path) => `import "${path}";`)]),
    '',
    message,
    '',
  ].join('\n');
}

/** A type as it stands in a field, with the label it needs. */
interface FieldType {
  readonly label: '' | 'optional ' | 'repeated ';
  readonly type: string;
}

class ProtobufProposal {
  readonly imports = new Set<string>();
  readonly #google: string;

  constructor(namespace: string) {
    // Within a package of that name, `google` would be looked for in it.
    this.#google = namespace.split('.').includes('google') ? '.google' : 'google';
  }

  message(observed: Observation, name: string, indent: string): string {
    const inner = `${indent}  `;
    const nested: string[] = [];
    const members = [...(observed.members ?? [])];
    // Fields and nested messages share a scope, in which the message around must keep its name, too.
    const names = new UniqueNames();
    names.give(name);
    const fields = new Map(
      members.flatMap(([member]) => (IDENTIFIER.test(member) ? [[member, names.give(member)]] : [])),
    );
    for (const [member] of members) if (!fields.has(member)) fields.set(member, names.give(fieldNameOf(member)));
    const jsonNames = jsonNamesOf(members.map(([member]) => member));
    const lines = members.map(([member, inside], at) => {
      const type = this.#field(inside, member, isOptional(inside, observed.counts.object), names, nested, inner);
      const field = fields.get(member)!;
      // Parsers of the JSON form take a field's own name as well as its JSON name.
      const plain = field === member && jsonNames.get(lowerCamel(member)) === 1;
      const option = plain ? '' : ` [json_name = ${JSON.stringify(member)}]`;
      return `${inner}${type.label}${type.type} ${field} = ${numberOf(at)}${option};`;
    });
    return [`${indent}message ${name} {`, ...lines, ...nested, `${indent}}`].join('\n');
  }

  #field(
    observed: Observation,
    member: string,
    optional: boolean,
    types: UniqueNames,
    nested: string[],
    indent: string,
  ): FieldType {
    const kinds = kindsOf(observed);
    if (kinds.length === 1 && kinds[0] === 'array') {
      const { items } = observed;
      if (items === undefined) return { label: 'repeated ', type: 'string' };
      const single = items.counts.null === 0 && kindsOf(items).length === 1 && kindsOf(items)[0] !== 'array';
      const isMapping = single && items.counts.object > 0 && isMapLike(items);
      if (!single) return { label: '', type: this.#any('ListValue') };
      if (isMapping) return { label: 'repeated ', type: this.#any('Struct') };
      return { label: 'repeated ', type: this.#single(items, member, types, nested, indent) };
    }
    if (kinds.length === 1 && kinds[0] === 'object' && isMapLike(observed)) {
      if (observed.members?.size === 0) return { label: '', type: this.#any('Struct') };
      return { label: '', type: `map<string, ${this.#value(observed.mapValues, member, types, nested, indent)}>` };
    }
    if (kinds.length > 1) return { label: '', type: this.#any('Value') };
    const type = this.#single(observed, member, types, nested, indent);
    return { label: optional ? 'optional ' : '', type };
  }

  /** A value of a map, which can be neither a list nor a map nor null. */
  #value(observed: Observation, member: string, types: UniqueNames, nested: string[], indent: string): string {
    const kinds = kindsOf(observed);
    if (kinds.length > 1 || observed.counts.null > 0) return this.#any('Value');
    if (kinds[0] === 'array') return this.#any('ListValue');
    if (kinds[0] === 'object' && isMapLike(observed)) return this.#any('Struct');
    return this.#single(observed, member, types, nested, indent);
  }

  #single(observed: Observation, member: string, types: UniqueNames, nested: string[], indent: string): string {
    switch (kindsOf(observed)[0]) {
      case 'boolean':
        return 'bool';
      case 'number':
        return numberWidth(observed) === 'double' ? 'double' : 'int64';
      case 'object': {
        const name = types.give(typeNameOf(member));
        nested.push(this.message(observed, name, indent));
        return name;
      }
      default:
        return 'string';
    }
  }

  #any(type: 'Value' | 'ListValue' | 'Struct'): string {
    this.imports.add(STRUCT);
    return `${this.#google}.protobuf.${type}`;
  }
}

/** Kinds other than null, whole and other numbers as one. */
function kindsOf(observed: Observation): readonly string[] {
  return [
    ...new Set(observed.kinds.filter((kind) => kind !== 'null').map((kind) => (kind === 'integer' ? 'number' : kind))),
  ];
}

/** What cannot be a `json_name` makes its object a map. */
function isMapLike(observed: Observation): boolean {
  return isMap(observed, (member) => /^[^\p{Cc}]{1,200}$/u.test(member) && !/^\[[^]*\]$/.test(member));
}

/** How many members have each JSON name. */
function jsonNamesOf(members: readonly string[]): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (const member of members) {
    const name = lowerCamel(member);
    names.set(name, (names.get(name) ?? 0) + 1);
  }
  return names;
}

/** The JSON name a field gets by itself. */
function lowerCamel(name: string): string {
  return name.replace(/_+([A-Za-z0-9])?/g, (_all, letter: string | undefined) => (letter ?? '').toUpperCase());
}

function fieldNameOf(member: string): string {
  const name = member.replace(/[^A-Za-z0-9_]+/g, '_').slice(0, 100);
  return /^[A-Za-z_]/.test(name) ? name : `f_${name}`;
}

/** Field numbers in order, those kept for the implementation left out. */
function numberOf(index: number): number {
  return index + 1 < 19_000 ? index + 1 : index + 1_001;
}
