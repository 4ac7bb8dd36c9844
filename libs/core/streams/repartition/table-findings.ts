import type { RepartitionParameters } from './parameters.js';
import { SPLIT_ROWS, type TopicProfile } from './profile.js';
import type { TableProfile } from './table-profile.js';

/** What may not be as hoped where a table gets a new key, in words. */
export function tableRisksOf({ key, reverseTail }: RepartitionParameters, table: TableProfile): string[] {
  const found = [
    `writers of the table: from the switch on a row is known by its new key; who changes what '${key?.expr}' reads, or ends a row, writes a tombstone under the new key it had`,
  ];
  if (table.shared > 0 && key?.shared === 'newest') {
    found.push(
      `shared keys: ${table.shared} new keys are those of several rows; the row written last is shown, and the one before when that leaves`,
    );
  }
  if (!reverseTail && key?.back === undefined) {
    found.push(
      'the way back: without an expression for the present key (target.key.back) what is written to the new side cannot be given it',
    );
  }
  return found;
}

/** What keeps a table from getting a new key, in words. */
export function tableBlockersOf(
  { key, partitioner, source, nullKeys }: RepartitionParameters,
  profile: TopicProfile,
  table: TableProfile,
): string[] {
  const found: string[] = [];
  const split = profile.failures.get(SPLIT_ROWS) ?? 0;
  if (split > 0 || profile.partitioner.misplaced > 0) {
    found.push(
      `${Math.max(split, profile.partitioner.misplaced)} records do not lie where their key belongs, and nothing tells the order of a row's records in several partitions; repartition the topic by its present key first`,
    );
  }
  for (const [side, spec] of [
    ['the topic spreads', source.partitioner ?? null],
    ['target.partitioner would spread', partitioner],
  ] as const) {
    if (spec === null || typeof spec === 'string' || spec.kind !== 'salted') continue;
    found.push(`${side} the records of a key over several partitions, where a row has no order`);
  }
  if (table.shared > 0 && key?.shared !== 'newest') {
    found.push(
      `${table.shared} new keys are those of several rows, of which only one would be left; give them different keys, or choose target.key.shared newest`,
    );
  }
  if (table.otherwiseBack > 0) {
    found.push(
      `${table.otherwiseBack} of ${profile.records} records looked at have another key than target.key.back '${key?.back}' gives`,
    );
  }
  if (profile.nullKeys > 0 && nullKeys === 'spread') {
    found.push(`${profile.nullKeys} records have no key and are no rows; choose drop or dlq for nullKeys`);
  }
  return found;
}
