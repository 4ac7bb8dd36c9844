import { generationOf } from '#libs/core/log';
import type { ScanPart } from '../scan-store.js';
import type { ScanRange } from '../scan.js';
import { tallyOf, type PartTally } from './tally.js';

/** What a scan counted of one name of a schema. */
export interface NameTotal {
  /** Totals are in the order of their keys: ids ascending, then GUIDs. */
  readonly key: string;
  readonly schemaId: number | null;
  readonly guid: string | null;
  readonly keys: number;
  readonly values: number;
  readonly topics: readonly {
    readonly cluster: string;
    readonly topic: string;
    readonly keys: number;
    readonly values: number;
  }[];
}

/** Part of the totals of a scan. */
export interface TotalsPage {
  /** Totals whose keys come after this one; empty for the first. */
  readonly after: string;
  readonly limit: number;
}

export interface ScanTotals {
  readonly totals: readonly NameTotal[];
  /** Whether more come after them. */
  readonly more: boolean;
  /** Whether everything that was to be read has been. */
  readonly complete: boolean;
}

type Counted = 'keys' | 'values';

interface Growing {
  readonly schemaId: number | null;
  readonly guid: string | null;
  readonly topics: Map<string, { cluster: string; topic: string; keys: number; values: number }>;
}

/** Adds up what a scan found, by name, holding no more names than a page has. @param visible logical topics that count. */
export async function totalsOf(
  ranges: readonly ScanRange[],
  parts: AsyncIterable<ScanPart>,
  visible: (topic: string) => boolean,
  page: TotalsPage,
): Promise<ScanTotals> {
  const names = new FirstNames(page);
  const open = new Set(ranges.flatMap((range, index) => (range.from < range.to ? [index] : [])));
  for await (const { index, position, trouble, summary } of parts) {
    const range = ranges[index]!;
    if (trouble === null && position >= range.to) open.delete(index);
    const topic = generationOf(range.topic).logical;
    if (!visible(topic)) continue;
    const { key, value } = tallyOf(summary);
    add(names, key, 'keys', range.cluster, topic);
    add(names, value, 'values', range.cluster, topic);
  }
  const found = names.first();
  const totals = found.slice(0, page.limit).map(([key, { schemaId, guid, topics }]): NameTotal => {
    const all = [...topics.values()];
    const sum = (member: Counted) => all.reduce((total, one) => total + one[member], 0);
    return { key, schemaId, guid, keys: sum('keys'), values: sum('values'), topics: all };
  });
  return { totals, more: found.length > page.limit, complete: open.size === 0 };
}

/** The names that come first after a key. Those beyond the page are let go of now and then, and stay away: what was counted of them is of no use. */
class FirstNames {
  readonly #names = new Map<string, Growing>();
  #last: string | undefined;

  constructor(private readonly page: TotalsPage) {}

  /** Undefined for a name that is not on the page. */
  of(key: string, name: Pick<Growing, 'schemaId' | 'guid'>): Growing | undefined {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    if (key <= this.page.after || (this.#last !== undefined && key > this.#last)) return undefined;
    if (this.#names.size >= 2 * this.page.limit + 100) this.first();
    if (this.#last !== undefined && key > this.#last) return undefined;
    const made: Growing = { ...name, topics: new Map() };
    this.#names.set(key, made);
    return made;
  }

  /** One more than the page has, in the order of their keys; lets go of the others. */
  first(): readonly (readonly [string, Growing])[] {
    const ordered = [...this.#names].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key] of ordered.splice(this.page.limit + 1)) this.#names.delete(key);
    if (ordered.length > this.page.limit) this.#last = ordered.at(-1)![0];
    return ordered;
  }
}

function add(names: FirstNames, part: PartTally, member: Counted, cluster: string, topic: string): void {
  const count = (key: string, name: Pick<Growing, 'schemaId' | 'guid'>, records: number): void => {
    const known = names.of(key, name);
    if (known === undefined) return;
    const place = `${cluster}/${topic}`;
    const there = known.topics.get(place) ?? { cluster, topic, keys: 0, values: 0 };
    known.topics.set(place, there);
    there[member] += records;
  };
  for (const [schemaId, { records }] of part.ids) {
    count(`0${String(schemaId).padStart(10, '0')}`, { schemaId, guid: null }, records);
  }
  for (const [guid, { records }] of part.guids) count(`1${guid}`, { schemaId: null, guid }, records);
}
