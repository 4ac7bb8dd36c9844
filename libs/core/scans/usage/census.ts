import type { ScanTrouble } from '../scan.js';
import type { SurveyedPartition } from '../survey.js';
import type { NameCount, PartTally, RangeTally } from './tally.js';

/** A stretch of a partition that has been counted. */
export interface CountedStretch {
  readonly from: number;
  readonly tally: RangeTally;
  /** Counted by a scan some time ago: retention may have taken records since. */
  readonly earlier: boolean;
}

/** A partition as it is now, with what is known of its records. */
export interface CensusPartition {
  readonly partition: SurveyedPartition;
  /** Up to where everything that is retained has been counted. */
  readonly upTo: number;
  readonly stretches: readonly CountedStretch[];
  readonly trouble: ScanTrouble | null;
  /** Whether this instance has the log. */
  readonly isHere: boolean;
}

/** How a schema is named in records. */
export interface SchemaNames {
  readonly id: number;
  readonly guid: string;
}

/** Records of one partition that name a schema. */
export interface PartitionCount {
  readonly partition: SurveyedPartition;
  readonly keys: number;
  readonly values: number;
  /** Offset of the last of them. */
  readonly last: number;
  /** False: some may be gone since they were counted. None has been overlooked. */
  readonly exact: boolean;
}

/** Bytes that name no schema, where they are. */
export interface UnnamedCount {
  readonly cluster: string;
  readonly topic: string;
  readonly part: 'key' | 'value';
  readonly records: number;
}

/** What is known of all retained records, partition by partition, and where that knowledge ends. */
export class Census {
  constructor(
    readonly partitions: readonly CensusPartition[],
    readonly internal: readonly { readonly cluster: string; readonly topic: string }[],
    /** The scan it rests on, besides what was read for it. */
    readonly scan: string | null,
    /** Logs that this instance has. */
    readonly logs: number,
  ) {}

  /** Partitions of which not every retained record has been counted. */
  get incomplete(): readonly CensusPartition[] {
    return this.partitions.filter((one) => !isWhole(one));
  }

  /**
   * Partitions with records that name the schema, by its id or one of the GUIDs. Ids in front of records say nothing of a context, so those of a schema with the same id in another context
   * count too.
   */
  count(id: number, guids: readonly string[]): readonly PartitionCount[] {
    return this.partitions.flatMap(({ partition, stretches }) => {
      const found = { keys: 0, values: 0, last: -1, exact: true };
      for (const { from, tally, earlier } of stretches) {
        for (const [part, member] of [
          [tally.key, 'keys'],
          [tally.value, 'values'],
        ] as const) {
          for (const count of namedIn(part, id, guids)) {
            // The last of them being gone, all are.
            if (count.last < partition.from) continue;
            found[member] += count.records;
            found.last = Math.max(found.last, count.last);
            if (earlier && (partition.from > from || partition.compacted)) found.exact = false;
          }
        }
      }
      return found.keys + found.values === 0 ? [] : [{ partition, ...found }];
    });
  }

  /** Bytes that name no schema, by topic. */
  unnamed(): readonly UnnamedCount[] {
    const counts = new Map<string, UnnamedCount & { records: number }>();
    for (const { partition, stretches } of this.partitions) {
      for (const part of ['key', 'value'] as const) {
        const records = stretches.reduce((sum, { tally }) => sum + tally[part].unnamed, 0);
        if (records === 0) continue;
        const { cluster, logical: topic } = partition;
        const key = JSON.stringify([cluster, topic, part]);
        const known = counts.get(key);
        if (known === undefined) counts.set(key, { cluster, topic, part, records });
        else known.records += records;
      }
    }
    return [...counts.values()];
  }

  /** Partitions in which more schemas are named than are listed, so that one that is not listed may be among them. */
  get unlisted(): readonly CensusPartition[] {
    return this.partitions.filter(({ stretches }) =>
      stretches.some(({ tally }) => tally.key.unlisted + tally.value.unlisted > 0),
    );
  }
}

/** Whether everything that is retained has been counted. */
export function isWhole({ partition, upTo, trouble }: CensusPartition): boolean {
  return trouble === null && upTo >= partition.to;
}

function namedIn(part: PartTally, id: number, guids: readonly string[]): readonly NameCount[] {
  return [part.ids.get(id), ...guids.map((guid) => part.guids.get(guid))].filter((one) => one !== undefined);
}
