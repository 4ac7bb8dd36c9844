import { isJsonObject, type JsonValue } from '#libs/core/kernel';
import { parseFieldPath, valueAt, type FieldPath } from '../field-path.js';
import { isStorable } from './column-type.js';
import type { ViewDefinition } from './view-definition.js';

/** A member that an object in the records of a source had. */
export interface SeenMember {
  /** Place of the source in `sourcesOf`. */
  readonly source: number;
  /** Path of the object, as `value` or `value.address`; of an item of a list that of the list and `[]`. */
  readonly object: string;
  /** The empty name stands for all members: there were more than are kept, or one whose name is not. */
  readonly name: string;
}

/** Names kept of one object: one with more is a table of its own in the form of an object. */
const MOST_NAMES = 1_000;
/** Characters of a name that is kept. */
const LONGEST_NAME = 200;
const ALL = '';

/**
 * Which members the objects had in the records that a view was made of, whether or not a column shows them. So it is known of a column that is added
 * later whether any row would have had a value in it.
 */
export class SeenMembers {
  /** Names by source and object. */
  readonly #names = new Map<string, Set<string>>();

  constructor(members: Iterable<SeenMember> = []) {
    this.add(members);
  }

  add(members: Iterable<SeenMember>): void {
    for (const { source, object, name } of members) this.#of(source, object).add(name);
  }

  /** Whether a record may have had a member, as far as that is known. */
  mayHave({ source, object, name }: SeenMember): boolean {
    const names = this.#names.get(placeOf(source, object));
    return names !== undefined && (names.has(ALL) || names.has(keptName(name)));
  }

  /** How many names are known of an object. */
  count(source: number, object: string): number {
    return this.#names.get(placeOf(source, object))?.size ?? 0;
  }

  #of(source: number, object: string): Set<string> {
    const place = placeOf(source, object);
    let names = this.#names.get(place);
    if (names === undefined) this.#names.set(place, (names = new Set()));
    return names;
  }
}

const placeOf = (source: number, object: string): string => `${source} ${object}`;

function keptName(name: string): string {
  return name.length <= LONGEST_NAME && isStorable(name) ? name : ALL;
}

/** An object whose members are looked at, in the records of one source. */
export interface WatchedObject {
  readonly object: string;
  /** The object, or the list whose items are meant. */
  readonly path: FieldPath;
  readonly items: boolean;
}

const VALUE: WatchedObject = { object: 'value', path: parseFieldPath('value'), items: false };

/** The objects of a source's records whose members are remembered: the value first, then the objects that are flattened, and the items of lists. */
export function watchedObjects(view: ViewDefinition, source: number): readonly WatchedObject[] {
  if (source >= view.sources.length) return [VALUE];
  const flattened = view.flattened.map(({ path }) => ({ object: path.text, path, items: false }));
  const lists = view.children.map(({ list }) => ({ object: itemsOf(list), path: list, items: true }));
  const within = [...flattened, ...lists].filter(({ path }) => path.root === 'value');
  return [VALUE, ...within.filter(({ path, items }) => items || path.steps.length > 0)];
}

/** How the items of a list are named among objects. */
export const itemsOf = (list: FieldPath): string => `${list.text}[]`;

/** Notes the members of records of one source that were not known before. */
export class MemberWatch {
  /** Those that were not known. */
  readonly fresh: SeenMember[] = [];
  readonly #own = new SeenMembers();
  readonly #value = new Set<string>();
  readonly #within: readonly (WatchedObject & { readonly names: Set<string> })[];

  constructor(
    view: ViewDefinition,
    private readonly source: number,
    private readonly known: SeenMembers,
  ) {
    this.#within = watchedObjects(view, source)
      .slice(1)
      .map((one) => ({ ...one, names: new Set<string>() }));
  }

  /** @param value of a record */
  see(value: JsonValue): void {
    this.#members(value, VALUE.object, this.#value);
    for (const { path, object, items, names } of this.#within) {
      const found = valueAt(path, value);
      if (!items) this.#members(found, object, names);
      else if (Array.isArray(found)) for (const item of found) this.#members(item, object, names);
    }
  }

  /** @param names those of the object that were looked at already: most records have the members of the one before */
  #members(value: JsonValue | undefined, object: string, names: Set<string>): void {
    if (!isJsonObject(value)) return;
    for (const name in value) if (!names.has(name)) this.#note(object, name, names);
  }

  #note(object: string, name: string, names: Set<string>): void {
    if (names.size >= MOST_NAMES) names.clear();
    names.add(name);
    const { source, known } = this;
    const isFull = known.count(source, object) + this.#own.count(source, object) >= MOST_NAMES;
    const member = { source, object, name: isFull ? ALL : keptName(name) };
    if (known.mayHave(member) || this.#own.mayHave(member)) return;
    this.#own.add([member]);
    this.fresh.push(member);
  }
}
