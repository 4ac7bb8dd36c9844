import type { Observation } from './observation.js';

/** What a place becomes in a schema, whatever the language: the decisions that all proposals share. */

/** Objects have members, or are maps of one kind of value. */
export function isMap(observed: Observation, nameable: (name: string) => boolean): boolean {
  const { members } = observed;
  if (members === undefined || members.size === 0) return true;
  if (![...members.keys()].every(nameable)) return true;
  return looksLikeMap(observed, members);
}

/** Least number of members, and least times fewer each must occur than objects do, for members to be taken for keys. */
const KEYS_AT_LEAST = 20;
const KEYS_RARE = 5;

/** Many members that each come seldom and all hold the same kind of value are keys. */
function looksLikeMap(observed: Observation, members: ReadonlyMap<string, Observation>): boolean {
  if (members.size < KEYS_AT_LEAST) return false;
  const kinds = new Set<string>();
  let occurrences = 0;
  for (const member of members.values()) {
    occurrences += member.seen;
    for (const kind of member.kinds) kinds.add(kind === 'integer' ? 'number' : kind);
  }
  kinds.delete('null');
  return kinds.size === 1 && occurrences * KEYS_RARE < members.size * observed.counts.object;
}

/** Fewest texts, and times each must have come on average, for a set of texts to be a candidate for an enumeration. */
const ENUM_TEXTS = 20;
const ENUM_REPEATS = 5;
const ENUM_SYMBOLS = 16;

/** The symbols, sorted, if the texts at this place look like an enumeration. */
export function enumCandidates({ texts, counts, forms }: Observation): readonly string[] | undefined {
  if (texts === undefined || texts.size === 0 || texts.size > ENUM_SYMBOLS) return undefined;
  if (counts.string < ENUM_TEXTS || counts.string < texts.size * ENUM_REPEATS) return undefined;
  if (forms !== undefined && forms.size > 0) return undefined;
  const symbols = [...texts.keys()].sort();
  return symbols.every((symbol) => /^[A-Za-z_][A-Za-z0-9_ -]{0,39}$/.test(symbol)) ? symbols : undefined;
}

const LONG_MAX = 2n ** 63n - 1n;

/** The narrowest of these that holds every number at this place. */
export function numberWidth({ counts, least, greatest }: Observation): 'int32' | 'int64' | 'double' | undefined {
  if (counts.integer + counts.number === 0) return undefined;
  if (counts.number > 0 || least === undefined || greatest === undefined) return 'double';
  if (least >= -(2n ** 31n) && greatest < 2n ** 31n) return 'int32';
  return least >= -LONG_MAX - 1n && greatest <= LONG_MAX ? 'int64' : 'double';
}

/** Whether a member of an object need not be there, or may be null. */
export function isOptional(member: Observation, objects: number): boolean {
  return member.seen < objects || member.counts.null > 0;
}

/** `line-items` as `LineItems`; letters and digits of ASCII only, a letter first. */
export function typeNameOf(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name.slice(0, 100) : `T${name.slice(0, 100)}`;
}

/** Names given so far, each once. */
export class UniqueNames {
  readonly #taken = new Set<string>();

  give(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}${n}`;
    this.#taken.add(name);
    return name;
  }
}
