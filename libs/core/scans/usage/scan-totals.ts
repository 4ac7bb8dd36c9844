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

export interface ScanTotals {
  readonly totals: readonly NameTotal[];
  /** Whether everything that was to be read has been. */
  readonly complete: boolean;
}

type Counted = 'keys' | 'values';

interface Growing {
  readonly schemaId: number | null;
  readonly guid: string | null;
  readonly topics: Map<string, { cluster: string; topic: string; keys: number; values: number }>;
}

/** Adds up what a scan found, by name. @param visible logical topics that count. */
export async function totalsOf(
  ranges: readonly ScanRange[],
  parts: AsyncIterable<ScanPart>,
  visible: (topic: string) => boolean,
): Promise<ScanTotals> {
  const names = new Map<string, Growing>();
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
  const totals = [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { schemaId, guid, topics }]): NameTotal => {
      const all = [...topics.values()];
      const sum = (member: Counted) => all.reduce((total, one) => total + one[member], 0);
      return { key, schemaId, guid, keys: sum('keys'), values: sum('values'), topics: all };
    });
  return { totals, complete: open.size === 0 };
}

function add(names: Map<string, Growing>, part: PartTally, member: Counted, cluster: string, topic: string): void {
  const count = (key: string, name: Pick<Growing, 'schemaId' | 'guid'>, records: number): void => {
    const known = names.get(key) ?? { ...name, topics: new Map() };
    names.set(key, known);
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
