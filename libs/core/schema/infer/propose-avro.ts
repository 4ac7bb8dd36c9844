import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { Observation } from './observation.js';
import { enumCandidates, isMap, isOptional, numberWidth, typeNameOf, UniqueNames } from './shape.js';

export interface ProposalOptions {
  /** Name of the root type. */
  readonly name: string;
  /** Namespace or package; none when empty. */
  readonly namespace: string;
  /** Whether texts that look like an enumeration become one. */
  readonly enums: boolean;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/**
 * An Avro schema that takes every sample, in the JSON mapping of the native API. Whole numbers become longs, which cost no more on the wire than ints; what is missing
 * or null now and then becomes a union with null and null as default.
 */
export function proposeAvro(observed: Observation, options: ProposalOptions): string {
  const schema = new AvroProposal(options).type(observed, options.name, false);
  const { namespace } = options;
  const named = namespace !== '' && typeof schema === 'object' && schema !== null && !Array.isArray(schema);
  return JSON.stringify(named && 'name' in schema ? withNamespace(schema, namespace) : schema);
}

function withNamespace({ type, name, ...rest }: JsonObject, namespace: string): JsonObject {
  return { type: type!, name: name!, namespace, ...rest };
}

class AvroProposal {
  readonly #names = new UniqueNames();

  constructor(private readonly options: ProposalOptions) {}

  type(observed: Observation, name: string, optional: boolean): JsonValue {
    const branches = this.#branches(observed, name);
    if (!optional && observed.counts.null === 0) return branches.length === 1 ? branches[0]! : branches;
    return ['null', ...branches];
  }

  /** Texts before numbers: the number branches take decimal text as well, and a text must stay one. */
  #branches(observed: Observation, name: string): JsonValue[] {
    const { counts } = observed;
    const branches: JsonValue[] = [];
    if (counts.boolean > 0) branches.push('boolean');
    if (counts.string > 0) branches.push(this.#text(observed, name));
    const width = numberWidth(observed);
    if (width !== undefined) branches.push(width === 'double' ? 'double' : 'long');
    if (counts.array > 0) {
      const items = observed.items === undefined ? 'string' : this.type(observed.items, name, false);
      branches.push({ type: 'array', items });
    }
    if (counts.object > 0) branches.push(this.#object(observed, name));
    // Nothing but null was seen: text is as good as anything.
    return branches.length === 0 ? ['string'] : branches;
  }

  #text(observed: Observation, name: string): JsonValue {
    const symbols = this.options.enums ? enumCandidates(observed) : undefined;
    if (symbols?.every((symbol) => NAME.test(symbol)) === true) {
      return { type: 'enum', name: this.#names.give(name), symbols: [...symbols] };
    }
    return observed.forms?.has('uuid') === true ? { type: 'string', logicalType: 'uuid' } : 'string';
  }

  #object(observed: Observation, name: string): JsonObject {
    if (isMap(observed, (member) => NAME.test(member))) {
      const empty = observed.members?.size === 0;
      return { type: 'map', values: empty ? 'string' : this.type(observed.mapValues, name, false) };
    }
    const own = this.#names.give(name);
    const fields = [...observed.members!].map(([member, inside]): JsonObject => {
      const optional = isOptional(inside, observed.counts.object);
      const type = this.type(inside, `${own}${typeNameOf(member)}`, optional);
      return { name: member, type, ...(optional ? { default: null } : {}) };
    });
    return { type: 'record', name: own, fields };
  }
}
